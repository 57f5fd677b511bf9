//! One case: a target, its profile and shape, and every pool with defaults filled in and checked.

mod checks;
mod totals;
mod wasmtime;

pub use totals::LeastTotal;

use crate::base::consts::same;
use crate::base::consts::wide;
use crate::base::size::{GRAIN, Size};
use crate::base::text::Text;
use crate::engine::Engine;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{
    Defaults, InstanceDefaults, STACK, Wasmtime, WasmtimeFeature, WasmtimeVersion,
};
use crate::fault::{Fault, Faults};
use crate::model::fit::MAX_POOLS;
use crate::setting::{
    AddressSpaceKeys, Keep, OnMisfit, Place, PoolKeys, Settings, number_or, place_if, place_of,
    size_or,
};
use crate::target::budget::{Budget, HEADROOM_MAPS};
use crate::target::process::{LEAST_ADDRESS_SPACE, LEAST_DATA};
use crate::target::profile::{Layout, LinuxLayout, NoProfile, VaProfile};
use crate::target::shape::{Aslr, Shape, StackLimit};
use crate::target::{Arch, Os, Target};

/// One pool, with every number in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool<'a> {
    /// Its name; empty when the file names none.
    pub name: &'a str,
    /// What is asked.
    pub asked: Limits,
    /// The same with as few tables as an instance may have where nobody said how many, each as large as
    /// Wasmtime's own: no instance is given up for the rest of them.
    pub(crate) least: Limits,
    /// The fewest instances that are of use.
    pub min_instances: u32,
    /// Which number stays when it shrinks.
    pub keep: Keep,
    /// What happens when the floor does not hold it.
    pub on_misfit: OnMisfit,
    /// The written total that gives no more instances than are asked; `None` if none decides how many are.
    pub least_total: Option<LeastTotal>,
    /// Where `engine` is set.
    pub engine_at: Place,
    /// Where `max_instances` is set.
    pub max_instances_at: Place,
    /// Where the first total is set.
    pub totals_at: Place,
    /// Where `memory_reservation` is set.
    pub memory_reservation_at: Place,
}

/// Everything that is known before the question whether it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case<'a> {
    /// The target.
    pub target: Target,
    /// The VA profile: the target's floor unless another is said.
    pub profile: VaProfile<'a>,
    /// The process shape.
    pub shape: Shape,
    /// What profile and shape guarantee.
    pub budget: Budget,
    pub(crate) pools: [Pool<'a>; MAX_POOLS],
    pub(crate) count: usize,
}

impl<'a> Case<'a> {
    /// The pools, in the order in which they are made.
    #[must_use]
    pub const fn pools(&self) -> &[Pool<'a>] {
        self.pools.split_at(self.count).0
    }

    /// What the budget is of: the profile, the shape, and how well the profile is known, such as
    /// `sv39 (pie, measured profile)`. Every verdict says it so.
    #[must_use]
    pub const fn machine(&self) -> Text {
        Text::new()
            .str(self.profile.name)
            .str(" (")
            .text(&self.shape.describe())
            .str(", ")
            .str(self.profile.known.word())
            .str(" profile)")
    }

    /// The same pools against another budget, such as one that was measured.
    #[must_use]
    pub const fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}

impl<'a> Settings<'a> {
    /// Fills in the target's defaults and checks every number.
    ///
    /// # Errors
    /// Every [`Fault`] there is, at once.
    #[allow(
        clippy::result_large_err,
        reason = "const code has no heap, and it is asked once per target"
    )]
    pub const fn case(&self, target: Target) -> Result<Case<'a>, Faults<'a>> {
        let mut faults = Faults::NONE;
        let profile = match self.profile(target) {
            Ok(profile) => profile,
            Err(fault) => match (fault, VaProfile::floor(target)) {
                (Fault::NoAddressSpace { .. }, _) | (_, None) => return Err(faults.and(fault)),
                (_, Some(floor)) => {
                    faults = faults.and(fault);
                    floor
                }
            },
        };
        let shape = Shape {
            relocation_model: match self.space.relocation_model {
                Some(setting) => setting.value,
                None => target.relocation_model,
            },
            stack_limit: match self.space.stack_limit {
                Some(setting) => setting.value,
                None => Shape::DEFAULT.stack_limit,
            },
            aslr: match self.space.aslr {
                Some(setting) => setting.value,
                None => Shape::DEFAULT.aslr,
            },
            layout: match self.space.layout {
                Some(setting) => setting.value,
                None => Shape::DEFAULT.layout,
            },
        };
        let headroom = match self.space.headroom {
            Some(setting) => Some(setting.value),
            None => None,
        };
        let budget = Budget::new(&profile, shape, headroom);
        let limits = self.space.limits(budget.limits, target.os);
        let budget = match headroom {
            Some(_) => budget,
            None => Budget::new(&profile, shape, Some(limits.headroom(budget.headroom))),
        };
        let budget = budget.with_limits(limits);
        faults = self.space.check_limits(&budget, faults);
        if faults.is_empty() {
            faults = self.check_space(&profile, shape, &budget, faults);
        }
        let mut pools = [Pool::new("", &PoolKeys::EMPTY, target, None); MAX_POOLS];
        let mut i = 0;
        while i < self.count {
            pools[i] = Pool::new(self.names[i], &self.keys[i], target, self.instance);
            faults = pools[i].check(&self.keys[i], target, budget.page_size, faults);
            i += 1;
        }
        if faults.is_empty() {
            Ok(Case {
                target,
                profile,
                shape,
                budget,
                pools,
                count: self.count,
            })
        } else {
            Err(faults)
        }
    }

    /// What is wrong with the keys of the address space on a profile.
    const fn check_space(
        &self,
        profile: &VaProfile<'a>,
        shape: Shape,
        budget: &Budget,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        let name = profile.name;
        if let Layout::Linux(linux) = &profile.layout {
            if let Aslr::Bits(bits) = shape.aslr
                && bits > linux.aslr_bits_max
            {
                faults = faults.and(Fault::AslrAboveMaximum {
                    bits,
                    most: linux.aslr_bits_max,
                    arch: profile.arch,
                    profile: name,
                    place: place_of(&self.space.aslr),
                });
            }
            if let StackLimit::UpTo(stack_limit) = shape.stack_limit
                && stack_limit.get() >= profile.window.get()
            {
                faults = faults.and(Fault::StackLimitAboveWindow {
                    stack_limit,
                    window: profile.window,
                    profile: name,
                    place: place_of(&self.space.stack_limit),
                });
            }
        }
        if !faults.is_empty() || !budget.is_empty() {
            return faults;
        }
        let whole = Budget::new(profile, shape, Some(Size::ZERO));
        let place = place_of(&self.space.headroom);
        match &profile.layout {
            Layout::Linux(linux) if whole.is_empty() => {
                faults.and(self.no_hole(profile, linux, shape))
            }
            _ => faults.and(Fault::HeadroomAboveHoles {
                headroom: budget.headroom,
                have: whole.all(),
                profile: name,
                place,
            }),
        }
    }

    /// Why a profile and a shape leave no hole.
    const fn no_hole(
        &self,
        profile: &VaProfile<'a>,
        linux: &LinuxLayout,
        shape: Shape,
    ) -> Fault<'a> {
        let bits = shape.aslr.bits(linux);
        let usual = Shape {
            stack_limit: StackLimit::Finite,
            ..shape
        };
        let stack_limit = match shape.stack_limit {
            StackLimit::UpTo(limit) if !Budget::new(profile, usual, None).is_empty() => Some(limit),
            _ => None,
        };
        let mut fewer = None;
        let mut less = bits;
        while less > 0 && fewer.is_none() {
            less -= 1;
            let aslr = Aslr::Bits(less);
            if !Budget::new(profile, Shape { aslr, ..shape }, None).is_empty() {
                fewer = Some(less);
            }
        }
        Fault::NoHole {
            profile: profile.name,
            window: profile.window,
            bits,
            aslr: match LinuxLayout::aslr(profile.page_size, bits) {
                Some(aslr) => aslr,
                None => Size::bytes(u64::MAX),
            },
            fewer,
            stack_limit,
            place: match (stack_limit, &self.space.aslr, &self.space.va_profile) {
                (Some(_), ..) => place_of(&self.space.stack_limit),
                (None, Some(setting), _) => setting.place,
                (None, None, key) => place_of(key),
            },
        }
    }

    const fn profile(&self, target: Target) -> Result<VaProfile<'a>, Fault<'a>> {
        let Some(setting) = self.space.va_profile else {
            return match VaProfile::floor(target) {
                Some(floor) => Ok(floor),
                None => Err(Fault::NoAddressSpace { target }),
            };
        };
        let name = setting.value;
        let mut i = 0;
        while i < self.profiles.len() {
            if let Some(own) = &self.profiles[i]
                && same(own.name, name)
            {
                let profile = own.profile();
                if own.serves(target) {
                    return Ok(profile);
                }
                return Err(Fault::ProfileOfOtherTarget {
                    name,
                    arch: profile.arch,
                    os: None,
                    target,
                    place: setting.place,
                });
            }
            i += 1;
        }
        match VaProfile::find(name, target) {
            Ok(profile) => Ok(profile),
            Err(NoProfile::Unknown) => Err(Fault::UnknownProfile {
                name,
                place: setting.place,
            }),
            Err(NoProfile::OtherTarget { arch, os }) => Err(Fault::ProfileOfOtherTarget {
                name,
                arch,
                os: Some(os),
                target,
                place: setting.place,
            }),
        }
    }
}

impl AddressSpaceKeys<'_> {
    /// What is wrong with the limits that are said: less than any process needs, or nothing for pools.
    const fn check_limits<'a>(&self, budget: &Budget, mut faults: Faults<'a>) -> Faults<'a> {
        let limits = &budget.limits;
        if let (Some(setting), Some(maps)) = (&self.max_map_count, limits.max_map_count)
            && maps <= HEADROOM_MAPS
        {
            faults = faults.and(Fault::TooFewMaps {
                max_map_count: setting.value,
                place: setting.place,
            });
        }
        let sizes = [
            (
                "rlimit_as",
                place_if(&self.rlimit_as),
                limits.rlimit_as,
                LEAST_ADDRESS_SPACE,
                true,
            ),
            (
                "rlimit_data",
                place_if(&self.rlimit_data),
                limits.rlimit_data,
                LEAST_DATA,
                true,
            ),
            (
                "memory",
                place_if(&self.memory),
                limits.memory,
                LEAST_DATA,
                false,
            ),
        ];
        let mut i = 0;
        while i < sizes.len() {
            let (key, place, limit, least, holds_headroom) = sizes[i];
            i += 1;
            let (Some(place), Some(limit)) = (place, limit) else {
                continue;
            };
            let headroom = budget.headroom;
            if limit.get() < least.get() {
                faults = faults.and(Fault::LimitTooSmall {
                    key,
                    limit,
                    least,
                    place,
                });
            } else if holds_headroom && limit.get() <= headroom.get() {
                faults = faults.and(Fault::LimitBelowHeadroom {
                    key,
                    limit,
                    headroom,
                    place,
                });
            }
        }
        faults
    }
}

/// The native engine's numbers when nothing is said: instances, reservation, guard.
const fn defaults(target: Target) -> (u32, Size, Size) {
    if target.pointer_width < 64 {
        // What Wasmtime takes on 32 bits: crates/environ/src/tunables.rs:294 (default_u32).
        (100, Size::mib(10), Size::kib(64))
    } else if matches!(target.arch, Arch::X86_64) && !matches!(target.os, Os::Ios) {
        (1000, Size::gib(4), Size::mib(32))
    } else {
        (100, Size::gib(2), Size::mib(32))
    }
}

impl<'a> Pool<'a> {
    const fn new(
        name: &'a str,
        keys: &PoolKeys,
        target: Target,
        host: Option<InstanceDefaults>,
    ) -> Self {
        let engine = engine(keys);
        let (asked, least) = match (engine, &keys.wasmtime.version) {
            (Engine::Native, _) => {
                let asked = native(keys, target);
                (asked, asked)
            }
            (Engine::Wasmtime, Some(setting)) => asked_and_least(setting.value, keys, target, host),
            // A fault, told by `check`; what stands here meanwhile is not used.
            (Engine::Wasmtime, None) => {
                let newest = WasmtimeVersion::major(WasmtimeVersion::NEWEST);
                asked_and_least(newest, keys, target, host)
            }
        };
        Self {
            name,
            asked,
            least,
            min_instances: number_or(&keys.min_instances, 1),
            // What somebody wrote stays as it is unless they say otherwise: a number of theirs is not
            // lowered silently, and the one they wrote is the one that is kept.
            keep: match (&keys.keep, &keys.memory_reservation) {
                (Some(setting), _) => setting.value,
                (None, Some(_)) => Keep::MemoryReservation,
                // Below 4 GiB Wasmtime's code checks every access: that is never chosen silently.
                (None, None) if engine.is(Engine::Wasmtime) => Keep::MemoryReservation,
                (None, None) => Keep::MaxInstances,
            },
            on_misfit: on_misfit(keys),
            least_total: asked.least_total(keys),
            engine_at: place_of(&keys.engine),
            max_instances_at: place_of(&keys.max_instances),
            totals_at: match keys.wasmtime.first_total() {
                Some(place) => place,
                None => Place::NOWHERE,
            },
            memory_reservation_at: place_of(&keys.memory_reservation),
        }
    }

    const fn check(
        &self,
        keys: &PoolKeys,
        target: Target,
        page_size: Size,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        let pool = self.name;
        // What may be lowered is lowered before it is at fault.
        let asked = &self.least;
        match (
            &asked.wasmtime,
            &keys.wasmtime.version,
            keys.wasmtime.first(),
        ) {
            (Some(wasmtime), Some(_), _) => {
                faults = wasmtime.check(asked, keys, pool, target, faults);
            }
            (Some(_), None, _) => {
                faults = faults.and(Fault::NoVersion {
                    pool,
                    place: place_of(&keys.engine),
                });
            }
            (None, _, Some(place)) if keys.engine.is_none() => {
                faults = faults.and(Fault::NoEngine { pool, place });
            }
            (None, ..) => {}
        }
        let zeros: [(&'static str, bool, Place); 4] = [
            (
                "max_instances",
                asked.max_instances == 0 && keys.max_instances.is_some(),
                self.max_instances_at,
            ),
            (
                "min_instances",
                self.min_instances == 0,
                place_of(&keys.min_instances),
            ),
            (
                "memory_reservation",
                asked.memory_reservation.is_zero(),
                self.memory_reservation_at,
            ),
            ("pools", asked.pools == 0, place_of(&keys.pools)),
        ];
        faults = faults.and_zeros(&zeros, pool);
        if asked.max_instances != 0 && self.min_instances > asked.max_instances {
            faults = faults.and(Fault::MinAboveMax {
                min_instances: self.min_instances,
                max_instances: asked.max_instances,
                pool,
                place: place_of(&keys.min_instances),
            });
        }
        if !asked.memory_reservation.is_multiple_of(GRAIN)
            || !asked.memory_reservation.is_multiple_of(page_size)
        {
            faults = faults.and(Fault::NotMultiple {
                memory_reservation: asked.memory_reservation,
                pool,
                place: self.memory_reservation_at,
            });
        } else if asked.max_memory_size.get() > asked.memory_reservation.get()
            && !asked.memory_reservation.is_zero()
        {
            // Of a reservation that is at fault itself there is nothing to compare with.
            faults = faults.and(Fault::MemoryAboveReservation {
                max_memory_size: asked.max_memory_size,
                memory_reservation: asked.memory_reservation,
                pool,
                place: place_of(&keys.max_memory_size),
            });
        }
        let countable = match &asked.wasmtime {
            // More than can be counted is a fault of its own.
            Some(wasmtime) => wasmtime.totals(asked).is_some(),
            None => true,
        };
        if countable && asked.footprint(page_size).is_err() {
            faults = faults.and(Fault::Overflow {
                pool,
                place: self.max_instances_at,
            });
        }
        faults
    }
}

/// What happens where a pool does not fit: what somebody wrote is not lowered silently.
const fn on_misfit(keys: &PoolKeys) -> OnMisfit {
    match &keys.on_misfit {
        Some(setting) => setting.value,
        None if keys.max_instances.is_none()
            && keys.memory_reservation.is_none()
            && keys.wasmtime.first_total().is_none() =>
        {
            OnMisfit::Shrink
        }
        None => OnMisfit::Error,
    }
}

/// Whose pool it is: the native engine's where nothing is said.
const fn engine(keys: &PoolKeys) -> Engine {
    match &keys.engine {
        Some(setting) => setting.value,
        None => Engine::Native,
    }
}

const fn native(keys: &PoolKeys, target: Target) -> Limits {
    let (instances, reservation, guard) = defaults(target);
    let memory_reservation = size_or(&keys.memory_reservation, reservation);
    Limits {
        max_instances: number_or(&keys.max_instances, instances),
        memory_reservation,
        max_memory_size: size_or(&keys.max_memory_size, memory_reservation),
        guard_size: size_or(&keys.guard_size, guard),
        table_reservation: size_or(&keys.table_reservation, Size::kib(160)),
        stack_reservation: size_or(&keys.stack_reservation, Size::mib(2)),
        pools: number_or(&keys.pools, 1),
        wasmtime: None,
    }
}

impl Limits {
    /// What a version of Wasmtime takes of itself on a target.
    ///
    /// ```
    /// use poolcfg_core::{Arch, Limits, Os, Size, Target, WasmtimeVersion};
    /// let target = Target::new(Arch::Riscv64, Os::Linux, 64);
    /// let own = Limits::of_wasmtime(WasmtimeVersion::major(48), target);
    /// assert_eq!((own.max_instances, own.guard_size), (1000, Size::mib(32)));
    /// ```
    #[must_use]
    pub const fn of_wasmtime(version: WasmtimeVersion, target: Target) -> Self {
        of_wasmtime(version, &PoolKeys::EMPTY, target, None, false)
    }
}

/// What is asked of a pool of Wasmtime's, and the same with the fewest tables: see [`Pool::least`].
const fn asked_and_least(
    version: WasmtimeVersion,
    keys: &PoolKeys,
    target: Target,
    host: Option<InstanceDefaults>,
) -> (Limits, Limits) {
    // Totals that nobody wrote are lowered with the rest.
    let lowered = matches!(on_misfit(keys), OnMisfit::Shrink);
    let Some(instance) = InstanceDefaults::of(&keys.wasmtime, host) else {
        let asked = of_wasmtime(version, keys, target, None, false);
        return (asked, of_wasmtime(version, keys, target, None, lowered));
    };
    let instance = instance.within(&keys.wasmtime);
    let asked = of_wasmtime(version, keys, target, Some(instance), false);
    let fewest = InstanceDefaults {
        tables: if instance.tables == 0 { 0 } else { 1 },
        table_elements: None,
        ..instance
    };
    let least = of_wasmtime(version, keys, target, Some(fewest), lowered);
    let least = Limits {
        table_reservation: least.table_reservation.min(asked.table_reservation),
        ..least
    };
    match &asked.wasmtime {
        Some(wasmtime) if wasmtime.totals(&asked).is_some() => (asked, least),
        // So many tables cannot be counted.
        _ => (least, least),
    }
}

const fn of_wasmtime(
    version: WasmtimeVersion,
    keys: &PoolKeys,
    target: Target,
    instance: Option<InstanceDefaults>,
    lowered: bool,
) -> Limits {
    let wasmtime = Wasmtime::new(version, &keys.wasmtime, target, instance);
    let defaults = Defaults::new(version, target);
    let memory_reservation = size_or(&keys.memory_reservation, defaults.reservation);
    let elements = match instance {
        Some(InstanceDefaults {
            table_elements: Some(elements),
            ..
        }) => elements,
        _ => defaults.table_elements,
    };
    let elements = number_or(&keys.wasmtime.table_elements, elements);
    let stack = if wasmtime.has(WasmtimeFeature::Async) {
        STACK
    } else {
        Size::ZERO
    };
    let limits = Limits {
        max_instances: number_or(&keys.max_instances, defaults.instances),
        memory_reservation,
        max_memory_size: size_or(
            &keys.max_memory_size,
            // A memory above its reservation is refused, so the default goes down with it.
            defaults.max_memory_size.min(memory_reservation),
        ),
        guard_size: size_or(&keys.guard_size, defaults.guard_size),
        // 2^32 elements of 8 bytes do not overflow.
        table_reservation: Size::bytes(wide(elements) * wide(wasmtime.element_bytes)),
        stack_reservation: size_or(&keys.stack_reservation, stack),
        pools: number_or(&keys.pools, 1),
        wasmtime: Some(wasmtime),
    };
    wasmtime.with_totals(limits, keys, lowered)
}
