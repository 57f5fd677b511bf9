//! The operator's walk where less fits than is asked: in an empty folder, `poolcfg` writes a file for each way that it
//! offers, and with it `wasmtime serve` starts and answers under the limit that both run under.

use std::path::Path;
use std::process::Command;

use poolcfg_tests::{in_parallel, processes};
use poolcfg_tests_wasmtime::client::ask;
use poolcfg_tests_wasmtime::command::{Folder, number};
use poolcfg_tests_wasmtime::component;
use poolcfg_tests_wasmtime::live::Live;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::server::Server;
use poolcfg_tests_wasmtime::setup::output;
use poolcfg_tests_wasmtime::space::under;
use serde_json::Value;

/// As `prlimit` is told it, what is in the way, and which ways there are: 171 GiB are a board of 39 bits.
const LIMITS: [(&str, &str, &[&str]); 6] = [
    (
        "--as=183609851904",
        "rlimit_as",
        &["fewer", "smaller", "no-pool"],
    ),
    (
        "--as=68719476736",
        "rlimit_as",
        &["fewer", "smaller", "no-pool"],
    ),
    (
        "--as=17179869184",
        "rlimit_as",
        &["fewer", "smaller", "no-pool"],
    ),
    ("--as=4294967296", "rlimit_as", &["smaller", "no-pool"]),
    ("--as=1073741824", "rlimit_as", &["smaller", "no-pool"]),
    ("--data=1073741824", "rlimit_data", &["smaller", "no-pool"]),
];

const REQUESTS: u64 = 64;

const MODULE: &str = "(module (memory 1) (func (export \"_start\")))";

/// The command of an operator, who types nothing but what is running and where the file goes.
fn poolcfg(version: &str) -> Folder {
    let engine = ["--engine", "wasmtime", "--engine-version"];
    Folder::new("", &["--here", engine[0], engine[1], engine[2], version]).unwrap()
}

/// The ways that are offered under a limit.
fn offered(folder: &Folder, limit: &str) -> Vec<Value> {
    // It ends with 100 where not one slot as asked fits.
    let printed = under(limit, &folder.emitting("json")).output().unwrap();
    let json: Value = serde_json::from_slice(&printed.stdout).unwrap();
    json["results"][0]["ways"].as_array().unwrap().clone()
}

/// The file of one way.
fn emitted(folder: &Folder, limit: &str, fit: &str) -> String {
    let mut command = folder.emitting("wasmtime-toml");
    command.args(["--fit", fit]);
    output(&mut under(limit, &command)).unwrap()
}

/// How many of so many fresh processes start with a file.
fn starts(limit: &str, release: &Release, config: &Path, module: &Path) -> usize {
    let done = in_parallel(0..processes(), |_| {
        let mut run = release.command("run");
        run.arg("--config").arg(config).arg(module);
        under(limit, &run).output().unwrap().status.success()
    });
    done.iter().filter(|(_, started)| *started).count()
}

/// Asks a server under the limit: by half as many clients as there may be instances, since one that has answered may not
/// have ended when the next is made, and then as many at once as fit.
fn answers(limit: &str, serve: &mut Command, component: &Path, instances: u64) {
    serve.args(["--addr", "127.0.0.1:0"]).arg(component);
    let start = || Server::start(&mut under(limit, serve)).unwrap();
    let server = start();
    let clients = usize::try_from((instances / 2).clamp(1, 32)).unwrap();
    if let Err(errors) = ask(server.address, clients, REQUESTS, component::BODY) {
        panic!(
            "{limit}, {instances} instances: {errors:?}\n{}",
            server.stop()
        );
    }
    drop(server);
    let server = start();
    let at_once = usize::try_from(instances.min(REQUESTS)).unwrap();
    let mut live = Live::ask(server.address, at_once).unwrap();
    let held = live.held();
    assert_eq!(live.answers(component::BODY).unwrap(), held);
    assert_eq!(held, at_once, "{limit}, {}", server.stop());
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn each_way_that_is_offered_serves_under_the_limit() {
    let component = component::build().unwrap();
    for release in Release::all() {
        let folder = poolcfg(release.version);
        let module = folder.write("module.wat", MODULE).unwrap();
        for (limit, bound, expected) in LIMITS {
            let ways = offered(&folder, limit);
            let fits: Vec<&str> = ways.iter().filter_map(|way| way["fit"].as_str()).collect();
            assert_eq!(fits, expected, "{} {limit}", release.version);
            for (way, fit) in ways.iter().zip(fits) {
                assert_eq!(way["limit"], bound, "{limit} {way}");
                let instances = number(way, "/max_instances").unwrap();
                let text = emitted(&folder, limit, fit);
                let config = folder.write("wasmtime.toml", &text).unwrap();
                let mut serve = release.command("serve");
                answers(
                    limit,
                    serve.arg("--config").arg(&config),
                    &component,
                    instances,
                );
                let started = starts(limit, &release, &config, &module);
                assert_eq!(started, processes(), "{} {limit} {way}", release.version);
                println!(
                    "wasmtime {} {limit} {fit}: {REQUESTS} of {REQUESTS} requests, {started} starts, {way}",
                    release.version
                );
            }
        }
    }
}

/// The line of flags says the same without a file.
#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn a_line_of_flags_without_a_pool_serves_under_the_limit() {
    const LIMIT: &str = "--as=1073741824";
    let component = component::build().unwrap();
    let release = Release::of_embedder();
    let folder = poolcfg(release.version);
    let mut command = folder.emitting("wasmtime-flags");
    command.args(["--fit", "no-pool"]);
    let line = output(&mut under(LIMIT, &command)).unwrap();
    let mut serve = release.command("serve");
    answers(LIMIT, serve.args(line.split_whitespace()), &component, 11);

    // Without it every request is refused: each memory wants 4 GiB.
    let mut serve = release.command("serve");
    serve.args(["--addr", "127.0.0.1:0"]).arg(&component);
    let server = Server::start(&mut under(LIMIT, &serve)).unwrap();
    let errors = ask(server.address, 1, 1, component::BODY).unwrap_err();
    assert!(errors[0].contains("500"), "{errors:?}");
}
