//! Why the numbers of a generated file do not hold, in the words of the compile error. They are the same with the runtime
//! and without it.

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
    /// A number is another one than what was worked out with the rest.
    Changed,
}

impl Refusal {
    /// The text of the compile error. `command` is what writes the file.
    pub(crate) const fn text(self, machine: &str, command: &str) -> Text {
        let (begin, more) = match self {
            Self::Overflow => return told("add up to more than 2^64 - 1 bytes", command),
            Self::Hole => {
                return Text::new()
                    .str("the limits need more address space than ")
                    .str(machine)
                    .str(" guarantees: `")
                    .str(command)
                    .str("` tells what fits");
            }
            Self::Exceeded(bound) => {
                return told(
                    match bound {
                        Bound::AddressSpace => "need more address space than `RLIMIT_AS` allows",
                        Bound::Writable => "need more writable memory than `RLIMIT_DATA` allows",
                        Bound::Maps => "need more mappings than `vm.max_map_count` allows",
                        Bound::Committed => {
                            "need more writable memory than the commit limit allows"
                        }
                        Bound::Charged => "need more memory at once than RAM and swap allow",
                    },
                    command,
                );
            }
            Self::MemoryAboveReservation => (
                "MAX_MEMORY_SIZE is above MEMORY_RESERVATION",
                "lower the one or raise the other",
            ),
            Self::NotMultiple => (
                "MEMORY_RESERVATION is not a multiple of 64 KiB",
                "round it up or down",
            ),
            Self::StackTooSmall => (
                "MAX_WASM_STACK is above ASYNC_STACK_SIZE",
                "lower the one or raise the other",
            ),
            Self::Changed => {
                return Text::new()
                    .str("a number is not the one that was worked out with the others: change poolcfg.toml and run `")
                    .str(command)
                    .str("`");
            }
        };
        Text::new().str(begin).str(": ").str(more)
    }
}

const fn told(what: &str, command: &str) -> Text {
    Text::new()
        .str("the limits ")
        .str(what)
        .str(": `")
        .str(command)
        .str("` tells what fits")
}
