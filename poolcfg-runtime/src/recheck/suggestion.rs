//! What a misfit suggests: the operator starts another process with it, in which ASLR has put everything elsewhere. So
//! what this process has is no measure: where the machine is known, the model says what each of its processes has.

use poolcfg_core::{GRAIN, Keep, LargestFit, Limits, MappingName, Size};

use super::Recheck;
use super::everywhere::Everywhere;
use crate::recheck::kept::Keeper;
use crate::recheck::layout;
use crate::recheck::limit::RecheckLimit;
use crate::recheck::misfit::{FittingPair, Misfit, PairedSize};
use crate::recheck::order::{Order, ToCome};
use crate::recheck::process_bounds::beside_slots;
use crate::recheck::slabs::{largest, slab_bytes};
use crate::recheck::with_slack::WithSlack;

/// What the pools that are to come are left of a limit of the process. A program that starts one pool with what is suggested
/// starts them, too.
#[derive(Clone, Copy, Debug)]
enum LeftToOthers {
    /// What is guaranteed to them; those of the same name, as much as this one.
    Guaranteed,
    /// Each of them as much as this one: their guarantees do not fit.
    Equal,
    /// Nothing.
    Alone,
}

impl LeftToOthers {
    /// What is tried, in this order.
    const ALL: [Self; 3] = [Self::Guaranteed, Self::Equal, Self::Alone];
}

/// A number that is lowered, of these limits.
#[derive(Clone, Copy)]
struct LoweredLimits {
    asked: Limits,
    number: LoweredNumber,
}

#[derive(Clone, Copy)]
enum LoweredNumber {
    /// The one that is not kept.
    NotKept(Keep),
    MaxMemorySize,
}

impl LoweredLimits {
    fn value(&self, limits: &Limits) -> u64 {
        match self.number {
            LoweredNumber::NotKept(keep) => keep.value(limits),
            LoweredNumber::MaxMemorySize => limits.max_memory_size.get() / GRAIN.get(),
        }
    }

    fn with_value(&self, value: u64) -> Limits {
        match self.number {
            LoweredNumber::NotKept(keep) => keep.with_value(&self.asked, value),
            LoweredNumber::MaxMemorySize => Limits {
                max_memory_size: Size::bytes(value.saturating_mul(GRAIN.get())),
                ..self.asked
            },
        }
    }

    /// The most that holds, where it is of use.
    fn most(&self, holds: impl Fn(&Limits) -> bool) -> Option<Limits> {
        let end = self.value(&self.asked).saturating_add(1);
        let fit = largest(0, end, |value| holds(&self.with_value(value)));
        (fit > 0)
            .then(|| self.with_value(fit))
            .filter(is_large_enough)
    }
}

impl<M: Keeper> Recheck<'_, M> {
    /// Two numbers that fit together where neither does with the other as asked: the fewest instances that are of use, and
    /// as large a memory as goes.
    pub(super) fn fitting_pair(&self, misfit: &Misfit) -> Option<FittingPair> {
        let LargestFit {
            max_instances,
            memory_reservation,
        } = misfit.largest_fit;
        let asked = self.in_force.asked;
        if max_instances.is_some() || memory_reservation.is_some() || !asked.has_memories() {
            return None;
        }
        let everywhere = Everywhere::of(self);
        let few = [self.in_force.min_instances, 1];
        let few = few.into_iter().filter(|few| *few < asked.max_instances);
        // What may be written is bounded by what a memory may grow to, and code is compiled for the reservation.
        let of_writable = matches!(
            misfit.limit,
            RecheckLimit::RlimitData | RecheckLimit::CommitLimit
        );
        let sizes = match of_writable {
            true => &[PairedSize::MaxMemorySize, PairedSize::MemoryReservation][..],
            false => &[PairedSize::MemoryReservation][..],
        };
        few.flat_map(|few| sizes.iter().map(move |size| (few, *size)))
            .find_map(|(max_instances, paired)| {
                let lowered = LoweredLimits {
                    asked: asked.with_instances(max_instances),
                    number: match paired {
                        PairedSize::MemoryReservation => LoweredNumber::NotKept(Keep::MaxInstances),
                        PairedSize::MaxMemorySize => LoweredNumber::MaxMemorySize,
                    },
                };
                let mut ways = LeftToOthers::ALL.iter();
                let limits =
                    ways.find_map(|left| self.most(everywhere.as_ref(), misfit, lowered, *left))?;
                Some(FittingPair {
                    max_instances,
                    paired,
                    size: match paired {
                        PairedSize::MemoryReservation => limits.memory_reservation,
                        PairedSize::MaxMemorySize => limits.max_memory_size,
                    },
                })
            })
    }

    /// The guard that the build chose, where a variable has raised it and the pool would start with that.
    pub(super) fn fitting_guard(&self, misfit: &Misfit) -> Option<Size> {
        let guard_size = self.promise.asked.guard_size;
        let limits = Limits {
            guard_size,
            ..misfit.limits
        };
        let everywhere = Everywhere::of(self);
        let is_raised = misfit.limits.guard_size > guard_size;
        let holds = |everywhere: &Everywhere| everywhere.holds(&limits);
        let fits = || {
            everywhere.as_ref().is_some_and(holds)
                || self.holds(limits, LeftToOthers::Alone, Size::ZERO, Size::ZERO)
        };
        (is_raised && fits()).then_some(guard_size)
    }

    /// The most of a number that fits.
    fn most(
        &self,
        everywhere: Option<&Everywhere>,
        misfit: &Misfit,
        lowered: LoweredLimits,
        left: LeftToOthers,
    ) -> Option<Limits> {
        match everywhere {
            Some(everywhere) => self.most_everywhere(everywhere, misfit, (lowered, left)),
            None => self.most_here(misfit, (lowered, left)),
        }
    }

    /// What would fit, each number with the other as asked.
    pub(super) fn largest_fit(&self, misfit: &Misfit) -> LargestFit {
        let everywhere = Everywhere::of(self);
        let most = |(keep, left)| {
            let lowered = LoweredLimits {
                asked: self.in_force.asked,
                number: LoweredNumber::NotKept(keep),
            };
            self.most(everywhere.as_ref(), misfit, lowered, left)
        };
        let largest = |left: &LeftToOthers| LargestFit {
            max_instances: most((Keep::MemoryReservation, *left))
                .map(|limits| limits.max_instances),
            memory_reservation: (self.in_force.asked.has_memories())
                .then(|| most((Keep::MaxInstances, *left)))
                .flatten()
                .map(|limits| limits.memory_reservation),
        };
        let mut all = LeftToOthers::ALL.iter().map(largest);
        let nothing = LargestFit {
            max_instances: None,
            memory_reservation: None,
        };
        all.find(|fit| *fit != nothing).unwrap_or(nothing)
    }

    /// The most that each process of the machine holds, by the model. Where another limit than the holes decides, or this
    /// process has less than the model says of each, as under an emulator, the smaller of both counts.
    fn most_everywhere(
        &self,
        everywhere: &Everywhere,
        misfit: &Misfit,
        (lowered, left): (LoweredLimits, LeftToOthers),
    ) -> Option<Limits> {
        let fit = lowered.most(|limits| {
            self.shares(limits, left)
                && everywhere.is_left(limits, &self.in_force.guaranteed)
                && everywhere.holds(limits)
        });
        let Some(fit) = fit else {
            // What this process of a kernel has is luck; an emulator has the same each time.
            return (everywhere.is_known() && !everywhere.is_of_kernel())
                .then(|| self.most_here(misfit, (lowered, left)))
                .flatten();
        };
        if misfit.limit == RecheckLimit::Hole {
            // Others of the file have more here than beside a pool that starts as suggested. But where the model says that
            // what was refused fits, this process is not as it says.
            let agrees = lowered.value(&fit) < lowered.value(&misfit.limits);
            let is_smaller_here = everywhere.is_of_kernel() && everywhere.is_beside_others();
            if (is_smaller_here && agrees) || self.holds(fit, left, Size::ZERO, Size::ZERO) {
                return Some(fit);
            }
        }
        let here = self.most_here(misfit, (lowered, left))?;
        let fewer = lowered.value(&here) < lowered.value(&fit);
        Some(if fewer { here } else { fit })
    }

    /// The most that this process holds when it leaves to ASLR what that may take in another one, where the machine is not
    /// known.
    fn most_here(
        &self,
        misfit: &Misfit,
        (lowered, left): (LoweredLimits, LeftToOthers),
    ) -> Option<Limits> {
        let asked = lowered.asked;
        let spare = match misfit.limit {
            RecheckLimit::Hole => layout::aslr_range(self.machine, self.promise.shape.aslr),
            _ => Size::ZERO,
        };
        let most = |headroom, spare| {
            lowered.most(|limits| {
                let headroom = self.bookkeeping_beside(limits).max(headroom);
                self.holds(*limits, left, headroom, spare)
            })
        };
        let found = most(self.bounds.headroom_of(self.headroom), spare)
            .or_else(|| most(Size::ZERO, spare))
            .or_else(|| most(Size::ZERO, Size::ZERO));
        let guaranteed = self
            .guaranteed_anywhere(misfit)
            .filter(|limits| match lowered.number {
                LoweredNumber::NotKept(Keep::MemoryReservation) => {
                    limits.memory_reservation == asked.memory_reservation
                }
                LoweredNumber::NotKept(Keep::MaxInstances) => {
                    limits.max_instances == asked.max_instances
                }
                LoweredNumber::MaxMemorySize => false,
            });
        let both = found.into_iter().chain(guaranteed);
        both.max_by_key(|limits| lowered.value(limits))
    }

    /// What the build guarantees, where that is to be counted on in another process too: it fits here, in a
    /// process like the one that was planned with. It leaves to ASLR what the model knows that ASLR takes.
    fn guaranteed_anywhere(&self, misfit: &Misfit) -> Option<Limits> {
        let planned = misfit.layout.is_none() && self.machine.holdings().is_empty();
        let guaranteed = self.in_force.guaranteed;
        (misfit.limit == RecheckLimit::Hole
            && planned
            && self.holds(guaranteed, LeftToOthers::Alone, Size::ZERO, Size::ZERO))
        .then_some(guaranteed)
    }

    /// Whether a pool and a headroom find their place, with so much room left in each hole that holds
    /// memories.
    fn holds(&self, limits: Limits, left: LeftToOthers, headroom: Size, spare: Size) -> bool {
        let slab = |name| slab_bytes(&limits, name, limits.max_instances, self.page_size);
        let beside = [
            slab(MappingName::Tables),
            slab(MappingName::Stacks),
            headroom,
        ];
        let with_slack = WithSlack::new(self.machine, spare, beside);
        self.shares(&limits, left) && self.alone_on(&with_slack).reserve(limits, headroom).is_ok()
    }

    /// Whether the limits of the process leave the pools that are to come their part.
    fn shares(&self, limits: &Limits, left: LeftToOthers) -> bool {
        let to_come = self.order.iter().filter(|pool| !pool.checked);
        let part = |pool: &ToCome| match left {
            LeftToOthers::Guaranteed if pool.name != self.promise.name => pool.limits,
            // A variable is of all pools of one name.
            _ => *limits,
        };
        let parts: Vec<Limits> = match left {
            LeftToOthers::Alone => Vec::new(),
            _ => to_come.map(part).collect(),
        };
        if parts.is_empty() {
            return self.bounds.check(limits).is_ok();
        }
        self.bounds.allow_beside(limits, &parts, self.headroom)
    }

    /// What the process writes beside the slots of this pool and of those that it has already.
    fn bookkeeping_beside(&self, limits: &Limits) -> Size {
        let holdings = self.machine.holdings();
        let took = holdings.iter().filter_map(|holding| holding.took);
        took.fold(beside_slots(limits), |sum, took| {
            let beside = beside_slots(&took.limits);
            sum.checked_add(beside).unwrap_or(Size::bytes(u64::MAX))
        })
    }

    /// The recheck of a pool without others, on another machine.
    fn alone_on<'b, N: Keeper>(&'b self, machine: &'b N) -> Recheck<'b, N> {
        Recheck {
            to_come: Vec::new(),
            order: Order::default(),
            ..self.on(machine)
        }
    }
}

fn is_large_enough(limits: &Limits) -> bool {
    limits.memory_reservation >= limits.least_reservation()
}
