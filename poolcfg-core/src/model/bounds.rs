//! Bounds: what may be free of three holes and of their sum, and what is left of it when something is mapped.

use super::group::{Group, by_sum};
use super::room::{HOLES, Hole, Spread, Three};
use crate::base::consts::{max, min, wider};

/// What is free, and what is to be mapped next.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// What each hole has at least when the rest of the process has taken all of its headroom.
    pub(super) least: [u64; HOLES],
    /// What each hole has at most.
    pub(super) most: [u64; HOLES],
    pub(super) sum: Hole,
    /// What small holes may have taken of what is to come, by which `most` has not been lowered.
    pub(super) small: u64,
    /// The headroom that is taken off the least of the first hole alone.
    pub(super) pending: u64,
    pub(super) group: usize,
    pub(super) done: u64,
    pub(super) kind: usize,
}

impl Bounds {
    /// Before anything is mapped, without the headroom. Where the program lies above the mmap base the heap grows into the
    /// last hole.
    pub(super) const fn new(three: &Three, spread: &Spread, is_above: bool) -> Self {
        let mut bounds = Self {
            least: [0; HOLES],
            most: [0; HOLES],
            sum: spread.sum,
            small: three.small,
            pending: three.headroom,
            group: 0,
            done: 0,
            kind: 0,
        };
        let mut hole = 0;
        while hole < HOLES {
            bounds.least[hole] = spread.holes[hole].least;
            bounds.most[hole] = spread.holes[hole].most;
            hole += 1;
        }
        if is_above {
            bounds.least[2] = bounds.least[2].saturating_sub(three.headroom);
        }
        bounds
    }

    /// The same where the headroom may be taken of any hole.
    pub(super) const fn spilled(mut self) -> Self {
        let mut hole = 1;
        while hole < HOLES {
            self.least[hole] = self.least[hole].saturating_sub(self.pending);
            hole += 1;
        }
        self.pending = 0;
        self
    }

    /// What the bounds say of each other; `None` if no process is so.
    pub(super) const fn tight(mut self) -> Option<Self> {
        let mut round = 0;
        while round < 2 {
            let mut hole = 0;
            while hole < HOLES {
                let (one, two) = ((hole + 1) % HOLES, (hole + 2) % HOLES);
                let most = self.most[one].saturating_add(self.most[two]);
                let least = self.least[one].saturating_add(self.least[two]);
                if least > self.sum.most {
                    return None;
                }
                self.least[hole] = max(self.least[hole], self.sum.least.saturating_sub(most));
                self.most[hole] = min(self.most[hole], self.sum.most - least);
                if self.least[hole] > self.most[hole] {
                    return None;
                }
                hole += 1;
            }
            self.sum.least = max(self.sum.least, all(&self.least));
            self.sum.most = min(self.sum.most, all(&self.most));
            if self.sum.least > self.sum.most {
                return None;
            }
            round += 1;
        }
        Some(self)
    }

    /// What is left where a mapping goes into a hole, and takes `real` to `size` bytes of it; `None` if it never does.
    pub(super) const fn put(mut self, hole: usize, size: u64, real: u64) -> Option<Self> {
        let (one, two) = ((hole + 1) % HOLES, (hole + 2) % HOLES);
        if self.most[hole] < real || self.sum.most < real {
            return None;
        }
        let others = self.sum.most - real;
        if others < self.least[one].saturating_add(self.least[two]) {
            return None;
        }
        self.most[one] = min(self.most[one], others - self.least[two]);
        self.most[two] = min(self.most[two], others - self.least[one]);
        self = self.taken(hole, size);
        self.most[hole] -= real;
        self.sum.most = others;
        self.kind += 1;
        self.tight()
    }

    /// The same of a small mapping that goes there certainly, if not into a small hole.
    pub(super) const fn put_small(mut self, hole: usize, size: u64, real: u64) -> Option<Self> {
        let taken = self.beyond_small(real);
        self = self.taken(hole, size);
        self.most[hole] = self.most[hole].saturating_sub(taken);
        self.kind += 1;
        self.tight()
    }

    /// The same of a small mapping that goes into any hole.
    pub(super) const fn put_anywhere(mut self, size: u64, real: u64) -> Option<Self> {
        self = self.spilled();
        self.beyond_small(real);
        let mut hole = 0;
        while hole < HOLES {
            self.least[hole] = self.least[hole].saturating_sub(size);
            hole += 1;
        }
        self.sum.least = self.sum.least.saturating_sub(size);
        self.kind += 1;
        self.tight()
    }

    /// What the three holes certainly lose to a small mapping.
    pub(super) const fn beyond_small(&mut self, real: u64) -> u64 {
        let taken = real.saturating_sub(self.small);
        self.small -= min(self.small, real);
        self.sum.most = self.sum.most.saturating_sub(taken);
        taken
    }

    /// The least that is left when so many bytes are taken of a hole.
    pub(super) const fn taken(mut self, hole: usize, bytes: u64) -> Self {
        if hole == 0 && self.least[0] < bytes {
            self = self.spilled();
        }
        self.least[hole] = self.least[hole].saturating_sub(bytes);
        self.sum.least = self.sum.least.saturating_sub(bytes);
        self
    }

    /// Whether a mapping finds a place in some hole.
    pub(super) const fn has_place(&self, size: u64) -> bool {
        let [one, two, three] = self.least;
        max(one, max(two, three)) >= size || wider(self.sum.least) >= wider(size) * 3
    }

    /// Whether all that is left finds its place for what all holes have together.
    pub(super) const fn cannot_fail(&self, groups: &[Group]) -> bool {
        let at = (self.group, self.done, self.kind);
        by_sum(groups, at, wider(self.sum.least), HOLES)
    }
}

const fn all(bytes: &[u64; HOLES]) -> u64 {
    bytes[0].saturating_add(bytes[1]).saturating_add(bytes[2])
}
