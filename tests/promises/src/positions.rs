//! Positions: where ASLR may have put things. The worst are those at which a hole is a page short of what is mapped next,
//! and those at which what is left is in holes of the same size. They are walked to from random ones.

use fastrand::Rng;
use poolcfg_core::{LinuxLayout, RelocationModel};

use crate::file::Asked;
use crate::machine::Machine;
use crate::space::{self, ProcessLayout, Space};

/// How many walks there are for one question, and how many steps each of them has.
const WALKS: usize = 120;
const STEPS: usize = 6;

/// What came of one position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried {
    /// Whether all found its place.
    pub(crate) holds: bool,
    /// By how much holes were larger than what was mapped next, or smaller.
    spare: Vec<i64>,
    /// The three holes when what came nearest to finding none found its place, and by how much the largest was larger.
    nearest: Option<(u64, [u64; 3])>,
}

impl Tried {
    /// So many bytes are to be mapped where these holes are.
    pub(crate) fn add(&mut self, holes: impl Iterator<Item = u64>, bytes: u64) {
        let spare = |hole| i64::try_from(hole).ok()?.checked_sub_unsigned(bytes);
        self.spare.extend(holes.filter_map(spare));
    }

    /// They have been mapped in one of these.
    pub(crate) fn add_three(&mut self, holes: [u64; 3], bytes: u64) {
        let largest = holes.into_iter().fold(0, u64::max);
        let spare = largest.saturating_sub(bytes);
        if self.nearest.is_none_or(|(least, _)| spare < least) {
            self.nearest = Some((spare, holes));
        }
    }
}

/// The positions of one process.
pub(crate) struct Positions<'a> {
    machine: &'a Machine,
    linux: &'a LinuxLayout,
    /// By how much ASLR moves things at most, in whole pages.
    aslr_range: [u64; 4],
    /// The one in which something found no place comes first: it is likely to be in the way again.
    tried: Vec<ProcessLayout>,
}

impl<'a> Positions<'a> {
    /// The ends of ASLR, those at which a hole holds a whole number of slots but for a page, and some others.
    pub(crate) fn new(
        machine: &'a Machine,
        linux: &'a LinuxLayout,
        asked: &Asked,
        (aslr_bits, headroom): (u32, u64),
        slot: u64,
        random: &mut Rng,
    ) -> Self {
        let page = machine.profile.page_size.get();
        let aslr_range =
            space::aslr_range(&machine.profile, linux, aslr_bits).map(|most| most / page * page);
        let [stack, base, program, heap] = aslr_range;
        // What lies between the program and its heap may have no room for the headroom, either.
        let small = headroom.saturating_sub(8 << 20).min(heap) / page * page;
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
        let mut tried = Vec::new();
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
                for [stack, heap] in [[0, 0], [stack, heap], [stack, small]] {
                    tried.push(ProcessLayout {
                        program: asked.program,
                        stack_limit: asked.stack,
                        legacy: asked.legacy,
                        moved: [stack, base, program, heap],
                        aligned: random.bool(),
                    });
                }
            }
        }
        Self {
            machine,
            linux,
            aslr_range,
            tried,
        }
    }

    fn space(&self, made: &ProcessLayout) -> Space {
        Space::new(&self.machine.profile, self.linux, made)
    }

    /// A position in which something finds no place, as far as one is found. `start` starts a process there.
    pub(crate) fn find(
        &mut self,
        random: &mut Rng,
        start: impl Fn(Space) -> Tried,
    ) -> Option<Space> {
        let failing = |made: &ProcessLayout| !start(self.space(made)).holds;
        if let Some(misfit) = self.tried.iter().position(failing) {
            self.tried.swap(0, misfit);
            return Some(self.space(&self.tried[0]));
        }
        for _ in 0..WALKS {
            let mut made = self.tried[random.usize(0..self.tried.len())];
            if random.bool() {
                made.moved = self.aslr_range.map(|most| random.u64(0..=most));
                self.in_pages(&mut made);
            }
            for _ in 0..STEPS {
                let tried = start(self.space(&made));
                if !tried.holds {
                    self.tried.push(made);
                    let last = self.tried.len() - 1;
                    self.tried.swap(0, last);
                    return Some(self.space(&made));
                }
                match (tried.nearest, random.choice(&tried.spare)) {
                    (Some((_, holes)), _) if random.bool() => self.level(&mut made, holes),
                    (_, Some(spare)) => self.step(&mut made, *spare, random),
                    (_, None) => break,
                }
            }
        }
        None
    }

    /// Moves one thing so that a hole has a page less than was mapped next.
    fn step(&self, made: &mut ProcessLayout, spare: i64, random: &mut Rng) {
        let page = self.machine.profile.page_size.get();
        let which = match random.u32(0..10) {
            0 => 0,
            1 => 3,
            2..6 => 1,
            _ => 2,
        };
        // Alignment may take as much, or not.
        let huge = if random.u32(0..4) == 0 {
            self.linux.huge_page.get()
        } else {
            0
        };
        let by = match spare {
            0.. => spare.unsigned_abs() + page,
            _ => spare.unsigned_abs().saturating_sub(page),
        };
        let by = by.saturating_sub(huge);
        let moved = &mut made.moved[which];
        *moved = if random.bool() {
            moved.saturating_add(by)
        } else {
            moved.saturating_sub(by)
        };
        made.aligned = random.bool();
        self.in_pages(made);
    }

    /// Moves the program and the mmap base so that three holes come to have the same size.
    fn level(&self, made: &mut ProcessLayout, [below, between, above]: [u64; 3]) {
        let move_by = |moved: &mut u64, more: u64, less: u64| {
            *moved = moved.saturating_add(more).saturating_sub(less);
        };
        let [_, base, program, _] = &mut made.moved;
        match made.program {
            RelocationModel::Pie => {
                let each = (below + between + above) / 3;
                move_by(program, each, below);
                move_by(base, each, above);
            }
            RelocationModel::Static => move_by(base, (between + above) / 2, above),
        }
        self.in_pages(made);
    }

    fn in_pages(&self, made: &mut ProcessLayout) {
        let page = self.machine.profile.page_size.get();
        for (moved, most) in made.moved.iter_mut().zip(self.aslr_range) {
            *moved = (*moved / page * page).min(most);
        }
    }
}
