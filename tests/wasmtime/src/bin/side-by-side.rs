//! The benchmark of docs/figures.md: upstream's defaults and our limits side by side, in the address space that a
//! small target has in one piece. Prints the table.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use poolcfg_tests_wasmtime::client::ask;
use poolcfg_tests_wasmtime::command::{BOARD, Folder, operators};
use poolcfg_tests_wasmtime::component;
use poolcfg_tests_wasmtime::embedder::Embedder;
use poolcfg_tests_wasmtime::newest;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::server::Server;
use poolcfg_tests_wasmtime::setup::output;
use poolcfg_tests_wasmtime::space::{hole, within};
use poolcfg_tests_wasmtime::table;

/// Rounds of each side, in turns; the median counts.
const ROUNDS: usize = 7;

/// A module like those that a compiler makes: 17 pages, and data behind the first 1 MiB.
const MODULE: &str = "(module
    (memory 17)
    (data (i32.const 1048576) \"data\")
    (func (export \"run\") (result i32)
        (i32.store (i32.const 4096) (i32.const 7))
        (i32.store (i32.const 1048580) (i32.const 35))
        (i32.add (i32.load (i32.const 4096)) (i32.load (i32.const 1048580)))))";

fn main() -> ExitCode {
    table::print(table())
}

fn table() -> Result<String, String> {
    let release = Release::of_embedder();
    let folder = Folder::new("", &operators(BOARD, release.version))?;
    let space = hole(&folder.result()?)?;
    let mut table = format!(
        "| Wasmtime in {} GiB of address space | upstream's default | with poolcfg | ratio |\n\
         |---|---|---|---|\n",
        space >> 30,
    );
    let embedder = Embedder::with(&["async", "component-model", "gc"])?;
    let embedders = [
        (
            release.version,
            embedder.build("instantiate", "release")?,
            embedder.compile("benchmark", MODULE)?,
        ),
        // It scans for what was written, which before 50 is not safe.
        (
            newest::VERSION,
            newest::build("instantiate")?,
            newest::compile("benchmark", MODULE)?,
        ),
    ];
    for (version, program, module) in &embedders {
        for threads in [1, 2] {
            table += &instantiations(version, program, module, space, threads)?;
        }
    }
    for threads in [1, 2] {
        table += &requests(&release, &folder, space, threads)?;
    }
    Ok(table)
}

/// Instances a second of an embedder, each called once.
fn instantiations(
    version: &str,
    program: &Path,
    module: &Path,
    space: u64,
    threads: u32,
) -> Result<String, String> {
    const MILLISECONDS: &str = "1000";
    let mut rates = [const { Vec::new() }; 3];
    let mut strategies = [const { String::new() }; 3];
    for _ in 0..ROUNDS {
        for (side, whose) in ["upstream", "ours", "keeping"].into_iter().enumerate() {
            let mut run = Command::new(program);
            run.args([whose, &threads.to_string(), MILLISECONDS])
                .arg(module);
            let said = output(&mut within(space, &run))?;
            let rate = said.trim().split_once(": ");
            let (strategy, rate) = rate.ok_or_else(|| format!("no rate: {said}"))?;
            rates[side].push(rate.parse().map_err(|_| format!("no rate: {said}"))?);
            strategy.clone_into(&mut strategies[side]);
        }
    }
    let strategies = strategies.each_ref().map(String::as_str);
    let what = format!("Wasmtime {version}, instantiations");
    Ok(rows(&what, threads, strategies, rates))
}

/// What an operator may add at the price of memory: slots are cleared by writing zeros and keep their pages. That is
/// over all of it in this version, since its scan for what was written misses pages in swap.
const RESIDENT: &str = "[pooling_allocator]\nengine = \"wasmtime\"\n[pooling_allocator.wasmtime]\n\
                        memory_keep_resident = \"2MiB\"\ntable_keep_resident = \"512KiB\"\n";

/// Requests a second that `wasmtime serve` answers, asked by 16 clients. All servers run all the time; one
/// of them is asked.
fn requests(
    release: &Release,
    folder: &Folder,
    space: u64,
    threads: u32,
) -> Result<String, String> {
    const CLIENTS: usize = 16;
    const REQUESTS: u32 = 10_000;
    let component = component::build()?;
    let resident = Folder::new(RESIDENT, &operators(BOARD, release.version))?;
    let start = |limits: Option<&Folder>| {
        let mut serve = release.command("serve");
        if let Some(limits) = limits {
            serve.arg("--config").arg(limits.config()?);
        }
        serve
            .args(["--addr", "127.0.0.1:0"])
            .arg(&component)
            .env("TOKIO_WORKER_THREADS", threads.to_string());
        Server::start(&mut within(space, &serve))
    };
    let servers = [start(None)?, start(Some(folder))?, start(Some(&resident))?];
    let mut rates = [const { Vec::new() }; 3];
    // The first round is to warm up.
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
    let strategies = ["on demand", "pool", "pool that keeps pages"];
    let what = format!("Wasmtime {}, HTTP requests", release.version);
    Ok(rows(&what, threads, strategies, rates))
}

/// Upstream's default against each of ours.
fn rows(what: &str, threads: u32, strategies: [&str; 3], rates: [Vec<f64>; 3]) -> String {
    let [upstream, ours, keeping] = rates;
    let [theirs, pool, pages] = strategies;
    row(what, threads, &[theirs, pool], [upstream.clone(), ours])
        + &row(what, threads, &[theirs, pages], [upstream, keeping])
}

fn row(what: &str, threads: u32, strategies: &[&str; 2], rates: [Vec<f64>; 2]) -> String {
    let [upstream, ours] = rates.map(|mut rates| {
        rates.sort_unstable_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    let [theirs, own] = strategies;
    format!(
        "| {what} per second, threads: {threads} | {upstream:.0} ({theirs}) | {ours:.0} ({own}) | {:.2} |\n",
        ours / upstream
    )
}
