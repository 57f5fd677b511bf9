//! Tools of others: taplo reads poolcfg.toml by the schema as editors do, and mdbook builds the book of docs/.
//!
//! `cargo xtask test tools` fetches both.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use poolcfg_tests::{root, variable};
use tempfile::TempDir;

/// The program in the folder of the only version of a list.
fn tool(folder: &str, name: &str) -> PathBuf {
    let mut versions = fs::read_dir(variable(folder)).unwrap();
    let version = versions.next().unwrap().unwrap().path();
    assert!(versions.next().is_none(), "{folder}: one version");
    version.join(name)
}

/// What taplo says of a file by the schema of this checkout.
fn judged(file: &Path) -> Output {
    let schema = root().join("cargo-poolcfg/schema/poolcfg.toml.schema.json");
    let output = Command::new(tool("POOLCFG_TAPLO", "taplo"))
        .args(["check", "--no-auto-config", "--schema"])
        .arg(format!("file://{}", schema.display()))
        .arg(file)
        .output();
    output.unwrap()
}

/// Every poolcfg.toml of the checkout that is meant to be right.
fn right() -> Vec<PathBuf> {
    let output = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "*poolcfg.toml"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let files = text.lines().filter(|file| !file.starts_with("tests/ui/"));
    files.map(|file| root().join(file)).collect()
}

/// Each has a mistake, which an editor underlines, and is right without it.
const WRONG: [(&str, &str); 8] = [
    ("[pooling_allocator]\nmax_instance = 1\n", "max_instance"),
    ("[pooling_allocator]\nmax_instances = \"1\"\n", "\"1\""),
    ("[pooling_allocator]\nmemory_reservation = \"4GB\"\n", "4GB"),
    ("[pooling_allocator]\nengine = \"wasmer\"\n", "wasmer"),
    ("[pool.a.wasmtime]\nfeatures = [\"gcc\"]\n", "gcc"),
    ("[target.'cfg(unix)'.address_space]\naslr = 65\n", "65"),
    (
        "[va_profile.mine]\narch = \"riscv64\"\nwindow = \"1TiB\"\n",
        "page_size",
    ),
    ("[adress_space]\n", "adress_space"),
];

#[test]
#[ignore = "needs taplo: cargo xtask test"]
fn taplo_takes_what_is_right_and_shows_what_is_wrong() {
    let right = right();
    assert!(right.len() > 4, "{right:?}");
    for file in right {
        let output = judged(&file);
        assert!(output.status.success(), "{output:#?}");
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("poolcfg.toml");
    for (text, word) in WRONG {
        // Below the line that leads editors to the schema, too.
        for text in [text.to_owned(), format!("#:schema none.json\n{text}")] {
            fs::write(&file, &text).unwrap();
            let output = judged(&file);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{text}");
            assert!(said.contains(word), "{text}\n{said}");
        }
    }
}

/// The files of a folder and those below it.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// The values of an attribute in a page of HTML.
fn attribute<'t>(html: &'t str, name: &str) -> Vec<&'t str> {
    let start = format!(" {name}=\"");
    let parts = html.split(start.as_str()).skip(1);
    parts.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
#[ignore = "needs mdbook: cargo xtask test"]
fn the_book_is_built_and_its_links_lead_somewhere() {
    let book = TempDir::new().unwrap();
    let output = Command::new(tool("POOLCFG_MDBOOK", "mdbook"))
        .current_dir(root())
        .args(["build", "--dest-dir"])
        .arg(book.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");

    let mut pages = Vec::new();
    files(book.path(), &mut pages);
    pages.retain(|page| {
        page.extension()
            .is_some_and(|extension| extension == "html")
    });
    let mut seen = 0;
    let mut wrong = BTreeSet::new();
    for page in &pages {
        // Its links are those from the root of a site.
        if page.ends_with("404.html") {
            continue;
        }
        let html = fs::read_to_string(page).unwrap();
        for link in attribute(&html, "href")
            .into_iter()
            .chain(attribute(&html, "src"))
        {
            if link.contains("://") || link.starts_with("data:") {
                continue;
            }
            seen += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = match path {
                "" => page.clone(),
                _ => page.parent().unwrap().join(path),
            };
            let is_there = file.exists()
                && (anchor.is_empty()
                    || attribute(&fs::read_to_string(&file).unwrap(), "id").contains(&anchor));
            if !is_there {
                wrong.insert(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        pages.len() > 12 && seen > 300,
        "{} pages, {seen} links",
        pages.len()
    );
}
