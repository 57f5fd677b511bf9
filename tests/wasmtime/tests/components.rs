//! What a guarantee is of: components of several core instances and tables, as many at once as are called
//! guaranteed, in real Wasmtime with exactly the settings that are emitted.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use poolcfg_tests_wasmtime::command::{BOARD, Folder, HOST, LARGER_BOARD, number, operators};
use poolcfg_tests_wasmtime::component;
use poolcfg_tests_wasmtime::embedder::{Embedder, THREE_TABLES};
use poolcfg_tests_wasmtime::library::Library;
use poolcfg_tests_wasmtime::live::Live;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::server::Server;
use poolcfg_tests_wasmtime::setup::output;
use poolcfg_tests_wasmtime::space::{hole, within};
use poolcfg_tests_wasmtime::wash::Wash;
use serde_json::Value;

/// What an instance has: 5 core instances, a memory and 2 tables.
const COMPONENT: &str = "(component
    (core module $main (memory 1) (table 10 funcref))
    (core module $shim (table 2 funcref))
    (core module $other)
    (core instance (instantiate $main))
    (core instance (instantiate $shim))
    (core instance (instantiate $other))
    (core instance (instantiate $other))
    (core instance (instantiate $other)))";

/// How many are called guaranteed of this machine's target and of two small ones.
const GUARANTEED: [(&str, u64); 3] = [(HOST, 1000), (LARGER_BOARD, 84), (BOARD, 42)];

/// Has `program`, which takes flags, a component and a number, hold what is guaranteed of each target.
fn holds_what_is_guaranteed(version: &str, components: &[&Path], program: impl Fn() -> Command) {
    for (target, instances) in GUARANTEED {
        // On aarch64 this machine's target is the one with 84.
        let instances = if target == LARGER_BOARD {
            84
        } else {
            instances
        };
        let folder = Folder::new("", &operators(target, version)).unwrap();
        let result = folder.result().unwrap();
        assert_eq!(
            number(&result, "/limits/max_instances"),
            Ok(instances),
            "{version} {target}"
        );
        let emitted = folder.emit("wasmtime-flags").unwrap();
        let run = |flags: &str, component: &Path| {
            let flags = folder.write("flags", flags).unwrap();
            let mut run = program();
            run.arg(flags).arg(component).arg(instances.to_string());
            // A small target has its memories in one piece, and no more.
            output(&mut match target {
                HOST => run,
                _ => within(hole(&result).unwrap(), &run),
            })
            .unwrap()
        };
        for component in components {
            assert_eq!(
                run(&emitted, component),
                format!(
                    "live: {instances}\nrefused: maximum concurrent limit of {instances} for \
                     component instances reached\n"
                ),
                "{version} {target}"
            );
        }
        // That each has five: with one less in all the last component is refused.
        let core_instances = instances * 5;
        let all = format!("pooling-total-core-instances={core_instances},");
        let fewer = format!("pooling-total-core-instances={},", core_instances - 1);
        assert!(emitted.contains(&all), "{emitted}");
        assert_eq!(
            run(&emitted.replace(&all, &fewer), components[0]),
            format!(
                "live: {}\nrefused: maximum concurrent limit of {} for core instances reached\n",
                instances - 1,
                core_instances - 1
            ),
            "{version} {target}"
        );
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn an_embedder_holds_as_many_components_as_are_guaranteed() {
    let embedder = Embedder::with(&["async", "component-model", "gc"]).unwrap();
    let program = embedder.build("components", "dev").unwrap();
    let two = embedder.compile("two-tables", COMPONENT).unwrap();
    let three = embedder.compile("three-tables", THREE_TABLES).unwrap();
    let version = Release::of_embedder().version;
    holds_what_is_guaranteed(version, &[&two, &three], || Command::new(&program));
}

#[test]
#[ignore = "needs Wasmtime's C library: cargo xtask test"]
fn the_c_library_holds_as_many_components_as_are_guaranteed() {
    let folder = Folder::new("", &[]).unwrap();
    let two = folder.write("two-tables.wat", COMPONENT).unwrap();
    let three = folder.write("three-tables.wat", THREE_TABLES).unwrap();
    for library in Library::all() {
        holds_what_is_guaranteed(library.version, &[&two, &three], || {
            library.command("components.py")
        });
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn a_server_answers_600_requests_that_are_all_held_at_once() {
    const REQUESTS: usize = 600;
    let component = component::build().unwrap();
    let mut releases = Release::all();
    releases.retain(|release| {
        ["48.", "49."]
            .iter()
            .any(|major| release.version.starts_with(major))
    });
    assert_eq!(releases.len(), 2);
    for release in releases {
        let folder = Folder::new("", &operators(HOST, release.version)).unwrap();
        let emitted = folder.emit("wasmtime-toml").unwrap();
        let serve = |settings: &str| {
            let mut serve = release.command("serve");
            serve
                .arg("--config")
                .arg(folder.write("wasmtime.toml", settings).unwrap())
                .args(["--addr", "127.0.0.1:0"])
                .arg(&component);
            Server::start(&mut serve).unwrap()
        };

        let server = serve(&emitted);
        let mut live = Live::ask(server.address, REQUESTS).unwrap();
        assert_eq!(live.held(), REQUESTS, "{}", release.version);
        assert_eq!(live.answers(component::BODY).unwrap(), REQUESTS);
        assert_eq!(live.refused(), 0);

        // The component has three core instances: with one less than they have together, the last is refused.
        let all = "pooling-total-core-instances = 5000";
        assert!(emitted.contains(all), "{emitted}");
        let fewer = format!("pooling-total-core-instances = {}", REQUESTS * 3 - 1);
        let server = serve(&emitted.replace(all, &fewer));
        let mut live = Live::ask(server.address, REQUESTS).unwrap();
        assert_eq!(live.held(), REQUESTS - 1, "{}", release.version);
        assert_eq!(live.answers(component::BODY).unwrap(), REQUESTS - 1);
        assert_eq!(live.refused(), 1);
        let said = server.stop();
        let limit = format!(
            "maximum concurrent limit of {} for core instances",
            REQUESTS * 3 - 1
        );
        assert!(said.contains(&limit), "{said}");
    }
}

/// The variables of a file for the environment.
fn variables(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect()
}

/// The bytes of the three pools of a result.
fn footprint(result: &Value) -> Vec<u64> {
    (0..3)
        .map(|index| number(result, &format!("/footprint/mappings/{index}/bytes")).unwrap())
        .collect()
}

/// What a host of wasmCloud maps is what is fitted, and it admits no more messages than its pool has instances.
#[test]
#[ignore = "needs real wash commands: cargo xtask test"]
fn wasmcloud_maps_what_is_fitted_and_admits_what_it_holds() {
    // Built on Wasmtime 43, where the pool is always taken: as many as on a small target, in its one hole.
    let folder = Folder::new("", &operators(LARGER_BOARD, "43")).unwrap();
    let result = folder.result().unwrap();
    let emitted = folder.emit("wasmcloud-env").unwrap();
    let space = hole(&result).unwrap();
    let started = Wash::of("2.0.4").start(&variables(&emitted), Some(space));
    assert_eq!(started.unwrap().mapped, footprint(&result));

    // Built on 48, which tries 4 TiB first. A machine with as much is asked for as many.
    let poolcfg = "[pooling_allocator]\nmax_instances = 84\n";
    let folder = Folder::new(poolcfg, &operators(HOST, "48")).unwrap();
    let result = folder.result().unwrap();
    let emitted = folder.emit("wasmcloud-env").unwrap();
    let said = variables(&emitted);
    let started = Wash::of("2.10.4").start(&said, None).unwrap();
    assert_eq!(started.mapped[1..], footprint(&result));
    let resolved = "core_instances=420 memories=84 pool_reservation=336GiB";
    assert!(started.said.contains(resolved), "{}", started.said);
    assert!(started.said.contains("host_total=56"), "{}", started.said);

    // Untold, it would admit two thirds of a fifth of the core instances, whatever memories there are.
    let folder = Folder::new(
        &format!("{poolcfg}wasmtime.core_instances_per_instance = 34\n"),
        &operators(HOST, "48"),
    )
    .unwrap();
    let emitted = folder.emit("wasmcloud-env").unwrap();
    let mut said = variables(&emitted);
    let started = Wash::of("2.10.4").start(&said, None).unwrap();
    assert!(started.said.contains("host_total=56"), "{}", started.said);
    said.remove("WASH_WASMCLOUD_MESSAGING_MAX_IN_FLIGHT")
        .unwrap();
    let started = Wash::of("2.10.4").start(&said, None).unwrap();
    assert!(started.said.contains("host_total=380"), "{}", started.said);
}
