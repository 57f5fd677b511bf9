//! Why the numbers of a generated file do not hold, in the words of the compile error. They are the same with the runtime
//! and without it.

use crate::base::code::Code;
use crate::base::text::Text;
use crate::model::sum::Bound;

/// Why the numbers of a file do not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A sum is above 2^64 - 1.
    Overflow,
    /// A mapping finds no hole.
    Hole,
    /// A limit of the process is exceeded.
    Exceeded(Bound),
    /// A memory may grow beyond its reservation.
    MemoryAboveReservation,
    /// A reservation is not in whole grains.
    NotMultiple,
    /// Wasmtime's stack is smaller than what WebAssembly may use of it.
    StackTooSmall,
    /// More instances are needed than there are.
    MinAboveMax,
    /// A number is not the one that was worked out with the rest.
    Changed,
}

impl Refusal {
    const fn code(self) -> Code {
        match self {
            Self::Overflow => Code::Overflow,
            Self::Hole => Code::Misfit,
            Self::Exceeded(Bound::Maps) => Code::TooManyMaps,
            Self::Exceeded(_) => Code::TooMuchMemory,
            Self::MemoryAboveReservation => Code::MemoryAboveReservation,
            Self::NotMultiple => Code::NotMultiple,
            Self::StackTooSmall => Code::RefusedByWasmtime,
            Self::MinAboveMax => Code::MinAboveMax,
            Self::Changed => Code::Stale,
        }
    }

    /// The text of the compile error. `command` is what writes the file.
    pub(crate) const fn text(self, machine: &str, command: &str) -> Text {
        let text = self.code().begin(Text::new());
        let text = match self {
            Self::Overflow => text.str("the limits add up to more than 2^64 - 1 bytes"),
            Self::Hole => text
                .str("the limits need more address space than ")
                .str(machine)
                .str(" guarantees"),
            Self::Exceeded(bound) => text.str("the limits need more ").str(match bound {
                Bound::AddressSpace => "address space than `RLIMIT_AS` allows",
                Bound::Writable => "writable memory than `RLIMIT_DATA` allows",
                Bound::Maps => "maps than `vm.max_map_count` allows",
                Bound::Committed => "writable memory than the commit limit allows",
                Bound::Charged => "memory at once than RAM and swap allow",
            }),
            Self::MemoryAboveReservation => text
                .str("MAX_MEMORY_SIZE is above MEMORY_RESERVATION: lower one or raise the other"),
            Self::NotMultiple => {
                text.str("MEMORY_RESERVATION is not a multiple of 64 KiB: round it up or down")
            }
            Self::StackTooSmall => {
                text.str("MAX_WASM_STACK is above ASYNC_STACK_SIZE: lower one or raise the other")
            }
            Self::MinAboveMax => {
                text.str("MIN_INSTANCES is above MAX_INSTANCES: lower one or raise the other")
            }
            Self::Changed => text
                .str("a number was changed by hand: change poolcfg.toml and run `")
                .str(command)
                .str("`"),
        };
        let text = match self {
            Self::Overflow | Self::Hole | Self::Exceeded(_) => {
                text.str(": `").str(command).str("` tells what fits")
            }
            _ => text,
        };
        self.code().see(text)
    }
}
