//! The result of `why`, for programs.

use std::borrow::Cow;
use std::ffi::OsString;

use poolcfg_core::Limit;
use serde::Serialize;

use super::advice::{Advice, advice};
use super::errno::errno_name;
use super::who::{Programs, Who};
use super::{survived, verdict};
use crate::why::trace::told::{MemoryFailure, Status, Traced};

/// A run of a command.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct WhyReport {
    /// Every failed call, in order.
    pub failures: Vec<FailureReport>,
    /// How many more there were between the first and the last of them.
    pub unlisted: u64,
    /// The failure that ended the command, or that repeated; null if none did.
    pub verdict: Option<FailureReport>,
    /// How the command ended.
    pub status: StatusReport,
}

/// How a command ended.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct StatusReport {
    /// The status; of a signal 128 and its number.
    pub code: u8,
    /// The signal; null if it ended by itself.
    pub signal: Option<i32>,
}

/// A failed call.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct FailureReport {
    /// A call for memory, such as `mmap`, or any for which a filter has ended a process; null of one that was killed.
    pub call: Option<Cow<'static, str>>,
    pub bytes: u64,
    /// Such as `ENOMEM`; null of a process that was killed.
    pub errno: Option<String>,
    pub pid: i32,
    /// The file that asked.
    pub program: String,
    /// Who asked, and for what.
    pub who: String,
    /// The limit in the way, by its word.
    pub limit: &'static str,
    pub need: u64,
    pub have: u64,
    /// `bytes`, `maps` or `pages`.
    pub unit: &'static str,
    /// Whether the process went on without it.
    pub survived: bool,
    pub times: u64,
    /// What would fit; null if it is not known.
    pub fits: Option<FitsReport>,
    /// What to do, the best first.
    pub help: Vec<String>,
}

/// What would fit.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct FitsReport {
    /// Slots of the same size.
    pub slots: u64,
    /// The limit that holds no more, by its word; null if they are all that was asked for.
    pub limit: Option<&'static str>,
}

/// The verdict, with what is known of it.
pub(crate) struct WhyVerdict<'a> {
    pub(crate) failure: &'a MemoryFailure,
    pub(crate) who: Who,
    pub(crate) advice: Advice,
}

/// Judges a run of a command.
pub(crate) fn judge<'a>(
    traced: &'a Traced,
    command: &[OsString],
) -> (WhyReport, Option<WhyVerdict<'a>>) {
    let mut programs = Programs::default();
    let decides = verdict(traced);
    let mut found = None;
    let mut failures = Vec::new();
    for (index, failure) in traced.failures.iter().enumerate() {
        let who = programs.who(failure);
        // What helps is worked out for what matters.
        let advice = match decides == Some(index) {
            true => advice(failure, &who, command),
            false => Advice::default(),
        };
        let is_survived = decides != Some(index) && survived(failure);
        failures.push(FailureReport::new(failure, &who, &advice, is_survived));
        if decides == Some(index) {
            found = Some(WhyVerdict {
                failure,
                who,
                advice,
            });
        }
    }
    let report = WhyReport {
        verdict: decides.map(|index| failures[index].clone()),
        failures,
        unlisted: traced.unlisted,
        status: StatusReport {
            code: traced.status.code(),
            signal: match traced.status {
                Status::Exited(_) => None,
                Status::Killed(signal) => Some(signal),
            },
        },
    };
    (report, found)
}

impl FailureReport {
    fn new(failure: &MemoryFailure, who: &Who, advice: &Advice, is_survived: bool) -> Self {
        let obstacle = &failure.obstacle;
        Self {
            call: failure.call.map(|call| call.text()),
            bytes: failure.bytes,
            errno: (failure.errno != 0).then(|| errno_name(failure.errno)),
            pid: failure.pid,
            program: failure.program.clone(),
            who: who.text.clone(),
            limit: obstacle.limit.word(),
            need: obstacle.need,
            have: obstacle.have,
            unit: obstacle.limit.unit(),
            survived: is_survived,
            times: failure.times,
            fits: advice.slots.map(|slots| FitsReport {
                slots: slots.count,
                limit: slots.bound.map(Limit::word),
            }),
            help: advice.help.clone(),
        }
    }
}
