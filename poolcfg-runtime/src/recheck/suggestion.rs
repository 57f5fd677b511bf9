//! What a misfit suggests: the operator starts another process with it, in which ASLR has put everything elsewhere. So
//! what this process has is no measure: where the machine is known, the model says what each of its processes has.

mod lowered;
mod others;

use poolcfg_core::{Keep, LargestFit, Limits, MappingName, Size};

use super::Recheck;
use super::everywhere::Everywhere;
use crate::recheck::kept::Keeper;
use crate::recheck::layout;
use crate::recheck::limit::RecheckLimit;
use crate::recheck::misfit::{FittingPair, FittingPart, Misfit, PairedSize};
use crate::recheck::process_bounds::beside_slots;
use lowered::{LoweredLimits, LoweredNumber};
use others::LeftToOthers;

impl<M: Keeper> Recheck<'_, M> {
    /// What would fit, of this pool and of the others that are to come.
    pub(super) fn suggest(&self, misfit: &mut Misfit) {
        let (fit, left) = self.largest_fit(misfit);
        misfit.largest_fit = fit;
        let asked = &self.in_force.asked;
        if let Some(size) = misfit.suggested_reservation() {
            misfit.others = self.others(&asked.with_reservation(size), left);
        } else if let Some(instances) = fit.max_instances {
            misfit.others = self.others(&asked.with_instances(instances), left);
        } else if let Some(part) = self.fitting_part(misfit) {
            misfit.part = Some(part);
        } else if let Some((pair, limits, left)) = self.fitting_pair(misfit) {
            misfit.pair = Some(pair);
            misfit.others = self.others(&limits, left);
        }
    }

    /// Two numbers that fit together where neither does with the other as asked: the fewest instances that are of use, and
    /// as large a memory as goes.
    fn fitting_pair(&self, misfit: &Misfit) -> Option<(FittingPair, Limits, LeftToOthers)> {
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
                let mut ways = LeftToOthers::ALL.into_iter();
                let (limits, left) = ways.find_map(|left| {
                    let limits = self.most(everywhere.as_ref(), misfit, lowered, left)?;
                    Some((limits, left))
                })?;
                let pair = FittingPair {
                    max_instances,
                    paired,
                    size: match paired {
                        PairedSize::MemoryReservation => limits.memory_reservation,
                        PairedSize::MaxMemorySize => limits.max_memory_size,
                    },
                };
                Some((pair, limits, left))
            })
    }

    /// A smaller table or stack alone, beside what is guaranteed to the others.
    fn fitting_part(&self, misfit: &Misfit) -> Option<FittingPart> {
        let everywhere = Everywhere::of(self);
        let asked = self.in_force.asked;
        let page = self.page_size.max(self.promise.page_size);
        [MappingName::Tables, MappingName::Stacks]
            .into_iter()
            .find_map(|part| {
                let lowered = LoweredLimits {
                    asked,
                    number: LoweredNumber::Part(part, page),
                };
                let left = LeftToOthers::Guaranteed;
                let limits = self.most(everywhere.as_ref(), misfit, lowered, left)?;
                let size = match part {
                    MappingName::Tables => limits.table_reservation,
                    _ => limits.stack_reservation,
                };
                let is_possible = asked
                    .wasmtime
                    .is_none_or(|wasmtime| limits.stack_reservation >= wasmtime.max_wasm_stack);
                let is_smaller = lowered.value(&limits) < lowered.value(&asked);
                (is_possible && is_smaller).then_some(FittingPart { part, size })
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
        let holds = |everywhere: &Everywhere| everywhere.holds(&limits, |others| *others);
        let fits = || {
            everywhere.as_ref().is_some_and(holds)
                || self.holds(limits, LeftToOthers::Guaranteed, Size::ZERO, Size::ZERO)
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
    fn largest_fit(&self, misfit: &Misfit) -> (LargestFit, LeftToOthers) {
        let everywhere = Everywhere::of(self);
        let most = |(keep, left)| {
            let lowered = LoweredLimits {
                asked: self.in_force.asked,
                number: LoweredNumber::NotKept(keep),
            };
            self.most(everywhere.as_ref(), misfit, lowered, left)
        };
        let largest = |left: LeftToOthers| LargestFit {
            max_instances: most((Keep::MemoryReservation, left)).map(|limits| limits.max_instances),
            memory_reservation: (self.in_force.asked.has_memories())
                .then(|| most((Keep::MaxInstances, left)))
                .flatten()
                .map(|limits| limits.memory_reservation),
        };
        let all = LeftToOthers::ALL.into_iter();
        let mut all = all.map(|left| (largest(left), left));
        let nothing = LargestFit {
            max_instances: None,
            memory_reservation: None,
        };
        let found = all.find(|(fit, _)| *fit != nothing);
        found.unwrap_or((nothing, LeftToOthers::Guaranteed))
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
                && everywhere.holds(limits, |others| self.left_of(limits, left, others))
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
                LoweredNumber::MaxMemorySize | LoweredNumber::Part(..) => false,
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
            && self.holds(guaranteed, LeftToOthers::Guaranteed, Size::ZERO, Size::ZERO))
        .then_some(guaranteed)
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
}
