//! Modules and components that nobody here made, out of packages that `cargo xtask` fetches, and what our command says
//! of each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::command::{HOST, program};
use crate::library::Library;
use crate::newest;
use crate::release::Release;
use crate::setup::{output, target, variable};

/// Every file, by its path below the folder of all packages.
#[must_use]
pub fn all() -> Vec<(String, PathBuf)> {
    let folder = variable("POOLCFG_WASM_FILES");
    let mut found = Vec::new();
    let mut left = vec![folder.clone()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                left.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "wasm")
            {
                let name = path.strip_prefix(&folder).unwrap_or(&path);
                found.push((name.display().to_string(), path.clone()));
            }
        }
    }
    found.sort();
    found
}

/// What our command says of a file.
///
/// # Errors
/// What it says where it cannot tell.
pub fn inspect(file: &Path) -> Result<Value, String> {
    let mut inspect = Command::new(program());
    let inspect = inspect
        .arg("inspect")
        .arg(file)
        .args(["--message-format", "json"]);
    let said = inspect
        .output()
        .map_err(|error| format!("{inspect:?}: {error}"))?;
    let said: Value = serde_json::from_slice(&said.stdout).map_err(|error| error.to_string())?;
    match &said["results"][0] {
        Value::Null => Err(said["diagnostics"][0]["message"].to_string()),
        result => Ok(result.clone()),
    }
}

/// A file as the `wasmtime` command of the embedder's version compiles it, which is kept for the next time.
///
/// # Errors
/// What the command says.
pub fn compile(name: &str, file: &Path) -> Result<PathBuf, String> {
    kept("inspected", name, |new| {
        let mut compile = Release::of_embedder().command("compile");
        let compile = compile
            // What is counted is the same whatever the code.
            .args(["-O", "opt-level=0"])
            .args(["-W", "threads=n,concurrency-support=n"])
            .arg("-o")
            .arg(new)
            .arg(file);
        output(compile).map(drop)
    })
}

/// The same as the library of the newest version compiles it.
///
/// # Errors
/// What the library says.
pub fn compile_newest(name: &str, file: &Path) -> Result<PathBuf, String> {
    kept(&format!("inspected-{}", newest::VERSION), name, |new| {
        Library::of_version(newest::VERSION).compile_quickly(HOST, file, new)
    })
}

/// A file that `compile` makes unless it is there.
fn kept(
    folder: &str,
    name: &str,
    compile: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let folder = target().join(folder);
    let compiled = folder.join(name.replace('/', "+")).with_extension("cwasm");
    if compiled.is_file() {
        return Ok(compiled);
    }
    let failed = |error| format!("`{}`: {error}", compiled.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let new = compiled.with_extension("new");
    compile(&new)?;
    fs::rename(&new, &compiled).map_err(failed)?;
    Ok(compiled)
}
