//! The documents: their links lead somewhere, the glossary stays small, and each crate has files of its own that are
//! the same in a checkout without symbolic links. Nothing here looks at commits.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use poolcfg_core::{AddressSpaceKeys, Code, PoolKeys, WasmtimeKeys};
use poolcfg_tests::root;

/// The crates that are published.
const CRATES: [&str; 4] = [
    "cargo-poolcfg",
    "poolcfg-core",
    "poolcfg-macros",
    "poolcfg-runtime",
];

/// Where the files of the checkout are to be seen by readers of crates.io.
const FILES: &str = "https://github.com/poolcfg/poolcfg/blob/main/";

/// Every file below a folder, without what is built and what is hidden.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let is_built = entry.path().join("CACHEDIR.TAG").exists();
            if !is_built && !name.starts_with('.') {
                files(&entry.path(), found);
            }
        } else {
            found.push(entry.path());
        }
    }
}

/// The Markdown files of the checkout.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(root(), &mut found);
    found.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    found
}

/// The lines of a document that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        if fence {
            in_block = !in_block;
        }
        !fence && !in_block
    })
}

/// A line without what stands in backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Where the links of a document lead.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        let line = without_code(line);
        for rest in line.split("](").skip(1) {
            links.push(rest.split(')').next().unwrap().to_owned());
        }
        if line.starts_with('[')
            && let Some((_, link)) = line.split_once("]: ")
        {
            links.push(link.trim().to_owned());
        }
    }
    links
}

/// The anchors that GitHub gives to the headings of a document.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

/// What is wrong with a link of a document.
fn broken(document: &Path, link: &str) -> Option<String> {
    let crates_own = CRATES
        .iter()
        .any(|name| document == root().join(name).join("README.md"));
    let (folder, link) = match link.strip_prefix(FILES) {
        Some(path) => (root(), path),
        None if link.contains("://") || link.starts_with("mailto:") => return None,
        None if crates_own => return Some("is relative, which crates.io cannot follow".to_owned()),
        None => (document.parent().unwrap(), link),
    };
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file = match path {
        "" => document.to_path_buf(),
        _ => folder.join(path),
    };
    if !file.exists() {
        return Some("leads to no file".to_owned());
    }
    let found = anchor.is_empty() || anchors(&fs::read_to_string(file).unwrap()).contains(anchor);
    (!found).then(|| "leads to no heading".to_owned())
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            seen += 1;
            if let Some(fault) = broken(&document, &link) {
                wrong.push(format!("{}: `{link}` {fault}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 60, "only {seen} links were found");
}

/// The paths in backticks that begin with a folder of the checkout.
fn paths(text: &str) -> Vec<&str> {
    const FOLDERS: [&str; 3] = ["tests", "xtask", "docs"];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| {
            let first = code.split('/').next().unwrap();
            let named = CRATES.contains(&first) || FOLDERS.contains(&first);
            named && code.contains('/') && !code.contains("NAME") && !code.contains(' ')
        })
        .collect()
}

/// So that who looks where to change something finds it, after files have moved too.
#[test]
fn every_file_that_is_named_is_there() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let text: Vec<_> = prose(&text).collect();
        for path in paths(&text.join("\n")) {
            seen += 1;
            let here = document.parent().unwrap().join(path);
            if !root().join(path).exists() && !here.exists() {
                wrong.push(format!("{}: `{path}`", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "not there:\n{}", wrong.join("\n"));
    assert!(seen > 40, "only {seen} paths were found");
}

/// A link out of the book leads to the repository: in HTML there is nothing beside its pages.
#[test]
fn every_page_of_docs_is_in_the_book_and_stays_in_it() {
    let folder = root().join("docs");
    let summary = fs::read_to_string(folder.join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<_> = links(&summary).into_iter().collect();
    let mut found = Vec::new();
    files(&folder, &mut found);
    let mut pages = BTreeSet::new();
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    for page in found.into_iter().filter(is_page) {
        let text = fs::read_to_string(&page).unwrap();
        let leaves = links(&text)
            .into_iter()
            .find(|link| link.starts_with("../"));
        assert_eq!(leaves, None, "{}", page.display());
        let name = page.strip_prefix(&folder).unwrap();
        pages.insert(name.to_str().unwrap().to_owned());
    }
    pages.remove("SUMMARY.md");
    assert_eq!(listed, pages);
}

#[test]
fn a_broken_link_is_seen() {
    let document = root().join("README.md");
    let text =
        "# One heading\n`[not](code)` [a](b) and [`c`](d#e)\n```\n[not](this)\n```\n[f]: g\n";
    assert_eq!(links(text), ["b", "d#e", "g"]);
    assert!(anchors(text).contains("one-heading"));
    assert!(broken(&document, "docs/glossary.md#glossary").is_none());
    assert!(broken(&document, "docs/none.md").is_some());
    assert!(broken(&document, "docs/glossary.md#none").is_some());
    assert!(broken(&document, &format!("{FILES}docs/none.md")).is_some());
    let of_a_crate = root().join("poolcfg-core/README.md");
    assert!(broken(&of_a_crate, "../docs/glossary.md").is_some());
}

#[test]
fn the_glossary_stays_small() {
    let glossary = fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let (_, table) = glossary.split_once("|---|---|---|\n").unwrap();
    let words: Vec<_> = table
        .lines()
        .take_while(|line| line.starts_with('|'))
        .map(|row| row.split('|').nth(1).unwrap().trim())
        .collect();
    assert!((10..=25).contains(&words.len()), "{} words", words.len());
    let different: BTreeSet<_> = words.iter().collect();
    assert_eq!(different.len(), words.len(), "a word has two meanings");
}

/// Each decision has a number of its own, and none is left out.
#[test]
fn decisions_are_numbered() {
    let decisions = fs::read_to_string(root().join("docs/decisions.md")).unwrap();
    let mut numbers: Vec<usize> = prose(&decisions)
        .filter_map(|line| line.strip_prefix("### ")?.split_once(". "))
        .map(|(number, _)| number.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.len() > 50);
    assert!(numbers.iter().copied().eq(1..=numbers.len()), "{numbers:?}");
}

/// Git writes a symbolic link as a text file where the system has none.
#[test]
fn no_crate_needs_symbolic_links() {
    for name in CRATES {
        let mut found = Vec::new();
        files(&root().join(name), &mut found);
        let linked: Vec<_> = found.iter().filter(|file| file.is_symlink()).collect();
        assert!(linked.is_empty(), "{linked:?}");
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let read = |folder: PathBuf| fs::read_to_string(folder.join(licence)).unwrap();
            assert_eq!(
                read(root().join(name)),
                read(root().to_path_buf()),
                "{name}"
            );
        }
    }
}

/// The sources of the published crates, without their tests.
fn sources() -> String {
    let mut found = Vec::new();
    for name in CRATES {
        files(&root().join(name).join("src"), &mut found);
    }
    let list = root().join("poolcfg-core/src/base/code.rs");
    found
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs") && *file != list)
        .map(|file| {
            let text = fs::read_to_string(file).unwrap();
            let end = text.find("#[cfg(test)]").unwrap_or(text.len());
            text[..end].to_owned()
        })
        .collect()
}

/// Whether this is a whole word of the text.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let next = text[at + word.len()..].chars().next();
        !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
    })
}

#[test]
fn every_code_is_explained_and_used() {
    let sources = sources();
    let folder = root().join("cargo-poolcfg/templates/explain");
    let mut unused = Vec::new();
    for code in Code::all() {
        let text = fs::read_to_string(folder.join(format!("{}.md", code.as_str()))).unwrap();
        assert!(text.starts_with("# "), "{}", code.as_str());
        // In a row of poolcfg-core/src/fault/rows.rs it stands behind the name of the fault.
        let in_row = format!("({code:?}, ");
        if !has_word(&sources, &format!("Code::{code:?}")) && !sources.contains(&in_row) {
            unused.push(code);
        }
    }
    assert!(unused.is_empty(), "{unused:?}");
    assert_eq!(
        fs::read_dir(folder).unwrap().count(),
        Code::all().count(),
        "a text is of no code"
    );
}

/// Each key is documented where users look it up, and known to the fuzzer.
#[test]
fn every_key_is_in_the_template_and_in_the_dictionary() {
    let template = fs::read_to_string(root().join("cargo-poolcfg/templates/poolcfg.toml")).unwrap();
    let documented: BTreeSet<&str> = template
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
        .map(|(key, _)| key)
        // With the name of its table it is an example, and told in that table.
        .filter(|key| !key.contains(['[', ' ', '`', '.']))
        .collect();
    // The first of the own profile's, which are in no table of the model.
    assert!(documented.contains("window"), "{documented:?}");
    let keys = [
        PoolKeys::NAMES,
        WasmtimeKeys::NAMES,
        AddressSpaceKeys::NAMES,
    ]
    .concat();
    let absent: Vec<_> = keys
        .iter()
        .filter(|key| **key != "wasmtime" && !documented.contains(**key))
        .collect();
    assert!(absent.is_empty(), "not in the template: {absent:?}");
    let words = fs::read_to_string(root().join("tests/fuzz/poolcfg_toml.dict")).unwrap();
    let absent: Vec<_> = documented
        .iter()
        .filter(|key| !words.contains(&format!("\"{key} = ")))
        .collect();
    assert!(absent.is_empty(), "not in the dictionary: {absent:?}");
}
