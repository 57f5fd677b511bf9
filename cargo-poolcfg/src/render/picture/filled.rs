//! The holes, and what lies in them: every mapping where the kernel places it.

use poolcfg_core::{Layout, Limits, MappingName, Position, ResolvedProcess, Span, UnlimitedStack};

/// A hole and what lies in it.
pub(super) struct Filled {
    pub(super) span: Option<Span>,
    pub(super) size: u64,
    /// What is mapped, in the order of the mapping, with how many bytes.
    pub(super) content: Vec<(String, u64)>,
    /// How much of what is left `RLIMIT_AS` does not let the process have.
    pub(super) beyond_limit: u64,
    /// Whether the kernel fills it from its end down.
    pub(super) top_down: bool,
}

impl Filled {
    fn add(&mut self, label: String, bytes: u64) {
        if bytes == 0 {
            return;
        }
        // Pools of one shape follow each other in thousands: one line counts them.
        match self.content.iter_mut().find(|(known, _)| *known == label) {
            Some((_, total)) => *total += bytes,
            None => self.content.push((label, bytes)),
        }
    }

    pub(super) fn left(&self) -> u64 {
        let used: u64 = self.content.iter().map(|(_, bytes)| bytes).sum();
        self.size.saturating_sub(used)
    }
}

/// Places every mapping as the kernel does when ASLR leaves the holes least.
pub(super) fn fill(case: &ResolvedProcess<'_>, limits: &[Limits]) -> Vec<Filled> {
    let (mut position, _) = Position::of(case, limits);
    let mut holes: Vec<Filled> = position
        .free()
        .iter()
        .zip(&case.budget.room.holes)
        .zip(case.budget.spans)
        .enumerate()
        .map(|(index, ((size, hole), span))| Filled {
            span: span.map(|span| larger(span, size.saturating_sub(hole.least), index == 0)),
            size: *size,
            content: Vec::new(),
            beyond_limit: 0,
            top_down: top_down(case, index),
        })
        .collect();
    for (pool, limits) in case.pools().iter().zip(limits) {
        for _ in 0..limits.pools {
            let Some(reserved) = position.reserve(limits) else {
                bound(case, &mut holes);
                return holes;
            };
            for (name, bytes) in MappingName::ALL.iter().zip(reserved) {
                for (hole, bytes) in holes.iter_mut().zip(bytes) {
                    hole.add(label(pool.name, *name), bytes.get());
                }
            }
        }
    }
    bound(case, &mut holes);
    holes
}

/// Marks what `RLIMIT_AS` does not let the process have of what is left.
fn bound(case: &ResolvedProcess<'_>, holes: &mut [Filled]) {
    let Some(limit) = case.budget.limits.rlimit_as else {
        return;
    };
    let mapped: u64 = holes.iter().map(|hole| hole.size - hole.left()).sum();
    let mut allowed = limit
        .get()
        .saturating_sub(case.budget.headroom.get())
        .saturating_sub(mapped);
    for hole in holes {
        let had = hole.left().min(allowed);
        hole.beyond_limit = hole.left() - had;
        allowed -= had;
    }
}

/// Where a hole lies that has so many bytes more than the least. Of the first one ASLR has moved neither end, of
/// another one it has moved the boundary to the first one up.
fn larger(span: Span, bytes: u64, both_ends: bool) -> Span {
    let below = if both_ends { bytes / 2 } else { 0 };
    Span {
        bottom: span.bottom.saturating_sub(below),
        top: span.top.saturating_add(bytes - below),
    }
}

fn top_down(case: &ResolvedProcess<'_>, hole: usize) -> bool {
    match case.profile.layout {
        Layout::Linux(_) if case.shape.layout.is_legacy() => false,
        Layout::Linux(linux) if case.shape.stack_limit.is_unlimited() => {
            linux.unlimited_stack == UnlimitedStack::LargeGap && hole == 0
        }
        Layout::Linux(_) => true,
        Layout::OneHole(_) => false,
    }
}

fn label(pool: &str, mapping: MappingName) -> String {
    if pool.is_empty() {
        mapping.word().to_owned()
    } else {
        format!("{pool}: {}", mapping.word())
    }
}
