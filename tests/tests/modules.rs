//! The modules of a crate, which are the files and folders right below its `src`: no two of them need each other, so that
//! each can be read without what is above it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use poolcfg_tests::root;

/// What each module of a crate names as `crate::MODULE`, without tests.
type Modules = BTreeMap<String, BTreeSet<String>>;

fn modules(src: &Path) -> Modules {
    let mut modules = Modules::new();
    for entry in fs::read_dir(src).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module != "lib" && module != "bin" {
            needs(&path, modules.entry(module).or_default());
        }
    }
    let names: Vec<String> = modules.keys().cloned().collect();
    for (module, needs) in &mut modules {
        needs.retain(|other| other != module && names.contains(other));
    }
    modules
}

/// The first names behind each `crate::` of a file, or of all files of a folder.
fn needs(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with("tests") && !path.ends_with("tests.rs") {
                needs(&path, found);
            }
        }
        return;
    }
    let text = fs::read_to_string(path).unwrap();
    let (text, _) = text.split_once("\nmod tests {").unwrap_or((&text, ""));
    // Nothing is named another way from the root.
    assert!(!text.contains("use crate::{"), "{}", path.display());
    assert!(!text.contains("super::super"), "{}", path.display());
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    for named in code.flat_map(|line| line.split("crate::").skip(1)) {
        let end = named.find(|char: char| !char.is_alphanumeric() && char != '_');
        found.insert(named[..end.unwrap_or(named.len())].to_owned());
    }
}

/// The modules that are left when again and again those are taken out that need no other.
fn circle(mut modules: Modules) -> Modules {
    loop {
        let free: Vec<String> = modules
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(module, _)| module.clone())
            .collect();
        if free.is_empty() {
            return modules;
        }
        modules.retain(|module, _| !free.contains(module));
        for needs in modules.values_mut() {
            needs.retain(|module| !free.contains(module));
        }
    }
}

#[test]
fn no_modules_need_each_other() {
    for name in ["cargo-poolcfg", "poolcfg-core", "poolcfg-runtime"] {
        let modules = modules(&root().join(name).join("src"));
        let arrows: usize = modules.values().map(BTreeSet::len).sum();
        assert!(
            modules.len() > 5 && modules.len() <= 16 && arrows > 10,
            "{name}: {modules:?}"
        );
        assert_eq!(circle(modules), Modules::new(), "{name}");
    }
}

#[test]
fn a_circle_is_seen() {
    let of = |needs: &[(&str, &[&str])]| -> Modules {
        let needs = needs.iter().map(|(module, needs)| {
            let needs = needs.iter().map(|need| (*need).to_owned());
            ((*module).to_owned(), needs.collect())
        });
        needs.collect()
    };
    let line: [(&str, &[&str]); 3] = [("a", &["b", "c"]), ("b", &["c"]), ("c", &[])];
    assert!(circle(of(&line)).is_empty());
    let ring: [(&str, &[&str]); 3] = [("a", &["b"]), ("b", &["c"]), ("c", &["b"])];
    assert_eq!(circle(of(&ring)).len(), 3);
}
