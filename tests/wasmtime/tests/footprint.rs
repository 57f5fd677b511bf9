//! The footprint against what real commands map: byte for byte, and mapping for mapping.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::thread;

use poolcfg_tests_wasmtime::command::{Folder, HOST};
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::trace::{Trace, trace};
use proptest::option::of;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Configurations of each command.
const CASES: u32 = 250;

/// Another seed asks about other configurations.
const SEED: u8 = 42;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A poolcfg.toml. What is `None` is left to the defaults.
#[derive(Clone, Debug)]
struct File {
    max_instances: u32,
    memory_reservation: Option<u64>,
    /// In thousandths of the reservation.
    max_memory_size: Option<u64>,
    guard_size: Option<u64>,
    stack_reservation: Option<u64>,
    /// In thousandths of the stack.
    max_wasm_stack: Option<u64>,
    guard_before_linear_memory: Option<bool>,
    memories_per_instance: Option<u32>,
    tables_per_instance: Option<u32>,
    core_instances_per_instance: Option<u32>,
    gc_heaps_per_instance: Option<u32>,
    table_elements: Option<u32>,
    memory_protection_keys: Option<u32>,
    /// Whether the command gets a line of flags instead of a file.
    as_flags: bool,
}

/// Any file that is valid for every version.
fn files() -> impl Strategy<Value = File> {
    // The kernel and the processor have to have keys, or Wasmtime refuses them.
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let keys = if cpu.split_whitespace().any(|flag| flag == "ospke") {
        of(1..=15_u32).boxed()
    } else {
        Just(None).boxed()
    };
    let numbers = (
        prop_oneof![Just(1), 2..=20_u32, 1..=2000_u32],
        of(prop_oneof![
            (1..=64_u64).prop_map(|count| count * 64 * KIB),
            (1..=64 * KIB).prop_map(|count| count * 64 * KIB),
            (64 * KIB..=256 * KIB).prop_map(|count| count * 64 * KIB),
        ]),
        of(1..=1000_u64),
        of(prop_oneof![
            Just(0),
            (1..=1024_u64).prop_map(|count| count * 64 * KIB),
            1..=256 * MIB,
            Just(2 * GIB),
        ]),
        // Not 0: the command makes every call on a stack of the pool.
        of(prop_oneof![
            (1..=64_u64).prop_map(|count| count * 64 * KIB),
            4 * KIB..=4 * MIB,
        ]),
        of(1..=1000_u64),
        of(any::<bool>()),
    );
    let own = (
        of(1..=4_u32),
        of(1..=4_u32),
        of(1..=4_u32),
        of(1..=3_u32),
        of(prop_oneof![0..=3_u32, 0..=100_000_u32]),
        keys,
        any::<bool>(),
    );
    (numbers, own).prop_map(|(numbers, own)| File {
        max_instances: numbers.0,
        memory_reservation: numbers.1,
        max_memory_size: numbers.2,
        guard_size: numbers.3,
        stack_reservation: numbers.4,
        max_wasm_stack: numbers.5,
        guard_before_linear_memory: numbers.6,
        memories_per_instance: own.0,
        tables_per_instance: own.1,
        core_instances_per_instance: own.2,
        gc_heaps_per_instance: own.3,
        table_elements: own.4,
        memory_protection_keys: own.5,
        as_flags: own.6,
    })
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn line<T: fmt::Display>(
            f: &mut fmt::Formatter<'_>,
            key: &str,
            value: Option<T>,
        ) -> fmt::Result {
            match value {
                Some(value) => writeln!(f, "{key} = {value}"),
                None => Ok(()),
            }
        }
        let thousandths = |whole: u64, count: u64| (whole * count).div_ceil(1000);
        let reservation = self.memory_reservation.unwrap_or(4 * GIB);
        let stack = self.stack_reservation.unwrap_or(2 * MIB);
        // A heap grows by pages, and one that has none is refused.
        let least = self.gc_heaps_per_instance.map_or(0, |_| 64 * KIB);
        let memory = self
            .max_memory_size
            .map(|of| thousandths(reservation, of).max(least));
        let wasm = self
            .max_wasm_stack
            // Wasmtime's own default is 512 KiB, which a small stack does not hold.
            .or((stack < 512 * KIB).then_some(1000))
            .map(|of| thousandths(stack, of));
        writeln!(f, "[pooling_allocator]")?;
        writeln!(f, "engine = \"wasmtime\"\non_misfit = \"shrink\"")?;
        line(f, "max_instances", Some(self.max_instances))?;
        line(f, "memory_reservation", self.memory_reservation)?;
        line(f, "max_memory_size", memory)?;
        line(f, "guard_size", self.guard_size)?;
        line(f, "stack_reservation", self.stack_reservation)?;
        writeln!(f, "[pooling_allocator.wasmtime]")?;
        writeln!(
            f,
            "features = [\"async\", \"component-model\", \"gc\", \"memory-protection-keys\"]"
        )?;
        line(f, "max_wasm_stack", wasm)?;
        line(
            f,
            "guard_before_linear_memory",
            self.guard_before_linear_memory,
        )?;
        line(f, "memories_per_instance", self.memories_per_instance)?;
        line(f, "tables_per_instance", self.tables_per_instance)?;
        line(
            f,
            "core_instances_per_instance",
            self.core_instances_per_instance,
        )?;
        line(f, "gc_heaps_per_instance", self.gc_heaps_per_instance)?;
        line(f, "table_elements", self.table_elements)?;
        line(f, "memory_protection_keys", self.memory_protection_keys)
    }
}

fn compare(release: &Release, file: &File) -> Result<(), String> {
    let toml = format!("{file}version = \"{}\"\n", release.version);
    let compared = || {
        let folder = Folder::new(&toml, &["--target", HOST])?;
        let said = Trace::said(&folder.result()?)?;
        let settings = if file.as_flags {
            let flags = folder.emit("wasmtime-flags")?;
            flags.split_whitespace().map(OsString::from).collect()
        } else {
            vec!["--config".into(), folder.config()?.into()]
        };
        let made = trace(release, &settings)?;
        if said != made {
            return Err(format!("said {said:?}\nmade {made:?}"));
        }
        Ok(())
    };
    compared().map_err(|error| format!("{toml}{error}"))
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn the_footprint_is_what_real_commands_map() {
    let releases = Release::all();
    println!("seed {SEED}");
    let failures: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = releases
            .iter()
            .zip(SEED..)
            .map(|(release, seed)| {
                scope.spawn(move || {
                    let config = Config {
                        cases: CASES,
                        failure_persistence: None,
                        ..Config::default()
                    };
                    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
                    TestRunner::new_with_rng(config, random)
                        .run(&files(), |file| {
                            compare(release, &file).map_err(TestCaseError::fail)
                        })
                        .map_err(|error| error.to_string())
                })
            })
            .collect();
        releases
            .iter()
            .zip(workers)
            .filter_map(|(release, worker)| match worker.join().unwrap() {
                Ok(()) => {
                    println!("wasmtime {}: {CASES} configurations", release.version);
                    None
                }
                Err(error) => Some(format!("wasmtime {}: {error}", release.version)),
            })
            .collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
