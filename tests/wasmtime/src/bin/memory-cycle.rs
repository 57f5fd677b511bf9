//! The benchmark of the README: a memory's way from the pool to an owner and back, in our own pool and in
//! Wasmtime's, in turns in one process. Prints the table.
#![forbid(unsafe_code)]

use std::process::{Command, ExitCode};

use poolcfg_tests_wasmtime::embedder::Embedder;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::setup::output;
use poolcfg_tests_wasmtime::table;

const MEMORY: &str = "(module (memory (export \"memory\") 1))";
const EMPTY: &str = "(module)";

fn main() -> ExitCode {
    table::print(table())
}

fn table() -> Result<String, String> {
    let embedder = Embedder::with(&["async", "component-model", "gc"])?;
    let program = embedder.build("memory-cycle", "release")?;
    let memory = embedder.compile("memory-cycle-memory", MEMORY)?;
    let empty = embedder.compile("memory-cycle-empty", EMPTY)?;
    let said = output(Command::new(program).args([memory, empty]))?;
    let lines = said.lines().map(|line| {
        let (what, time) = line.rsplit_once(": ")?;
        Some((what, time.parse::<f64>().ok()?))
    });
    let lines: Option<Vec<_>> = lines.collect();
    let Some([(own, ours), theirs @ ..]) = lines.as_deref() else {
        return Err(format!("no times: {said}"));
    };
    let mut table = format!(
        "| a memory of 64 KiB: taken, 3 pages written, given back | Wasmtime {} | poolcfg's own pool | times as fast |\n\
         |---|---|---|---|\n",
        Release::of_embedder().version,
    );
    for (what, time) in theirs {
        table += &format!(
            "| {what} | {time:.0} ns | {ours:.0} ns ({own}) | {:.2} |\n",
            time / ours
        );
    }
    Ok(table)
}
