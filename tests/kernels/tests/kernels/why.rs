//! `poolcfg why`, as it is distributed, in kernels: it names the hole where the original failure is, with the pool that
//! the server then answers with, limits that only a whole machine has, and a full cgroup of version 2.

use std::fs;

use poolcfg_tests::variable;
use poolcfg_tests_wasmtime::command::number;
use serde_json::Value;

use crate::commands::{self, Outcome};
use crate::initramfs::Image;
use crate::kernel::{Architecture, kernel};
use crate::programs;
use crate::server::{compiled, settings};

const WHY: &str = "/poolcfg why --message-format json --";

/// The server with Wasmtime in it; `None` where it was not built, as `cargo xtask test` says.
fn server(architecture: &Architecture) -> Option<Vec<u8>> {
    let servers = variable("POOLCFG_SERVER");
    let file = servers.join(architecture.target).join("release/server");
    (!servers.as_os_str().is_empty()).then(|| fs::read(file).unwrap())
}

/// The only result of a run of `why`: the last line, behind what the command has printed.
fn result(outcome: &Outcome) -> Value {
    let line = outcome.stdout.lines().next_back().unwrap_or_default();
    let mut json: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {outcome:?}"));
    json["results"][0].take()
}

/// The verdict, and no failure that was not survived is of another limit.
#[track_caller]
fn named(outcome: &Outcome, limit: &str, call: &str) -> Value {
    let mut result = result(outcome);
    for failure in result["failures"].as_array().unwrap() {
        let is_other = failure["survived"] == false && failure["limit"] != limit;
        assert!(!is_other, "{result:#}");
    }
    let verdict = &result["verdict"];
    assert_eq!(verdict["limit"], limit, "{result:#}");
    assert_eq!(verdict["call"], call, "{result:#}");
    assert_eq!(outcome.status, "exit status: 1");
    result["verdict"].take()
}

/// The kernel of aarch64 with as few bits is built without signalfd, which `why` needs.
#[test]
#[ignore = "needs compilers, emulators, kernels and a built Wasmtime: cargo xtask test"]
fn the_hole_is_named_and_the_server_that_is_advised_answers() {
    let kernel = kernel("sv39");
    let architecture = kernel.architecture;
    let Some(server) = server(architecture) else {
        return;
    };
    let settings = settings(architecture);
    let fits = number(&settings.result().unwrap(), "/limits/max_instances").unwrap();
    let image = Image::new(architecture)
        .file("server", &server)
        .file("slot-server", &programs::example(architecture))
        .file("poolcfg", &programs::distributed(architecture))
        .file("hello.cwasm", &compiled(architecture, &settings));
    let advised = format!("POOLCFG_MAX_INSTANCES={fits} POOLCFG_MIN_INSTANCES={fits}");
    let commands = [
        format!("{WHY} /server default"),
        format!("{advised} {WHY} /server serve /hello.cwasm 8"),
        format!("POOLCFG_MIN_INSTANCES=1000 {WHY} /slot-server --self-test 8"),
        format!("{WHY} /slot-server --self-test 8"),
    ];
    let commands = commands.each_ref().map(String::as_str);
    let outcomes = commands::run(kernel, "why", image, &commands).unwrap();
    let [default, served, asked, serves] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };

    let verdict = named(default, "hole", "mmap");
    assert_eq!(verdict["fits"]["slots"], fits, "{verdict:#}");
    let who = verdict["who"].as_str().unwrap();
    assert!(who.starts_with("server (Wasmtime 48"), "{who}");
    let pool = ": its memory pool, 1000 slots of 4 GiB with 32 MiB of guard";
    assert!(who.ends_with(pool), "{who}");
    let help = verdict["help"][0].as_str().unwrap();
    assert!(help.contains(&format!("`{advised}`")), "{help}");

    let said = served.succeeded().unwrap();
    assert!(said.starts_with(&format!("instances: {fits}\n")), "{said}");
    assert!(said.contains("answered: 8\n"), "{said}");
    assert_eq!(result(served)["verdict"], Value::Null);

    // The runtime tries what fits, and names the limit itself.
    named(asked, "hole", "mmap");
    assert!(asked.stderr.contains("`hole`"), "{asked:?}");
    serves.succeeded().unwrap();
    assert_eq!(result(serves)["verdict"], Value::Null);
}

/// Settings of the kernel, and back.
const FEW_MAPS: &str = "/proc/sys/vm/max_map_count=400";
const MANY_MAPS: &str = "/proc/sys/vm/max_map_count=65530";
const COMMIT: &str = "/proc/sys/vm/overcommit_memory=2";
const NO_COMMIT: &str = "/proc/sys/vm/overcommit_memory=0";

/// A cgroup of 32 MiB with one in it, in which all is from there on.
const CGROUP: &str = "/sys/fs/cgroup/cgroup.subtree_control=+memory \
                      /sys/fs/cgroup/small/memory.max=33554432 \
                      /sys/fs/cgroup/small/cgroup.subtree_control=+memory \
                      /sys/fs/cgroup/small/own/cgroup.procs=0";

#[test]
#[ignore = "needs compilers, emulators, kernels and a built Wasmtime: cargo xtask test"]
fn limits_of_the_machine_are_named() {
    let kernel = kernel("va48");
    let architecture = kernel.architecture;
    let Some(server) = server(architecture) else {
        return;
    };
    let image = Image::new(architecture)
        .file("server", &server)
        .file("slot-server", &programs::example(architecture))
        .file("poolcfg", &programs::distributed(architecture));
    let commands = [
        format!("{WHY} /server default"),
        format!("{FEW_MAPS} {WHY} /server default"),
        format!("POOLCFG_MIN_INSTANCES=1000 {WHY} /slot-server --self-test 8"),
        format!("{MANY_MAPS} {COMMIT} {WHY} /server default"),
        format!("{WHY} /slot-server --self-test 8"),
        format!("{NO_COMMIT} {CGROUP} {WHY} /init fill 4"),
        format!("{WHY} /init fill 256"),
    ];
    let commands = commands.each_ref().map(String::as_str);
    let outcomes = commands::run(kernel, "why", image, &commands).unwrap();
    let [works, maps, asked, commit, serves, fits, full] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(result(works)["verdict"], Value::Null);
    works.succeeded().unwrap();
    let verdict = named(maps, "max_map_count", "mprotect");
    assert_eq!(verdict["have"], 400, "{verdict:#}");
    named(commit, "commit_limit", "mmap");
    // The runtime asks before it maps: no call fails, and it names the limit itself.
    assert_eq!(result(asked)["failures"], Value::Array(Vec::new()));
    assert!(asked.stderr.contains("vm.max_map_count"), "{asked:?}");
    // It commits no more than it uses.
    assert_eq!(result(serves)["verdict"], Value::Null);
    serves.succeeded().unwrap();
    // The limit is that of the cgroup above its own.
    fits.succeeded().unwrap();
    assert_eq!(result(fits)["verdict"], Value::Null);
    assert_eq!(full.status, "exit status: 137");
    let verdict = &result(full)["verdict"];
    assert_eq!(verdict["limit"], "memory_cgroup", "{verdict:#}");
    assert_eq!(verdict["have"], 32 << 20, "{verdict:#}");
}
