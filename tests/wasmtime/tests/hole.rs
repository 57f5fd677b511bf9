//! Real commands in as much address space as an sv39 kernel gives in one piece.

use std::fs;
use std::path::Path;

use poolcfg_tests_wasmtime::client::ask;
use poolcfg_tests_wasmtime::command::{BOARD, Folder, number, operators};
use poolcfg_tests_wasmtime::component;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::server::Server;
use poolcfg_tests_wasmtime::setup::{output, refusal};
use poolcfg_tests_wasmtime::space::{hole, within};

/// What upstream reserves for its memories by default: <https://github.com/wasmCloud/wasmCloud/issues/5066>
const DEFAULT: &str = "mmap failed to reserve 0x3efd2000000 bytes";

const MODULE: &str = "(module (memory 1) (func (export \"_start\")))";

/// Where an operator asks for the limits of a board: nothing is written for it.
fn for_the_board(release: &Release) -> Folder {
    Folder::new("", &operators(BOARD, release.version)).unwrap()
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn in_one_hole_the_default_fails_ours_starts_and_one_instance_more_fails() {
    for release in Release::all() {
        let folder = for_the_board(&release);
        let result = folder.result().unwrap();
        let space = hole(&result).unwrap();
        let module = folder.write("module.wat", MODULE).unwrap();
        let run = |config: Option<&Path>| {
            let mut run = release.command("run");
            match config {
                Some(config) => run.arg("--config").arg(config),
                None => run.args(["-O", "pooling-allocator=y"]),
            };
            run.arg(&module);
            within(space, &run)
        };

        let error = refusal(&mut run(None)).unwrap();
        assert!(error.contains(DEFAULT), "{}: {error}", release.version);

        let config = folder.config().unwrap();
        output(&mut run(Some(&config))).unwrap();

        let instances = number(&result, "/limits/total_memories").unwrap();
        let ours = fs::read_to_string(&config).unwrap();
        let one_more = ours.replace(
            &format!("pooling-total-memories = {instances}"),
            &format!("pooling-total-memories = {}", instances + 1),
        );
        assert_ne!(ours, one_more);
        let config = folder.write("one-more.toml", &one_more).unwrap();
        let error = refusal(&mut run(Some(&config))).unwrap();
        let slot = number(&result, "/limits/memory_reservation").unwrap()
            + number(&result, "/limits/guard_size").unwrap();
        let bytes = number(&result, "/footprint/mappings/0/bytes").unwrap() + slot;
        let sentence = format!("mmap failed to reserve {bytes:#x} bytes");
        assert!(error.contains(&sentence), "{}: {error}", release.version);
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn measured_in_one_hole_ours_starts() {
    for release in Release::all() {
        let space = hole(&for_the_board(&release).result().unwrap()).unwrap();
        let arguments = ["--here", "--engine", "wasmtime", "--engine-version"];
        let folder = Folder::new("", &[&arguments[..], &[release.version]].concat()).unwrap();
        let toml = output(&mut within(space, &folder.emitting("wasmtime-toml"))).unwrap();
        let mut run = release.command("run");
        run.arg("--config")
            .arg(folder.write("wasmtime.toml", &toml).unwrap())
            .arg(folder.write("module.wat", MODULE).unwrap());
        output(&mut within(space, &run)).unwrap();
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn a_server_in_one_hole_answers_every_request_out_of_its_pool() {
    const CLIENTS: usize = 16;
    const REQUESTS: u64 = 10_000;
    let release = Release::of_embedder();
    let folder = for_the_board(&release);
    let result = folder.result().unwrap();
    let space = hole(&result).unwrap();
    let pool = number(&result, "/footprint/mappings/0/bytes").unwrap();
    let mut serve = release.command("serve");
    serve
        .arg("--config")
        .arg(folder.config().unwrap())
        .args(["--addr", "127.0.0.1:0"])
        .arg(component::build().unwrap());
    let server = Server::start(&mut within(space, &serve)).unwrap();
    let answered = ask(server.address, CLIENTS, REQUESTS, component::BODY);
    // On demand it would have given every memory back by now.
    let taken = server.address_space();
    let said = server.stop();
    assert_eq!(answered, Ok(()), "{said}");
    assert!(taken.unwrap() > pool, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
