//! The benchmark of `poolcfg why`: what a program costs under it and without it, side by side. Prints the table.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use poolcfg_tests_wasmtime::client::ask;
use poolcfg_tests_wasmtime::component;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::server::Server;
use poolcfg_tests_wasmtime::setup::output;
use poolcfg_tests_wasmtime::table;

/// Rounds of each side, in turns; the median counts. The first is to warm up.
const ROUNDS: usize = 15;

/// A program that makes no calls for memory once it runs.
const BUSY: &str = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";

fn main() -> ExitCode {
    table::print(table())
}

fn table() -> Result<String, String> {
    let poolcfg = poolcfg()?;
    let release = Release::of_embedder();
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let module = folder.path().join("app.wat");
    std::fs::write(&module, "(module (memory 1) (func (export \"_start\")))")
        .map_err(|error| error.to_string())?;
    let mut start = release.command("run");
    start.args(["-C", "cache=n"]).arg(&module);
    let mut busy = Command::new("sh");
    busy.args(["-c", BUSY]);
    let mut table = String::from("| measure | alone | under `why` | ratio |\n|---|---|---|---|\n");
    let what = format!("start and end of wasmtime {}", release.version);
    table += &times(&what, &poolcfg, &start)?;
    table += &times("a loop of a shell", &poolcfg, &busy)?;
    table += &requests(&poolcfg, &release)?;
    Ok(table)
}

/// The command as it is released.
fn poolcfg() -> Result<PathBuf, String> {
    let root = poolcfg_tests::root();
    let mut build = Command::new(env!("CARGO"));
    build
        .current_dir(root)
        .args(["build", "--quiet", "--release"])
        .args(["--package", "cargo-poolcfg", "--bin", "poolcfg"]);
    output(&mut build)?;
    Ok(root.join("target/release/poolcfg"))
}

/// A command behind these words, which may be none.
fn behind(words: &[&Path], command: &Command) -> Command {
    let program = command.get_program();
    let mut all = words.iter().map(|word| word.as_os_str()).chain([program]);
    let mut behind = Command::new(all.next().unwrap_or(program));
    let variables = command.get_envs();
    behind
        .args(all)
        .args(command.get_args())
        .envs(variables.filter_map(|(name, value)| Some((name, value?))));
    behind
}

/// A command under `why`.
fn under(poolcfg: &Path, command: &Command) -> Command {
    behind(&[poolcfg, Path::new("why"), Path::new("--")], command)
}

/// How long a command takes.
fn times(what: &str, poolcfg: &Path, command: &Command) -> Result<String, String> {
    let mut sides = [behind(&[], command), under(poolcfg, command)];
    let mut taken = [const { Vec::new() }; 2];
    for round in 0..=ROUNDS {
        for (side, taken) in sides.iter_mut().zip(&mut taken) {
            let begun = Instant::now();
            let status = side.stdout(Stdio::null()).stderr(Stdio::null()).status();
            let status = status.map_err(|error| format!("{side:?}: {error}"))?;
            if !status.success() {
                return Err(format!("{side:?}: {status}"));
            }
            if round > 0 {
                taken.push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let [alone, traced] = taken.map(median);
    let ratio = traced / alone;
    Ok(format!(
        "| {what} | {alone:.1} ms | {traced:.1} ms | {ratio:.2} |\n"
    ))
}

/// Requests a second that `wasmtime serve` answers out of its pool. Both servers run all the time; one is asked.
fn requests(poolcfg: &Path, release: &Release) -> Result<String, String> {
    const CLIENTS: usize = 4;
    const REQUESTS: u32 = 2_000;
    let mut serve = release.command("serve");
    serve
        .args(["-O", "pooling-allocator=y", "--addr", "127.0.0.1:0"])
        .arg(component::build()?);
    let servers = [
        Server::start(&mut serve)?,
        Server::start(&mut under(poolcfg, &serve))?,
    ];
    let mut rates = [const { Vec::new() }; 2];
    for round in 0..=ROUNDS {
        for (server, rates) in servers.iter().zip(&mut rates) {
            let begun = Instant::now();
            ask(server.address, CLIENTS, REQUESTS.into(), component::BODY)
                .map_err(|errors| errors.join("\n"))?;
            if round > 0 {
                rates.push(f64::from(REQUESTS) / begun.elapsed().as_secs_f64());
            }
        }
    }
    let [alone, traced] = rates.map(median);
    let (version, ratio) = (release.version, traced / alone);
    Ok(format!(
        "| requests per second of wasmtime serve {version} | {alone:.0} | {traced:.0} | {ratio:.2} |\n"
    ))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
