//! Lacks: what it means that a host has no setting for a number.

use super::cannot::Cannot;
use super::number::{Matters, Number, Numbers};
use super::table::Host;

/// What it means that a host has no setting for a number.
pub(super) enum Lack {
    Nothing,
    Note(String),
    Cannot(Cannot),
}

impl Host {
    /// A number that the host has no setting for: its default may do as well.
    pub(super) fn lacks(&'static self, number: Number, asked: &Numbers, own: &Numbers) -> Lack {
        let version = asked.version();
        let (value, has) = (asked.value(number), own.of_itself(number));
        let note = || {
            let takes = match asked.is_of_sum(number) {
                true => "the sum counts them",
                false => "this takes no address space",
            };
            let said = asked.said(number).unwrap_or(value);
            Lack::Note(format!(
                "{} {} has no setting for `{}`: it uses {has} instead of {said} ({takes})",
                self.on,
                version.major,
                number.word(),
            ))
        };
        let cannot = || {
            Lack::Cannot(Cannot::Key {
                host: self,
                version,
                number,
                asked: value,
                own: has,
            })
        };
        match number.matters() {
            _ if asked.is_outranked(number, has) => note(),
            _ if value == has => Lack::Nothing,
            Matters::Not => Lack::Nothing,
            Matters::Exactly => cannot(),
            Matters::AsBound if has < value && asked.is_needed(number) => cannot(),
            Matters::AsBound | Matters::Optional => note(),
            Matters::AsAllowance if has < value => note(),
            Matters::AsAllowance => Lack::Nothing,
        }
    }
}
