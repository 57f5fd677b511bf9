//! One case: a target, its profile and shape, and every pool with defaults filled in and checked.

mod asked;
mod checks;
mod pool;
mod space;
mod totals;
mod wasmtime;

pub use pool::ResolvedPool;
pub use totals::LeastTotal;

use crate::base::consts::same;
use crate::base::size::{GRAIN, Size};
use crate::base::text::Text;
use crate::fault::{Fault, Faults};
use crate::model::fit::MAX_POOLS;
use crate::model::limit::Limit;
use crate::setting::{FilePlace, PoolKeys, Settings, value_or};
use crate::target::Target;
use crate::target::budget::Budget;
use crate::target::process::ProcessLimits;
use crate::target::profile::{NoProfile, VaProfile};
use crate::target::shape::Shape;

/// The resolved settings of a process for one target, before they are fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolvedProcess<'a> {
    /// The target.
    pub target: Target,
    /// The VA profile: the target's floor unless another one is set.
    pub profile: VaProfile<'a>,
    /// The process shape.
    pub shape: Shape,
    /// What profile and shape guarantee.
    pub budget: Budget,
    /// The headroom of a process without limits, of which small limits leave a part; `None` where it is said how much.
    pub(crate) usual_headroom: Option<Size>,
    /// Where each limit is said, in the order of [`Limit`].
    pub(crate) limits_at: [FilePlace; Limit::ALL.len()],
    pub(crate) pools: [ResolvedPool<'a>; MAX_POOLS],
    pub(crate) count: usize,
}

impl<'a> ResolvedProcess<'a> {
    /// The pools, in the order in which they are made.
    #[must_use]
    pub const fn pools(&self) -> &[ResolvedPool<'a>] {
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

    /// The same, where nobody says the headroom, and so much is usual.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_usual_headroom(mut self, usual: Option<Size>) -> Self {
        self.usual_headroom = usual;
        self
    }

    /// Whether the file or a flag says the headroom; otherwise the limits of the process decide it.
    #[doc(hidden)]
    #[must_use]
    pub const fn says_headroom(&self) -> bool {
        self.usual_headroom.is_none()
    }

    /// The headroom under other limits.
    pub(crate) const fn headroom_under(&self, limits: &ProcessLimits) -> Size {
        match self.usual_headroom {
            Some(usual) => limits.headroom(usual),
            None => self.budget.headroom,
        }
    }

    /// The same, where the largest memory that Wasmtime's pools run has so much at the beginning.
    ///
    /// ```
    /// use poolcfg_core::{Arch, Engine, Fit, Os, Plan, PoolKeys, Setting, Settings, Size, Target, WasmtimeVersion};
    /// let mut keys = PoolKeys::EMPTY;
    /// keys.engine = Some(Setting::given(Engine::Wasmtime));
    /// keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(48)));
    /// let board = Target::new(Arch::Riscv64, Os::Linux, 64);
    /// let case = Settings::new(&[], &[]).pooling_allocator(keys).resolve(board).unwrap();
    /// let way = |case| Plan::new(&case).way(&case, 0, Fit::Smaller).unwrap();
    /// assert_eq!(way(case).limits.memory_reservation, Size::mib(128));
    /// let case = case.with_memory_minimum(Size::mib(150));
    /// assert_eq!(way(case).limits.memory_reservation, Size::mib(150));
    /// ```
    #[must_use]
    pub const fn with_memory_minimum(mut self, minimum: Size) -> Self {
        let Some(minimum) = minimum.round_up(GRAIN) else {
            return self;
        };
        let mut i = 0;
        while i < self.count {
            if self.pools[i].asked.wasmtime.is_some() {
                self.pools[i].memory_minimum = minimum;
            }
            i += 1;
        }
        self
    }
}

impl<'a> Settings<'a> {
    /// Fills in the target's defaults and checks every number.
    ///
    /// # Errors
    /// Every [`Fault`] there is, at once; those behind the sixteenth are counted.
    #[allow(
        clippy::result_large_err,
        reason = "const code has no heap, and it is asked once per target"
    )]
    pub const fn resolve(&self, target: Target) -> Result<ResolvedProcess<'a>, Faults<'a>> {
        self.resolve_after(0, target)
    }

    /// The same, where so many faults are passed over before those that are listed.
    #[allow(clippy::result_large_err, reason = "as above")]
    const fn resolve_after(
        &self,
        before: u32,
        target: Target,
    ) -> Result<ResolvedProcess<'a>, Faults<'a>> {
        let mut faults = Faults::after(before);
        let mut is_known = true;
        let profile = match self.profile(target) {
            Ok(profile) => profile,
            Err(fault) => match (fault, VaProfile::floor(target)) {
                (Fault::NoAddressSpace { .. }, _) | (_, None) => return Err(faults.and(fault)),
                (_, Some(floor)) => {
                    faults = faults.and(fault);
                    is_known = false;
                    floor
                }
            },
        };
        let shape = Shape {
            relocation_model: value_or(&self.space.relocation_model, target.relocation_model),
            stack_limit: value_or(&self.space.stack_limit, Shape::DEFAULT.stack_limit),
            aslr: value_or(&self.space.aslr, Shape::DEFAULT.aslr),
            layout: value_or(&self.space.layout, Shape::DEFAULT.layout),
        };
        let headroom = match self.space.headroom {
            Some(setting) => Some(setting.value),
            None => None,
        };
        let budget = Budget::new(&profile, shape, headroom);
        let limits = self.space.limits(budget.limits, target.os);
        let (budget, usual_headroom) = match headroom {
            Some(_) => (budget, None),
            None => {
                let usual = budget.headroom;
                let headroom = limits.headroom(usual);
                (Budget::new(&profile, shape, Some(headroom)), Some(usual))
            }
        };
        let budget = budget.with_limits(limits);
        faults = self.space.check_limits(&budget, faults);
        // What another profile takes is not known.
        if is_known {
            faults = self.check_shape(&profile, shape, faults);
        }
        if faults.is_empty() {
            faults = self.check_holes(&profile, shape, &budget, faults);
        }
        let mut pools = [ResolvedPool::new("", &PoolKeys::EMPTY, target, None); MAX_POOLS];
        let mut i = 0;
        while i < self.count {
            pools[i] = ResolvedPool::new(self.names[i], &self.keys[i], target, self.instance);
            faults = pools[i].check(&self.keys[i], target, budget.page_size, faults);
            i += 1;
        }
        if faults.is_empty() {
            Ok(ResolvedProcess {
                target,
                profile,
                shape,
                budget,
                usual_headroom,
                limits_at: self.space.limits_at(),
                pools,
                count: self.count,
            })
        } else {
            Err(faults)
        }
    }

    /// Every fault, where [`resolve`](Self::resolve) counts those behind the first sixteen.
    #[cfg(feature = "file")]
    #[must_use]
    pub fn faults(&self, target: Target) -> Vec<Fault<'a>> {
        let mut all = Vec::new();
        while let Err(faults) =
            self.resolve_after(u32::try_from(all.len()).unwrap_or(u32::MAX), target)
        {
            all.extend(faults.iter());
            if faults.unlisted() == 0 {
                break;
            }
        }
        all
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
            if let Some(own) = &self.profiles[i] {
                if same(own.name, name) {
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
