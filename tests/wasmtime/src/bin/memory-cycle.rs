//! The benchmark of docs/figures.md: a memory's way from the pool to an owner and back, in our own pool and in
//! Wasmtime's, in turns in one process. Prints the table.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, ExitCode};

use poolcfg_tests_wasmtime::embedder::Embedder;
use poolcfg_tests_wasmtime::newest;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::setup::output;
use poolcfg_tests_wasmtime::table;

const MEMORY: &str = "(module (memory (export \"memory\") 1))";
const EMPTY: &str = "(module)";

fn main() -> ExitCode {
    table::print(table())
}

fn table() -> Result<String, String> {
    let mut table = String::from(
        "| a memory of 64 KiB: taken, 3 pages written, given back | Wasmtime | poolcfg's own pool | times as fast |\n\
         |---|---|---|---|\n",
    );
    let embedder = Embedder::with(&["async", "component-model", "gc"])?;
    table += &rows(
        Release::of_embedder().version,
        &embedder.build("memory-cycle", "release")?,
        &embedder.compile("memory-cycle-memory", MEMORY)?,
        &embedder.compile("memory-cycle-empty", EMPTY)?,
    )?;
    table += &rows(
        newest::VERSION,
        &newest::build("memory-cycle")?,
        &newest::compile("memory-cycle-memory", MEMORY)?,
        &newest::compile("memory-cycle-empty", EMPTY)?,
    )?;
    Ok(table)
}

/// What a program says of Wasmtime's pool of one version and of our own.
fn rows(version: &str, program: &Path, memory: &Path, empty: &Path) -> Result<String, String> {
    let said = output(Command::new(program).args([memory, empty]))?;
    let lines = said.lines().map(|line| {
        let (what, time) = line.rsplit_once(": ")?;
        Some((what, time.parse::<f64>().ok()?))
    });
    let lines: Option<Vec<_>> = lines.collect();
    let Some([(own, ours), theirs @ ..]) = lines.as_deref() else {
        return Err(format!("no times: {said}"));
    };
    let rows = theirs.iter().map(|(what, time)| {
        format!(
            "| Wasmtime {version}, {what} | {time:.0} ns | {ours:.0} ns ({own}) | {:.2} |\n",
            time / ours
        )
    });
    Ok(rows.collect())
}
