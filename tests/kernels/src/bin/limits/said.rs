//! What a process under a limit says to the one that has started it.

use std::fmt;
use std::str::FromStr;

use poolcfg_core::Size;

/// What came of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It started, and every slot was used.
    Took(Took),
    /// A limit was in the way.
    Refused(Refused),
}

/// A pool that started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Took {
    pub instances: u32,
    pub reservation: Size,
    pub warnings: Vec<String>,
}

/// A pool that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub limit: String,
    pub need: u64,
    pub have: u64,
    pub max_instances: Option<u32>,
    pub memory_reservation: Option<Size>,
    pub message: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Took(took) => {
                writeln!(f, "took {} {}", took.instances, took.reservation.get())?;
                for warning in &took.warnings {
                    writeln!(f, "{warning}")?;
                }
                Ok(())
            }
            Self::Refused(refused) => {
                let instances = refused.max_instances.unwrap_or(0);
                let reservation = refused.memory_reservation.unwrap_or(Size::ZERO).get();
                let limit = refused.limit.replace(' ', "-");
                writeln!(
                    f,
                    "refused {limit} {} {} {instances} {reservation}",
                    refused.need, refused.have
                )?;
                writeln!(f, "{}", refused.message)
            }
        }
    }
}

impl Said {
    /// Reads what a process wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let words: Vec<&str> = lines.next()?.split(' ').collect();
        match words.as_slice() {
            ["took", instances, reservation] => Some(Self::Took(Took {
                instances: number(instances)?,
                reservation: Size::bytes(number(reservation)?),
                warnings: lines.map(str::to_owned).collect(),
            })),
            ["refused", limit, need, have, instances, reservation] => {
                let refused = Refused {
                    limit: limit.replace('-', " "),
                    need: number(need)?,
                    have: number(have)?,
                    max_instances: Some(number(instances)?).filter(|of| *of > 0),
                    memory_reservation: Some(Size::bytes(number(reservation)?))
                        .filter(|of| !of.is_zero()),
                    message: lines.next()?.to_owned(),
                };
                lines.next().is_none().then_some(Self::Refused(refused))
            }
            _ => None,
        }
    }
}

fn number<T: FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}
