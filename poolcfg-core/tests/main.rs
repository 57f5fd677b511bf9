//! All tests of the model, in one program: each file by itself would be built and linked for every machine again.

mod advice;
#[path = "any_file/main.rs"]
mod any_file;
mod config_file;
mod distributions;
mod followed;
mod golden;
mod guard_before;
mod layout;
mod limits;
mod properties;
mod totals;
mod wasmtime;
mod ways;
mod without_memories;

use proptest::prelude::ProptestConfig;

/// So many cases, or as many as `PROPTEST_CASES` says: an emulator needs a while for each.
fn cases(number: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(number),
    }
}

/// A file that is no module here would not be run.
#[test]
fn every_file_of_tests_is_run() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let listed = include_str!("main.rs");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of this file") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str());
        let name = name.expect("a name in UTF-8");
        files += 1;
        assert!(
            name == "main" || listed.contains(&format!("\nmod {name};")),
            "`{}` is no module of main.rs",
            path.display()
        );
    }
    assert_eq!(files, 1 + listed.matches("\nmod ").count());
}
