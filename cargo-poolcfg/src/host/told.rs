//! A setting of a host: a number under its name, and the line of the text that has it.

use poolcfg_core::{Os, Size, Target};
use serde::Serialize;

use super::number::{Number, UnitValue};

/// A number under the name that a host reads it by.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) number: Number,
    pub(super) name: &'static str,
    /// The part of the host's file that it stands in.
    section: &'static str,
    /// The first major version of Wasmtime.
    pub(super) since: u32,
    /// The first one that does not have it any more.
    pub(super) until: u32,
    /// The system on which it does not read it; `None` if it does on all.
    unread_on: Option<Os>,
    pub(super) form: Form,
}

/// How a number is said.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// The other way round.
    Not,
    /// As it is, but never below what the host takes by default, which is no part of any sum.
    AtLeast(u64),
    /// As it is where that is other than Wasmtime's own; else the host's, which is no part of any sum.
    IfOther,
    /// As it is, which is said where it is below what the host takes by default ([`Host::instance`](super::Host::instance)).
    Own,
    /// As it is, for another part of the host. Another name says it whole.
    Again,
    /// Two thirds of it, for a part of the host that has to leave something to the others.
    TwoThirds,
    /// That there is something, where another key says how much.
    There,
    /// That there is something, which then is this much.
    All(u64),
}

/// Never gone so far.
pub(crate) const STAYS: u32 = u32::MAX;

impl Told {
    /// A number that is said as it is, from a version on.
    pub(super) const fn new(number: Number, name: &'static str, since: u32) -> Self {
        Self {
            number,
            name,
            section: "",
            since,
            until: STAYS,
            unread_on: None,
            form: Form::Plain,
        }
    }

    pub(super) const fn section(self, section: &'static str) -> Self {
        Self { section, ..self }
    }

    pub(super) const fn until(self, until: u32) -> Self {
        Self { until, ..self }
    }

    pub(super) const fn unread_on(self, os: Os) -> Self {
        Self {
            unread_on: Some(os),
            ..self
        }
    }

    pub(super) const fn form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Whether a host reads it on a target where it is built on a major version of Wasmtime.
    pub(super) fn is_read(&self, major: u32, target: Target) -> bool {
        (self.since..self.until).contains(&major) && self.unread_on != Some(target.os)
    }
}

#[cfg(test)]
impl Told {
    /// The part of the host's file that it stands in; empty where there are none.
    pub(super) const fn part(&self) -> &'static str {
        self.section
    }
}

/// One line of the text for a host.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// The part of the file that it stands in; empty where there are none.
    section: &'static str,
    /// As the host calls it.
    name: &'static str,
    value: UnitValue,
    /// The value for people, where it is a size.
    size: Option<String>,
}

impl Told {
    /// The line for a value, and whether it says the value whole.
    pub(super) fn line(&self, value: UnitValue) -> (Option<Line>, bool) {
        let (said, whole) = match (self.form, value) {
            (Form::Not, UnitValue::Flag(flag)) => (Some(UnitValue::Flag(!flag)), true),
            (Form::Plain | Form::Not | Form::IfOther | Form::Own, value) => (Some(value), true),
            (Form::TwoThirds, UnitValue::Count(count)) => {
                let share = count.saturating_mul(2) / 3;
                (Some(UnitValue::Count(share.max(1))), false)
            }
            (Form::Again | Form::TwoThirds, value) => (Some(value), false),
            (Form::AtLeast(least), value) => (Some(value.at_least(least)), true),
            (Form::There, _) => (Some(UnitValue::Word("y")), false),
            (Form::All(all), UnitValue::Count(count)) if count == all => {
                (Some(UnitValue::Word("y")), true)
            }
            (Form::All(_), _) => (None, false),
        };
        let line = said.map(|value| Line {
            section: self.section,
            name: self.name,
            value,
            size: match value {
                UnitValue::Bytes(bytes) => Some(Size::bytes(bytes).exact().as_str().to_owned()),
                _ => None,
            },
        });
        (line, whole)
    }
}
