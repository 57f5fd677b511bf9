//! What holds the numbers of a file without the runtime: sums over its own consts, where a sum proves that all pools
//! find their places, and else that each number is the one that was worked out.
//!
//! The kernel puts each mapping flush against another one, so there are never more holes than at first. When a mapping
//! finds no place, each hole has less than its size left. So all of them find their places in one hole that holds their
//! sum; and in several, when what those have together is their sum and, for all holes but one, once more the largest
//! piece that cannot be cut. A slot is such a piece of a native pool's memories, whose guard may be there once in each
//! hole. `place` decides more than that, and what only it can tell is not written down in a file.

use super::arm::{HoleSum, PoolConsts};
use crate::model::fit::Mappings;
use crate::model::pieces::PIECES;
use crate::model::room::Room;
use crate::resolved::ResolvedProcess;

/// What the sums of all pools are, as they are written down: a little more than they are where that makes them simpler.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Bytes of all mappings.
    mapped: u128,
    /// Bytes of guards of further pieces.
    guards: u128,
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
pub(super) fn proven(case: &ResolvedProcess<'_>, pools: &[PoolConsts<'_>]) -> Option<HoleSum> {
    let simple = |pool: &PoolConsts<'_>| {
        // With keys slots are striped, or each has a mapping, and no sum of a few terms. Written totals do not follow from the instances.
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
    let largest = room.largest();
    let all = u64::try_from(room.sum()).unwrap_or(u64::MAX);
    let candidates = [
        (largest, 1),
        (all, u64::try_from(room.count).ok()?),
        (room.total, u64::try_from(room.parts).ok()?),
    ];
    candidates
        .into_iter()
        .map(|(free, count)| HoleSum { free, count })
        .find(|holes| holes.count > 0 && holes.hold(case, pools))
}

impl HoleSum {
    fn hold(self, case: &ResolvedProcess<'_>, pools: &[PoolConsts<'_>]) -> bool {
        let Some(sums) = self.sums(case, pools) else {
            return false;
        };
        let (own, most) = (case.budget.own(), case.budget.limits.most());
        let bounded = [
            (
                own.address_space,
                sums.mapped + sums.guards + sums.lists,
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
    fn sums(self, case: &ResolvedProcess<'_>, pools: &[PoolConsts<'_>]) -> Option<Sums> {
        let mut sums = Sums::default();
        for pool in pools {
            let mappings = pool.limits.mappings(case.budget.page_size)?;
            let Mappings { sizes, slot, .. } = mappings;
            let pools = u128::from(mappings.pools);
            let [memories, tables, stacks] = sizes.map(u128::from);
            // Without a slot, the memories lie in one piece or are none.
            let whole = if slot == 0 {
                memories
            } else {
                u128::from(slot)
            };
            // Counted as if there were all that there may be.
            let further = match pool.limits.wasmtime {
                None if !pool.limits.has_memories() => 0,
                None => PIECES - 1 - pool.limits.further_pieces(),
                Some(_) => u64::from(tables == 0),
            };
            sums.mapped += pools * (memories + tables + stacks);
            sums.guards += pools
                * u128::from(self.guards_in(&case.budget.room, pool))
                * u128::from(mappings.guard);
            sums.lost += pools * self.lost(case, pool, &mappings);
            sums.piece = sums.piece.max(whole).max(tables).max(stacks);
            sums.maps += u128::from(mappings.maps_at_worst) + pools * u128::from(further);
            sums.writable += u128::from(mappings.writable);
            sums.lists += u128::from(mappings.bookkeeping);
            sums.charged = sums.charged.max(u128::from(mappings.charged));
        }
        Some(sums)
    }

    /// How many guards `RLIMIT_AS` counts beside the mappings of one pool: those of as many further pieces as there may be,
    /// unless one hole holds all.
    pub(super) fn guards_in(self, room: &Room, pool: &PoolConsts<'_>) -> u64 {
        if self.count == 1 || pool.further_pieces(self) == 0 {
            0
        } else {
            room.most_holes() - 1
        }
    }

    /// Bytes that one pool may lose: guards of further pieces, and the alignment of each piece.
    fn lost(self, case: &ResolvedProcess<'_>, pool: &PoolConsts<'_>, mappings: &Mappings) -> u128 {
        let further = pool.further_pieces(self);
        let pieces = u128::from(pool.mappings() + further);
        u128::from(further) * u128::from(mappings.guard)
            + pieces * u128::from(case.budget.huge_page.get())
    }
}
