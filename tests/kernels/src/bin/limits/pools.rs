//! The pools that meet each limit. Alone and without it, each fits the machine that it is planned for.

use std::fs;

use poolcfg_core::{
    Aslr, Engine, GRAIN, Keep, Layout, OnMisfit, PoolKeys, ProcessPromise, Promise,
    ResolvedProcess, Setting, Size, StackLimit, Target, WasmtimeKeys, WasmtimeVersion,
};
use poolcfg_tests_kernels::{Cell, Injected, Obstacle, Oddity, Program};

/// A PIE as it is started everywhere, on a kernel with so much ASLR.
fn usual() -> Cell {
    Cell {
        program: Program::Pie,
        stack_limit: StackLimit::Finite,
        aslr: aslr(),
    }
}

/// How far ASLR reaches on this machine; who may not read it takes the worst.
fn aslr() -> Aslr {
    let bits = fs::read_to_string("/proc/sys/vm/mmap_rnd_bits").ok();
    let bits = bits.and_then(|text| text.trim().parse().ok());
    bits.map_or(Aslr::Maximum, Aslr::Bits)
}

/// Wasmtime of this version, where the pool is its.
const WASMTIME: WasmtimeVersion = WasmtimeVersion::major(48);

/// The plan of one pool for a machine of this VA profile.
pub(crate) struct Planned {
    profile: &'static str,
    cell: Cell,
}

impl Planned {
    pub(crate) fn new(profile: &'static str) -> Self {
        let mut cell = usual();
        let least = Cell {
            aslr: Aslr::Minimum,
            ..usual()
        };
        // Kernels of larger pages may have fewer bits than any of the profile.
        if let (Aslr::Bits(bits), Layout::Linux(linux)) = (
            cell.aslr,
            least.case(profile, PoolKeys::EMPTY).profile.layout,
        ) {
            cell.aslr = Aslr::Bits(bits.max(linux.aslr_bits_min));
        }
        Self { profile, cell }
    }

    fn case(&self) -> ResolvedProcess<'static> {
        self.cell.case(self.profile, PoolKeys::EMPTY)
    }

    fn promise(&self, keys: PoolKeys) -> Promise<'static> {
        self.cell
            .settings(self.profile, keys)
            .promise(Target::CURRENT, 0)
    }

    /// The pool that meets this limit.
    ///
    /// # Panics
    /// When the model says that it does not fit: then the build would have failed.
    pub(crate) fn pool(&self, injected: Injected, engine: Engine) -> Promise<'static> {
        let window = self.case().profile.window;
        let asked = keys(injected, engine, window);
        let keys = PoolKeys {
            engine: Some(Setting::given(engine)),
            on_misfit: Some(Setting::given(OnMisfit::Error)),
            wasmtime: WasmtimeKeys {
                version: match engine {
                    Engine::Native => None,
                    Engine::Wasmtime => Some(Setting::given(WASMTIME)),
                },
                ..asked.wasmtime
            },
            ..asked
        };
        let promise = self.promise(keys);
        assert_eq!(
            (Some(promise.asked.max_instances), promise.asked),
            (
                asked.max_instances.map(|said| said.value),
                promise.guaranteed
            ),
            "{} does not fit {}",
            injected.word(),
            self.profile
        );
        match injected {
            Injected::Obstacle(Obstacle::SecondPool) => named("second", promise),
            _ => promise,
        }
    }

    /// How much a hole differs from one process to another. Where the bits of ASLR can be read, a recheck reads
    /// them too.
    pub(crate) fn aslr_range(&self) -> Size {
        let profile = self.case().profile;
        match profile.layout {
            Layout::Linux(layout) => {
                layout.aslr_range(profile.page_size, self.cell.aslr.bits(&layout))
            }
            Layout::OneHole(_) => Size::ZERO,
        }
    }

    /// A pool that asks for the largest hole that every process has, and for no more.
    pub(crate) fn first(&self) -> Promise<'static> {
        let promise = self.promise(PoolKeys {
            on_misfit: Some(Setting::given(OnMisfit::Shrink)),
            keep: Some(Setting::given(Keep::MaxInstances)),
            guard_size: Some(Setting::given(Size::ZERO)),
            table_reservation: Some(Setting::given(Size::ZERO)),
            stack_reservation: Some(Setting::given(Size::ZERO)),
            ..slots(1, self.case().profile.window, Size::mib(1))
        });
        let promise = Promise {
            asked: promise.guaranteed,
            ..promise
        };
        named("first", promise)
    }
}

/// The same of a pool with a name, planned alone.
fn named(name: &'static str, promise: Promise<'static>) -> Promise<'static> {
    Promise {
        name,
        process: ProcessPromise::new(&[(name, promise.guaranteed)]),
        ..promise
    }
}

fn slots(instances: u32, reservation: Size, memory: Size) -> PoolKeys {
    PoolKeys {
        max_instances: Some(Setting::given(instances)),
        memory_reservation: Some(Setting::given(reservation)),
        max_memory_size: Some(Setting::given(memory)),
        ..PoolKeys::EMPTY
    }
}

fn keys(injected: Injected, engine: Engine, window: Size) -> PoolKeys {
    let share = |parts: u64| Size::bytes(window.get() / parts).round_down(GRAIN);
    let three_fifths = Size::bytes(window.get() / 5 * 3).round_down(GRAIN);
    let obstacle = match injected {
        Injected::Obstacle(obstacle) => obstacle,
        Injected::Oddity(Oddity::MemoryCgroup) => {
            return slots(64, Size::mib(16), Size::mib(16));
        }
        // No size is a multiple of a larger page.
        Injected::Oddity(Oddity::PageSize) => {
            return PoolKeys {
                guard_size: Some(Setting::given(Size::kib(36))),
                table_reservation: match engine {
                    Engine::Native => Some(Setting::given(Size::kib(20))),
                    Engine::Wasmtime => None,
                },
                stack_reservation: Some(Setting::given(Size::kib(1028))),
                ..slots(64, Size::mib(16), Size::mib(16))
            };
        }
    };
    match obstacle {
        // 121 GiB.
        Obstacle::RlimitAs | Obstacle::Seccomp => slots(30, Size::gib(4), Size::mib(1)),
        // Both may write more than 280 MiB; so many slots that the lists of them matter.
        Obstacle::RlimitData => match engine {
            Engine::Native => PoolKeys {
                guard_size: Some(Setting::given(Size::kib(64))),
                table_reservation: Some(Setting::given(Size::ZERO)),
                stack_reservation: Some(Setting::given(Size::ZERO)),
                ..slots(2250, Size::kib(128), Size::kib(128))
            },
            Engine::Wasmtime => slots(32, Size::mib(8), Size::mib(8)),
        },
        Obstacle::RlimitMemlock => PoolKeys {
            guard_size: Some(Setting::given(Size::kib(64))),
            // Its tables are little beside its memories.
            wasmtime: WasmtimeKeys {
                table_elements: match engine {
                    Engine::Native => None,
                    Engine::Wasmtime => Some(Setting::given(1000)),
                },
                ..WasmtimeKeys::EMPTY
            },
            ..slots(16, Size::mib(8), Size::mib(8))
        },
        // The slots of a native pool may lie in several holes, also in those that the legacy layout does not search:
        // it meets the limit with one that is larger than each of them, which only the usual layout holds. (On
        // sv39 the legacy layout holds it, too, and this is no obstacle there.) Of the slots of Wasmtime's one goes
        // into what the most ASLR leaves.
        Obstacle::UnlimitedStack => match engine {
            Engine::Native => slots(1, three_fifths, Size::mib(1)),
            Engine::Wasmtime => slots(12, share(20), Size::mib(1)),
        },
        // Of 1/14 of the window four go into a hole of a third of it, with the least ASLR, and never five.
        Obstacle::SecondPool => slots(8, share(14), Size::mib(1)),
        Obstacle::MaxMapCount => slots(1000, Size::kib(64), Size::kib(64)),
        // 1 GiB and more that is charged.
        Obstacle::Overcommit => slots(64, Size::mib(16), Size::mib(16)),
    }
}
