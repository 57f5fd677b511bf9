//! The judged process: whether all that is promised of its cell is there. Arguments: VA profile, the three
//! words of the cell, and `pools` or `holes` for what is judged. It prints what is promised, what it measured, and each promise that is broken.

mod bare;

use std::fmt;

use poolcfg_core::{
    Engine, HOLES, Keep, OnMisfit, OwnProfile, Plan, PoolKeys, ResolvedProcess, Setting, Settings,
    Size, StackLimit, Target, WasmtimeKeys, WasmtimeVersion,
};
use poolcfg_runtime::{
    PoolLimits, RecheckError, RecheckLimit, RecheckOptions, WasmtimeLimits, probe,
};
use poolcfg_tests_kernels::{Cell, Pools, Start, use_every_slot};

use bare::Bare;

fn main() {
    let words: &'static [String] = Vec::leak(std::env::args().skip(1).collect());
    let words: Vec<&'static str> = words.iter().map(String::as_str).collect();
    let [profile, cell @ .., judged] = words.as_slice() else {
        panic!("arguments {words:?}");
    };
    let Some(cell) = Cell::of_words(cell) else {
        panic!("cell {cell:?}");
    };
    let mut process = Process::new(profile, cell);
    let promised = process.case.budget.holes();
    let slots = process.wasmtime_slots();
    println!(
        "promised {} {} {} {}",
        promised[0].get(),
        promised[1].get(),
        slots.unwrap_or(0),
        process.native_slots().unwrap_or(0)
    );
    let holes = process.holes(promised);
    process.named_by_the_probe();
    let pools = match *judged {
        "holes" => None,
        "pools" => Some(process.pools(slots)),
        _ => panic!("{judged} can not be judged"),
    };
    let start = Start { holes, pools };
    println!("{start}");
    for broken in &process.broken {
        println!("broken {}", broken.replace('\n', " "));
    }
    println!("end");
}

/// What is said of pools of slots of a share of the window.
fn slots(case: &ResolvedProcess<'_>, share: u64, instances: u32) -> PoolKeys {
    PoolKeys {
        max_instances: Some(Setting::given(instances)),
        memory_reservation: Some(Setting::given(Size::bytes(
            case.profile.window.get() / share,
        ))),
        keep: Some(Setting::given(Keep::MemoryReservation)),
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        ..PoolKeys::EMPTY
    }
}

/// Pools for Wasmtime 48 of slots that are 1/64 of the window: on sv39 that is its default of 4 GiB.
fn wasmtime(case: &ResolvedProcess<'_>, instances: u32) -> PoolKeys {
    PoolKeys {
        engine: Some(Setting::given(Engine::Wasmtime)),
        wasmtime: WasmtimeKeys {
            version: Some(Setting::given(WasmtimeVersion::major(48))),
            ..WasmtimeKeys::EMPTY
        },
        ..slots(case, 64, instances)
    }
}

struct Process {
    cell: Cell,
    profile: &'static str,
    /// With nothing said of pools.
    case: ResolvedProcess<'static>,
    /// Where the profile's window ends; what the kernel gives above it is not counted.
    end: u64,
    broken: Vec<String>,
}

impl Process {
    fn new(profile: &'static str, cell: Cell) -> Self {
        let case = cell.case(profile, PoolKeys::EMPTY);
        Self {
            cell,
            profile,
            end: case.profile.window.get(),
            case,
            broken: Vec::new(),
        }
    }

    fn expect(&mut self, kept: bool, broken: impl FnOnce() -> String) {
        if !kept {
            self.broken.push(broken());
        }
    }

    fn refused(&mut self, what: &str, error: &dyn fmt::Display) {
        self.broken.push(format!("{what}: {error}"));
    }

    fn plan(&self, pool: PoolKeys) -> Plan {
        Plan::new(&self.cell.case(self.profile, pool))
    }

    /// Both holes that are promised, measured and then filled.
    fn holes(&mut self, promised: [Size; 2]) -> [Size; 2] {
        let (end, page) = (self.end, self.case.profile.page_size);
        let first = bare::largest(end, page);
        let held = (!promised[0].is_zero()).then(|| Bare::reserve(promised[0], end));
        let second = bare::largest(end, page);
        self.expect(first >= promised[0] && !matches!(held, Some(None)), || {
            format!("the first hole has {first}, promised {}", promised[0])
        });
        let filled = promised[1].is_zero() || Bare::reserve(promised[1], end).is_some();
        self.expect(second >= promised[1] && filled, || {
            format!("the second hole has {second}, promised {}", promised[1])
        });
        [first, second]
    }

    fn pools(&mut self, slots: Option<u32>) -> Pools {
        let refused = self.one_slot_more(slots.unwrap_or(0) + 1);
        let slots = self.wasmtime(slots);
        self.native_pool();
        let (native, physical) = self.every_slot();
        let (taken, found) = self.all_there_is();
        self.wide_addresses();
        let pools = Pools {
            taken,
            found,
            slots,
            refused,
            native,
            physical,
        };
        self.expect(pools.share() >= 980, || {
            format!("a recheck takes {taken} of {found}")
        });
        pools
    }

    fn named_by_the_probe(&mut self) {
        let probe = probe();
        let names: Vec<&str> = probe.va_profiles.iter().map(|of| of.name).collect();
        let unlimited = self.cell.stack_limit == StackLimit::Unlimited;
        let known = names.contains(&self.profile)
            && probe.unlimited_stack.is_some() == unlimited
            && probe.relocation_model == Some(self.cell.program.relocation_model());
        self.expect(known, || {
            format!(
                "the probe names {names:?}, {:?}, {:?}",
                probe.unlimited_stack, probe.relocation_model
            )
        });
    }

    /// Slots for Wasmtime that are guaranteed; nothing where not even one is.
    fn wasmtime_slots(&self) -> Option<u32> {
        let plan = self.plan(wasmtime(&self.case, 64));
        match (plan.misfit, plan.guaranteed()) {
            (None, [limits]) => Some(limits.max_instances),
            _ => None,
        }
    }

    /// The guaranteed slots are there.
    fn wasmtime(&mut self, guaranteed: Option<u32>) -> u32 {
        let Some(guaranteed) = guaranteed else {
            return 0;
        };
        let settings = self.cell.settings(self.profile, wasmtime(&self.case, 64));
        match WasmtimeLimits::new(settings.promise(Target::CURRENT, 0)).recheck() {
            Ok(checked) => {
                let slots = checked.instances();
                self.expect(slots >= guaranteed, || {
                    format!("{slots} of {guaranteed} guaranteed slots for Wasmtime")
                });
                slots
            }
            Err(error) => {
                self.refused("guaranteed slots for Wasmtime", &error);
                0
            }
        }
    }

    /// One slot more than is guaranteed is refused by the model; and a build that wrongly counts on a larger
    /// window is refused at start where the process has no room for it, which is the answer.
    fn one_slot_more(&mut self, slots: u32) -> bool {
        if slots > 64 {
            return false;
        }
        let keys = PoolKeys {
            on_misfit: Some(Setting::given(OnMisfit::Error)),
            ..wasmtime(&self.case, slots)
        };
        let misfit = self.plan(keys).misfit;
        self.expect(misfit.is_some(), || format!("{slots} slots fit the model"));
        let profile = self.case.profile;
        let larger = OwnProfile {
            name: "larger",
            arch: profile.arch,
            window: Size::bytes(profile.window.get().saturating_mul(8)),
            page_size: profile.page_size,
            pie_base: None,
            legacy_base: None,
            // All that ASLR of an architecture can take may leave a window of this size no hole.
            aslr_bits_default: Some(0),
            aslr_bits_max: Some(0),
        };
        let settings = Settings::new(&[], &[larger])
            .pooling_allocator(keys)
            .va_profile(Some("larger"));
        let Some(need) = settings
            .resolve(Target::CURRENT)
            .ok()
            .and_then(|case| case.pools().first().map(|pool| pool.asked))
            .and_then(|limits| limits.footprint(profile.page_size).ok())
            .map(|footprint| footprint.mappings[0].bytes)
        else {
            self.broken.push("no footprint of one slot more".to_owned());
            return false;
        };
        let page = profile.page_size;
        // Above the end of the window the kernel may give more by itself.
        let have = bare::largest(1 << 56, page);
        if have >= need {
            return false;
        }
        match WasmtimeLimits::new(settings.promise(Target::CURRENT, 0)).recheck() {
            Ok(_) => self
                .broken
                .push(format!("one slot more is taken: {need} of {have}")),
            Err(RecheckError::Misfit(misfit)) => {
                // A stack that has grown meanwhile takes its pages from the hole below it.
                let left = bare::largest(1 << 56, page);
                let right = misfit.limit == RecheckLimit::Hole
                    && misfit.need == need.get()
                    && (left.get()..=have.get()).contains(&misfit.have);
                self.expect(right, || {
                    format!(
                        "need {} bytes, have {} to {}, said {} and {}: {misfit}",
                        need.get(),
                        left.get(),
                        have.get(),
                        misfit.need,
                        misfit.have
                    )
                });
            }
            Err(error) => self.refused("one slot more", &error),
        }
        true
    }

    /// Slots for a native pool that are guaranteed; nothing where not even one is.
    fn native_slots(&self) -> Option<u32> {
        let plan = self.plan(slots(&self.case, 64, 128));
        match (plan.misfit, plan.guaranteed()) {
            (None, [limits]) => Some(limits.max_instances),
            _ => None,
        }
    }

    /// Slots that a recheck takes of a native pool that asks for twice the window, and those that the
    /// largest holes have room for.
    fn every_slot(&mut self) -> (u32, u32) {
        if self.native_slots().is_none() {
            return (0, 0);
        }
        let settings = self.cell.settings(self.profile, slots(&self.case, 64, 128));
        let limits = PoolLimits::new(settings.promise(Target::CURRENT, 0));
        let page = self.case.profile.page_size;
        let bytes = |slots| {
            let footprint = limits.asked().with_instances(slots).footprint(page);
            footprint.map_or(Size::ZERO, |footprint| footprint.mappings[0].bytes)
        };
        let slot = bytes(2).saturating_sub(bytes(1));
        let guard = bytes(1).saturating_sub(slot);
        let holes = bare::largest_beside_each_other(HOLES, self.end, page);
        let physical: u64 = holes
            .iter()
            .map(|hole| hole.saturating_sub(guard).get() / slot.get().max(1))
            .sum();
        let physical = u32::try_from(physical).unwrap_or(u32::MAX).min(128);
        match limits.recheck() {
            Ok(reserved) => {
                let guaranteed = limits.guaranteed().max_instances;
                let taken = reserved.instances();
                self.expect(taken >= guaranteed, || {
                    format!("{taken} of {guaranteed} guaranteed slots in pieces")
                });
                (taken, physical)
            }
            Err(error) => {
                self.refused("guaranteed slots in pieces", &error);
                (0, physical)
            }
        }
    }

    /// A pool of what is guaranteed: every slot is acquired, touched and released.
    fn native_pool(&mut self) {
        let Some(guaranteed) = self.native_slots() else {
            return;
        };
        let keys = slots(&self.case, 64, guaranteed);
        let settings = self.cell.settings(self.profile, keys);
        let limits = PoolLimits::new(settings.promise(Target::CURRENT, 0));
        if let Err(error) = touch_every_slot(limits, guaranteed) {
            self.broken
                .push(format!("native pool of {guaranteed}: {error}"));
        }
    }

    /// What a recheck takes of a pool that asks for twice the window, and what there is.
    fn all_there_is(&mut self) -> (Size, Size) {
        let keys = PoolKeys {
            guard_size: Some(Setting::given(Size::ZERO)),
            table_reservation: Some(Setting::given(Size::ZERO)),
            stack_reservation: Some(Setting::given(Size::ZERO)),
            ..slots(&self.case, 4096, 8192)
        };
        if self.plan(keys).misfit.is_some() {
            return (Size::ZERO, Size::ZERO);
        }
        let page = self.case.profile.page_size;
        let asked = self.end.saturating_mul(2);
        let Some(found) = bare::total(HOLES, self.case.budget.headroom, self.end, page) else {
            self.broken.push("no room for the headroom".to_owned());
            return (Size::ZERO, Size::ZERO);
        };
        let found = found.min(Size::bytes(asked));
        let settings = self.cell.settings(self.profile, keys);
        let limits = PoolLimits::new(settings.promise(Target::CURRENT, 0));
        match limits.recheck() {
            Ok(reserved) => (reserved.reserved_bytes(), found),
            Err(error) => {
                self.refused("a pool that asks for more than there is", &error);
                (Size::ZERO, found)
            }
        }
    }
}

impl Process {
    /// Who asks for addresses above the window has them where the kernel has them, and all that there is besides.
    fn wide_addresses(&mut self) {
        let keys = slots(&self.case, 64, 128);
        if self.plan(keys).misfit.is_some() {
            return;
        }
        let settings = self.cell.settings(self.profile, keys);
        let limits = PoolLimits::new(settings.promise(Target::CURRENT, 0));
        let has_them = matches!(self.profile, "sv57" | "va48" | "va47-16k");
        match limits.recheck_with(RecheckOptions::new().wide_addresses(true)) {
            Ok(reserved) => {
                let taken = reserved.instances();
                self.expect((taken == 128) == has_them, || {
                    format!("{taken} of 128 slots, above the window too")
                });
            }
            Err(error) => self.refused("addresses above the window", &error),
        }
    }
}

fn touch_every_slot(limits: PoolLimits, guaranteed: u32) -> Result<(), String> {
    let reserved = limits.recheck().map_err(|error| error.to_string())?;
    let instances = reserved.instances();
    if instances < guaranteed {
        return Err(format!("only {instances}"));
    }
    use_every_slot(reserved, |_| 64 << 10)
}
