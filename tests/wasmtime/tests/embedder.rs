//! A program that embeds Wasmtime with limits from poolcfg.toml, built with and without the features that
//! decide what is mapped.

use std::path::Path;
use std::process::Command;

use poolcfg_tests_wasmtime::command::{BOARD, HOST, number};
use poolcfg_tests_wasmtime::embedder::Embedder;
use poolcfg_tests_wasmtime::setup::{output, refusal};
use poolcfg_tests_wasmtime::space::{hole, within};

const ALL: [&str; 3] = ["async", "component-model", "gc"];

/// What the embedder's poolcfg.toml asks for, which this machine's target holds.
const ASKED: u64 = 2000;

/// Its data lies between pages that it may write, so that the kernel keeps as many mappings for it as there
/// can be.
const MEMORY: &str = "(module
    (memory (export \"memory\") 3)
    (table 10 funcref)
    (data (i32.const 65536) \"data\"))";

const WAITING: &str = "(module
    (import \"host\" \"wait\" (func $wait))
    (memory 1)
    (func (export \"run\") (call $wait)))";

const COMPONENT: &str = "(component
    (core module $module (memory 1))
    (core instance (instantiate $module)))";

/// What the embedder fills, and with which feature of Wasmtime.
const KINDS: [(&str, &str, Option<&str>); 3] = [
    ("memories", MEMORY, None),
    ("stacks", WAITING, Some("async")),
    ("components", COMPONENT, Some("component-model")),
];

/// Takes as many as are promised and one more, in the process's own space and in one hole.
fn holds_what_it_promises(features: &[&str]) {
    let embedder = Embedder::with(features).unwrap();
    let program = embedder.build("embedder", "dev").unwrap();
    let here = embedder.result(HOST).unwrap();
    let mappings = here["footprint"]["mappings"].as_array().unwrap();
    let stacks = mappings.iter().any(|mapping| mapping["name"] == "stacks");
    assert_eq!(stacks, features.contains(&"async"));
    let maps = |when: &str| number(&here, &format!("/footprint/maps_at_{when}")).unwrap();
    let board = embedder.result(BOARD).unwrap();
    let in_one_hole = number(&board, "/limits/max_instances").unwrap();
    assert!(in_one_hole < ASKED);
    let space = hole(&board).unwrap();
    for (kind, text, feature) in KINDS {
        if feature.is_some_and(|feature| !features.contains(&feature)) {
            continue;
        }
        let compiled = embedder.compile(kind, text).unwrap();
        let run = |way: &str| {
            let mut run = Command::new(&program);
            run.arg(way).arg(kind).arg(&compiled);
            run
        };
        let whole = output(&mut run("all")).unwrap();
        let hole = output(&mut within(space, &run("shrink"))).unwrap();
        for (said, promised) in [(whole, ASKED), (hole, in_one_hole)] {
            let lines: Vec<&str> = said.lines().collect();
            let [first, second, third, last] = lines[..] else {
                panic!("{features:?}, {kind}: {said}");
            };
            if promised == ASKED {
                let more = third.strip_prefix("mappings: +").unwrap();
                let more: u64 = more.parse().unwrap();
                // The program's heap takes a few by itself.
                let most = maps("worst") - maps("start") + 8;
                assert!(more <= most, "{features:?}, {kind}: {more} of {most}");
            }
            assert_eq!(first, format!("promised: {promised}"), "{features:?}");
            assert_eq!(second, format!("held: {promised}"), "{features:?}, {kind}");
            let limit = format!(
                "refused by Wasmtime's own limit: maximum concurrent limit of {promised} for"
            );
            assert!(last.contains(&limit), "{features:?}, {kind}: {last}");
        }
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn with_every_feature_it_holds_what_it_promises() {
    holds_what_it_promises(&ALL);
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn without_any_feature_it_holds_what_it_promises() {
    holds_what_it_promises(&[]);
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn with_stacks_alone_it_holds_what_it_promises() {
    holds_what_it_promises(&["async"]);
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn with_components_alone_it_holds_what_it_promises() {
    holds_what_it_promises(&["component-model"]);
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn a_module_compiled_with_other_tunables_is_refused() {
    let embedder = Embedder::with(&ALL).unwrap();
    let program = embedder.build("embedder", "dev").unwrap();
    let load = |compiled: &Path| {
        let mut load = Command::new(&program);
        load.args(["all", "memories"]).arg(compiled);
        load
    };
    // That it is not refused for something else.
    let compiled = embedder.compile("same", MEMORY).unwrap();
    output(&mut load(&compiled)).unwrap();

    for (name, own, other, message) in [
        (
            "reservation",
            "memory-reservation = 4294967296",
            "memory-reservation = 8589934592",
            "memory reservation of '8589934592' but '4294967296' is expected",
        ),
        (
            "guard",
            "memory-guard-size = 33554432",
            "memory-guard-size = 65536",
            "memory guard size of '65536' but '33554432' is expected",
        ),
        (
            "guard-before",
            "guard-before-linear-memory = true",
            "guard-before-linear-memory = false",
            "without guard before linear memory but it is enabled",
        ),
        (
            "may-move",
            "memory-may-move = true",
            "memory-may-move = false",
            "without memory may move but it is enabled",
        ),
    ] {
        let compiled = embedder.compile_changed(name, own, other, MEMORY).unwrap();
        let error = refusal(&mut load(&compiled)).unwrap();
        let sentence = format!("Module was compiled with a {message} for the host");
        let switch = format!("Module was compiled {message} for the host");
        assert!(
            error.contains(&sentence) || error.contains(&switch),
            "{name}: {error}"
        );
    }
}
