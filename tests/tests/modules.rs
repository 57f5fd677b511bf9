//! The modules of a crate: no two files or folders of one folder need each other, so that each can be read without what is
//! above it.

use std::collections::BTreeMap;

use poolcfg_tests::arrows::{Arrows, Crate, circle};
use poolcfg_tests::root;

#[test]
fn no_files_of_a_folder_need_each_other() {
    let mut found = Vec::new();
    for name in ["cargo-poolcfg", "poolcfg-core", "poolcfg-runtime"] {
        let of_crate = Crate::read(&root().join(name).join("src"));
        let mut arrows = 0;
        for folder in of_crate.folders() {
            let modules = of_crate.in_folder(&folder);
            arrows += modules.values().map(|needs| needs.len()).sum::<usize>();
            if folder.is_empty() {
                let rooms = modules.len();
                assert!(rooms > 5 && rooms <= 15, "{name}: {rooms} {modules:?}");
            }
            let circle = circle(modules);
            let folder = format!("{name}/{}", folder.join("/"));
            if !circle.is_empty() {
                found.push(format!("{folder}: {circle:?}"));
            }
        }
        assert!(arrows > 100, "{name}: {arrows}");
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The files above others, too.
#[test]
fn no_files_of_a_crate_need_each_other() {
    for name in ["cargo-poolcfg", "poolcfg-core", "poolcfg-runtime"] {
        let circle = circle(Crate::read(&root().join(name).join("src")).between_files());
        assert!(circle.is_empty(), "{name}: {circle:#?}");
    }
}

/// A name means one thing, in whichever crate.
#[test]
fn no_two_types_have_one_name() {
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in ["cargo-poolcfg", "poolcfg-core", "poolcfg-runtime"] {
        for (of_type, files) in Crate::read(&root().join(name).join("src")).types() {
            let files = files.iter().map(|file| format!("{name}: {file}"));
            types.entry(of_type).or_default().extend(files);
        }
    }
    assert!(types.len() > 300, "{}", types.len());
    types.retain(|_, files| files.len() > 1);
    assert!(types.is_empty(), "{types:#?}");
}

#[test]
fn a_circle_is_seen() {
    let of = |needs: &[(&str, &[&str])]| -> Arrows {
        let needs = needs.iter().map(|(module, needs)| {
            let needs = needs.iter().map(|need| (*need).to_owned());
            ((*module).to_owned(), needs.collect())
        });
        needs.collect()
    };
    let line: [(&str, &[&str]); 3] = [("a", &["b", "c"]), ("b", &["c"]), ("c", &[])];
    assert!(circle(of(&line)).is_empty());
    let ring: [(&str, &[&str]); 3] = [("a", &["b"]), ("b", &["c"]), ("c", &["b"])];
    assert_eq!(circle(of(&ring)).len(), 2);
}

/// By whichever path a file names another one.
#[test]
fn every_way_to_name_a_module_is_seen() {
    let folder = root().join("target/modules");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("a")).unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).unwrap();
    write("lib.rs", "mod a;\nmod b;\npub use b::Thing;\n");
    write(
        "a.rs",
        "mod x;\nmod y;\nmod z;\npub(crate) use x::{X as Other, Y};\n",
    );
    write("a/y.rs", "use super::{Other, z::{self}};\n");
    write("a/z.rs", "fn f() { super::x::g(); } // super::y::h()\n");
    write(
        "a/x.rs",
        "#[cfg(test)]\nmod tests {\n    use super::super::y::Y;\n}\n",
    );
    write("b.rs", "fn f() -> crate::a::Y { todo!() }\n");
    let of_crate = Crate::read(&folder);
    let arrows = |folder: &[&str]| {
        let folder: Vec<String> = folder.iter().map(|name| (*name).to_owned()).collect();
        format!("{:?}", of_crate.in_folder(&folder))
    };
    assert_eq!(arrows(&[]), r#"{"a": {}, "b": {"a"}}"#);
    assert_eq!(arrows(&["a"]), r#"{"x": {}, "y": {"x", "z"}, "z": {"x"}}"#);
    write("a/x.rs", "use crate::Thing;\n");
    let of_crate = Crate::read(&folder);
    assert_eq!(circle(of_crate.in_folder(&[])).len(), 2);
}
