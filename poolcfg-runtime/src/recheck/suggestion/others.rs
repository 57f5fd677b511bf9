//! The other pools of the file, and what they have beside what is suggested of one.

use poolcfg_core::{GRAIN, Limits, MappingName, Size};

use crate::recheck::Recheck;
use crate::recheck::kept::Keeper;
use crate::recheck::misfit::OtherPoolFit;
use crate::recheck::order::{Order, ToCome};
use crate::recheck::slabs::slab_bytes;
use crate::recheck::with_slack::WithSlack;

/// What the pools of the file that are to come are left: a program that is started with what is suggested starts all of
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftToOthers {
    /// What is guaranteed to them; those of the same name, as much as this one.
    Guaranteed,
    /// The same share of that as this one has of its own guarantee: all are lowered together.
    Share,
}

impl LeftToOthers {
    /// What is tried, in this order.
    pub(super) const ALL: [Self; 2] = [Self::Guaranteed, Self::Share];
}

impl<M: Keeper> Recheck<'_, M> {
    /// How far the others have to be lowered beside what is suggested of this pool.
    pub(super) fn others(&self, limits: &Limits, left: LeftToOthers) -> Vec<OtherPoolFit> {
        let mut others: Vec<OtherPoolFit> = Vec::new();
        for pool in self.order.iter().filter(|pool| !pool.checked) {
            let part = self.part(limits, left, pool);
            let is_lowered = pool.name != self.promise.name && part != pool.limits;
            if is_lowered && others.iter().all(|other| other.pool != pool.name) {
                let size = part.memory_reservation;
                others.push(OtherPoolFit {
                    pool: pool.name,
                    max_instances: part.max_instances,
                    memory_reservation: (size < pool.limits.memory_reservation).then_some(size),
                });
            }
        }
        others
    }

    /// What a pool that is to come has beside these limits of this one.
    fn part(&self, limits: &Limits, left: LeftToOthers, pool: &ToCome) -> Limits {
        // A variable is of all pools of one name.
        if pool.name == self.promise.name {
            return *limits;
        }
        self.left_of(limits, left, &pool.limits)
    }

    /// What another one has of its guarantee.
    pub(super) fn left_of(
        &self,
        limits: &Limits,
        left: LeftToOthers,
        guaranteed: &Limits,
    ) -> Limits {
        if left == LeftToOthers::Guaranteed {
            return *guaranteed;
        }
        let own = &self.in_force.guaranteed;
        let [(part, of), size] = [
            (limits.max_instances.into(), own.max_instances.into()),
            (
                limits.memory_reservation.get().into(),
                own.memory_reservation.get().into(),
            ),
        ];
        // The smaller share of both: u64 times u64 is below 2^128.
        let (part, of): (u128, u128) = match size {
            (less, all) if less * of < part * all => (less, all),
            _ => (part, of),
        };
        if part >= of {
            return *guaranteed;
        }
        let share = u128::from(guaranteed.max_instances) * part;
        let instances = u32::try_from(share / of).unwrap_or(u32::MAX);
        if instances > 0 || !guaranteed.has_memories() {
            return guaranteed.with_instances(instances.max(1));
        }
        // A part of one instance, which is less than `of`.
        let bytes = u128::from(guaranteed.memory_reservation.get()) * share / of;
        let size = Size::bytes(u64::try_from(bytes).unwrap_or(u64::MAX)).round_down(GRAIN);
        let size = size.max(guaranteed.least_reservation()).max(GRAIN);
        guaranteed.with_instances(1).with_reservation(size)
    }

    /// Whether a pool and a headroom find their place, with so much room left in each hole that holds
    /// memories.
    pub(super) fn holds(
        &self,
        limits: Limits,
        left: LeftToOthers,
        headroom: Size,
        spare: Size,
    ) -> bool {
        if !self.shares(&limits, left) {
            return false;
        }
        let (before, after) = self.parts(&limits, left);
        let all = before.iter().chain([&limits]).chain(&after);
        let beside = all.flat_map(|limits| {
            let slab = |name| slab_bytes(limits, name, limits.max_instances, self.page_size);
            [slab(MappingName::Tables), slab(MappingName::Stacks)]
        });
        let with_slack = WithSlack::new(self.machine, spare, beside.chain([headroom]).collect());
        let alone = self.alone_on(&with_slack);
        let reserve_all = |pools: &[Limits]| -> Option<Vec<_>> {
            let each = pools.iter();
            each.map(|limits| alone.reserve_pool(*limits).ok())
                .collect()
        };
        let Some(_before) = reserve_all(&before) else {
            return false;
        };
        let own = alone.reserve(limits, headroom);
        own.is_ok() && reserve_all(&after).is_some()
    }

    /// What the pools have that are to come, before this one and behind it; nothing where they are too many to be reserved.
    fn parts(&self, limits: &Limits, left: LeftToOthers) -> (Vec<Limits>, Vec<Limits>) {
        let parts = |pools: &[ToCome]| -> Vec<Limits> {
            let to_come = pools.iter().filter(|pool| !pool.checked);
            to_come.map(|pool| self.part(limits, left, pool)).collect()
        };
        if self.order.matters() {
            (parts(&self.order.before), parts(&self.order.after))
        } else {
            (Vec::new(), Vec::new())
        }
    }

    /// Whether the limits of the process leave the pools that are to come their part.
    pub(super) fn shares(&self, limits: &Limits, left: LeftToOthers) -> bool {
        let to_come = self.order.iter().filter(|pool| !pool.checked);
        let parts: Vec<Limits> = to_come.map(|pool| self.part(limits, left, pool)).collect();
        if parts.is_empty() {
            return self.bounds.check(limits).is_ok();
        }
        self.bounds.allow_beside(limits, &parts, self.headroom)
    }

    /// The recheck of a pool without others, on another machine.
    fn alone_on<'b, N: Keeper>(&'b self, machine: &'b N) -> Recheck<'b, N> {
        Recheck {
            to_come: Vec::new(),
            order: Order::default(),
            ..self.on(machine)
        }
    }
}
