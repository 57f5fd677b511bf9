//! What the build guarantees under limits of the process, the start finds: both ask for one sum. Holes decide nothing
//! here.

use std::fmt::Write as _;

use poolcfg_core::{AddressSpaceKeys, HEADROOM_MAPS, WasmtimeKeys};

use super::*;
use crate::machine::live_pools::Took;
use crate::sys::wide;

/// Keys of one pool: few slots or tens of thousands.
fn keys() -> impl Strategy<Value = PoolKeys> {
    let instances = prop_oneof![1u32..100, 1u32..30_000];
    (
        (instances, 1u64..1 << 12, 1u64..600, 1u64..100),
        [0u64..300, 0u64..3000],
        1u32..4,
        [any::<bool>(); 3],
    )
        .prop_map(
            |((instances, grains, guard, part), [table, stack], pools, flags)| {
                let [is_wasmtime, shrinks, keeps_instances] = flags;
                let kib = |kib| Some(Setting::given(Size::kib(kib)));
                let mut keys = PoolKeys {
                    max_instances: Some(Setting::given(instances)),
                    memory_reservation: kib(64 * grains),
                    max_memory_size: kib(64 * grains.div_ceil(part)),
                    guard_size: kib(64 * guard),
                    stack_reservation: kib(stack + 1024),
                    pools: Some(Setting::given(pools)),
                    ..PoolKeys::EMPTY
                };
                if shrinks {
                    keys.on_misfit = Some(Setting::given(OnMisfit::Shrink));
                }
                if keeps_instances {
                    keys.keep = Some(Setting::given(Keep::MaxInstances));
                }
                if is_wasmtime {
                    keys.engine = Some(Setting::given(Engine::Wasmtime));
                    keys.wasmtime = WasmtimeKeys {
                        version: Some(Setting::given(WasmtimeVersion::major(48))),
                        ..WasmtimeKeys::EMPTY
                    };
                } else {
                    keys.table_reservation = kib(table);
                }
                keys
            },
        )
}

/// A process in which pools have been started.
struct StartedProcess {
    machine: Made,
    /// What each of them holds, as long as it lives.
    taken: Vec<Taken<Block>>,
    rlimit_as: Option<Size>,
    /// Mappings, and bytes of address space and of data that are no pool's.
    own: (u64, u64),
    /// Whether Wasmtime's slots are all in use.
    is_busy: bool,
}

impl StartedProcess {
    fn new(case: &poolcfg_core::ResolvedProcess<'_>, own: u64, is_busy: bool) -> Self {
        let limits = case.budget.limits;
        let mut machine = Made::new(&[Size::bytes(u64::MAX / 2)]);
        let maps = limits.max_map_count.unwrap().to_string();
        machine.texts.insert("/proc/sys/vm/max_map_count", maps);
        for (resource, limit) in [
            (Resource::AddressSpace, limits.rlimit_as),
            (Resource::Data, limits.rlimit_data),
        ] {
            machine.limits.extend(limit.map(|limit| (resource, limit)));
        }
        // As much of the headroom as the process takes itself.
        let part = |all: u64| all / 16 * own;
        Self {
            machine,
            taken: Vec::new(),
            rlimit_as: limits.rlimit_as,
            own: (part(HEADROOM_MAPS), part(case.budget.headroom.get())),
            is_busy,
        }
    }

    /// What the kernel tells of the process: the pools of Wasmtime's are in it, and nobody knows where.
    fn tell(&mut self) {
        let (maps, mut data) = self.own;
        let mut text = String::new();
        for map in 0..maps {
            let _ = writeln!(text, "{map:x}000-{map:x}001 rw-p 0 00:00 0");
        }
        let mut end = maps << 12;
        for taken in &self.taken {
            let footprint = taken.limits.footprint(taken.page_size).unwrap();
            let [_, tables, stacks] = footprint.mappings.map(|mapping| mapping.bytes.get());
            let of_wasmtime = taken.limits.wasmtime.is_some();
            let maps = match (of_wasmtime, self.is_busy) {
                (false, _) => continue,
                (true, false) => {
                    data += tables + stacks;
                    footprint.maps_at_start
                }
                (true, true) => {
                    data += footprint.writable.get();
                    footprint.maps_at_worst
                }
            };
            let sizes = footprint.mappings.map(|mapping| mapping.bytes.get());
            end = rows(&mut text, end, maps, sizes);
        }
        let reserved = *self.machine.used.borrow();
        let size = self.own.1 + reserved;
        let status = format!("VmSize: {} kB\nVmData: {} kB\n", size >> 10, data >> 10);
        self.machine.texts.insert("/proc/self/status", status);
        self.machine.texts.insert("/proc/self/maps", text);
        self.machine.address_space = self.rlimit_as.map(|limit| limit.get() - self.own.1);
    }

    fn start(&mut self, promise: &Promise<'static>) -> Result<(), RecheckError> {
        self.tell();
        let taken = recheck(&self.machine, promise, GUARANTEED)?;
        let one = Limits {
            pools: 1,
            ..taken.limits
        };
        let footprint = one.footprint(taken.page_size).unwrap();
        let place = u64::MAX / 4 + wide(self.taken.len());
        self.machine.holdings.push(Holding {
            name: Some(promise.name),
            ranges: match one.wasmtime {
                Some(_) => Vec::new(),
                None => std::iter::once(place..place + 1).collect(),
            },
            took: Some(Took {
                limits: one,
                is_all: taken.is_all,
            }),
            unmapped: None,
            maps_at_worst: footprint.maps_at_worst,
            writable_at_worst: footprint.writable,
        });
        let mut slabs = taken.slabs;
        if one.wasmtime.is_some() {
            // The engine maps by itself, and nothing to spare.
            drop(slabs);
            let sizes = footprint.mappings.map(|mapping| mapping.bytes);
            let sizes = sizes.into_iter().filter(|bytes| !bytes.is_zero());
            let mapped = sizes.map(|bytes| self.machine.reserve(bytes).expect("it has a place"));
            slabs = Slabs {
                memories: mapped.collect(),
                ..Slabs::NONE
            };
        }
        self.taken.push(Taken {
            limits: one,
            slabs,
            ..taken
        });
        Ok(())
    }
}

/// Lines of mappings of these sizes behind one another, which are in so many maps together; where the last of them ends.
fn rows(text: &mut String, mut end: u64, mut maps: u64, sizes: [u64; 3]) -> u64 {
    for (at, bytes) in sizes.into_iter().enumerate() {
        if bytes == 0 {
            continue;
        }
        let to_come = wide(sizes[at + 1..].iter().filter(|bytes| **bytes > 0).count());
        let here = (maps - to_come).min(bytes >> 12);
        maps -= here;
        let start = end + 0x10_0000;
        end = start + bytes;
        for map in 0..here {
            let from = start + (map << 12);
            let to = if map + 1 == here { end } else { from + 0x1000 };
            let _ = writeln!(text, "{from:x}-{to:x} ---p 0 00:00 0");
        }
    }
    end
}

proptest! {
    #![proptest_config(ProptestConfig {
        // An emulator needs a while for each.
        cases: ProptestConfig::default().cases.min(100),
        max_global_rejects: 1 << 20,
        ..ProptestConfig::default()
    })]

    /// Every pool of a file starts with its guarantee, in the file's order and in the reversed one, beside a process
    /// that takes up to all that it is left.
    #[test]
    fn what_the_build_guarantees_starts_under_the_same_limits(
        pools in prop::collection::vec(keys(), 1..5),
        limits in [prop::option::of(1u64..1 << 20), prop::option::of(1u64..1 << 20)],
        max_map_count in prop_oneof![Just(65_530u32), 3000u32..1 << 18],
        own in 0u64..=16,
        is_busy in any::<bool>(),
    ) {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let limits = limits.map(|limit| {
            limit.map(|mib| Setting::given(Some(Size::mib(256 + mib))))
        });
        let mut settings = Settings::new(&NAMES[..pools.len()], &[]).address_space(AddressSpaceKeys {
            rlimit_as: limits[0],
            rlimit_data: limits[1],
            max_map_count: Some(Setting::given(max_map_count)),
            ..AddressSpaceKeys::EMPTY
        });
        for (index, keys) in pools.iter().enumerate() {
            settings = settings.pool(index, *keys);
        }
        let Ok(case) = settings.resolve(TARGET) else {
            return Err(TestCaseError::reject("a fault"));
        };
        let plan = Plan::new(&case);
        if plan.misfit.is_some() {
            return Err(TestCaseError::reject("a misfit"));
        }
        let in_order: Vec<usize> = (0..pools.len()).collect();
        let reversed: Vec<usize> = in_order.iter().rev().copied().collect();
        for order in [in_order, reversed] {
            let mut process = StartedProcess::new(&case, own, is_busy);
            for index in order {
                let promise = plan.promise(&case, index);
                for _ in 0..promise.guaranteed.pools {
                    let started = process.start(&promise);
                    prop_assert!(started.is_ok(), "{}: {}", promise.name, started.unwrap_err());
                }
            }
        }
    }
}

/// Two pools that share what mappings there may be: the first does not take what is the second's.
#[test]
fn the_first_of_two_pools_leaves_the_second_its_mappings() {
    let keys = PoolKeys {
        max_instances: Some(Setting::given(8000)),
        memory_reservation: Some(Setting::given(Size::gib(1))),
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        ..PoolKeys::EMPTY
    };
    let case = Settings::new(&["a", "b"], &[])
        .pooling_allocator(keys)
        .resolve(TARGET)
        .unwrap();
    let plan = Plan::new(&case);
    let mut process = StartedProcess::new(&case, 16, false);
    for index in 0..2 {
        let promise = plan.promise(&case, index);
        assert_eq!(promise.guaranteed.max_instances, 4533);
        process.start(&promise).unwrap();
        assert_eq!(process.taken[index].limits.max_instances, 4533);
    }
}

/// Under every limit at once, too.
#[test]
fn each_file_is_read_once_for_the_limits() {
    let mut machine = Made::new(&[Size::tib(1)])
        .with_text("/proc/sys/vm/max_map_count", "2000")
        .with_text("/proc/sys/vm/overcommit_memory", "2")
        .with_text(
            "/proc/meminfo",
            "CommitLimit: 8388608 kB\nCommitted_AS: 0 kB\n",
        )
        .with_text("/proc/self/status", "VmSize: 4096 kB\nVmData: 1024 kB\n")
        .with_text("/proc/self/maps", "1000-3000 rw-p 00000000 00:00 0 \n");
    for resource in [Resource::AddressSpace, Resource::Data] {
        machine.limits.push((resource, Size::gib(64)));
    }
    machine.holdings.push(Holding {
        ranges: std::iter::once(0x1000..0x3000).collect(),
        ..no_bytes_of("first")
    });
    let _bounds = ProcessBounds::read(
        &ProcFacts::new(&machine, &machine.holdings),
        &slots(1000),
        &[],
        Size::kib(4),
        Size::mib(512),
        &machine.holdings,
        Size::ZERO,
    );
    let mut read = machine.read.take();
    read.sort_unstable();
    for file in ["status", "maps"].map(|name| format!("/proc/self/{name}")) {
        let times = read.iter().filter(|path| **path == file).count();
        assert_eq!(times, 1, "{file}: {read:?}");
    }
}
