//! Brute force: how much of what is asked finds its place in every position of ASLR, by the kernel's rule of addresses
//! alone. Nothing here asks the model's own simulation.

use fastrand::Rng;
use poolcfg_core::{
    Bisection, Layout, Limits, LinuxLayout, MappingName, ResolvedProcess, Size, StackLimit,
    UnlimitedStack,
};

use crate::file::Asked;
use crate::judged::Judged;
use crate::machine::Machine;
use crate::positions::{Positions, Tried};
use crate::space::Space;

/// What a stack is left without a limit, and the guard of the kernel below it.
const STACK_ROOM: Size = Size::mib(8);
const STACK_GUARD_PAGES: u64 = 256;

/// In how many pieces memories may lie.
const PIECES: usize = 8;

/// So many pools are more than the search over three holes follows to its end.
const MANY: u32 = 10;

/// What is given away of one pool, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// By how much the pool is smaller than what finds its place in each position that was tried.
    pub lost: u64,
    /// What all pools have with it.
    pub found: u64,
    /// What may be lost for lack of whole slots: one for each of three holes.
    pub slots: u64,
    /// What one more instance takes of all pools of the shape, or one grain more of the reservation.
    pub step: u64,
    /// Whether it may be more than little, for a reason that docs/model.md names under "Given away".
    pub is_excused: bool,
}

/// Whether these pools take more of a limit of the process than there is.
fn exceeds(case: &ResolvedProcess<'_>, pools: &[Limits]) -> bool {
    let page = case.profile.page_size;
    let own = case.budget.own();
    let all = pools.iter().fold(own, |sum, of| sum.and(of.demand(page)));
    all.exceeds(&case.budget.limits.most()).is_some()
}

impl Given {
    /// The share of what was found that is not guaranteed.
    #[must_use]
    pub fn share(&self) -> f64 {
        let mib = |bytes: u64| f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX));
        mib(self.lost) / mib(self.found).max(1.0)
    }

    /// Whether it is no more than a hundredth and one slot for each hole, in whole steps.
    #[must_use]
    pub const fn is_little(&self) -> bool {
        let little = self.found / 100 + self.slots;
        match little.checked_next_multiple_of(self.step) {
            Some(steps) => self.lost <= steps,
            None => self.lost <= little,
        }
    }
}

/// One process, and what its pools may take of it.
struct Process {
    space: Space,
    page: Size,
    stack_room: u64,
    tried: Tried,
}

impl Process {
    fn new(space: &Space, page: Size, stack_room: Size) -> Self {
        Self {
            space: space.clone(),
            page,
            stack_room: stack_room.get(),
            tried: Tried::default(),
        }
    }

    /// Whether all pools start, one after the other.
    fn start(mut self, pools: &[Limits]) -> Tried {
        let mut each = pools.iter();
        self.tried.holds = each.all(|limits| (0..limits.pools).all(|_| self.pool(limits)));
        self.tried
    }

    /// Maps bytes, and remembers how far each hole was from being another choice.
    fn place(&mut self, bytes: u64, is_slots: bool) -> Option<u64> {
        let three = self.space.three_holes();
        self.tried.add(self.space.holes(), bytes);
        let taken = self.take(bytes, is_slots);
        if let (Some(_), Some(holes)) = (taken, three) {
            self.tried.add_three(holes, bytes);
        }
        taken
    }

    /// Maps bytes where a recheck accepts them.
    fn take(&mut self, bytes: u64, is_slots: bool) -> Option<u64> {
        let mut misplaced = Vec::new();
        let taken = loop {
            let Some(start) = self.space.map(bytes) else {
                break None;
            };
            let (stack, top) = self.space.stack;
            let guard = STACK_GUARD_PAGES * self.page.get();
            let bottom = top.min(stack + (128 << 10)) - self.stack_room;
            let end = start + bytes;
            let is_far = end <= bottom - guard || self.space.is_below_the_base(end);
            if !is_slots || is_far || start >= top {
                break Some(start);
            }
            misplaced.push(start);
        };
        for start in misplaced {
            self.space.unmap(start);
        }
        taken
    }

    /// The memories of a pool: whole, or the most that go into one mapping, and so on with the rest.
    fn memories(&mut self, limits: &Limits) -> bool {
        let bytes = |slots: u32| {
            bytes(
                &limits.with_instances(slots),
                MappingName::Memories,
                self.page,
            )
        };
        let native = limits.wasmtime.is_none();
        let all = limits.max_instances;
        let sizes = (bytes(1), bytes(2), bytes(all));
        let (Some(one), Some(two), Some(whole)) = sizes else {
            return false;
        };
        if whole == 0 || self.place(whole, native).is_some() {
            return true;
        }
        let (mut left, mut pieces) = (u64::from(all), 0);
        let (slot, guard) = (two - one, one - (two - one));
        while native && left > 0 && pieces < PIECES {
            if self.place(guard + left * slot, native).is_some() {
                return true;
            }
            let (mut fits, mut fails) = (0, left);
            while fails - fits > 1 {
                let middle = fits + (fails - fits) / 2;
                match self.take(guard + middle * slot, native) {
                    Some(start) => {
                        self.space.unmap(start);
                        fits = middle;
                    }
                    None => fails = middle,
                }
            }
            if fits == 0 || self.place(guard + fits * slot, native).is_none() {
                return false;
            }
            left -= fits;
            pieces += 1;
        }
        left == 0
    }

    fn pool(&mut self, limits: &Limits) -> bool {
        let others =
            [MappingName::Tables, MappingName::Stacks].map(|name| bytes(limits, name, self.page));
        self.memories(limits)
            && others.into_iter().all(|bytes| match bytes {
                Some(0) => true,
                Some(bytes) => self.place(bytes, false).is_some(),
                None => false,
            })
    }
}

fn bytes(limits: &Limits, name: MappingName, page: Size) -> Option<u64> {
    let footprint = limits.footprint(page).ok()?;
    let mapping = footprint.mappings.iter().find(|of| of.name == name)?;
    Some(mapping.bytes.get())
}

/// Bytes from one memory to the next.
fn slot(limits: &Limits, page: Size) -> u64 {
    let memories = |slots| bytes(&limits.with_instances(slots), MappingName::Memories, page);
    let two = memories(2).zip(memories(1));
    two.map_or(0, |(two, one)| two - one)
}

/// How much of a hole is there for every pool: a file that shrinks is compared with the worst position.
///
/// # Errors
/// The position in which a guarantee is not there.
pub fn given_away(
    machine: &Machine,
    asked: &Asked,
    judged: &Judged,
    seed: u64,
) -> Result<Vec<Given>, String> {
    let case = &judged.case;
    let Layout::Linux(linux) = case.profile.layout else {
        return Ok(Vec::new());
    };
    let bits = Machine {
        aslr: case.shape.aslr,
        ..machine.clone()
    }
    .aslr_bits();
    let page = case.profile.page_size;
    // A smaller limit may be raised when the program has started.
    let covered = StackLimit::finite(case.profile.pointer_width());
    let stack_room = asked.stack.map_or(STACK_ROOM, |limit| limit.max(covered));
    let guaranteed = judged.plan.guaranteed();
    let mut random = Rng::with_seed(seed);
    let mut given = Vec::new();
    for (index, (pool, limits)) in case.pools().iter().zip(guaranteed).enumerate() {
        let all = |limits: Limits| {
            let mut all = guaranteed.to_vec();
            all[index] = limits;
            all
        };
        let (now, most) = (pool.keep.value(limits), pool.keep.value(&pool.asked));
        // The memory may grow as far as is asked, which counts as writable.
        let growing = Limits {
            max_memory_size: pool.asked.max_memory_size,
            ..*limits
        };
        let stride = slot(limits, page);
        let headroom = case.budget.headroom.get();
        let mut positions = Positions::new(
            machine,
            &linux,
            asked,
            (bits, headroom),
            stride,
            &mut random,
        );
        let mut holds = |pools: &[Limits]| {
            let misfit = positions.find(&mut random, |space| {
                start(|| Process::new(&space, page, stack_room), headroom, pools)
            });
            misfit.map(|space| format!("{:x?}", space.taken()))
        };
        if let Some(space) = holds(&all(*limits)) {
            let name = pool.name;
            return Err(format!("pool `{name}` of {now} does not hold in {space}"));
        }
        if now == most {
            continue;
        }
        let of = |value: u64| all(pool.keep.with_value(&growing, value));
        let mut search = Bisection {
            fits: now,
            misfit: most + 1,
        };
        while let Some(value) = search.next() {
            let pools = of(value);
            search = search.told(value, !exceeds(case, &pools) && holds(&pools).is_none());
        }
        let found = of(search.fits);
        let bytes = sum(&found, page);
        given.push(Given {
            step: bytes - sum(&of(search.fits.saturating_sub(1)), page),
            is_excused: guaranteed.iter().map(|of| of.pools).sum::<u32>() >= MANY
                || is_excused(&linux, asked, covered, bytes),
            ..Given::new(&found, guaranteed, index, page)
        });
    }
    Ok(given)
}

/// Starts pools in a process, wherever its headroom is.
fn start(process: impl Fn() -> Process, headroom: u64, pools: &[Limits]) -> Tried {
    let beside = |of: Headroom| {
        let mut process = process();
        of.take(&mut process.space, headroom);
        process.start(pools)
    };
    match beside(Headroom::Libraries) {
        tried if tried.holds => beside(Headroom::Heap),
        refused => refused,
    }
}

/// Whether the layout is one of those of which more may be given away.
fn is_excused(linux: &LinuxLayout, asked: &Asked, covered: Size, bytes: u64) -> bool {
    let is_unlimited = asked.stack.is_none() || asked.legacy;
    linux.brk_randomization.get() > bytes / 100
        || asked.stack.is_some_and(|limit| limit > covered)
        || is_unlimited && linux.unlimited_stack == UnlimitedStack::LargeGap
}

impl Given {
    /// What was found of the pools, where the one with this index was looked at.
    fn new(found: &[Limits], guaranteed: &[Limits], index: usize, page: Size) -> Self {
        let slots = found
            .iter()
            .filter(|of| of.wasmtime.is_none() || **of == found[index]);
        Self {
            lost: sum(found, page) - sum(guaranteed, page),
            found: sum(found, page),
            slots: 3 * slots.map(|of| slot(of, page)).max().unwrap_or(0),
            step: 1,
            is_excused: false,
        }
    }
}

/// Bytes that all of these pools reserve.
fn sum(pools: &[Limits], page: Size) -> u64 {
    let bytes = pools.iter().map(|limits| match limits.footprint(page) {
        Ok(footprint) => footprint.reserved_bytes().get(),
        Err(_) => u64::MAX,
    });
    bytes.fold(0, u64::saturating_add)
}

/// What takes the headroom of a process.
#[derive(Clone, Copy)]
enum Headroom {
    /// Libraries, where the kernel puts them.
    Libraries,
    /// The heap of the program, as far as it can grow, and libraries for the rest.
    Heap,
}

impl Headroom {
    /// Takes what the program, its heap and its stack have not taken already, as far as it goes into one hole after the
    /// other.
    fn take(self, space: &mut Space, bytes: u64) {
        let there = space.taken().iter().map(|(start, end)| end - start);
        let mut left = bytes.saturating_sub(there.sum());
        if matches!(self, Self::Heap) {
            let end = space.heap_end();
            let above = space.taken().iter().map(|(start, _)| *start);
            let room = above.filter(|start| *start >= end).min().unwrap_or(end) - end;
            let heap = left.min(room) >> 20 << 20;
            if heap > 0 && space.map_at(end, heap) {
                left -= heap;
            }
        }
        let mut part = left;
        while left > 0 && part >= 1 << 20 {
            // What alignment takes of it is part of the headroom, too.
            let bytes = part.min(left);
            match space.map(bytes.saturating_sub(space.alignment()).max(1)) {
                Some(_) => left -= bytes,
                None => part /= 2,
            }
        }
    }
}
