//! What holds the numbers of a file without the runtime: sums over its own consts, where a sum proves that all pools
//! find their places, and else that each number is the one that was worked out.
//!
//! The kernel puts each mapping flush against another one, so there are never more holes than at first. When a mapping
//! finds no place, each hole has less than its size left. So all of them find their places in one hole that holds their
//! sum; and in several, when what those have together is their sum and, for all holes but one, once more the largest
//! piece that cannot be cut. A slot is such a piece of a native pool's memories, whose guard may be there once in each
//! hole. `place` decides more than that, and what only it can tell is not written down in a file.

use super::Arm;
use super::adding::Adding;
use super::constant::{Constant, Is};
use super::lines::{Lines, number};
use crate::case::{Case, Pool};
use crate::engine::limits::Limits;
use crate::model::fit::Mappings;
use crate::model::pieces::PIECES;
use crate::plan::refusal::Refusal;

/// Holes, and how many bytes they have together wherever ASLR puts things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holes {
    pub(super) free: u64,
    pub(super) count: u64,
}

/// A pool, what is guaranteed of it, its consts, and how a path to those begins.
#[derive(Debug)]
pub(super) struct PoolConsts<'a> {
    pub(super) pool: &'a Pool<'a>,
    pub(super) limits: &'a Limits,
    pub(super) consts: Vec<Constant>,
    pub(super) path: String,
}

/// The assertion of one arm.
pub(super) fn assertion(lines: &mut Lines, arm: &Arm<'_>, pools: &[PoolConsts<'_>], command: &str) {
    let says = |refusal: Refusal| {
        let machine = super::machine(arm.case);
        refusal.text(&machine, command).as_str().to_owned()
    };
    match proven(arm.case, pools) {
        Some(holes) => Adding::new(arm.case, pools, holes).write(lines, &says),
        None => equal(lines, pools, &says(Refusal::Changed)),
    }
}

/// The assertion that each number is the one that was worked out.
fn equal(lines: &mut Lines, pools: &[PoolConsts<'_>], message: &str) {
    lines.line("// What fits depends on where each mapping goes, which no sum tells. So the numbers are those that were");
    lines.line("// worked out together, and no others.");
    lines.block("const _: () = {", "};", |lines| {
        for pool in pools {
            let conditions: Vec<String> = pool
                .consts
                .iter()
                .filter_map(|of| is(of, &pool.path))
                .collect();
            lines.assert(&conditions, message);
        }
    });
}

/// The condition that a const is what was worked out; `None` for a text.
fn is(constant: &Constant, path: &str) -> Option<String> {
    let name = constant.name;
    Some(match constant.is? {
        Is::Number(value) => format!("{path}{name} == {}", number(value)),
        Is::Flag(true) => format!("{path}{name}"),
        Is::Flag(false) => format!("!{path}{name}"),
    })
}

/// What the sums of all pools are, as they are written down: a little more than they are where that makes them simpler.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Bytes of all mappings.
    mapped: u128,
    /// Bytes that may be lost in so many holes.
    lost: u128,
    /// Bytes of the largest piece that lies in one hole.
    piece: u128,
    maps: u128,
    writable: u128,
    lists: u128,
    charged: u128,
}

/// The holes in which a sum proves that what is guaranteed finds its place; `None` where none does.
fn proven(case: &Case<'_>, pools: &[PoolConsts<'_>]) -> Option<Holes> {
    let simple = |pool: &PoolConsts<'_>| {
        // With keys slots are striped, and no sum of a few terms. Written totals do not follow from the instances.
        pool.limits
            .wasmtime
            .is_none_or(|of| of.memory_protection_keys < 2 && of.written.is_none())
    };
    if !pools.iter().all(simple) {
        return None;
    }
    let room = &case.budget.room;
    if room.count == 0 {
        return None;
    }
    let largest = (0..room.count).map(|hole| room.least(hole)).max()?;
    let all = u64::try_from(room.sum()).unwrap_or(u64::MAX);
    let candidates = [
        (largest, 1),
        (all, u64::try_from(room.count).ok()?),
        (room.total, u64::try_from(room.parts).ok()?),
    ];
    candidates
        .into_iter()
        .map(|(free, count)| Holes { free, count })
        .find(|holes| holes.count > 0 && holes.hold(case, pools))
}

impl Holes {
    fn hold(self, case: &Case<'_>, pools: &[PoolConsts<'_>]) -> bool {
        let Some(sums) = self.sums(case, pools) else {
            return false;
        };
        let (own, most) = (case.budget.own(), case.budget.limits.most());
        let bounded = [
            (
                own.address_space,
                sums.mapped + sums.lists,
                most.address_space,
            ),
            (own.writable, sums.writable + sums.lists, most.writable),
            (own.maps, sums.maps, most.maps),
            (own.committed, sums.writable + sums.lists, most.committed),
            (0, sums.charged, most.charged),
        ];
        let further = u128::from(self.count - 1);
        let piece = sums.piece + u128::from(case.budget.huge_page.get());
        bounded
            .iter()
            .all(|(own, sum, most)| u128::from(*own) + sum <= u128::from(*most))
            && sums.mapped + sums.lost + further * piece <= u128::from(self.free)
    }

    /// The sums; `None` where one of them is above 2^64 - 1.
    fn sums(self, case: &Case<'_>, pools: &[PoolConsts<'_>]) -> Option<Sums> {
        let mut sums = Sums::default();
        for pool in pools {
            let mappings = pool.limits.mappings(case.budget.page_size)?;
            let Mappings { sizes, slot, .. } = mappings;
            let pools = u128::from(mappings.pools);
            let [memories, tables, stacks] = sizes.map(u128::from);
            let whole = if slot == 0 {
                memories
            } else {
                u128::from(slot)
            };
            // Counted as if there were all that there may be.
            let further = match pool.limits.wasmtime {
                None => PIECES - 1 - pool.limits.further_pieces(),
                Some(_) => u64::from(tables == 0),
            };
            sums.mapped += pools * (memories + tables + stacks);
            sums.lost += pools * self.lost(case, pool, &mappings);
            sums.piece = sums.piece.max(whole).max(tables).max(stacks);
            sums.maps += u128::from(mappings.maps_at_worst) + pools * u128::from(further);
            sums.writable += u128::from(mappings.writable);
            sums.lists += u128::from(mappings.bookkeeping);
            sums.charged = sums.charged.max(u128::from(mappings.charged));
        }
        Some(sums)
    }

    /// Bytes that one pool may lose: guards of further pieces, and the alignment of each piece.
    fn lost(self, case: &Case<'_>, pool: &PoolConsts<'_>, mappings: &Mappings) -> u128 {
        let further = pool.further_pieces(self);
        let pieces = u128::from(pool.mappings() + further);
        u128::from(further) * u128::from(mappings.guard)
            + pieces * u128::from(case.budget.huge_page.get())
    }
}

impl PoolConsts<'_> {
    /// How many mappings one pool makes at most, whatever the consts are that are summed up.
    pub(super) fn mappings(&self) -> u64 {
        match self.limits.wasmtime {
            Some(_) => 3,
            None => 1 + u64::from(self.has_tables()) + u64::from(self.has_stacks()),
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
    pub(super) fn further_pieces(&self, holes: Holes) -> u64 {
        match self.limits.wasmtime {
            Some(_) => 0,
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

    /// The conditions that the consts are as they were worked out which are not summed up.
    pub(super) fn fixed(&self) -> Vec<String> {
        let is_fixed = |of: &&Constant| match of.name {
            "MEMORY_PROTECTION_KEYS" => true,
            "TABLE_RESERVATION" => !self.has_tables(),
            "STACK_RESERVATION" => !self.has_stacks(),
            _ => false,
        };
        self.consts
            .iter()
            .filter(is_fixed)
            .filter_map(|of| is(of, &self.path))
            .collect()
    }
}
