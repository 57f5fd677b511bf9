//! What a user sees of each mistake, through the attribute and through the command.
//!
//! Each folder of `ui/` is one mistake: a poolcfg.toml, and what the compiler says of it in `macro.txt`.
//! What the command says stands in `command.txt`; there is none where the mistake is in the code alone.
//! A `lib.rs` stands there where the mistake is in the code, and a `Cargo.toml` holds lines for the
//! manifest. `POOLCFG_BLESS=1 cargo test -p poolcfg-tests --test ui` writes the texts anew; read the
//! difference before it is committed.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use poolcfg_tests::{checks, programs, root};

const SOURCE: &str = "\
use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits]
pub const POOL: PoolLimits;

/// What is beside a mistake still resolves.
pub const INSTANCES: u32 = POOL.guaranteed().max_instances;
";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

fn name(case: &Path) -> &str {
    case.file_name().unwrap().to_str().unwrap()
}

/// Compares with the golden text, or writes it.
fn compare(golden: &Path, text: &str, failures: &mut Vec<String>) {
    if env::var_os("POOLCFG_BLESS").is_some() {
        fs::write(golden, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    if expected != text {
        failures.push(format!(
            "{}\n--- expected\n{expected}\n--- seen\n{text}",
            golden.display()
        ));
    }
}

/// What the tests share: it is made once, since each making begins by removing what is there.
static WORKSPACE: LazyLock<PathBuf> = LazyLock::new(workspace);

/// One workspace with a package for each case, so that poolcfg-runtime is compiled once.
fn workspace() -> PathBuf {
    let folder = root().join("target/ui");
    let runtime = root().join("poolcfg-runtime");
    let mut members = String::new();
    for case in cases() {
        let name = name(&case);
        let package = folder.join(name);
        let _ = fs::remove_dir_all(&package);
        fs::create_dir_all(package.join("src")).unwrap();
        let extra = fs::read_to_string(case.join("Cargo.toml")).unwrap_or_default();
        let manifest = format!(
            "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\npoolcfg-runtime = {{ path = {runtime:?} }}\n{extra}"
        );
        fs::write(package.join("Cargo.toml"), manifest).unwrap();
        let source = fs::read_to_string(case.join("lib.rs")).unwrap_or_else(|_| SOURCE.to_owned());
        fs::write(package.join("src/lib.rs"), source).unwrap();
        let _ = fs::copy(case.join("poolcfg.toml"), package.join("poolcfg.toml"));
        members += &format!("{name:?}, ");
    }
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n");
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    // The command reads the lock file and never writes it.
    let locked = Command::new(env!("CARGO"))
        .current_dir(&folder)
        .args(["update", "--workspace", "--offline", "--quiet"])
        .status()
        .unwrap();
    assert!(locked.success());
    folder
}

#[test]
fn the_compiler_names_each_mistake() {
    let folder = &*WORKSPACE;
    let output = Command::new(env!("CARGO"))
        .current_dir(folder)
        .args([
            "check",
            "--workspace",
            "--keep-going",
            "--message-format=json",
        ])
        .env("CARGO_TARGET_DIR", checks())
        .env_remove("POOLCFG_VA_PROFILE")
        .output()
        .unwrap();
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        if message["reason"] != "compiler-message" {
            continue;
        }
        let package = message["target"]["name"].as_str().unwrap().to_owned();
        let rendered = message["message"]["rendered"].as_str().unwrap();
        let closing = rendered.starts_with("error: aborting")
            || message["message"]["level"] == "failure-note";
        if !closing {
            said.entry(package).or_default().push_str(rendered);
        }
    }
    let mut failures = Vec::new();
    for case in cases() {
        let said = said
            .remove(&name(&case).replace('-', "_"))
            .unwrap_or_default();
        if said.is_empty() {
            failures.push(format!(
                "{}: the compiler has nothing against it",
                name(&case)
            ));
        }
        if !said.contains("note: `cargo poolcfg --explain PC") {
            failures.push(format!("{}: no code, or one of rustc's", name(&case)));
        }
        let said = said.replace(folder.to_str().unwrap(), "$UI");
        compare(&case.join("macro.txt"), &said, &mut failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The file is well-formed and asks for more than there is: an answer, and not a failure, of the command.
const MISFITS: [&str; 7] = [
    "least-does-not-fit",
    "maps-for-no-pool",
    "misfit",
    "misfit-by-reservation",
    "misfit-of-named-pools",
    "too-many-maps",
    "wasmtime-misfit",
];

#[test]
fn the_command_names_each_mistake_of_the_file() {
    let program = programs().join("cargo-poolcfg");
    let mut failures = Vec::new();
    for case in cases() {
        if !case.join("poolcfg.toml").exists() || case.join("Cargo.toml").exists() {
            continue;
        }
        let output = Command::new(&program)
            .args(["poolcfg", "check", "--target", "x86_64-unknown-linux-gnu"])
            .current_dir(WORKSPACE.join(name(&case)))
            .stdin(Stdio::null())
            .env("LC_ALL", "C.UTF-8")
            .env_remove("POOLCFG_VA_PROFILE")
            .env_remove("CARGO_TERM_COLOR")
            .output()
            .unwrap();
        let golden = case.join("command.txt");
        let status = output.status.code();
        let expected = match status {
            // The mistake is in the code alone.
            Some(0) if !golden.exists() => continue,
            _ if MISFITS.contains(&name(&case)) => 100,
            _ => 101,
        };
        if status != Some(expected) {
            failures.push(format!(
                "{}: status {status:?} and not {expected}",
                name(&case)
            ));
            continue;
        }
        let said = String::from_utf8(output.stderr).unwrap();
        compare(&golden, &said, &mut failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
