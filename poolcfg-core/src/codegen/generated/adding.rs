//! The sums as the file adds them up again, from its own consts.

use super::arm::{HoleSum, PoolConsts};
use super::lines::{Lines, number};
use crate::engine::wasmtime::Wasmtime;
use crate::model::pieces::PIECES;
use crate::model::sum::{Bound, bookkeeping};
use crate::model::wasmtime_pools::HEAP;
use crate::plan::refusal::Refusal;
use crate::resolved::ResolvedProcess;

/// Which sums are of interest, and against what.
pub(super) struct Adding<'a> {
    case: &'a ResolvedProcess<'a>,
    pools: &'a [PoolConsts<'a>],
    holes: HoleSum,
    /// Bytes of a page.
    page: String,
}

impl<'a> Adding<'a> {
    pub(super) fn new(
        case: &'a ResolvedProcess<'a>,
        pools: &'a [PoolConsts<'a>],
        holes: HoleSum,
    ) -> Self {
        Self {
            case,
            pools,
            holes,
            page: number(case.budget.page_size.get()),
        }
    }

    /// Whether there are several pools, whose sums are added up.
    fn several(&self) -> bool {
        self.pools.len() > 1
    }

    /// The whole assertion; `says` is the message of each.
    pub(super) fn write(&self, lines: &mut Lines, says: &dyn Fn(Refusal) -> String) {
        match self.holes.count {
            1 => lines
                .line("// Wherever ASLR puts things, one hole of these bytes holds all mappings."),
            count => {
                lines.line(&format!(
                    "// Wherever ASLR puts things, {count} holes have these bytes together. What found no place would have left"
                ));
                lines.line("// less in each of them than the largest piece.");
            }
        }
        lines.block("const _: () = {", "};", |lines| {
            let page = &self.page;
            lines.line(&format!(
                "const fn pages(bytes: u64) -> u128 {{ (bytes as u128).next_multiple_of({page}) }}"
            ));
            if self.takes_largest() {
                lines.line("const fn most(a: u128, b: u128) -> u128 { if a > b { a } else { b } }");
            }
            if self.several() {
                for name in self.names() {
                    lines.line(&format!("let mut {name} = 0;"));
                }
            }
            for written in self.pools {
                if self.several() {
                    lines.line(&format!("// `{}`", written.pool.name));
                }
                match &written.limits.wasmtime {
                    None => self.native(lines, written),
                    Some(wasmtime) => self.wasmtime(lines, written, wasmtime),
                }
            }
            self.bounds(lines, says);
            for written in self.pools {
                written.agree(lines, says);
            }
        });
    }

    /// Whether a larger one of two numbers is asked for.
    fn takes_largest(&self) -> bool {
        let of_wasmtime = self.pools.iter().any(|of| of.limits.wasmtime.is_some());
        self.counts("piece") || self.counts("charged") || (self.counts("lists") && of_wasmtime)
    }

    /// The names of the sums, in the order in which they are written.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        [
            "mapped", "guards", "lost", "piece", "maps", "writable", "lists", "charged",
        ]
        .into_iter()
        .filter(|name| self.counts(name))
    }

    /// Whether a sum is bounded by anything.
    fn counts(&self, name: &str) -> bool {
        let most = self.case.budget.limits.most();
        let is_bounded = |most: u64| most < u64::MAX;
        match name {
            "guards" => {
                let has_guards = |pool| self.holes.guards_in(&self.case.budget.room, pool) > 0;
                is_bounded(most.address_space) && self.pools.iter().any(has_guards)
            }
            "piece" => self.holes.count > 1,
            "maps" => is_bounded(most.maps),
            "writable" => is_bounded(most.writable) || is_bounded(most.committed),
            "lists" => self.counts("writable") || is_bounded(most.address_space),
            "charged" => is_bounded(most.charged) && self.pools.iter().any(charges),
            "lost" => self
                .pools
                .iter()
                .any(|written| !self.lost(written).is_empty()),
            _ => true,
        }
    }

    /// Adds to a sum, or makes it where there is one pool.
    fn add(&self, lines: &mut Lines, name: &str, what: &str) {
        if what.is_empty() || !self.counts(name) {
            return;
        }
        let is_largest = matches!(name, "piece" | "charged");
        lines.line(&match (self.several(), is_largest) {
            (false, _) => format!("let {name} = {what};"),
            (true, false) => format!("{name} += {what};"),
            (true, true) => format!("{name} = most({name}, {what});"),
        });
    }

    /// What one pool loses: guards and the alignment of pieces; no text for nothing.
    fn lost(&self, written: &PoolConsts<'_>) -> String {
        let further = written.further_pieces(self.holes);
        let pieces = written.mappings() + further;
        let huge_page = self.case.budget.huge_page.get();
        let guards = (further > 0).then(|| times(further, "before"));
        let alignment = (huge_page > 0).then(|| times(pieces, &number(huge_page)));
        let terms: Vec<String> = guards.into_iter().chain(alignment).collect();
        match terms.is_empty() {
            true => String::new(),
            false => format!("pools * ({})", terms.join(" + ")),
        }
    }

    /// A native pool: slabs of regions with guards on both sides.
    fn native(&self, lines: &mut Lines, written: &PoolConsts<'_>) {
        let (path, page) = (&written.path, &self.page);
        lines.line(&format!(
            "let (pools, slots) = ({path}POOLS as u128, {path}MAX_INSTANCES as u128);"
        ));
        let has_memories = written.limits.has_memories();
        if has_memories {
            lines.line(&format!("let guard = pages({path}GUARD_SIZE);"));
            lines.line(&format!(
                "let slot = pages({path}MEMORY_RESERVATION) + guard;"
            ));
            lines.line(&format!(
                "let before = if {path}GUARD_BEFORE {{ guard }} else {{ 0 }};"
            ));
        }
        let kinds = [
            ("tables", "TABLE_RESERVATION", written.has_tables()),
            ("stacks", "STACK_RESERVATION", written.has_stacks()),
        ];
        let kinds: Vec<_> = kinds
            .into_iter()
            .filter(|(_, _, is_there)| *is_there)
            .collect();
        for (name, region, _) in &kinds {
            lines.line(&format!(
                "let {name} = {page} + slots * (pages({path}{region}) + {page});"
            ));
        }
        let names: Vec<&str> = kinds.iter().map(|(name, ..)| *name).collect();
        let memories = has_memories.then_some("before + slots * slot");
        let all: Vec<&str> = memories.into_iter().chain(names.iter().copied()).collect();
        self.add(lines, "mapped", &format!("pools * ({})", all.join(" + ")));
        let guards = self.holes.guards_in(&self.case.budget.room, written);
        if guards > 0 {
            self.add(
                lines,
                "guards",
                &format!("pools * {}", times(guards, "before")),
            );
        }
        self.add(lines, "lost", &self.lost(written));
        let memory = has_memories.then_some("slot");
        let parts: Vec<&str> = memory.into_iter().chain(names.iter().copied()).collect();
        if let [first, others @ ..] = &parts[..] {
            self.add(lines, "piece", &largest(first, others));
        }
        // Of each slot three maps of its memory, and two of what is opened whole; and one more of each slab.
        let (of_memory, slabs) = if has_memories { (3, PIECES) } else { (0, 0) };
        let each = of_memory + 2 * names.len();
        let once = slabs.saturating_add(u64::try_from(names.len()).unwrap_or(u64::MAX));
        self.add(lines, "maps", &format!("pools * ({each} * slots + {once})"));
        let opened: Vec<String> = has_memories
            .then_some("MAX_MEMORY_SIZE")
            .into_iter()
            .chain(kinds.iter().map(|(_, region, _)| *region))
            .map(|region| format!("pages({path}{region})"))
            .collect();
        self.add(
            lines,
            "writable",
            &format!("pools * slots * ({})", opened.join(" + ")),
        );
        let (each, once) = lists();
        self.add(
            lines,
            "lists",
            &format!("pools * ({each} * slots + {once})"),
        );
    }

    /// A pool of Wasmtime's: its three mappings, whose memories are not striped.
    fn wasmtime(&self, lines: &mut Lines, written: &PoolConsts<'_>, wasmtime: &Wasmtime) {
        let (path, page) = (&written.path, &self.page);
        let element = wasmtime.element_size.get();
        lines.line(&format!(
            "let (pools, guard) = ({path}POOLS as u128, pages({path}GUARD_SIZE));"
        ));
        lines.line(&format!(
            "let (memories, tables) = ({path}TOTAL_MEMORIES as u128, {path}TOTAL_TABLES as u128);"
        ));
        lines.line(&format!(
            "let before = if {path}GUARD_BEFORE_LINEAR_MEMORY {{ guard }} else {{ 0 }};"
        ));
        lines.line(&format!(
            "let memory_pool = before + memories * (pages({path}MEMORY_RESERVATION) + guard);"
        ));
        lines.line(&format!(
            "let table_pool = tables * pages({path}TABLE_ELEMENTS * {element});"
        ));
        let stacks = format!("{path}TOTAL_STACKS as u128");
        // What of the sums is of the stacks, where they are mapped.
        let [mapped, maps, writable] = match wasmtime.maps_stacks {
            false => [const { String::new() }; 3],
            true => {
                let stack = format!("pages({path}ASYNC_STACK_SIZE)");
                lines.line(&format!("let stacks = {stacks};"));
                lines.line(&format!("let stack_pool = stacks * ({stack} + {page});"));
                [
                    " + stack_pool",
                    " + 2 * stacks",
                    &format!(" + stacks * {stack}"),
                ]
                .map(str::to_owned)
            }
        };
        let pools: &[&str] = match wasmtime.maps_stacks {
            true => &["table_pool", "stack_pool"],
            false => &["table_pool"],
        };
        self.add(
            lines,
            "mapped",
            &format!("pools * (memory_pool + table_pool{mapped})"),
        );
        self.add(lines, "lost", &self.lost(written));
        self.add(lines, "piece", &largest("memory_pool", pools));
        let heaps = |each: &str| match wasmtime.heaps_are_memories() {
            true => String::new(),
            false => format!(" + {each}{path}TOTAL_GC_HEAPS as u128"),
        };
        self.add(
            lines,
            "maps",
            &format!("pools * (4 * memories{maps} + 2{})", heaps("")),
        );
        self.add(
            lines,
            "writable",
            &format!("pools * (memories * pages({path}MAX_MEMORY_SIZE) + table_pool{writable})"),
        );
        let (each, once) = lists();
        let slots = largest("memories", &["tables", &stacks]);
        let heaps = heaps(&format!("{} * ", number(HEAP)));
        self.add(
            lines,
            "lists",
            &format!("pools * ({each} * {slots} + {once}{heaps})"),
        );
        if charges(written) {
            self.add(lines, "charged", &largest(pools[0], &pools[1..]));
        }
    }

    /// The assertions that the sums stay within what there is.
    fn bounds(&self, lines: &mut Lines, says: &dyn Fn(Refusal) -> String) {
        let (own, most) = (self.case.budget.own(), self.case.budget.limits.most());
        let address_space = match self.counts("guards") {
            true => "mapped + guards + lists",
            false => "mapped + lists",
        };
        for (bound, sum, needs) in [
            (Bound::AddressSpace, address_space, "lists"),
            (Bound::Writable, "writable + lists", "writable"),
            (Bound::Maps, "maps", "maps"),
            (Bound::Committed, "writable + lists", "writable"),
            (Bound::Charged, "charged", "charged"),
        ] {
            let (own, most) = (own.of(bound), most.of(bound));
            if most < u64::MAX && self.counts(needs) {
                let own = (own > 0).then(|| format!("{} + ", number(own)));
                let condition = format!("{}{sum} <= {}", own.unwrap_or_default(), number(most));
                lines.assert(&[condition], &says(Refusal::Exceeded(bound)));
            }
        }
        let lost = if self.counts("lost") { " + lost" } else { "" };
        let further = self.holes.count - 1;
        let wasted = match (further, self.case.budget.huge_page.get()) {
            (0, _) => String::new(),
            (further, 0) => format!(" + {}", times(further, "piece")),
            (further, huge_page) => {
                let piece = format!("(piece + {})", number(huge_page));
                format!(" + {}", times(further, &piece))
            }
        };
        let condition = format!("mapped{lost}{wasted} <= {}", number(self.holes.free));
        lines.assert(&[condition], &says(Refusal::Hole));
    }
}

/// Whether the kernel charges what a pool maps at once.
fn charges(written: &PoolConsts<'_>) -> bool {
    let wasmtime = written.limits.wasmtime.as_ref();
    wasmtime.is_some_and(Wasmtime::charges_writable)
}

/// A product.
fn times(count: u64, what: &str) -> String {
    match count {
        1 => what.to_owned(),
        _ => format!("{count} * {what}"),
    }
}

/// The larger of these.
fn largest(first: &str, others: &[&str]) -> String {
    others.iter().fold(first.to_owned(), |most, other| {
        format!("most({most}, {other})")
    })
}

/// Bytes that a process writes for each slot of a pool, and for the pool itself.
fn lists() -> (String, String) {
    let once = bookkeeping(0);
    (number(bookkeeping(1) - once), number(once))
}
