//! Pools of one file in fresh processes of this kernel, in every order and with 8 MiB mapped between any two starts. The
//! engines are made up: they map as Wasmtime does, in its order.

use std::env;
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use poolcfg_core::{
    AddressSpaceKeys, Aslr, Engine, MappingName, OnMisfit, PoolKeys, Setting, Settings, Size,
    Target, WasmtimeVersion,
};

use crate::recheck::slabs::slab_bytes;
use crate::sys::OwnedMapping;
use crate::{Checked, PoolLimits, Reserved, WasmtimeLimits};

/// The pools of a file: name, slots, GiB of each, engine.
type PoolRows = &'static [(&'static str, u32, u64, Engine)];

/// One that only the largest hole holds, one that lies in all of them, and two engines.
const FOUR: PoolRows = &[
    ("single", 1, 56 << 10, Engine::Native),
    ("many", 40, 1 << 10, Engine::Native),
    ("engine", 1000, 4, Engine::Wasmtime),
    ("other", 200, 16, Engine::Wasmtime),
];

const TWO: PoolRows = &[
    ("a", 1, 60 << 10, Engine::Native),
    ("b", 50, 1 << 10, Engine::Native),
];

/// The first engine finds a place in the upper hole, which nothing but `upper` may have.
const ENGINES: PoolRows = &[
    ("lower", 1, 60 << 10, Engine::Native),
    ("upper", 1, 38 << 10, Engine::Native),
    ("engine", 80, 256, Engine::Wasmtime),
    ("other", 200, 16, Engine::Wasmtime),
];

/// What says in a child which pools start in which order.
const ORDER: &str = "POOLCFG_TEST_ORDER";

/// A pool that has started, as long as it is kept.
#[derive(Default)]
struct KeptStart {
    reserved: Vec<Reserved>,
    checked: Vec<Checked>,
    mapped: Vec<OwnedMapping>,
}

fn settings(file: PoolRows) -> Settings<'static> {
    let names: Vec<&'static str> = file.iter().map(|pool| pool.0).collect();
    let aslr = if std::ptr::eq(file, ENGINES) {
        Aslr::Minimum
    } else {
        Aslr::Maximum
    };
    let mut settings = Settings::new(&names, &[]).address_space(AddressSpaceKeys {
        aslr: Some(Setting::given(aslr)),
        ..AddressSpaceKeys::EMPTY
    });
    for (at, (_, slots, gib, engine)) in file.iter().enumerate() {
        let mut keys = PoolKeys {
            engine: Some(Setting::given(*engine)),
            max_instances: Some(Setting::given(*slots)),
            memory_reservation: Some(Setting::given(Size::gib(*gib))),
            max_memory_size: Some(Setting::given(Size::mib(1))),
            on_misfit: Some(Setting::given(OnMisfit::Error)),
            ..PoolKeys::EMPTY
        };
        if *engine == Engine::Wasmtime {
            keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(48)));
        }
        settings = settings.pool(at, keys);
    }
    settings
}

fn map(bytes: Size) -> OwnedMapping {
    OwnedMapping::reserve(bytes).expect("there is room for the process")
}

fn native(file: PoolRows, at: usize) -> PoolLimits {
    PoolLimits::new(settings(file).promise(Target::CURRENT, at))
}

fn wasmtime(file: PoolRows, at: usize) -> WasmtimeLimits {
    WasmtimeLimits::new(settings(file).promise(Target::CURRENT, at))
}

/// Makes an engine: its three mappings, and something small before each.
fn make(checked: &Checked) -> Vec<OwnedMapping> {
    let held = checked.hold();
    let limits = checked.limits();
    let mut mapped = Vec::new();
    for name in [
        MappingName::Memories,
        MappingName::Tables,
        MappingName::Stacks,
    ] {
        mapped.push(map(Size::kib(64)));
        let bytes = slab_bytes(&limits, name, limits.max_instances, Size::kib(4));
        mapped.push(OwnedMapping::reserve(bytes).expect("the engine's place is free"));
    }
    drop(held);
    mapped
}

impl KeptStart {
    fn start(&mut self, file: PoolRows, at: usize) {
        self.mapped.push(map(Size::mib(8)));
        match file[at].3 {
            Engine::Native => {
                let limits = native(file, at);
                let reserved = limits.recheck().expect("it is guaranteed");
                assert!(reserved.instances() >= limits.guaranteed().max_instances);
                self.reserved.push(reserved);
            }
            Engine::Wasmtime => {
                let checked = wasmtime(file, at).recheck().expect("it is guaranteed");
                self.mapped.push(map(Size::mib(8)));
                self.mapped.extend(make(&checked));
                self.checked.push(checked);
            }
        }
    }
}

fn order() -> Vec<usize> {
    let order = env::var(ORDER).expect("the test above says it");
    let digits = order.bytes().map(|digit| usize::from(digit - b'0'));
    digits.collect()
}

/// Runs one of the ignored tests in so many fresh processes.
fn in_processes(test: &str, order: &str, count: usize) {
    for _ in 0..count {
        let program = env::current_exe().expect("a test knows its own program");
        let output = Command::new(program)
            .args([
                &format!("recheck::order::tests::{test}"),
                "--exact",
                "--ignored",
            ])
            .args(["--nocapture", "--test-threads=1"])
            .env(ORDER, order)
            .output()
            .expect("it runs again");
        let said = String::from_utf8_lossy(&output.stderr);
        let ran = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{test} {order}: {said}{ran}");
        assert!(ran.contains("1 passed"), "{test} {order}: {ran}");
    }
}

#[test]
#[ignore = "run by the tests below"]
fn start_four() {
    let mut started = KeptStart::default();
    for at in order() {
        started.start(FOUR, at);
    }
}

#[test]
#[ignore = "run by the tests below"]
fn start_two() {
    let mut started = KeptStart::default();
    for at in order() {
        started.start(TWO, at);
    }
}

/// Both engines are rechecked before the first is made, in this order and the other way round.
#[test]
#[ignore = "run by the tests below"]
fn check_first() {
    let mut started = KeptStart::default();
    let order = order();
    let check = |at: &usize| {
        let checked = wasmtime(ENGINES, *at).recheck();
        checked.expect("it is guaranteed")
    };
    let mut checked: Vec<Checked> = order.iter().map(check).collect();
    started.start(ENGINES, 1);
    while let Some(engine) = checked.pop() {
        started.mapped.push(map(Size::mib(8)));
        started.mapped.extend(make(&engine));
        started.checked.push(engine);
    }
    started.start(ENGINES, 0);
}

/// The same on two threads at once.
#[test]
#[ignore = "run by the tests below"]
fn check_on_two_threads() {
    let both = Barrier::new(2);
    let engine = |at: usize| {
        let checked = wasmtime(ENGINES, at).recheck().expect("it is guaranteed");
        both.wait();
        (make(&checked), checked)
    };
    let mut started = KeptStart::default();
    thread::scope(|scope| {
        let threads = order()
            .into_iter()
            .map(|at| scope.spawn(move || engine(at)));
        let threads: Vec<_> = threads.collect();
        for thread in threads {
            let (mapped, checked) = thread.join().expect("it does not panic");
            started.mapped.extend(mapped);
            started.checked.push(checked);
        }
    });
    started.start(ENGINES, 1);
    started.start(ENGINES, 0);
}

#[test]
fn pools_start_in_every_order() {
    for first in 0..4 {
        for second in (0..4).filter(|at| *at != first) {
            let rest: Vec<_> = (0..4).filter(|at| ![first, second].contains(at)).collect();
            for [third, last] in [[rest[0], rest[1]], [rest[1], rest[0]]] {
                in_processes("start_four", &format!("{first}{second}{third}{last}"), 2);
            }
        }
    }
    for order in ["01", "10"] {
        in_processes("start_two", order, 8);
    }
}

#[test]
fn engines_may_be_made_long_after_their_rechecks() {
    // Where ASLR reaches farther, the upper hole is not promised.
    let bits = std::fs::read_to_string("/proc/sys/vm/mmap_rnd_bits");
    if bits.map_or(true, |bits| bits.trim() != "28") {
        return;
    }
    for order in ["23", "32"] {
        in_processes("check_first", order, 8);
        in_processes("check_on_two_threads", order, 8);
    }
}
