//! The decisions of a recheck, on machines that are made up: holes of given sizes in the order in which
//! they are searched, limits, texts of /proc and variables.

mod advised;
mod any;
#[cfg(target_pointer_width = "64")]
mod causes;
mod engines;
#[cfg(all(
    target_os = "linux",
    any(
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "x86_64"
    )
))]
mod floor;
mod limits;
#[cfg(target_pointer_width = "64")]
mod margin;
#[cfg(target_pointer_width = "64")]
mod order;
#[cfg(target_pointer_width = "64")]
mod other_layout;
mod process;
#[cfg(target_pointer_width = "64")]
mod promises;
mod seen;
mod several;
#[cfg(target_pointer_width = "64")]
mod snapshot;
#[cfg(target_pointer_width = "64")]
mod suggestions;
mod sums;
#[cfg(target_pointer_width = "64")]
mod unplanned;
mod wasmtime;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::rc::Rc;

use poolcfg_core::{
    Arch, Budget, Engine, HOLES, Keep, Limits, MappingName, OnMisfit, Os, Plan, PoolKeys,
    ProcessLimits, ProcessPromise, Promise, RelocationModel, Setting, Settings, Size, Switch,
    Target, WasmtimeVersion,
};
use proptest::prelude::*;

use super::*;
use crate::machine::live_pools::Holding;
use crate::machine::{Machine, Resource};
use crate::pool::reserved::{Warning, warnings};
use crate::recheck::kept::{Keeper, Kept};
use crate::recheck::limit::{RecheckLimit, Unit};
use crate::recheck::misfit::{Misfit, RecheckError};

/// What the promises are of: the decisions are the same wherever the tests run.
const TARGET: Target = Target::new(Arch::X86_64, Os::Linux, 64);

/// Free bytes of each hole; a mapping is placed at the end of what is free.
type FreeBytes = Rc<RefCell<Vec<u64>>>;

#[derive(Default)]
pub(crate) struct Made {
    holes: FreeBytes,
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
    holes: FreeBytes,
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

impl Keeper for Made {
    fn kept(&self) -> &Kept<Block> {
        &self.kept
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
        process: ProcessPromise::new(&[]),
        ..promise
    }
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
        process: ProcessPromise::new(&[("first", slots(30)), ("second", slots(30))]),
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
        process: ProcessPromise::new(&[("first", slots(30)), ("second", slots(30))]),
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
            "pool needs `169.35 GiB` in slots of `4.04 GiB`, but the largest `hole` has `100 GiB`, the \
             next one `20 GiB`; the build counts on "
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
            "or put all pools of the process into one poolcfg.toml, so that they are fitted together \
             (see `cargo poolcfg --explain PC0055`)"
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
            process: ProcessPromise::new(&[("", limits)]),
            ..promise(9, 9)
        };
        misfit(recheck(&machine, &promise, GUARANTEED))
    };
    let said = "set `pools = 2` in poolcfg.toml: the process already has 1 pool of this name";
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
