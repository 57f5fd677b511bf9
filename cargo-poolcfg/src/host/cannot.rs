//! What a host has no setting for, with the numbers, and what can be done about it.

use poolcfg_core::file::Diagnostic;
use poolcfg_core::{Code, FilePlace, PoolKeys, Raise, Size, WasmtimeVersion};

use super::number::{Matters, Number, UnitValue};
use super::piece::LargestPiece;
use super::table::Host;

/// Why a text for a host cannot be written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cannot {
    /// With this version of Wasmtime it has no settings at all.
    TooOld {
        host: &'static Host,
        version: WasmtimeVersion,
    },
    /// It calls on stacks of the pool, and the pool has none.
    NoStacks {
        host: &'static Host,
        version: WasmtimeVersion,
    },
    /// It takes no pool where it cannot reserve so much in one piece.
    Probe {
        host: &'static Host,
        version: WasmtimeVersion,
        need: Size,
        have: LargestPiece,
    },
    /// It has no settings for memories outside of a pool.
    OnDemand {
        host: &'static Host,
        version: WasmtimeVersion,
    },
    /// It does not read the number, and takes another one of itself.
    Key {
        host: &'static Host,
        version: WasmtimeVersion,
        number: Number,
        asked: UnitValue,
        own: UnitValue,
    },
}

impl Cannot {
    /// Whether the machine has too little for it; no other machine would help the rest.
    pub(crate) const fn is_misfit(&self) -> bool {
        matches!(self, Self::Probe { .. })
    }

    /// Where the file or a flag says anything of it; `None` if neither does.
    pub(crate) fn place(&self, keys: &PoolKeys) -> Option<FilePlace> {
        match self {
            Self::TooOld { .. } | Self::Probe { .. } | Self::OnDemand { .. } => {
                keys.wasmtime.version.map(|version| version.place)
            }
            Self::NoStacks { .. } => {
                let features = keys.wasmtime.features.map(|features| features.place);
                let total = keys.wasmtime.total_stacks.filter(|total| total.value == 0);
                let stack = keys.stack_reservation.map(|key| key.place);
                total.map(|total| total.place).or(stack).or(features)
            }
            Self::Key { number, .. } => Some(number.place(keys)),
        }
    }

    /// The mistake.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        Diagnostic {
            code: Code::HostCannot,
            message: self.message(),
            span: None,
            label: self.label(),
            help: Some(self.help()),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::TooOld { host, version } => {
                format!("{} {} {}", host.on, version.major, host.before.0)
            }
            Self::NoStacks { host, version } => format!(
                "{} {} runs every instance on a stack of the pool, but this pool has no stacks",
                host.on, version.major
            ),
            Self::Probe {
                host,
                version,
                need,
                have,
            } => {
                let left = have.bytes.available();
                let has = match have.rlimit_as {
                    Some(limit) => format!(
                        "`RLIMIT_AS` of {} leaves {left} after the headroom",
                        limit.available()
                    ),
                    None => format!("the largest hole has {left}"),
                };
                format!(
                    "{} {} uses a pool only if it can reserve {} in one piece, but {has}",
                    host.on,
                    version.major,
                    need.needed()
                )
            }
            Self::OnDemand { host, version } => format!(
                "{} {} has no setting for what a memory outside of a pool reserves",
                host.on, version.major
            ),
            Self::Key {
                host,
                version,
                number,
                asked,
                own,
            } => format!(
                "{} {} has no setting for `{}`: expected {asked}, but it uses {own}",
                host.on,
                version.major,
                number.word()
            ),
        }
    }

    fn label(&self) -> String {
        match self {
            Self::TooOld { host, .. } => format!("{} is the first", host.since),
            Self::NoStacks { .. } => "no stacks".to_owned(),
            Self::Probe { .. } | Self::OnDemand { .. } => "with this version".to_owned(),
            Self::Key { own, .. } => format!("it uses {own}"),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::TooOld { host, .. } => host.before.1.to_owned(),
            Self::NoStacks { .. } => {
                "add `\"async\"` to `features`, and set neither `stack_reservation` nor `total_stacks` to 0".to_owned()
            }
            Self::Probe { have, .. } => match have.rlimit_as {
                Some(_) => format!(
                    "raise the limit with {}; under it, the host runs without a pool, whatever its settings",
                    Raise::AddressSpace
                ),
                None => "it runs without a pool on such a machine, whatever its settings; `cargo poolcfg profiles` lists machines with larger holes".to_owned(),
            },
            Self::OnDemand { .. } => {
                "`--fit no-pool` is for `--emit wasmtime-toml` and `wasmtime-flags`".to_owned()
            }
            Self::Key {
                host,
                version,
                number,
                own,
                ..
            } => {
                let set = match (number, number.matters(), own) {
                    (_, Matters::AsBound, UnitValue::Count(_)) => {
                        format!("lower `max_instances`, so that `{}` is {own}", number.word())
                    }
                    (Number::MemoryProtectionKeys, ..) => {
                        "remove `memory_protection_keys`".to_owned()
                    }
                    _ => format!("set `{}` to {own}", number.word()),
                };
                match host.first_told(*number, version.major) {
                    Some(later) => format!("{set}, or use {} {later} or later", host.on),
                    None => set,
                }
            }
        }
    }
}
