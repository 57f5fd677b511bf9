//! The model against the kernel's own rule of addresses: random pools that a budget promises find their places in
//! processes whose program, libraries, heap and stack lie where ASLR may put them.

#![allow(
    clippy::unwrap_used,
    reason = "clippy knows test functions and not their helpers"
)]

use poolcfg_core::{
    AddressSpaceKeys, Arch, Aslr, Budget, Fault, Faults, Group, Layout, LinuxLayout, Os,
    OwnProfile, Placement, Plan, PoolKeys, RelocationModel, Room, SearchLayout, Setting, Settings,
    Shape, Size, StackLimit, Target, Three, UnlimitedStack, VaProfile, place,
};
use proptest::prelude::*;

const PAGE: u64 = 4096;
const HUGE: u64 = 2 << 20;
const MIB: u64 = 1 << 20;

/// A process's address space: sorted ranges that are taken.
#[derive(Clone, Debug)]
struct Space {
    taken: Vec<(u64, u64)>,
    lowest: u64,
    /// Where a search from the top down begins; `None` in the legacy layout.
    mmap_base: Option<u64>,
    legacy_base: u64,
    /// Where the stack may reach down to.
    end: u64,
    /// Pieces above the mmap base lie below this.
    reach: u64,
    /// By how much holes were larger than what was mapped next, or smaller.
    spare: Vec<i64>,
}

impl Space {
    /// The free ranges between two addresses, in ascending order.
    fn free(&self, from: u64, to: u64) -> Vec<(u64, u64)> {
        let mut free = Vec::new();
        let mut at = from;
        for (start, end) in &self.taken {
            if *start > at && at < to {
                free.push((at, (*start).min(to)));
            }
            at = at.max(*end);
        }
        if at < to {
            free.push((at, to));
        }
        free
    }

    /// What is free below the mmap base, the highest range first.
    fn below(&self) -> Vec<(u64, u64)> {
        let mut below = match self.mmap_base {
            Some(base) => self.free(self.lowest, base),
            None => Vec::new(),
        };
        below.reverse();
        below
    }

    /// mm/mmap.c, generic_get_unmapped_area_topdown: from the mmap base down, then from the bottom up.
    fn unmapped_area(&self, len: u64) -> Option<u64> {
        let below = self.below();
        let top_down = below.iter().find(|(start, end)| end - start >= len);
        let above = self.free(self.legacy_base, self.end);
        top_down.map(|(_, end)| end - len).or_else(|| {
            let bottom_up = above.iter().find(|(start, end)| end - start >= len);
            bottom_up.map(|(start, _)| *start)
        })
    }

    /// mm/huge_memory.c, __thp_get_unmapped_area: mappings of a huge page or more are aligned to it where there
    /// is room for that.
    fn map(&mut self, len: u64) -> Option<(u64, u64)> {
        let holes = self.free(self.lowest, self.end);
        let spare = holes
            .iter()
            .map(|(start, end)| i64::try_from(end - start).unwrap() - i64::try_from(len).unwrap());
        self.spare.extend(spare);
        let aligned = (len >= HUGE)
            .then(|| self.unmapped_area(len + HUGE))
            .flatten()
            .map(|start| start.next_multiple_of(HUGE));
        let start = aligned.or_else(|| self.unmapped_area(len))?;
        let range = (start, start + len);
        assert!(
            self.taken
                .iter()
                .all(|(from, to)| range.1 <= *from || *to <= range.0),
            "{range:x?} in {self:x?}"
        );
        self.taken.push(range);
        self.taken.sort_unstable();
        Some(range)
    }

    /// Small mappings of so many bytes in all: each goes into the first hole of the search that has room.
    fn fill(&mut self, mut bytes: u64) -> bool {
        while bytes > 0 {
            let top_down = self.below().first().copied();
            let range = match top_down {
                Some((start, end)) => (end - bytes.min(end - start), end),
                None => match self.free(self.legacy_base, self.end).first() {
                    Some((start, end)) => (*start, start + bytes.min(end - start)),
                    None => return false,
                },
            };
            bytes -= range.1 - range.0;
            self.taken.push(range);
            self.taken.sort_unstable();
        }
        true
    }

    fn unmap(&mut self, range: (u64, u64)) {
        self.taken.retain(|taken| *taken != range);
    }

    /// What poolcfg-runtime does: a piece above the mmap base that is too near to the stack is given back.
    fn take(&mut self, len: u64) -> bool {
        match self.map(len) {
            Some(range) if range.1 > self.reach.max(self.mmap_base.unwrap_or(0)) => {
                self.unmap(range);
                false
            }
            found => found.is_some(),
        }
    }

    /// Memories in pieces: as many as go into one mapping, and so on with the rest.
    fn take_memories(&mut self, slots: u64, slot: u64, guard: u64) -> bool {
        let mut left = slots;
        while left > 0 {
            let bytes = |slots: u64| guard + slots * slot;
            if self.take(bytes(left)) {
                return true;
            }
            let (mut fits, mut fails) = (0, left);
            while fails - fits > 1 {
                let middle = fits + (fails - fits) / 2;
                if self.clone().take(bytes(middle)) {
                    fits = middle;
                } else {
                    fails = middle;
                }
            }
            if fits == 0 || !self.take(bytes(fits)) {
                return false;
            }
            left -= fits;
        }
        true
    }
}

/// How many dice are thrown for a process.
const DICE: usize = 5;

/// A process of a profile in which these dice have been thrown, each out of `u64::MAX`: ASLR's, and the stack limit
/// up to what the shape covers.
fn space(profile: &VaProfile<'_>, linux: &LinuxLayout, shape: Shape, dice: [u64; DICE]) -> Space {
    let window = profile.window.get();
    let aslr = PAGE << shape.aslr.bits(linux);
    let throw = |die: u64, of: u64| {
        let pages = u128::from(of / PAGE) * u128::from(die) / u128::from(u64::MAX);
        u64::try_from(pages).unwrap() * PAGE
    };
    let stack_top = window - throw(dice[0], linux.stack_randomization.get());
    let covered = match shape.stack_limit {
        StackLimit::Finite => 128 * MIB,
        StackLimit::UpTo(size) => size.get(),
        StackLimit::Unlimited | StackLimit::AsUnlimited(_) => u64::MAX,
    };
    let limit = if shape.stack_limit.is_unlimited() {
        covered
    } else {
        throw(dice[4], covered)
    };
    let pad = linux.stack_randomization.get() + 256 * PAGE;
    let gap = limit.saturating_add(pad).clamp(128 * MIB, window / 6 * 5);
    let moved = throw(dice[1], aslr - PAGE);
    let mmap_base = (window - gap).saturating_sub(moved);
    let is_x86 = linux.unlimited_stack == UnlimitedStack::LargeGap;
    let upward = shape.layout.is_legacy() || (shape.stack_limit.is_unlimited() && !is_x86);
    let pie = match shape.relocation_model {
        RelocationModel::Pie => {
            linux.pie_base.get() / PAGE * PAGE / HUGE * HUGE + throw(dice[2], aslr - PAGE)
        }
        RelocationModel::Static => 4 * MIB,
    };
    let heap = pie + 4 * MIB + throw(dice[3], linux.brk_randomization.get());
    let end = stack_top - 8 * MIB - 256 * PAGE;
    // poolcfg-runtime leaves a stack without limit 8 MiB, and one with a limit 128 MiB at most.
    let room = match shape.stack_limit {
        StackLimit::Unlimited => 8 * MIB,
        _ => limit.clamp(8 * MIB, 128 * MIB),
    };
    Space {
        // The program and its heap are one range: what lies between them is not searched for memories.
        taken: vec![(pie, heap + MIB)],
        spare: Vec::new(),
        lowest: linux
            .lowest
            .get()
            .max(if pie == 4 * MIB { heap + MIB } else { 0 }),
        mmap_base: (!upward).then_some(mmap_base),
        // x86 moves this one, too.
        legacy_base: linux.legacy_base.get() + if is_x86 || upward { moved } else { 0 },
        end,
        reach: (stack_top - room - 256 * PAGE).min(end),
    }
}

/// 64-bit kernels of all sizes, whose ASLR takes little or nearly everything.
fn profile() -> impl Strategy<Value = VaProfile<'static>> {
    let linux64 = VaProfile::ALL.concat().into_iter().filter(|profile| {
        let Layout::Linux(_) = profile.layout else {
            return false;
        };
        profile.pointer_width() == 64
            && profile.page_size == Size::kib(4)
            && profile.os == Os::Linux
            && matches!(profile.arch, Arch::Riscv64 | Arch::Aarch64 | Arch::X86_64)
    });
    prop::sample::select(linux64.collect::<Vec<_>>())
}

/// Pools in parts of the window: memories in pieces or not, tables, stacks.
fn groups(window: u64) -> impl Strategy<Value = Vec<Group>> {
    let group = (
        1u64..200,
        0u64..70,
        0u64..3,
        0u64..40,
        1u64..4,
        any::<bool>(),
    )
        .prop_map(move |(part, slots, guard, small, count, cut)| {
            let slot = (window / 64 / 200 * part + 32 * MIB) / HUGE * HUGE;
            let guard = guard * 16 * MIB;
            Group {
                sizes: [
                    if slots > 0 { guard + slots * slot } else { 0 },
                    window / 4096 * small / PAGE * PAGE,
                    small * PAGE,
                ],
                count,
                slot: if cut { slot } else { 0 },
                guard,
            }
        });
    prop::collection::vec(group, 1..4)
}

/// What the model is asked: with what alignment may waste of each mapping.
fn inflated(group: &Group) -> Group {
    let mut group = *group;
    for (kind, size) in group.sizes.iter_mut().enumerate() {
        if *size >= HUGE {
            *size += HUGE;
            if kind == 0 {
                group.guard += HUGE;
            }
        }
    }
    group
}

/// The largest number of slots of the first pool that the model promises, up to what is asked.
fn shrunk(budget: &Budget, groups: &[Group]) -> Option<Vec<Group>> {
    let with = |slots: u64| {
        let mut groups = groups.to_vec();
        let first = &mut groups[0];
        if first.slot > 0 && first.sizes[0] > 0 {
            first.sizes[0] = first.guard + slots * first.slot;
        }
        groups
    };
    let fits = |slots: u64| {
        let groups: Vec<Group> = with(slots).iter().map(inflated).collect();
        matches!(place(&budget.room, &groups), Placement::Fits)
    };
    let most = groups[0].memories().map_or(1, |memories| memories.slots);
    (1..=most).rev().find(|slots| fits(*slots)).map(with)
}

fn holds(space: &Space, groups: &[Group], headroom: u64) -> bool {
    let mut space = space.clone();
    // Libraries, of a program that is not static.
    space.fill(headroom) && start(&mut space, groups, &[], false)
}

/// Starts all pools; before each of them the process maps what is said, whole or as far as it goes into each hole.
fn start(space: &mut Space, groups: &[Group], between: &[u64], whole: bool) -> bool {
    let mut between = between.iter();
    groups.iter().all(|group| {
        (0..group.count).all(|_| {
            if between.next().is_some_and(|bytes| {
                *bytes > 0
                    && !if whole {
                        space.map(*bytes).is_some()
                    } else {
                        space.fill(*bytes)
                    }
            }) {
                return false;
            }
            let memories = match group.memories() {
                Some(memories) => {
                    space.take_memories(memories.slots, memories.slot, memories.guard)
                }
                None => group.sizes[0] == 0 || space.take(group.sizes[0]),
            };
            memories
                && group.sizes[1..]
                    .iter()
                    .all(|size| *size == 0 || space.map(*size).is_some())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_global_rejects: 1 << 20,
        failure_persistence: None,
        ..crate::cases(400)
    })]

    /// Whatever is promised is there in every process, wherever ASLR puts things.
    #[test]
    fn what_is_promised_is_there_wherever_aslr_puts_things(
        (profile, groups) in profile()
            .prop_flat_map(|profile| (Just(profile), groups(profile.window.get()))),
        relocation_model in prop::sample::select(RelocationModel::ALL.to_vec()),
        aslr in prop::option::of(0u32..1000),
        stack_limit in prop_oneof![
            4 => Just(Err(StackLimit::Finite)),
            1 => Just(Err(StackLimit::Unlimited)),
            2 => (0u64..1000).prop_map(Ok),
        ],
        layout in prop::sample::select(vec![
            SearchLayout::Standard, SearchLayout::Standard, SearchLayout::Legacy,
        ]),
        headroom in prop::option::of(0u64..1000),
        dice in prop::collection::vec(any::<[u64; DICE]>(), 40),
    ) {
        let Layout::Linux(linux) = &profile.layout else { unreachable!() };
        let part = |part: u64| Size::bytes(profile.window.get() / 1000 * part).round_down(profile.page_size);
        let shape = Shape {
            relocation_model,
            stack_limit: stack_limit.map_or_else(|word| word, |size| StackLimit::UpTo(part(size))),
            aslr: aslr.map_or(Aslr::Maximum, |bits| Aslr::Bits(bits % (linux.aslr_bits_max + 1))),
            layout,
        };
        let headroom = headroom.map(part);
        let budget = Budget::new(&profile, shape, headroom);
        // Where the headroom takes everything, the file is at fault.
        let Some(groups) = shrunk(&budget, &groups).filter(|_| !budget.is_empty()) else {
            return Err(TestCaseError::reject("nothing fits"));
        };
        let corners = (0..1u32 << DICE).map(|corner| {
            [0, 1, 2, 3, 4].map(|die| if corner >> die & 1 == 0 { 0 } else { u64::MAX })
        });
        for dice in corners.chain(dice) {
            let space = space(&profile, linux, shape, dice);
            // What the process has mapped when the pools come: a part of the headroom, or all of it but the program.
            for used in [64 * MIB, budget.headroom.get().saturating_sub(8 * MIB)] {
                let used = used.min(budget.headroom.get().saturating_sub(8 * MIB));
                prop_assert!(
                    holds(&space, &groups, used),
                    "{} {shape:?} {headroom:?}: {groups:?} in {space:x?}", profile.name
                );
            }
        }
    }
}

/// Pools of a few mappings in one piece, and of a few slots, in parts of 2^16.
fn few_groups() -> impl Strategy<Value = Vec<Group>> {
    let part = prop_oneof![3 => 1u64 << 8..1 << 14, 1 => 0u64..1 << 8, 1 => Just(0)];
    let group = (
        [part.clone(), part.clone(), part],
        1u64..20,
        0u64..3,
        1u64..4,
    )
        .prop_map(|(sizes, slots, guard, count)| {
            let cut = guard > 0;
            Group {
                sizes,
                count,
                slot: if cut { (sizes[0] / slots).max(1) } else { 0 },
                guard: if cut { guard - 1 } else { 0 },
            }
        });
    prop::collection::vec(group, 1..5)
}

/// The same as large as the model promises: every size times the same number.
fn as_large_as_fits(budget: &Budget, groups: &[Group], window: u64) -> Vec<Group> {
    let scaled = |by: u64| -> Vec<Group> {
        let bytes = |part: u64| {
            let bytes = (u128::from(part) * u128::from(by)) >> 24;
            u64::try_from(bytes).unwrap() / PAGE * PAGE
        };
        let scale = |group: &Group| {
            let mut group = Group {
                sizes: group.sizes.map(bytes),
                slot: bytes(group.slot),
                guard: bytes(group.guard),
                ..*group
            };
            if let Some(memories) = group.memories() {
                group.sizes[0] = memories.bytes(memories.slots);
            }
            group
        };
        groups.iter().map(scale).collect()
    };
    let fits = |by| {
        let groups: Vec<Group> = scaled(by).iter().map(inflated).collect();
        matches!(place(&budget.room, &groups), Placement::Fits)
    };
    // Of the whole window for one of 2^16.
    let (mut fit, mut misfit) = (0, window << 8);
    while misfit - fit > 1 {
        let middle = fit + (misfit - fit) / 2;
        if fits(middle) {
            fit = middle;
        } else {
            misfit = middle;
        }
    }
    scaled(fit)
}

/// A random number of 0 to 2^64 - 1 out of another one.
const fn next(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(0x5851_f42d_4c95_7f2d)
        .wrapping_add(0x1405_7b7e_f767_814f);
    let mixed = (*seed ^ *seed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ mixed >> 32
}

/// An index below `count`.
fn pick(seed: &mut u64, count: usize) -> usize {
    let count = u64::try_from(count).unwrap();
    usize::try_from(next(seed) % count).unwrap()
}

/// Moves one die so that a hole has about a page less than was mapped next.
fn step(dice: &mut [u64; DICE], spare: i64, aslr_range: [u64; DICE], seed: &mut u64) {
    let which = [1, 2, 1, 2, 1, 2, 3, 0][pick(seed, 8)];
    let spare = i128::from(spare) + i128::from([PAGE, 0, HUGE, HUGE + PAGE][pick(seed, 4)]);
    let by = if next(seed) % 2 == 0 { spare } else { -spare };
    let pages = i128::from((aslr_range[which] / PAGE).max(1));
    let now = pages * i128::from(dice[which]) / i128::from(u64::MAX);
    let then = (now + by / i128::from(PAGE)).clamp(0, pages);
    // The least die that throws so many pages.
    let die = (then * i128::from(u64::MAX) + pages - 1) / pages;
    dice[which] = u64::try_from(die).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("POOLCFG_LAYOUTS").map_or(1000, |cases| cases.parse().unwrap()),
        max_global_rejects: 1 << 20,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever fits to the last byte is there at the positions where the kernel's choice changes, too, and whenever the
    /// rest of the process takes its headroom.
    #[test]
    fn what_just_fits_is_there_where_a_hole_is_a_page_short(
        profile in profile(),
        groups in few_groups(),
        relocation_model in prop::sample::select(vec![
            RelocationModel::Pie, RelocationModel::Pie, RelocationModel::Static,
        ]),
        aslr in prop::option::weighted(0.3, 0u32..1000),
        stack_limit in prop::option::weighted(0.3, 0u64..1000),
        headroom in prop::option::weighted(0.3, 1u64..100),
        seed in any::<u64>(),
    ) {
        let Layout::Linux(linux) = &profile.layout else { unreachable!() };
        let window = profile.window.get();
        let part = |part: u64| Size::bytes(window / 1000 * part).round_down(profile.page_size);
        let shape = Shape {
            relocation_model,
            stack_limit: stack_limit.map_or(StackLimit::Finite, |size| StackLimit::UpTo(part(size / 4))),
            aslr: aslr.map_or(Aslr::Maximum, |bits| Aslr::Bits(bits % (linux.aslr_bits_max + 1))),
            layout: SearchLayout::Standard,
        };
        let budget = Budget::new(&profile, shape, headroom.map(part));
        prop_assume!(!budget.is_empty());
        let groups = as_large_as_fits(&budget, &groups, window);
        // Two holes count on it that the headroom is mapped in small parts.
        let two = Room { three: Three::NONE, ..budget.room };
        let inflated: Vec<Group> = groups.iter().map(inflated).collect();
        let by_two = matches!(place(&two, &inflated), Placement::Fits);
        let moved = (PAGE << shape.aslr.bits(linux)) - PAGE;
        let covered = match shape.stack_limit {
            StackLimit::UpTo(size) => size.get(),
            _ => 128 * MIB,
        };
        let aslr_range = [
            linux.stack_randomization.get(), moved, moved, linux.brk_randomization.get(), covered,
        ];
        let mut seed = seed;
        let usable = budget.headroom.get().saturating_sub(8 * MIB);
        for _ in 0..30 {
            let mut dice = [0; DICE].map(|_: u64| match next(&mut seed) % 4 {
                0 => 0,
                1 => u64::MAX,
                _ => next(&mut seed),
            });
            for _ in 0..6 {
                let made = space(&profile, linux, shape, dice);
                let mut space = made.clone();
                // Libraries first, in one mapping or as many as there are holes, and the rest in between.
                let mut left = usable;
                let first = match next(&mut seed) % 3 {
                    0 => left,
                    1 => left.min(64 * MIB),
                    _ => next(&mut seed) % (left + 1) / PAGE * PAGE,
                };
                left -= first;
                let (whole, mut between) = (!by_two && next(&mut seed).is_multiple_of(2), Vec::new());
                for _ in 0..8 {
                    let bytes = next(&mut seed) % (left + 1) / PAGE * PAGE;
                    let bytes = if bytes >= HUGE + PAGE { bytes - HUGE } else { 0 };
                    left -= bytes + if bytes > 0 { HUGE } else { 0 };
                    between.push(bytes);
                }
                let there = if whole && first > 2 * HUGE { space.map(first - HUGE).is_some() } else { space.fill(first) };
                prop_assert!(
                    there && start(&mut space, &groups, &between, whole),
                    "{} {shape:?} headroom {}: {groups:?} two {by_two} after {first} {whole} and {between:?} in {made:x?}, then {:x?}",
                    profile.name, budget.headroom, space.taken
                );
                if space.spare.is_empty() {
                    break;
                }
                let at = pick(&mut seed, space.spare.len());
                step(&mut dice, space.spare[at], aslr_range, &mut seed);
            }
        }
    }
}

fn named(arch: Arch, name: &str) -> VaProfile<'static> {
    let all = VaProfile::ALL.concat();
    let found = all
        .into_iter()
        .find(|of| of.name == name && of.arch == arch);
    found.unwrap()
}

/// Slots of so many bytes and a guard that a PIE is promised.
fn promised(profile: &VaProfile<'_>, aslr: Aslr, memory: u64, guard: u64) -> u64 {
    let budget = Budget::new(
        profile,
        Shape {
            aslr,
            ..Shape::DEFAULT
        },
        None,
    );
    let fits = |slots: u64| {
        let slot = memory + guard;
        let group = Group {
            sizes: [guard + slots * slot, 0, 0],
            count: 1,
            slot,
            guard,
        };
        let group = if budget.huge_page.is_zero() {
            group
        } else {
            inflated(&group)
        };
        matches!(place(&budget.room, &[group]), Placement::Fits)
    };
    (1..200)
        .take_while(|slots| fits(*slots))
        .last()
        .unwrap_or(0)
}

/// The figures of maximum ASLR that real kernels were held to, and what the search over positions alone gives at the
/// least ASLR.
#[test]
fn maximum_aslr_takes_no_more_than_a_slot_of_each_hole() {
    let sv39 = named(Arch::Riscv64, "sv39");
    let va39 = named(Arch::Aarch64, "va39");
    let default_slots = |profile, aslr| promised(profile, aslr, 4096 * MIB, 32 * MIB);
    assert_eq!(default_slots(&sv39, Aslr::Maximum), 60);
    assert_eq!(default_slots(&va39, Aslr::Maximum), 124);
    assert_eq!(default_slots(&sv39, Aslr::Minimum), 61);
    for (arch, name, slots) in [
        (Arch::Riscv64, "sv48", 61),
        (Arch::Aarch64, "va48", 61),
        (Arch::X86_64, "va47", 61),
        (Arch::X86, "4g", 59),
        (Arch::Arm, "3g", 59),
    ] {
        let profile = named(arch, name);
        let window = profile.window.get();
        let (memory, guard) = (window / 64 / PAGE * PAGE, window / 8192 / PAGE * PAGE);
        assert_eq!(
            promised(&profile, Aslr::Maximum, memory, guard),
            slots,
            "{name}"
        );
    }
    // Slots of 1/64 of 4 GiB in 3 GiB.
    let armv7 = named(Arch::Arm, "3g");
    assert_eq!(promised(&armv7, Aslr::Maximum, 64 * MIB, 512 * 1024), 43);
}

/// The largest mapping that is there, the largest one beside it, and the largest two of one size, in a process that
/// has mapped 42 MiB before: with maximum ASLR, and by the brute force over positions that real kernels agreed with.
#[test]
fn single_mappings_under_maximum_aslr() {
    let gib = |hundredths: u64| hundredths * 1024 * MIB / 100;
    let tib = |hundredths: u64| hundredths * 1024 * 1024 * MIB / 100;
    for (arch, name, single, beside, two) in [
        (Arch::Riscv64, "sv39", gib(17_066), gib(2_772), gib(8_533)),
        (Arch::Aarch64, "va39", gib(34_133), gib(5_616), gib(17_066)),
        (Arch::Riscv64, "sv48", tib(8_533), tib(1_422), tib(4_266)),
        (Arch::Aarch64, "va48", tib(17_066), tib(2_844), tib(8_533)),
        (Arch::X86_64, "va47", tib(8_533), tib(1_421), tib(4_266)),
        (Arch::X86, "4g", 2000 * MIB, 1381 * MIB, 1381 * MIB),
        (Arch::Arm, "3g", 2338 * MIB, 208 * MIB, 1169 * MIB),
    ] {
        let profile = named(arch, name);
        let budget = Budget::new(&profile, Shape::DEFAULT, Some(Size::mib(42)));
        let fits = |sizes| {
            let group = Group {
                sizes,
                count: 1,
                slot: 0,
                guard: 0,
            };
            matches!(place(&budget.room, &[group]), Placement::Fits)
        };
        assert!(fits([single, beside, 0]), "{name}: {:?}", budget.holes());
        assert!(fits([two, two, 0]), "{name}: {:?}", budget.holes());
        // And hardly more.
        let more = if profile.window > Size::gib(4) {
            profile.window.get() / 10_000
        } else {
            MIB
        };
        assert!(!fits([single + more, 0, 0]), "{name}");
        assert!(!fits([single, beside + more, 0]), "{name}");
        assert!(!fits([two + more, two + more, 0]), "{name}");
    }
}

/// Slots of Wasmtime's pool, which lie in one piece: ASLR takes nothing of the lower hole.
#[test]
fn slots_in_one_piece() {
    let slot = 4096 * MIB + 32 * MIB;
    let slots = |profile: &VaProfile<'_>, relocation_model, aslr| {
        let shape = Shape {
            relocation_model,
            aslr,
            ..Shape::DEFAULT
        };
        let [largest, _] = Budget::new(profile, shape, None).holes();
        // What alignment may waste, and the leading guard.
        (largest.get() - HUGE - 32 * MIB) / slot
    };
    let (sv39, va39) = (named(Arch::Riscv64, "sv39"), named(Arch::Aarch64, "va39"));
    for bits in 0..=24 {
        let aslr = Aslr::Bits(bits);
        assert_eq!(slots(&sv39, RelocationModel::Pie, aslr), 42);
        assert_eq!(slots(&va39, RelocationModel::Pie, aslr), 84);
    }
    assert_eq!(slots(&sv39, RelocationModel::Static, Aslr::Maximum), 46);
    assert_eq!(slots(&va39, RelocationModel::Static, Aslr::Maximum), 110);
}

const BOARD: Target = Target::new(Arch::Riscv64, Os::Linux, 64);

fn faults<'a>(space: AddressSpaceKeys<'a>, own: &[OwnProfile<'a>], target: Target) -> Faults<'a> {
    let settings = Settings::new(&[], own).address_space(space);
    settings.resolve(target).unwrap_err()
}

fn only(faults: Faults<'_>) -> Fault<'_> {
    assert_eq!(faults.iter().count(), 1, "{}", faults.message("").as_str());
    faults.iter().next().unwrap()
}

#[test]
fn what_no_machine_has_is_refused() {
    let space = AddressSpaceKeys {
        aslr: Some(Setting::at(Aslr::Bits(25), 2, 8)),
        ..AddressSpaceKeys::EMPTY
    };
    let fault = only(faults(space, &[], BOARD));
    assert!(matches!(fault, Fault::AslrAboveMaximum { most: 24, .. }));
    assert_eq!(
        fault.message().as_str(),
        "`aslr = 25` is above the 24 bits that riscv64 sv39 takes"
    );
    assert_eq!(fault.place().line, 2);

    let space = AddressSpaceKeys {
        stack_limit: Some(Setting::at(StackLimit::UpTo(Size::gib(257)), 3, 15)),
        ..AddressSpaceKeys::EMPTY
    };
    let fault = only(faults(space, &[], BOARD));
    assert_eq!(
        fault.message().as_str(),
        "`stack_limit` of 257 GiB is not below the window of `sv39`, 256 GiB"
    );
    assert_eq!(fault.place().line, 3);

    let space = AddressSpaceKeys {
        headroom: Some(Setting::at(Size::gib(300), 4, 12)),
        ..AddressSpaceKeys::EMPTY
    };
    let fault = only(faults(space, &[], BOARD));
    assert_eq!(
        fault.message().as_str(),
        "`headroom` of 300 GiB leaves nothing for pools: all holes of `sv39` together have 253.87 GiB"
    );
    assert_eq!(fault.place().line, 4);
}

/// What no `sysctl` can be set to. Without ASLR there are no bits, whatever the kernel is.
#[test]
fn limits_that_no_kernel_accepts_are_refused() {
    let x86_64 = Target::new(Arch::X86_64, Os::Linux, 64);
    let bits = |bits| AddressSpaceKeys {
        aslr: Some(Setting::at(Aslr::Bits(bits), 2, 8)),
        ..AddressSpaceKeys::EMPTY
    };
    let maps = |maps| AddressSpaceKeys {
        max_map_count: Some(Setting::at(maps, 3, 17)),
        ..AddressSpaceKeys::EMPTY
    };
    let android = Target::new(Arch::Aarch64, Os::Android, 64);
    for (space, target, line, said) in [
        (
            bits(27),
            x86_64,
            2,
            "`aslr = 27` is below 28, the fewest bits that x86_64 va47 takes",
        ),
        (
            bits(17),
            BOARD,
            2,
            "`aslr = 17` is below 18, the fewest bits that riscv64 sv39 takes",
        ),
        (
            maps(1 << 31),
            BOARD,
            3,
            "`max_map_count = 2147483648` is above 2147483647, the most that a kernel accepts",
        ),
    ] {
        let fault = only(faults(space, &[], target));
        assert_eq!(fault.message().as_str(), said);
        assert_eq!(fault.place().line, line);
    }
    for (space, target) in [
        (bits(28), x86_64),
        (bits(0), x86_64),
        (bits(18), android),
        (maps((1 << 31) - 1), BOARD),
    ] {
        let settings = Settings::new(&[], &[]).address_space(space);
        assert!(settings.resolve(target).is_ok(), "{space:?}");
    }
}

#[test]
fn a_profile_that_leaves_no_hole_says_why() {
    let small = OwnProfile {
        name: "small",
        arch: Arch::X86_64,
        window: Size::gib(256),
        page_size: Size::kib(4),
        pie_base: None,
        legacy_base: None,
        aslr_bits_default: None,
        aslr_bits_max: Some(28),
    };
    let x86_64 = Target::new(Arch::X86_64, Os::Linux, 64);
    let space = AddressSpaceKeys {
        va_profile: Some(Setting::at("small", 2, 14)),
        ..AddressSpaceKeys::EMPTY
    };
    let fault = only(faults(space, &[small], x86_64));
    assert_eq!(
        fault.message().as_str(),
        "VA profile `small` leaves no hole: 28 bits of ASLR take 1 TiB of a window of 256 GiB"
    );
    assert_eq!(fault.place().line, 2);
    let Fault::NoHole {
        fewer: Some(bits), ..
    } = fault
    else {
        panic!("{fault:?}")
    };
    let holes = |bits| {
        let shape = Shape {
            aslr: Aslr::Bits(bits),
            ..Shape::DEFAULT
        };
        Budget::new(&small.profile(), shape, None).holes()
    };
    assert!(!holes(bits)[0].is_zero() && holes(bits + 1)[0].is_zero());

    // Fewer bits at most are the default, too.
    let few = OwnProfile {
        aslr_bits_max: Some(20),
        ..small
    };
    let space = AddressSpaceKeys {
        va_profile: Some(Setting::given("small")),
        aslr: Some(Setting::given(Aslr::Minimum)),
        ..AddressSpaceKeys::EMPTY
    };
    let settings = Settings::new(&[], &[few]).address_space(space);
    assert_eq!(
        settings.resolve(x86_64).map(|case| case.shape.aslr),
        Ok(Aslr::Minimum)
    );
    let Layout::Linux(linux) = few.profile().layout else {
        panic!("{few:?}")
    };
    assert_eq!((linux.aslr_bits_default, linux.aslr_bits_max), (20, 20));

    // A stack limit may be what takes it all.
    let space = AddressSpaceKeys {
        stack_limit: Some(Setting::at(StackLimit::UpTo(Size::gib(220)), 5, 15)),
        ..AddressSpaceKeys::EMPTY
    };
    let fault = only(faults(space, &[], BOARD));
    assert!(fault.message().as_str().contains("the stack limit 220 GiB"));
    assert_eq!(fault.place().line, 5);
}

#[test]
fn unknown_targets_are_refused_and_served_by_a_profile_of_ones_own() {
    let bare = Target::new(Arch::Riscv64, Os::Other, 64);
    for target in [
        bare,
        Target::new(Arch::Arm, Os::Other, 32),
        Target::new(Arch::Other, Os::Other, 32),
        Target::new(Arch::X86_64, Os::Other, 64),
        Target::new(Arch::Other, Os::Linux, 64),
        Target::new(Arch::Other, Os::Other, 16),
    ] {
        let fault = only(faults(AddressSpaceKeys::EMPTY, &[], target));
        assert_eq!(fault, Fault::NoAddressSpace { target });
    }
    let kernel = OwnProfile {
        name: "kernel",
        arch: Arch::Riscv64,
        window: Size::tib(32),
        page_size: Size::kib(4),
        pie_base: None,
        legacy_base: None,
        aslr_bits_default: None,
        aslr_bits_max: None,
    };
    let settings = Settings::new(&[], &[kernel])
        .pooling_allocator(PoolKeys {
            max_instances: Some(Setting::given(2048)),
            memory_reservation: Some(Setting::given(Size::gib(4))),
            ..PoolKeys::EMPTY
        })
        .va_profile(Some("kernel"));
    let case = settings.resolve(bare).unwrap();
    let plan = Plan::new(&case);
    assert_eq!(plan.misfit, None);
    let footprint = plan.guaranteed()[0].footprint(Size::kib(4)).unwrap();
    assert_eq!(footprint.mappings[0].bytes.needed().to_string(), "8.07 TiB");
}

/// Without a file riscv64 keeps what it had before ASLR counted as the maximum.
#[test]
fn the_defaults_of_a_board_are_a_hundred_times_2_gib() {
    let case = Settings::new(&[], &[]).resolve(BOARD).unwrap();
    let plan = Plan::new(&case);
    let limits = plan.guaranteed()[0];
    assert_eq!(
        (limits.max_instances, limits.memory_reservation),
        (100, Size::gib(2))
    );
}
