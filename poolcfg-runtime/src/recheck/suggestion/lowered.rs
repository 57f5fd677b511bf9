//! A number of a pool that is lowered until it fits.

use poolcfg_core::{GRAIN, Keep, Limits, MappingName, Size};

use crate::recheck::slabs::largest;

/// A number that is lowered, of these limits.
#[derive(Clone, Copy)]
pub(super) struct LoweredLimits {
    pub(super) asked: Limits,
    pub(super) number: LoweredNumber,
}

#[derive(Clone, Copy)]
pub(super) enum LoweredNumber {
    /// The one that is not kept.
    NotKept(Keep),
    MaxMemorySize,
    /// Of tables or of stacks, in pages of so many bytes.
    Part(MappingName, Size),
}

impl LoweredLimits {
    pub(super) fn value(&self, limits: &Limits) -> u64 {
        match self.number {
            LoweredNumber::NotKept(keep) => keep.value(limits),
            LoweredNumber::MaxMemorySize => limits.max_memory_size.get() / GRAIN.get(),
            LoweredNumber::Part(name, page) => {
                let size = match name {
                    MappingName::Memories => limits.memory_reservation,
                    MappingName::Tables => limits.table_reservation,
                    MappingName::Stacks => limits.stack_reservation,
                };
                size.get() / page.get()
            }
        }
    }

    fn with_value(&self, value: u64) -> Limits {
        match self.number {
            LoweredNumber::NotKept(keep) => keep.with_value(&self.asked, value),
            LoweredNumber::MaxMemorySize => Limits {
                max_memory_size: Size::bytes(value.saturating_mul(GRAIN.get())),
                ..self.asked
            },
            LoweredNumber::Part(name, page) => {
                let size = Size::bytes(value.saturating_mul(page.get()));
                match name {
                    MappingName::Memories => self.asked.with_reservation(size),
                    MappingName::Tables => Limits {
                        table_reservation: size,
                        ..self.asked
                    },
                    MappingName::Stacks => Limits {
                        stack_reservation: size,
                        ..self.asked
                    },
                }
            }
        }
    }

    /// The most that holds, where it is of use.
    pub(super) fn most(&self, holds: impl Fn(&Limits) -> bool) -> Option<Limits> {
        let end = self.value(&self.asked).saturating_add(1);
        let fit = largest(0, end, |value| holds(&self.with_value(value)));
        (fit > 0)
            .then(|| self.with_value(fit))
            .filter(is_large_enough)
    }
}

fn is_large_enough(limits: &Limits) -> bool {
    limits.memory_reservation >= limits.least_reservation()
}
