//! What is written for one target, and for one pool of it.

use super::constant::{Constant, Is};
use super::lines::{Lines, number};
use crate::base::size::GRAIN;
use crate::engine::limits::Limits;
use crate::file::TargetFacts;
use crate::plan::Plan;
use crate::plan::refusal::Refusal;
use crate::resolved::{ResolvedPool, ResolvedProcess};

/// What the file says for one target. The plan has no misfit: nothing is written of one that has.
#[derive(Clone, Copy, Debug)]
pub struct Arm<'a> {
    /// The target.
    pub facts: &'a TargetFacts,
    /// Its pools, profile and budget.
    pub case: &'a ResolvedProcess<'a>,
    /// What is guaranteed.
    pub plan: &'a Plan,
}

/// The machine, as comments and messages call it.
pub(super) fn machine(case: &ResolvedProcess<'_>) -> String {
    format!("{} {}", case.target.arch.name(), case.machine())
}

/// Holes, and how many bytes they have together wherever ASLR puts things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HoleSum {
    pub(super) free: u64,
    pub(super) count: u64,
}

/// A pool, what is guaranteed of it, its consts, and how a path to those begins.
#[derive(Debug)]
pub(super) struct PoolConsts<'a> {
    pub(super) pool: &'a ResolvedPool<'a>,
    pub(super) limits: &'a Limits,
    pub(super) consts: Vec<Constant>,
    pub(super) path: String,
}

impl PoolConsts<'_> {
    /// How many mappings one pool makes at most, whatever the consts are that are summed up.
    pub(super) fn mappings(&self) -> u64 {
        match self.limits.wasmtime {
            Some(_) => 3,
            None => [
                self.limits.has_memories(),
                self.has_tables(),
                self.has_stacks(),
            ]
            .into_iter()
            .map(u64::from)
            .sum(),
        }
    }

    /// Whether a native pool has tables; where it has none it is not summed up what they would take.
    pub(super) fn has_tables(&self) -> bool {
        !self.limits.table_reservation.is_zero()
    }

    /// Whether a native pool has stacks.
    pub(super) fn has_stacks(&self) -> bool {
        !self.limits.stack_reservation.is_zero()
    }

    /// In how many more pieces than one the memories of one pool may lie in these holes.
    pub(super) fn further_pieces(&self, holes: HoleSum) -> u64 {
        match self.limits.wasmtime {
            Some(_) => 0,
            None if !self.limits.has_memories() => 0,
            None => holes.count - 1,
        }
    }

    /// The names of its numbers and flags that are wanted.
    pub(super) fn numbers(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let consts = self
            .consts
            .iter()
            .filter(|of| of.is.is_some() && is_wanted(of.name));
        consts.map(|of| of.name.to_owned()).collect()
    }

    /// The condition that one number is not above another. Clippy refuses a comparison that the least or the largest
    /// number of a type decides, so there it is that this number stays.
    fn at_most(&self, least: &str, most: &str) -> String {
        let path = &self.path;
        match (self.constant(least), self.constant(most)) {
            (Some(least), _) if least.is_least() => is(least, path),
            (_, Some(most)) if most.is_largest() => is(most, path),
            _ => None,
        }
        .unwrap_or_else(|| format!("{path}{least} <= {path}{most}"))
    }

    fn constant(&self, name: &str) -> Option<&Constant> {
        self.consts.iter().find(|of| of.name == name)
    }

    /// The assertions that the numbers of the pool agree with each other, and with poolcfg.toml.
    pub(super) fn agree(&self, lines: &mut Lines, says: &dyn Fn(Refusal) -> String) {
        let path = &self.path;
        // A memory that has nothing keeps to that, below.
        if !self.limits.max_memory_size.is_zero() {
            let condition = self.at_most("MAX_MEMORY_SIZE", "MEMORY_RESERVATION");
            lines.assert(&[condition], &says(Refusal::MemoryAboveReservation));
        }
        let condition = in_grains(&format!("{path}MEMORY_RESERVATION"));
        lines.assert(&[condition], &says(Refusal::NotMultiple));
        if self.limits.wasmtime.is_some() {
            let condition = self.at_most("MAX_WASM_STACK", "ASYNC_STACK_SIZE");
            lines.assert(&[condition], &says(Refusal::StackTooSmall));
        }
        let condition = self.at_most("MIN_INSTANCES", "MAX_INSTANCES");
        lines.assert(&[condition], &says(Refusal::MinAboveMax));
        let asked = [
            ("MAX_INSTANCES", "ASKED_MAX_INSTANCES"),
            ("MEMORY_RESERVATION", "ASKED_MEMORY_RESERVATION"),
            ("MAX_MEMORY_SIZE", "ASKED_MAX_MEMORY_SIZE"),
        ];
        let asked = asked.map(|(least, most)| self.at_most(least, most));
        let unchanged: Vec<String> = asked
            .into_iter()
            .chain(self.possible())
            .chain(self.fixed())
            .collect();
        lines.assert(&unchanged, &says(Refusal::Changed));
    }

    /// The conditions that the consts may be said in poolcfg.toml, which no sum and no other const tells.
    fn possible(&self) -> Vec<String> {
        let path = &self.path;
        let mut conditions = vec![format!("{path}POOLS > 0")];
        if self.limits.wasmtime.is_some() {
            let end = number(1 << u32::BITS);
            conditions.push(format!("{path}TABLE_ELEMENTS < {end}"));
        }
        conditions
    }

    /// The conditions that the consts are as they were worked out which are not summed up, or which nothing shrinks.
    fn fixed(&self) -> Vec<String> {
        let is_fixed = |of: &&Constant| match of.name {
            "MEMORY_PROTECTION_KEYS"
            | "MEMORY_PROTECTION_KEYS_AUTO"
            | "MIN_INSTANCES"
            | "ASKED_MAX_INSTANCES"
            | "ASKED_MEMORY_RESERVATION"
            | "ASKED_MAX_MEMORY_SIZE"
            | "STACK_RESERVATION"
            | "ASYNC_STACK_SIZE" => true,
            "MEMORY_RESERVATION" => !self.limits.has_memories(),
            "TABLE_RESERVATION" => !self.has_tables(),
            _ => false,
        };
        self.consts
            .iter()
            .filter(is_fixed)
            .filter_map(|of| is(of, &self.path))
            .collect()
    }
}

/// The condition that a const is a multiple of 64 KiB.
fn in_grains(name: &str) -> String {
    let grain = GRAIN.get();
    format!("{name}.next_multiple_of({grain}) == {name}")
}

/// The condition that a const is what was worked out; `None` for a text.
pub(super) fn is(constant: &Constant, path: &str) -> Option<String> {
    let name = constant.name;
    Some(match constant.is? {
        Is::Number(value) => format!("{path}{name} == {}", number(value)),
        Is::Flag(true) => format!("{path}{name}"),
        Is::Flag(false) => format!("!{path}{name}"),
    })
}
