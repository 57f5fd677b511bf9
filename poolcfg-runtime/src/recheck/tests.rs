//! The decisions of a recheck, on machines that are made up: holes of given sizes in the order in which
//! they are searched, limits, texts of /proc and variables.

#[cfg(target_pointer_width = "64")]
mod causes;
#[cfg(target_pointer_width = "64")]
mod order;
#[cfg(target_pointer_width = "64")]
mod process;
#[cfg(target_pointer_width = "64")]
mod promises;
mod seen;
#[cfg(target_pointer_width = "64")]
mod suggestions;
mod sums;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::rc::Rc;

use poolcfg_core::{
    Arch, Budget, Engine, Keep, Limits, OnMisfit, Os, Plan, PoolKeys, Process, ProcessLimits,
    Promise, RelocationModel, Setting, Settings, Size, Switch, Target, WasmtimeVersion,
};
use proptest::prelude::*;

use super::*;
use crate::machine::ledger::Holding;
use crate::pool::reserved::{Warning, warnings};
use crate::recheck::kept::Kept;
use crate::recheck::misfit::{RecheckError, Unit};

/// What the promises are of: the decisions are the same wherever the tests run.
const TARGET: Target = Target::new(Arch::X86_64, Os::Linux, 64);

/// Free bytes of each hole; a mapping is placed at the end of what is free.
type Holes = Rc<RefCell<Vec<u64>>>;

#[derive(Default)]
pub(crate) struct Made {
    holes: Holes,
    /// 4 KiB when nothing is said.
    page_size: Option<Size>,
    /// All reservations together, as RLIMIT_AS counts them.
    address_space: Option<u64>,
    /// What every reservation fails with.
    refuses: Option<i32>,
    limits: Vec<(Resource, Size)>,
    texts: HashMap<&'static str, String>,
    /// Every file that was read.
    read: RefCell<Vec<String>>,
    variables: HashMap<String, String>,
    holdings: Vec<Holding>,
    stack_top: Option<u64>,
    used: Rc<RefCell<u64>>,
    kept: Kept<Block>,
}

pub(crate) struct Block {
    hole: usize,
    bytes: u64,
    holes: Holes,
    used: Rc<RefCell<u64>>,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.holes.borrow_mut()[self.hole] += self.bytes;
        *self.used.borrow_mut() -= self.bytes;
    }
}

const GUARANTEED: RecheckOptions = RecheckOptions::new();
const OR_SHRINK: RecheckOptions = GUARANTEED.or_shrink(true);

const ENOMEM: i32 = 12;
const EAGAIN: i32 = 11;
const EPERM: i32 = 1;

impl Machine for Made {
    type Mapping = Block;

    fn target(&self) -> Target {
        Target::CURRENT
    }

    fn relocation_model(&self) -> Option<RelocationModel> {
        Some(RelocationModel::Pie)
    }

    fn reserve(&self, bytes: Size) -> io::Result<Block> {
        if let Some(errno) = self.refuses {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let bytes = bytes.get();
        let out_of_memory = || io::Error::from_raw_os_error(ENOMEM);
        let used = *self.used.borrow();
        if self.address_space.is_some_and(|most| bytes > most - used) {
            return Err(out_of_memory());
        }
        let mut holes = self.holes.borrow_mut();
        let hole = holes.iter().position(|free| *free >= bytes);
        let hole = hole.ok_or_else(out_of_memory)?;
        holes[hole] -= bytes;
        *self.used.borrow_mut() += bytes;
        Ok(Block {
            hole,
            bytes,
            holes: Rc::clone(&self.holes),
            used: Rc::clone(&self.used),
        })
    }

    fn reserve_at(&self, _start: u64, _bytes: Size) -> io::Result<Block> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn address(&self, mapping: &Block) -> u64 {
        self.holes.borrow()[mapping.hole]
    }

    fn bytes(&self, mapping: &Block) -> Size {
        Size::bytes(mapping.bytes)
    }

    fn kept(&self) -> &Kept<Block> {
        &self.kept
    }

    fn text(&self, path: &str) -> Option<String> {
        self.read.borrow_mut().push(path.to_owned());
        self.texts.get(path).cloned()
    }

    fn limit(&self, resource: Resource) -> Option<Size> {
        let limit = self.limits.iter().find(|(of, _)| *of == resource)?;
        Some(limit.1)
    }

    fn page_size(&self) -> Size {
        self.page_size.unwrap_or(Size::kib(4))
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).map(OsString::from)
    }

    fn variables(&self) -> Vec<String> {
        self.variables.keys().cloned().collect()
    }

    fn stack_top(&self) -> Option<u64> {
        self.stack_top
    }

    fn holdings(&self) -> Vec<Holding> {
        self.holdings.clone()
    }
}

impl Made {
    pub(crate) fn new(holes: &[Size]) -> Self {
        Self {
            holes: Rc::new(RefCell::new(holes.iter().map(|hole| hole.get()).collect())),
            ..Self::default()
        }
    }

    pub(crate) fn with_text(mut self, path: &'static str, text: &str) -> Self {
        self.texts.insert(path, text.to_owned());
        self
    }
}

fn slots(instances: u32) -> Limits {
    Limits {
        max_instances: instances,
        memory_reservation: Size::gib(4),
        max_memory_size: Size::mib(1),
        guard_size: Size::mib(32),
        guard_before: true,
        table_reservation: Size::ZERO,
        stack_reservation: Size::ZERO,
        pools: 1,
        wasmtime: None,
    }
}

/// The promise of a pool of Wasmtime's default slots.
fn of_wasmtime(major: u32, asked: u32, guaranteed: u32) -> Promise<'static> {
    let mut keys = PoolKeys {
        engine: Some(Setting::given(Engine::Wasmtime)),
        ..PoolKeys::EMPTY
    };
    keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(major)));
    let promise = Settings::new(&[], &[])
        .pooling_allocator(keys)
        .promise(TARGET, 0);
    let limits = promise.asked;
    Promise {
        asked: limits.with_instances(asked),
        guaranteed: limits.with_instances(guaranteed),
        headroom: Size::ZERO,
        process: Process::new(&[]),
        ..promise
    }
}

#[test]
fn wasmtime_gets_its_memories_in_one_piece_or_not_at_all() {
    // The holes of an sv39 process: what lies in two pieces for the native pool does not here.
    let machine = Made::new(&[Size::gib(82), Size::mib(174_760)]);
    let taken = recheck(&machine, &of_wasmtime(48, 1000, 30), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 42);
    assert_eq!(taken.slabs.memories.len(), 1);
    assert!(taken.slabs.tables.is_some() && taken.slabs.stacks.is_some());
    drop(taken);
    let misfit = misfit(recheck(&machine, &of_wasmtime(48, 43, 43), GUARANTEED));
    assert_eq!(misfit.limit, RecheckLimit::Hole);
    assert_eq!(misfit.mapping, Some(MappingName::Memories));
    assert_eq!(misfit.largest_fit.max_instances, Some(42));
    let said = misfit.to_string();
    let counts = "; each instance has up to 5 core instances, 1 memory, 3 tables";
    assert!(said.ends_with(counts), "{said}");
}

/// What one instance may have is what the build says, and the totals follow the instances that are taken.
#[test]
fn the_totals_of_wasmtime_follow_the_instances() {
    let totals = |variable: Option<&str>, tables: Option<u32>| {
        let variable = variable.map(|value| ("POOLCFG_MAX_INSTANCES".to_owned(), value.into()));
        let machine = Made {
            variables: variable.into_iter().collect(),
            ..Made::new(&[Size::tib(1)])
        };
        let mut promise = of_wasmtime(48, 100, 30);
        for limits in [&mut promise.asked, &mut promise.guaranteed] {
            let wasmtime = limits.wasmtime.as_mut().unwrap();
            wasmtime.tables_per_instance = tables.or(wasmtime.tables_per_instance);
        }
        let taken = recheck(&machine, &promise, GUARANTEED).unwrap().limits;
        let totals = taken.wasmtime.unwrap().totals(&taken).unwrap();
        (totals.memories, totals.tables, totals.core_instances)
    };
    assert_eq!(totals(None, None), (100, 300, 500));
    assert_eq!(totals(Some("7"), None), (7, 21, 35));
    // A build whose floor has room for one table each.
    assert_eq!(totals(None, Some(1)), (100, 100, 500));
}

#[test]
fn the_reservation_of_wasmtime_is_the_guaranteed_one_wherever_it_runs() {
    // Kept are the instances: more reservation than guaranteed would be refused by precompiled code.
    let promise = of_wasmtime(48, 10, 10);
    let promise = Promise {
        guaranteed: promise.asked.with_reservation(Size::gib(1)),
        keep: Keep::MaxInstances,
        ..promise
    };
    let machine = Made::new(&[Size::tib(1)]);
    let taken = recheck(&machine, &promise, GUARANTEED).unwrap();
    assert_eq!(taken.limits.memory_reservation, Size::gib(1));
    assert_eq!(taken.limits.max_instances, 10);
}

#[test]
fn before_27_tables_and_stacks_are_held_to_ram_and_swap() {
    let machine = || {
        Made::new(&[Size::tib(90)])
            .with_text("/proc/sys/vm/overcommit_memory", "0\n")
            .with_text("/proc/meminfo", "MemTotal: 1048576 kB\nSwapTotal: 0 kB\n")
    };
    let error = misfit(recheck(
        &machine(),
        &of_wasmtime(26, 1000, 1000),
        GUARANTEED,
    ));
    assert_eq!(error.limit, RecheckLimit::RamAndSwap);
    assert_eq!((error.need, error.have), (0x7d3e_8000, 1 << 30));
    assert_eq!(error.largest_fit.max_instances, Some(511));
    let taken = recheck(&machine(), &of_wasmtime(26, 1000, 500), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 511);
    let taken = recheck(&machine(), &of_wasmtime(27, 1000, 1000), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 1000);
}

/// Guaranteed slots of a version that keep pages, with this switch for the scan for written ones.
fn keeping(major: u32, scan: Switch) -> Promise<'static> {
    let mut promise = of_wasmtime(major, 4, 4);
    for limits in [&mut promise.asked, &mut promise.guaranteed] {
        let mut keys = PoolKeys::EMPTY;
        keys.wasmtime.memory_keep_resident = Some(Setting::given(Size::mib(2)));
        keys.wasmtime.pagemap_scan = Some(Setting::given(scan));
        keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(major)));
        keys.engine = Some(Setting::given(Engine::Wasmtime));
        let settings = Settings::new(&[], &[]).pooling_allocator(keys);
        let case = settings.case(TARGET).unwrap();
        limits.wasmtime = case.pools()[0].asked.wasmtime;
    }
    promise
}

#[test]
fn swap_is_warned_of_where_wasmtime_does_not_clear_what_is_in_it() {
    let header = "Filename Type Size Used Priority\n";
    let with_swap = Made::new(&[]).with_text(
        "/proc/swaps",
        &format!("{header}/dev/zram0 partition 2048 0 100\n"),
    );
    let without = Made::new(&[]).with_text("/proc/swaps", header);
    let warned = |machine: &Made, promise: &Promise<'static>| {
        warnings(machine, promise, &promise.guaranteed, promise.page_size)
    };
    for major in [37, 43, 48, 49] {
        let on = keeping(major, Switch::On);
        let [
            Warning::SwappedPages {
                swap,
                version,
                advisory,
                pool: "",
            },
        ] = warned(&with_swap, &on)[..]
        else {
            panic!("{major}: {:?}", warned(&with_swap, &on));
        };
        assert_eq!((swap, version.major), (Size::mib(2), major));
        assert_eq!(advisory.fixed_in, "50.0.0");
        assert_eq!(warned(&without, &on), [], "{major}");
        assert_eq!(
            warned(&with_swap, &keeping(major, Switch::Auto)),
            [],
            "{major}"
        );
    }
    assert_eq!(warned(&with_swap, &keeping(50, Switch::On)), []);
    let text = warned(&with_swap, &keeping(48, Switch::On))[0].to_string();
    assert_eq!(
        text,
        "the process may use `2 MiB` of swap, and with `pagemap_scan = true` Wasmtime 48 misses pages that were \
         swapped out, so the next instance reads what the one before left: build without it or with 50.0.0 or \
         later, or start with `MemorySwapMax=0`"
    );
}

fn promise(asked: u32, guaranteed: u32) -> Promise<'static> {
    Promise {
        asked: slots(asked),
        guaranteed: slots(guaranteed),
        min_instances: 1,
        keep: Keep::MemoryReservation,
        ..Settings::new(&[], &[]).promise(TARGET, 0)
    }
}

fn misfit(result: Result<Taken<Block>, RecheckError>) -> Misfit {
    match result {
        Err(RecheckError::Misfit(misfit)) => *misfit,
        Err(error) => panic!("{error}"),
        Ok(taken) => panic!("took {:?}", taken.limits),
    }
}

#[test]
fn what_is_asked_is_taken_where_it_fits() {
    let machine = Made::new(&[Size::tib(40), Size::tib(80)]);
    let taken = recheck(&machine, &promise(1000, 1000), GUARANTEED).unwrap();
    assert_eq!(taken.limits, slots(1000));
    assert_eq!(taken.slabs.memories.len(), 1);
}

/// A pool that is there, and has nothing that counts against others.
fn no_bytes_of(name: &'static str) -> Holding {
    Holding {
        name: Some(name),
        ranges: Vec::new(),
        took: None,
        unmapped: None,
        maps_at_worst: 0,
        writable_at_worst: Size::ZERO,
    }
}

#[test]
fn the_first_pool_leaves_the_second_what_it_is_guaranteed() {
    // An sv39 process, in which each of two pools is guaranteed 30 slots and asks for 1000.
    let of = |name| Promise {
        name,
        process: Process::new(&[("first", slots(30)), ("second", slots(30))]),
        ..promise(1000, 30)
    };
    let gib = |hundredths: u64| Size::bytes(hundredths * (1 << 30) / 100);
    let mut machine = Made::new(&[gib(8_200), gib(17_067)]);
    let first = recheck(&machine, &of("first"), GUARANTEED).unwrap();
    assert!(first.limits.max_instances >= 30);
    machine.holdings.push(no_bytes_of("first"));
    let second = recheck(&machine, &of("second"), GUARANTEED).unwrap();
    assert!(second.limits.max_instances >= 30);
}

#[test]
fn a_pool_that_is_gone_is_to_come_again() {
    let of = |name| Promise {
        name,
        process: Process::new(&[("first", slots(30)), ("second", slots(30))]),
        ..promise(1000, 30)
    };
    let mut machine = Made::new(&[Size::gib(80), Size::gib(170)]);
    machine.holdings.push(Holding {
        name: None,
        ..no_bytes_of("first")
    });
    let second = |machine: &Made| {
        let taken = recheck(machine, &of("second"), GUARANTEED).unwrap();
        taken.limits.max_instances
    };
    let beside_one_to_come = second(&machine);
    machine.holdings.push(no_bytes_of("first"));
    assert!(second(&machine) > beside_one_to_come);
}

#[test]
fn what_is_put_where_the_stack_grows_is_sought_elsewhere() {
    let keys = PoolKeys {
        max_instances: Some(Setting::given(1)),
        memory_reservation: Some(Setting::given(Size::mib(1))),
        guard_size: Some(Setting::given(Size::ZERO)),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::ZERO)),
        ..PoolKeys::EMPTY
    };
    let promise = Settings::new(&[], &[])
        .pooling_allocator(keys)
        .promise(TARGET, 0);
    // The highest free addresses come first, and the stack lies there.
    let machine = |mib| Made {
        stack_top: Some(Size::mib(mib).get()),
        ..Made::new(&[Size::mib(mib)])
    };
    let reserved = recheck(&machine(4096), &promise, GUARANTEED).unwrap();
    assert_eq!(reserved.limits.max_instances, 1);
    // All that there is is the stack's.
    assert!(recheck(&machine(9), &promise, GUARANTEED).is_err());
}

#[test]
fn an_sv39_process_holds_61_slots_in_two_pieces() {
    // What is promised of it, wherever ASLR puts things: the headroom is beside it.
    let least = Made::new(&[Size::mib(82_247), Size::mib(174_759)]);
    let taken = recheck(&least, &promise(61, 61), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 61);
    assert_eq!(taken.slabs.memories.len(), 2);
    // What a real one has, with a gibibyte left over in the end.
    let machine = Made::new(&[Size::gib(82), Size::mib(174_760)]);
    let taken = recheck(&machine, &promise(1000, 61), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 62);
    assert_eq!(taken.slabs.memories.len(), 2);
}

#[test]
fn slots_lie_in_as_many_pieces_as_a_process_has_holes() {
    // An x86_64 process with an unlimited stack limit has three: 10, 7 and 5 slots, less one for a gibibyte
    // that is left over.
    let machine = Made::new(&[Size::gib(41), Size::gib(29), Size::gib(21)]);
    let taken = recheck(&machine, &promise(1000, 1), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 21);
    assert_eq!(taken.slabs.memories.len(), 3);
}

#[test]
fn the_headroom_does_not_keep_a_hole_empty_that_is_too_small_for_it() {
    // Placed last it leaves 10 and 5 slots; placed first, 8, 7 and 1.
    let machine = Made::new(&[Size::gib(41), Size::gib(29), Size::gib(5)]);
    let promise = Promise {
        headroom: Size::gib(8),
        ..promise(1000, 1)
    };
    let taken = recheck(&machine, &promise, GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 16);
    drop(taken);
    assert_eq!(*machine.used.borrow(), 0);
}

#[test]
fn less_than_guaranteed_names_the_hole_and_what_fits() {
    let machine = Made::new(&[Size::gib(20), Size::gib(100)]);
    let misfit = misfit(recheck(&machine, &promise(50, 42), GUARANTEED));
    assert_eq!(misfit.limit, RecheckLimit::Hole);
    assert_eq!(misfit.limits, slots(42));
    // 42 slots of 4 GiB + 32 MiB, and a guard.
    assert_eq!(misfit.need, 42 * ((4 << 30) + (32 << 20)) + (32 << 20));
    // 24 in the larger hole and 4 in the other.
    assert_eq!(misfit.have, 28 * ((4 << 30) + (32 << 20)) + (32 << 20));
    assert_eq!(misfit.holes, [Size::gib(100), Size::gib(20)]);
    assert_eq!(misfit.largest_fit.max_instances, Some(28));
    let text = misfit.to_string();
    assert!(
        text.starts_with(
            "pool needs `169.35 GiB` in slots of `4.04 GiB`; the largest `hole` has `100 GiB`, the \
             next one `20 GiB`, and the build counts on "
        ),
        "{text}"
    );
    assert_eq!(*machine.used.borrow(), 0);
    let or_shrink = recheck(&machine, &promise(50, 42), OR_SHRINK).unwrap();
    assert_eq!(or_shrink.limits.max_instances, 28);
}

#[test]
fn an_operator_who_needs_more_than_is_guaranteed_gets_no_less() {
    // What is guaranteed is there; of what is asked, no more than that.
    let mut machine = Made::new(&[Size::gib(82), Size::mib(174_760)]);
    machine.variables = [("POOLCFG_MIN_INSTANCES".to_owned(), "63".to_owned())].into();
    for least in [GUARANTEED, OR_SHRINK] {
        let misfit = misfit(recheck(&machine, &promise(1000, 42), least));
        assert_eq!(misfit.limits, slots(63));
        assert_eq!(misfit.largest_fit.max_instances, Some(62));
        let text = misfit.to_string();
        assert!(
            text.contains("`POOLCFG_MAX_INSTANCES=62` and `POOLCFG_MIN_INSTANCES=62`"),
            "{text}"
        );
    }
    machine.variables = [("POOLCFG_MIN_INSTANCES".to_owned(), "62".to_owned())].into();
    let taken = recheck(&machine, &promise(1000, 42), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 62);
}

#[test]
fn the_guarantee_is_taken_without_headroom() {
    let exactly = 42 * ((4 << 30) + (32 << 20)) + (32 << 20);
    let machine = Made::new(&[Size::bytes(exactly)]);
    let taken = recheck(&machine, &promise(1000, 42), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 42);
}

#[test]
fn rlimit_as_is_named_with_what_the_process_has() {
    let machine = Made {
        address_space: Some(Size::gib(63).get()),
        limits: vec![(Resource::AddressSpace, Size::gib(64))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmSize:\t1048576 kB\n");
    let misfit = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(misfit.limit, RecheckLimit::RlimitAs);
    assert_eq!(misfit.have, Size::gib(64).get());
    // What the process has, and 1 KiB of bookkeeping for each slot and 1 MiB.
    let beside = Size::gib(1).get() + Size::kib(1000).get() + Size::mib(1).get();
    assert_eq!(misfit.need, 0x3ef_d200_0000 + beside);
    assert_eq!(misfit.largest_fit.max_instances, Some(15));
    assert_eq!(
        misfit.to_string(),
        "pool needs `3.94 TiB` of address space, with what the process has already; `RLIMIT_AS` \
         allows `64 GiB`: start with `POOLCFG_MAX_INSTANCES=15`, or raise it with `ulimit -v` or \
         `LimitAS=`"
    );
}

#[test]
fn rlimit_data_counts_what_is_written_at_worst() {
    let machine = Made {
        limits: vec![(Resource::Data, Size::mib(256))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmData:\t10240 kB\n");
    let error = misfit(recheck(&machine, &promise(1000, 1000), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::RlimitData);
    assert_eq!(error.need, Size::mib(1011).get() + Size::kib(1000).get());
    assert_eq!(error.have, Size::mib(256).get());
    assert_eq!(error.largest_fit.max_instances, Some(244));
    // What is asked above the guarantee is lowered instead.
    let taken = recheck(&machine, &promise(1000, 100), GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 244);
    // Where another pool is to come, the process has to have what it has not taken yet of its headroom until then.
    let other = slots(10);
    for (headroom, most) in [(10, 233), (60, 183), (500, 100)] {
        let promise = Promise {
            headroom: Size::mib(headroom),
            process: Process::new(&[("", slots(100)), ("other", other)]),
            ..promise(1000, 100)
        };
        let taken = recheck(&machine, &promise, GUARANTEED).unwrap();
        assert_eq!(taken.limits.max_instances, most);
    }
}

#[test]
fn what_other_pools_will_write_and_map_is_counted() {
    let holding = Holding {
        name: Some(""),
        took: None,
        unmapped: None,
        ranges: std::iter::once(0x1000..0x9000).collect(),
        maps_at_worst: 60_000,
        writable_at_worst: Size::mib(200),
    };
    let machine = Made {
        limits: vec![(Resource::Data, Size::mib(256))],
        holdings: vec![holding.clone()],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmData:\t1040 kB\n")
    .with_text("/proc/self/maps", "1000-5000 rw-p 0 0:0 0\n");
    // 1040 KiB in all, 16 KiB of them the other pool's, which may come to have 200 MiB.
    let all = Promise {
        headroom: Size::mib(1),
        ..promise(1000, 1)
    };
    let taken = recheck(&machine, &all, GUARANTEED).unwrap();
    assert_eq!(taken.limits.max_instances, 53);
    let machine = Made {
        holdings: vec![holding],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/sys/vm/max_map_count", "65530\n")
    .with_text("/proc/self/maps", "1000-5000 rw-p 0 0:0 0\n");
    let error = misfit(recheck(&machine, &promise(2000, 2000), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::MaxMapCount);
    assert_eq!(error.unit, Unit::Maps);
    // Three for each memory, which may lie in eight pieces.
    assert_eq!(error.need, 60_000 + 2048 + 6001 + 7);
    assert_eq!(error.have, 65_530);
    assert_eq!(error.largest_fit.max_instances, Some(1158));
}

#[test]
fn the_commit_limit_counts_in_mode_2_only() {
    let meminfo = "CommitLimit:    2097152 kB\nCommitted_AS:   1048576 kB\n";
    let machine = |mode| {
        Made::new(&[Size::tib(80)])
            .with_text("/proc/sys/vm/overcommit_memory", mode)
            .with_text("/proc/sys/vm/admin_reserve_kbytes", "8192\n")
            .with_text("/proc/sys/vm/user_reserve_kbytes", "131072\n")
            .with_text("/proc/meminfo", meminfo)
    };
    assert!(recheck(&machine("0\n"), &promise(1000, 1000), GUARANTEED).is_ok());
    let error = misfit(recheck(&machine("2\n"), &promise(1000, 1000), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::CommitLimit);
    assert_eq!(error.need, Size::mib(1001).get() + Size::kib(1000).get());
    assert_eq!(error.have, Size::mib(1024 - 8 - 128).get());
    assert_eq!(error.largest_fit.max_instances, Some(886));
}

#[test]
fn locked_memory_is_named() {
    let machine = Made {
        refuses: Some(EAGAIN),
        limits: vec![(Resource::Memlock, Size::mib(8))],
        ..Made::new(&[Size::tib(80)])
    }
    .with_text("/proc/self/status", "VmLck:\t2048 kB\n");
    let error = misfit(recheck(&machine, &promise(1, 1), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::RlimitMemlock);
    assert_eq!(error.have, Size::mib(8).get());
    assert_eq!(error.need, Size::mib(2 + 4096 + 64 + 1).get() + 1024);
}

#[test]
fn a_filter_that_refuses_is_named_with_its_errno() {
    let machine = Made {
        refuses: Some(EPERM),
        ..Made::new(&[Size::tib(80)])
    };
    for least in [GUARANTEED, OR_SHRINK] {
        let error = misfit(recheck(&machine, &promise(9, 9), least));
        assert_eq!(error.limit, RecheckLimit::Refused);
        assert_eq!(
            error.source.as_ref().and_then(io::Error::raw_os_error),
            Some(EPERM)
        );
        assert_eq!(error.largest_fit.max_instances, None);
    }
}

#[test]
fn a_filter_that_refuses_for_want_of_memory_is_no_small_hole() {
    let machine = Made {
        refuses: Some(ENOMEM),
        ..Made::new(&[Size::tib(80)])
    };
    let error = misfit(recheck(&machine, &promise(9, 9), GUARANTEED));
    assert_eq!(error.limit, RecheckLimit::Refused);
    assert_eq!(error.have, 0);
}

/// The profile of this target's floor, of 4 KiB pages here, and a process of it that has these parts of its window in holes.
#[cfg(all(
    target_os = "linux",
    any(
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "x86_64"
    )
))]
fn process_of_the_floor(holes: [u64; 2]) -> (poolcfg_core::VaProfile<'static>, Made) {
    let profile = poolcfg_core::VaProfile::floor(Target::CURRENT).unwrap();
    let part = |hundredths: u64| Size::bytes(profile.window.get() / 100 * hundredths);
    let machine = Made {
        stack_top: Some(profile.window.get() - 1),
        ..Made::new(&holes.map(part))
    }
    .with_text("/proc/sys/vm/mmap_rnd_bits", "18\n");
    (profile, machine)
}

// Where a profile matches both holes, the model answers, which knows that ASLR never takes from both: see `suggestions`.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn what_is_suggested_for_want_of_a_hole_starts_where_aslr_leaves_less() {
    let (profile, machine) = process_of_the_floor([32, 66]);
    let poolcfg_core::Layout::Linux(layout) = profile.layout else {
        panic!("Linux has a layout");
    };
    // Both holes are as much smaller as ASLR can make them.
    let reach = layout.reach(machine.page_size(), 18).get();
    let (_, other) = process_of_the_floor([32, 66]);
    for hole in other.holes.borrow_mut().iter_mut() {
        *hole -= reach;
    }
    let of = |parts: u64| {
        let reservation = Size::bytes(profile.window.get() / parts / 65_536 * 65_536);
        let limits = slots(u32::try_from(parts).unwrap()).with_reservation(reservation);
        Promise {
            asked: limits,
            guaranteed: limits,
            ..promise(1, 1)
        }
    };
    // In each of the two numbers, and at whatever size of the slots.
    for parts in [7, 14, 61, 250] {
        let promise = of(parts);
        let fit = misfit(recheck(&machine, &promise, GUARANTEED)).largest_fit;
        let instances = fit.max_instances.unwrap();
        let reservation = fit.memory_reservation.unwrap();
        for limits in [
            promise.asked.with_instances(instances),
            promise.asked.with_reservation(reservation),
        ] {
            let smaller = Promise {
                asked: limits,
                guaranteed: limits,
                ..promise
            };
            let taken = recheck(&other, &smaller, GUARANTEED).unwrap();
            assert_eq!(taken.limits, limits);
        }
    }
}

#[cfg(all(
    target_os = "linux",
    any(
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "x86_64"
    )
))]
#[test]
fn what_is_guaranteed_is_suggested_to_an_operator_who_needs_more() {
    let (profile, mut machine) = process_of_the_floor([1, 1]);
    let reservation = profile.window.get() / 64;
    let exactly = 42 * (reservation + (32 << 20)) + (32 << 20);
    let of = |number| slots(number).with_reservation(Size::bytes(reservation));
    let promise = Promise {
        asked: of(1000),
        guaranteed: of(42),
        ..promise(1, 1)
    };
    machine.holes = Made::new(&[Size::bytes(exactly)]).holes;
    machine.variables = [("POOLCFG_MIN_INSTANCES".to_owned(), "43".to_owned())].into();
    let fit = |machine: &Made| {
        let result = recheck(machine, &promise, GUARANTEED);
        misfit(result).largest_fit.max_instances
    };
    assert_eq!(fit(&machine), Some(42));
    // Beside a pool that was not planned with it is not to be counted on.
    machine.holdings.push(no_bytes_of("another"));
    assert!(fit(&machine) < Some(42));
}

#[test]
fn the_pools_that_are_there_are_named_beside_a_hole() {
    let machine = Made {
        holdings: vec![Holding {
            name: Some("first"),
            took: None,
            unmapped: None,
            ranges: vec![
                0..Size::gib(60).get(),
                Size::gib(70).get()..Size::gib(80).get(),
            ],
            maps_at_worst: 0,
            writable_at_worst: Size::ZERO,
        }],
        ..Made::new(&[Size::gib(20)])
    };
    let error = misfit(recheck(&machine, &promise(9, 9), GUARANTEED));
    assert_eq!(error.held, Size::gib(70));
    let text = error.to_string();
    assert!(
        text.contains("the largest `hole` has `20 GiB` beside `70 GiB` of other pools"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "or put the pools of the process into one poolcfg.toml, which fits them together"
        ),
        "{text}"
    );
}

#[test]
fn a_pool_of_the_same_name_is_of_another_file_when_this_one_has_no_more() {
    let beside_one = |pools| {
        let limits = Limits { pools, ..slots(9) };
        let machine = Made {
            holdings: vec![Holding {
                ranges: std::iter::once(0..Size::gib(60).get()).collect(),
                ..no_bytes_of("")
            }],
            ..Made::new(&[Size::gib(20)])
        };
        let promise = Promise {
            asked: limits,
            guaranteed: limits,
            process: Process::new(&[("", limits)]),
            ..promise(9, 9)
        };
        misfit(recheck(&machine, &promise, GUARANTEED))
    };
    let said = "set `pools = 2` in poolcfg.toml, since the process has 1 of this name already";
    let misfit = beside_one(1);
    assert_eq!((misfit.held_by_others, misfit.alive), (Size::gib(60), 1));
    assert!(misfit.to_string().contains(said), "{misfit}");
    let misfit = beside_one(2);
    assert_eq!((misfit.held_by_others, misfit.alive), (Size::ZERO, 1));
    assert!(!misfit.to_string().contains(said), "{misfit}");
}

#[test]
fn a_mistaken_variable_stops_the_recheck() {
    let machine = Made {
        variables: [("POOLCFG_MAX_INSTANCES".to_owned(), "x".to_owned())].into(),
        ..Made::new(&[Size::tib(80)])
    };
    let result = recheck(&machine, &promise(9, 9), OR_SHRINK);
    assert!(matches!(result, Err(RecheckError::Variable(_))));
}

prop_compose! {
    fn any_promise()(
        asked in 1u32..3000,
        guaranteed in 1u32..3000,
        min in 1u32..50,
        reservation in 1u64..100_000,
        guaranteed_grains in 1u64..100_000,
        guard in 0u64..(64 << 20),
        table in 0u64..(1 << 20),
        stack in 0u64..(4 << 20),
        before: bool,
        keep_instances: bool,
    ) -> Promise<'static> {
        let asked = Limits {
            max_instances: asked,
            memory_reservation: Size::kib(64 * reservation),
            max_memory_size: Size::kib(64 * reservation.min(100)),
            guard_size: Size::bytes(guard),
            guard_before: before,
            table_reservation: Size::bytes(table),
            stack_reservation: Size::bytes(stack),
            pools: 1,
            wasmtime: None,
        };
        let grains = guaranteed_grains.min(reservation);
        let guaranteed = if keep_instances {
            Limits {
                memory_reservation: Size::kib(64 * grains),
                max_memory_size: Size::kib(64 * grains.min(100)),
                ..asked
            }
        } else {
            Limits { max_instances: guaranteed.min(asked.max_instances), ..asked }
        };
        Promise {
            asked,
            guaranteed,
            min_instances: min.min(asked.max_instances),
            keep: if keep_instances { Keep::MaxInstances } else { Keep::MemoryReservation },
            ..promise(1, 1)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_recheck_takes_what_was_promised_or_tells_what_would_fit(
        promise in any_promise(),
        holes in prop::collection::vec(0u64..(1 << 44), 1..4),
        data in prop::option::of(0u64..(1 << 36)),
        options in prop::sample::select(vec![GUARANTEED, OR_SHRINK]),
        page_size in prop::sample::select(vec![Size::kib(4), Size::kib(16), Size::kib(64)]),
    ) {
        let holes: Vec<_> = holes.into_iter().map(Size::bytes).collect();
        let mut machine = Made {
            page_size: Some(page_size),
            ..Made::new(&holes)
        };
        machine.limits.extend(data.map(|data| (Resource::Data, Size::bytes(data))));
        let before = machine.holes.borrow().clone();
        let result = recheck(&machine, &promise, options);
        match result {
            Ok(taken) => {
                let (limits, asked) = (taken.limits, promise.asked);
                prop_assert!(limits.max_instances <= asked.max_instances);
                prop_assert!(limits.memory_reservation <= asked.memory_reservation);
                prop_assert!(limits.max_memory_size <= limits.memory_reservation);
                if options == GUARANTEED {
                    prop_assert!(limits.max_instances >= promise.guaranteed.max_instances);
                    prop_assert!(
                        limits.memory_reservation >= promise.guaranteed.memory_reservation
                    );
                }
                if promise.keep == Keep::MemoryReservation {
                    prop_assert!(limits.max_instances >= promise.min_instances);
                }
            }
            Err(RecheckError::Misfit(misfit)) => {
                prop_assert!(misfit.need > misfit.have, "{misfit}");
                // What the message says the operator can start with does start.
                let text = misfit.to_string();
                let said: Vec<_> = text
                    .split('`')
                    .filter_map(|part| part.split_once('='))
                    .filter(|(name, _)| name.starts_with("POOLCFG_"))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                if !said.is_empty() {
                    machine.variables = said.into_iter().collect();
                    let again = recheck(&machine, &promise, GUARANTEED);
                    prop_assert!(again.is_ok(), "{text}: {:?}", again.err());
                }
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
        prop_assert_eq!(&*machine.holes.borrow(), &before);
    }

    /// The model and the runtime go about it in the same way: in holes of known size, what is guaranteed is
    /// there and one more is not.
    #[test]
    fn what_the_model_guarantees_is_what_goes_in(
        holes in prop::collection::vec(1u64..(1 << 20), 1..4),
        grains in 1u64..(1 << 14),
        guard in 0u64..(1 << 12),
        table in prop::sample::select(vec![0u64, 160]),
        stack in prop::sample::select(vec![0u64, 512, 2048]),
        pools in 1u32..4,
    ) {
        let mut found = [Size::ZERO; HOLES];
        for (found, mib) in found.iter_mut().zip(&holes) {
            *found = Size::mib(*mib);
        }
        let keys = PoolKeys {
            max_instances: Some(Setting::given(5000)),
            memory_reservation: Some(Setting::given(Size::kib(64 * grains))),
            guard_size: Some(Setting::given(Size::kib(4 * guard))),
            table_reservation: Some(Setting::given(Size::kib(table))),
            stack_reservation: Some(Setting::given(Size::kib(stack))),
            on_misfit: Some(Setting::given(OnMisfit::Shrink)),
            keep: Some(Setting::given(Keep::MemoryReservation)),
            pools: Some(Setting::given(pools)),
            ..PoolKeys::EMPTY
        };
        let settings = Settings::new(&[], &[]).pooling_allocator(keys);
        let case = settings.case(Target::CURRENT).map_err(|_| TestCaseError::fail("a fault"))?;
        let budget = Budget::measured(found, Size::kib(4), Size::ZERO, ProcessLimits::NONE);
        let plan = Plan::new(&case.with_budget(budget));
        let [limits] = plan.guaranteed() else {
            return Err(TestCaseError::fail("one pool"));
        };
        let fit = |limits: &Limits| {
            let machine = Made::new(&found);
            let mut held = Vec::new();
            (0..pools).all(|_| {
                let placer = Placer { machine: &machine, reach: &Reach::ANY, heap: Size::ZERO, spare: false };
                let slabs = Slabs::reserve(placer, limits, Size::kib(4));
                slabs.map(|slabs| held.push(slabs)).is_ok()
            })
        };
        prop_assert_eq!(fit(limits), plan.misfit.is_none());
        if plan.misfit.is_none() && limits.max_instances < 5000 {
            prop_assert!(!fit(&limits.with_instances(limits.max_instances + 1)));
        }
    }
}
