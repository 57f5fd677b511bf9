//! The original failure, repaired where it happened: on the smallest kernels of riscv64 and aarch64 a server with
//! Wasmtime in it does not start with the pool that Wasmtime has by default; with limits from poolcfg.toml the same
//! binary starts and serves out of its pool; and told to have one instance more than fits, it explains itself.

use std::fs;
use std::path::Path;

use poolcfg_core::Size;
use poolcfg_tests::variable;
use poolcfg_tests_wasmtime::command::{Folder, number};
use poolcfg_tests_wasmtime::component;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::setup::output;

use crate::commands;
use crate::initramfs::Image;
use crate::kernel::{Architecture, Kernel, held_floors};

/// What upstream reserves for its memories by default: <https://github.com/wasmCloud/wasmCloud/issues/5066>
const DEFAULT: &str = "error: failed to create memory pool mapping: mmap failed to reserve \
                       0x3efd2000000 bytes: Cannot allocate memory (os error 12)\n";

const REQUESTS: u32 = 1000;

/// What the server is built without, and compiled code is to be made without.
const FEATURES_OFF: &str = "concurrency-support=n,exceptions=n,gc-support=n,threads=n";

/// What our command says of the server for a target; a folder, as an operator would have it.
pub(crate) fn settings(architecture: &Architecture) -> Folder {
    let file = include_str!("../../server/poolcfg.toml");
    Folder::new(file, &["--target", architecture.target]).unwrap()
}

/// The component, compiled on this machine for the target and with the pool's tunables.
pub(crate) fn compiled(architecture: &Architecture, settings: &Folder) -> Vec<u8> {
    let file = settings.write("hello.cwasm", "").unwrap();
    let mut compile = Release::of_embedder().command("compile");
    compile
        .args(["--target", architecture.target, "-W", FEATURES_OFF])
        .arg("--config")
        .arg(settings.config().unwrap())
        .arg("-o")
        .arg(&file)
        .arg(component::build().unwrap());
    output(&mut compile).unwrap();
    fs::read(&file).unwrap()
}

fn the_failure_is_repaired(servers: &Path, kernel: &'static Kernel) {
    let architecture = kernel.architecture;
    let server = servers.join(architecture.target).join("release/server");
    let settings = settings(architecture);
    let image = Image::new(architecture)
        .file("server", &fs::read(server).unwrap())
        .file("hello.cwasm", &compiled(architecture, &settings));

    let result = settings.result().unwrap();
    assert_eq!(result["va_profile"], kernel.profile);
    let fits = number(&result, "/limits/max_instances").unwrap();
    let reserved = number(&result, "/footprint/mappings/0/bytes").unwrap();
    let slot = number(&result, "/limits/memory_reservation").unwrap()
        + number(&result, "/limits/guard_size").unwrap();

    let what_fits = format!("POOLCFG_MAX_INSTANCES={fits} POOLCFG_MIN_INSTANCES={fits}");
    let commands = [
        "/server default".to_owned(),
        format!("/server serve /hello.cwasm {REQUESTS}"),
        format!(
            "POOLCFG_MIN_INSTANCES={} /server serve /hello.cwasm 1",
            fits + 1
        ),
        format!("{what_fits} /server serve /hello.cwasm 8"),
    ];
    let commands = commands.each_ref().map(String::as_str);
    let outcomes = commands::run(kernel, "server", image, &commands).unwrap();
    let [default, ours, one_more, as_told] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    let refused = "exit status: 1";

    assert_eq!((&*default.status, &*default.stderr), (refused, DEFAULT));

    let served = |requests: u32| {
        format!(
            "instances: {fits}\nreserved: {reserved}\nanswered: {requests}\nheld: {fits}\n\
             in the range: true\n\
             one more: maximum concurrent limit of {fits} for component instances reached\n"
        )
    };
    assert_eq!(ours.succeeded().unwrap(), served(REQUESTS));
    assert_eq!(ours.stderr, "");

    // What is needed, the limit in the way and what it has, which ASLR decides, and what would fit.
    let needs = Size::bytes(reserved + slot);
    let needs = format!(
        "error: pool needs `{}` in one piece, but the largest `hole` has `",
        needs.needed()
    );
    let told = format!(
        "start with `POOLCFG_MAX_INSTANCES={fits}` and `POOLCFG_MIN_INSTANCES={fits}`, or build for"
    );
    assert_eq!(one_more.status, refused);
    assert!(one_more.stderr.starts_with(&needs), "{}", one_more.stderr);
    assert!(one_more.stderr.contains(&told), "{}", one_more.stderr);
    assert_eq!(as_told.succeeded().unwrap(), served(8));
}

#[test]
#[ignore = "needs compilers, emulators, kernels and a built Wasmtime: cargo xtask test"]
fn the_default_fails_ours_serves_and_one_instance_more_explains_itself() {
    let servers = variable("POOLCFG_SERVER");
    // `cargo xtask test` says that this is left out.
    if servers.as_os_str().is_empty() {
        return;
    }
    for kernel in held_floors() {
        the_failure_is_repaired(&servers, kernel);
    }
}
