//! Brute force: how much of what is asked finds its place in every position of ASLR, by the kernel's rule of addresses
//! alone. Nothing here asks the model's own simulation.

use fastrand::Rng;
use poolcfg_core::{Keep, Layout, Limits, LinuxLayout, MappingName, Size, UnlimitedStack};

use crate::file::Asked;
use crate::judged::Judged;
use crate::machine::Machine;
use crate::space::{self, Made, Space};

/// What a stack is left by a recheck at most, with pointers of 64 and of 32 bits, and the guard of the kernel below it.
const STACK_ROOM: [u64; 2] = [128 << 20, 8 << 20];
const STACK_GUARD_PAGES: u64 = 256;

/// In how many pieces memories may lie.
const PIECES: usize = 8;

/// What is given away of one pool, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// By how much the pool is smaller than what finds its place in each position that was tried.
    pub lost: u64,
    /// What all pools have with it.
    pub found: u64,
    /// What may be lost for want of whole slots: one for each of three holes.
    pub slots: u64,
    /// Whether it is the file's only pool, and its memories may lie in pieces.
    pub alone: bool,
}

impl Given {
    /// The share of what was found that is not guaranteed.
    #[must_use]
    pub fn share(&self) -> f64 {
        let mib = |bytes: u64| f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX));
        mib(self.lost) / mib(self.found).max(1.0)
    }

    /// Whether it is no more than a hundredth and one slot for each hole.
    #[must_use]
    pub const fn is_little(&self) -> bool {
        self.lost <= self.found / 100 + self.slots
    }
}

/// One process, and what its pools may take of it.
struct Process {
    space: Space,
    page: Size,
    stack_room: u64,
}

impl Process {
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
        if whole == 0 || self.take(whole, native).is_some() {
            return true;
        }
        let (mut left, mut pieces) = (u64::from(all), 0);
        let (slot, guard) = (two - one, one - (two - one));
        while native && left > 0 && pieces < PIECES {
            if self.take(guard + left * slot, native).is_some() {
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
            if fits == 0 || self.take(guard + fits * slot, native).is_none() {
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
                Some(bytes) => self.take(bytes, false).is_some(),
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

/// Positions of ASLR: its ends, those at which a hole holds a whole number of slots but for a page, and some others.
fn positions(
    machine: &Machine,
    linux: &LinuxLayout,
    asked: &Asked,
    aslr_bits: u32,
    slot: u64,
    random: &mut Rng,
) -> Vec<Space> {
    let page = machine.profile.page_size.get();
    let reach = space::reach(&machine.profile, linux, aslr_bits);
    let [stack, base, program, heap] = reach;
    let mut bases = vec![0, base];
    let mut programs = vec![0, program];
    let pie = linux.pie_base.get();
    let window = machine.window().get();
    for _ in 0..6 {
        bases.push(random.u64(0..=base / page) * page);
        programs.push(random.u64(0..=program / page) * page);
        // The hole below the program has less than a page too little for one slot more.
        let slots = (pie + random.u64(0..=program)) / slot.max(page);
        let program_at = (slots * slot.max(page)).saturating_sub(pie + page) / page * page;
        programs.push(program_at.min(program));
        // And so has the one above the mmap base.
        let slots = random.u64(0..=base) / slot.max(page);
        bases.push((slots * slot.max(page)).saturating_sub(page).min(base) / page * page);
    }
    let mut spaces = Vec::new();
    for program in programs {
        let mut bases = bases.clone();
        for _ in 0..4 {
            // And the one between the two.
            let above = window.saturating_sub(pie + program);
            let slots = random.u64(0..=above) / slot.max(page);
            let between = above.saturating_sub(slots * slot.max(page) + 200 * (1 << 20));
            bases.push(between.min(base) / page * page);
        }
        for base in bases {
            for [stack, heap] in [[0, 0], [stack / page * page, heap / page * page]] {
                let made = Made {
                    program: asked.program,
                    // But for x86, which is left out, a process without a limit has the legacy layout.
                    stack_limit: asked.stack.filter(|_| !asked.legacy),
                    moved: [stack, base, program, heap],
                    aligned: random.bool(),
                };
                spaces.push(Space::new(&machine.profile, linux, &made));
            }
        }
    }
    spaces
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
    if asked.legacy && linux.unlimited_stack == UnlimitedStack::LargeGap {
        return Ok(Vec::new());
    }
    let bits = Machine {
        aslr: case.shape.aslr,
        ..machine.clone()
    }
    .aslr_bits();
    let page = case.profile.page_size;
    let stack_room = STACK_ROOM[usize::from(case.profile.pointer_width() < 64)];
    let guaranteed = judged.plan.guaranteed();
    let mut random = Rng::with_seed(seed);
    let mut given = Vec::new();
    for (index, (pool, limits)) in case.pools().iter().zip(guaranteed).enumerate() {
        let all = |limits: Limits| {
            let mut all = guaranteed.to_vec();
            all[index] = limits;
            all
        };
        let instances = pool.keep == Keep::MemoryReservation;
        let (now, most) = match instances {
            true => (
                u64::from(limits.max_instances),
                u64::from(pool.asked.max_instances),
            ),
            false => (
                limits.memory_reservation.get() >> 16,
                pool.asked.memory_reservation.get() >> 16,
            ),
        };
        let value = |value: u64| match instances {
            true => limits.with_instances(u32::try_from(value).unwrap_or(u32::MAX)),
            false => limits.with_reservation(Size::kib(64 * value)),
        };
        let stride = slot(limits, page);
        let mut spaces = positions(machine, &linux, asked, bits, stride, &mut random);
        let mut holds = |pools: &[Limits]| {
            let misfit = spaces.iter().position(|space| {
                let mut process = Process {
                    space: space.clone(),
                    page,
                    stack_room,
                };
                headroom(&mut process.space, case.budget.headroom.get());
                let holds = pools
                    .iter()
                    .all(|limits| (0..limits.pools).all(|_| process.pool(limits)));
                !holds
            });
            // It is likely to be in the way again.
            if let Some(misfit) = misfit {
                spaces.swap(0, misfit);
            }
            misfit.map(|_| format!("{:x?}", spaces[0].taken()))
        };
        if let Some(space) = holds(&all(*limits)) {
            return Err(format!(
                "pool `{}` of {now} does not hold in {space}",
                pool.name
            ));
        }
        if now == most {
            continue;
        }
        let exceeds = |pools: &[Limits]| {
            let own = case.budget.own();
            let all = pools.iter().fold(own, |sum, of| sum.and(of.demand(page)));
            all.exceeds(&case.budget.limits.most()).is_some()
        };
        let (mut fits, mut fails) = (now, most + 1);
        while fails - fits > 1 {
            let middle = fits + (fails - fits) / 2;
            let pools = all(value(middle));
            if exceeds(&pools) || holds(&pools).is_some() {
                fails = middle;
            } else {
                fits = middle;
            }
        }
        let sum = |pools: &[Limits]| {
            let bytes = pools.iter().map(|limits| match limits.footprint(page) {
                Ok(footprint) => footprint.reserved_bytes().get(),
                Err(_) => u64::MAX,
            });
            bytes.fold(0, u64::saturating_add)
        };
        let found = all(value(fits));
        let slots = found
            .iter()
            .filter(|of| of.wasmtime.is_none() || **of == found[index]);
        given.push(Given {
            lost: sum(&found) - sum(guaranteed),
            found: sum(&found),
            slots: 3 * slots.map(|of| slot(of, page)).max().unwrap_or(0),
            alone: matches!(guaranteed, [only] if only.pools == 1 && only.wasmtime.is_none()),
        });
    }
    Ok(given)
}

/// What the rest of the process takes, as far as it goes into one hole after the other: the headroom, less what the
/// program, its heap and its stack have of it already.
fn headroom(space: &mut Space, bytes: u64) {
    let there = space.taken().iter().map(|(start, end)| end - start);
    let mut left = bytes.saturating_sub(there.sum());
    let mut part = left;
    while left > 0 && part >= 1 << 20 {
        match space.map(part.min(left)) {
            Some(_) => left -= part.min(left),
            None => part /= 2,
        }
    }
}
