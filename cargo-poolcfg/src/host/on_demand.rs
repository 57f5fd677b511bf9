//! Without a pool: the settings of a host for memories that are reserved on demand.
//!
//! A memory takes its reservation and a guard on both sides, when it is made. One that outgrows the reservation moves to as
//! much as it has and the reservation for growth, 2 GiB by default, which would not fit where the reservation was lowered
//! (crates/wasmtime/src/runtime/vm/memory/mmap.rs:60, v48). The reservations for heaps (45 and later) follow those for
//! memories as long as nobody says them.

use poolcfg_core::Target;

use super::cannot::Cannot;
use super::number::{Number, Numbers};
use super::table::{Host, HostText};
use super::told::Told;

/// What is set: how a memory is reserved, and what every instance has on its stack.
const NUMBERS: [Number; 5] = [
    Number::MemoryReservation,
    Number::GuardSize,
    Number::GuardBeforeLinearMemory,
    Number::AsyncStackSize,
    Number::MaxWasmStack,
];

/// How much more a memory gets that outgrows its reservation.
const GROWTH: Told = Told::new(
    Number::MemoryReservation,
    "memory-reservation-for-growth",
    28,
)
.section("optimize");

impl Host {
    /// The settings of the host without a pool.
    ///
    /// # Errors
    /// Where it has none for memories outside of a pool.
    pub(crate) fn tell_on_demand(
        &'static self,
        asked: &Numbers,
        target: Target,
    ) -> Result<HostText, Vec<Cannot>> {
        let version = asked.version();
        if version.major < self.since {
            return Err(vec![Cannot::TooOld {
                host: self,
                version,
            }]);
        }
        if self.on_demand.is_none() {
            return Err(vec![Cannot::OnDemand {
                host: self,
                version,
            }]);
        }
        let mut settings = Vec::new();
        for number in NUMBERS {
            let value = asked.value(number);
            let known = self.told_of(number, version.major, target);
            settings.extend(known.filter_map(|told| told.line(value).0));
        }
        let reserved = asked.value(Number::MemoryReservation);
        settings.extend(GROWTH.line(reserved).0);
        Ok(HostText {
            settings,
            notes: Vec::new(),
            warnings: Vec::new(),
            release: self.release(version.major),
        })
    }
}
