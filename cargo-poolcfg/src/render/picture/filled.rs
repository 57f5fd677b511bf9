//! The holes, and what lies in them: every mapping where the kernel places it.

use poolcfg_core::{
    Layout, Limits, MappingName, Position, ResolvedProcess, Size, Span, UnlimitedStack,
};

use crate::render::footprint::share;

/// How much of what is mapped has a row of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    /// Memories, tables and stacks of each pool.
    Parts,
    /// Each pool.
    Pools,
    /// All pools have one.
    All,
    /// The same, and what is outside the holes is not named.
    Least,
}

/// What of the window pools may have.
pub(super) struct Window {
    /// The holes that have a least size.
    pub(super) holes: Vec<Filled>,
    /// Bytes that are free in other ones, wherever ASLR puts these, and that `RLIMIT_AS` lets the process have.
    pub(super) elsewhere: u64,
}

/// A hole and what lies in it.
pub(super) struct Filled {
    pub(super) span: Option<Span>,
    /// Whether it is what ASLR leaves above the other holes: in one piece, or in two on both sides of the mmap base.
    pub(super) is_split: bool,
    pub(super) size: u64,
    /// What is mapped, in the order of the mapping.
    pub(super) content: Vec<Filling>,
    /// How much of what is left `RLIMIT_AS` does not let the process have.
    pub(super) beyond_limit: u64,
    /// Whether the kernel fills it from its end down.
    pub(super) top_down: bool,
}

/// What pools of one shape have in a hole.
pub(super) struct Filling {
    /// The place of the pool in the file; `None` for all of them.
    pool: Option<usize>,
    /// `None` for all mappings of the pool.
    mapping: Option<MappingName>,
    /// With its share of what the pool reserves, once all is placed.
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl Filled {
    fn add(&mut self, pool: usize, mapping: MappingName, bytes: u64, fold: Fold) {
        if bytes == 0 {
            return;
        }
        let (pool, mapping) = match fold {
            Fold::Parts => (Some(pool), Some(mapping)),
            Fold::Pools => (Some(pool), None),
            Fold::All | Fold::Least => (None, None),
        };
        // Pools of one shape follow each other in thousands: one line counts them.
        let mut known = self.content.iter_mut();
        match known.find(|part| part.pool == pool && part.mapping == mapping) {
            Some(part) => part.bytes += bytes,
            None => self.content.push(Filling {
                pool,
                mapping,
                name: String::new(),
                bytes,
            }),
        }
    }

    pub(super) fn left(&self) -> u64 {
        let used: u64 = self.content.iter().map(|part| part.bytes).sum();
        self.size.saturating_sub(used)
    }
}

/// Places every mapping as the kernel does when ASLR leaves the holes least.
pub(super) fn fill(case: &ResolvedProcess<'_>, limits: &[Limits], fold: Fold) -> Window {
    let (mut position, _) = Position::of(case, limits);
    let mut holes: Vec<Filled> = position
        .free()
        .iter()
        .zip(&case.budget.room.holes)
        .zip(case.budget.spans)
        .enumerate()
        .map(|(index, ((size, hole), span))| Filled {
            span: span.map(|span| {
                let bytes = size.saturating_sub(hole.least);
                match case.budget.spans[0] {
                    Some(first) if index > 0 && first.bottom < span.bottom => lower(span, bytes),
                    _ => larger(span, bytes, index == 0),
                }
            }),
            is_split: false,
            size: *size,
            content: Vec::new(),
            beyond_limit: 0,
            top_down: top_down(case, index),
        })
        .collect();
    place_above(case, &mut holes);
    for (pool, limits) in limits.iter().enumerate() {
        for _ in 0..limits.pools {
            let Some(reserved) = position.reserve(limits) else {
                break;
            };
            for (name, bytes) in MappingName::ALL.iter().zip(reserved) {
                for (hole, bytes) in holes.iter_mut().zip(bytes) {
                    hole.add(pool, *name, bytes.get(), fold);
                }
            }
        }
    }
    label(case, &mut holes);
    let placed: u64 = holes.iter().map(|hole| hole.size).sum();
    let elsewhere = case.budget.room.total.saturating_sub(placed);
    let elsewhere = bound(case, &mut holes, elsewhere);
    Window { holes, elsewhere }
}

/// Places the hole that has no least size, and so no addresses that it always has: in the standard layout it is what lies
/// between the others and the gap of the stack.
fn place_above(case: &ResolvedProcess<'_>, holes: &mut [Filled]) {
    let is_standard = matches!(case.profile.layout, Layout::Linux(_))
        && !case.shape.layout.is_legacy()
        && !case.shape.stack_limit.is_unlimited();
    let tops = holes.iter().filter_map(|hole| hole.span);
    let Some(bottom) = tops.map(|span| span.top).max() else {
        return;
    };
    let mut unplaced = holes.iter_mut().filter(|hole| hole.span.is_none());
    if let Some(hole) = unplaced.next().filter(|_| is_standard) {
        let top = bottom.saturating_add(hole.size);
        hole.span = Some(Span { bottom, top });
        hole.is_split = true;
    }
}

/// Names every part, with its share of what its pools reserve.
fn label(case: &ResolvedProcess<'_>, holes: &mut [Filled]) {
    let pools = case.pools().iter().enumerate();
    let named = pools.map(|(index, pool)| (Some(index), pool.name));
    for (pool, name) in named.chain([(None, "")]) {
        let parts = || holes.iter().flat_map(|hole| &hole.content);
        let own = parts().filter(|part| part.pool == pool);
        let all = Size::bytes(own.map(|part| part.bytes).sum());
        let parts = holes.iter_mut().flat_map(|hole| &mut hole.content);
        for part in parts.filter(|part| part.pool == pool) {
            let what = match (part.mapping, pool, name) {
                (Some(mapping), _, "") => mapping.word().to_owned(),
                (Some(mapping), _, name) => format!("{name}: {}", mapping.word()),
                (None, None, _) => "pools".to_owned(),
                (None, Some(_), "") => "pool".to_owned(),
                (None, Some(_), name) => name.to_owned(),
            };
            part.name = format!("{what}, {}", share(part.bytes, all));
        }
    }
}

/// Marks what `RLIMIT_AS` does not let the process have of what is left, and gives what it lets it have elsewhere.
fn bound(case: &ResolvedProcess<'_>, holes: &mut [Filled], elsewhere: u64) -> u64 {
    let Some(limit) = case.budget.limits.rlimit_as else {
        return elsewhere;
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
    elsewhere.min(allowed)
}

/// Where a hole lies that has so many bytes more than the least, of those that it shares with a hole below it.
fn lower(span: Span, bytes: u64) -> Span {
    Span {
        bottom: span.bottom.saturating_sub(bytes),
        ..span
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
