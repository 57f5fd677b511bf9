//! The figures of a process: its budget, and what each pool maps of it, line by line.

use std::fmt::{Display, Write as _};

use poolcfg_core::{Budget, Limits, MappingName, Plan, ResolvedProcess, Size};

use crate::render::footprint::{
    EqualMappings, ShapeFootprint, counts, footprints, instances, share,
};

/// A figure with its name and a note.
fn row(text: &mut String, name: &str, value: impl Display, note: impl Display) {
    let value = value.to_string();
    let line = format!("  {name:<18} {value:>12}  {note}");
    let _ = writeln!(text, "{}", line.trim_end());
}

/// The budget and the footprint, line by line.
#[must_use]
pub(crate) fn figures(case: &ResolvedProcess<'_>, plan: &Plan) -> String {
    let mut text = String::new();
    budget_figures(&mut text, case);
    let footprints = footprints(case, plan.guaranteed());
    for (index, footprint) in footprints.into_iter().enumerate() {
        pool_figures(&mut text, case, plan, index, footprint);
    }
    text
}

fn budget_figures(text: &mut String, case: &ResolvedProcess<'_>) {
    let (profile, budget) = (&case.profile, &case.budget);
    row(text, "window", profile.window.available(), profile.source);
    row(text, "page size", budget.page_size, "");
    let [first, second] = budget.holes().map(Size::available);
    row(text, "largest hole", first, case.machine().as_str());
    row(
        text,
        "second hole",
        second,
        "beside a mapping that fills the largest",
    );
    if let Some(note) = all_holes(budget) {
        row(
            text,
            "all holes",
            Size::bytes(budget.room.total).available(),
            note,
        );
    }
    let note = "libraries, threads, heap; in the hole that is filled first";
    row(text, "headroom", budget.headroom, note);
    match (budget.maps_for_pools(), budget.limits.max_map_count) {
        (Some(maps), Some(all)) => row(
            text,
            "maps",
            maps,
            format!("for pools, of {all} of vm.max_map_count"),
        ),
        _ => row(text, "maps", "no bound", ""),
    }
    limit_figures(text, &case.budget, case.budget.limits.rlimit_as);
    if let Some(memory) = budget.limits.memory {
        let note = "RAM and swap, of one mapping that is charged when it is made";
        row(text, "charged at once", memory.available(), note);
    }
}

/// What is said of the sum of all holes; `None` where none is known.
fn all_holes(budget: &Budget) -> Option<String> {
    let count = match budget.room.parts {
        0 => return None,
        1 => "one hole",
        2 => "two holes together",
        _ => "three holes together",
    };
    Some(format!(
        "{count}, wherever aslr puts them; slots of native pools lie in all of them"
    ))
}

/// What the limits of the process leave, where it has any.
fn limit_figures(text: &mut String, budget: &Budget, rlimit_as: Option<Size>) {
    for (name, limit, of) in [
        ("address space", rlimit_as, "RLIMIT_AS"),
        ("writable", budget.limits.rlimit_data, "RLIMIT_DATA"),
        ("committed", budget.limits.commit_limit, "the commit limit"),
    ] {
        if let Some(limit) = limit {
            let left = limit.saturating_sub(budget.headroom).available();
            let limit = limit.available();
            let note = format!("of {limit}, {of}, without the headroom");
            row(text, name, left, note);
        }
    }
}

/// How much is said of pools below a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What each instance has, and the guards.
    Full,
    /// How many instances each pool has.
    Pools,
    /// How many instances all pools have.
    All,
}

/// What a picture does not say: the limits of the process, how many instances each pool has, and what its guards take.
/// Of pools that do not fit nothing is drawn, and the mappings are said, too.
#[must_use]
pub(crate) fn summary(case: &ResolvedProcess<'_>, plan: &Plan, detail: Detail) -> String {
    let mut text = String::new();
    // What `RLIMIT_AS` leaves is drawn.
    limit_figures(&mut text, &case.budget, None);
    let count = case.pools().len();
    if detail == Detail::All && count > 1 {
        let asked = case.pools().iter().map(|pool| &pool.asked);
        let instances = instances_of(asked);
        let _ = match plan.misfit {
            None => {
                let guaranteed = instances_of(plan.guaranteed().iter());
                writeln!(text, "{count} pools: {guaranteed} of {instances} instances")
            }
            Some(_) => writeln!(
                text,
                "{count} pools do not fit: {instances} instances asked"
            ),
        };
        return text;
    }
    let footprints = footprints(case, plan.guaranteed());
    for (index, footprint) in footprints.into_iter().enumerate() {
        text += &heading(case, plan, index);
        if detail == Detail::Full {
            text += &contents(case, plan, index, footprint);
        }
        text.push('\n');
    }
    text
}

/// The instances of all pools.
fn instances_of<'a>(limits: impl Iterator<Item = &'a Limits>) -> u64 {
    let each = limits.map(|of| u64::from(of.max_instances).saturating_mul(of.pools.into()));
    each.fold(0, u64::saturating_add)
}

/// What each instance has, and what the guards take, behind the heading of a pool.
fn contents(
    case: &ResolvedProcess<'_>,
    plan: &Plan,
    index: usize,
    footprint: Option<ShapeFootprint>,
) -> String {
    let (pool, limits) = (&case.pools()[index], &plan.guaranteed()[index]);
    let mut text = String::new();
    if let Some(counts) = counts(limits, pool) {
        let _ = write!(text, ", {counts}");
    }
    let Some(footprint) = footprint else {
        return text;
    };
    let mapped = footprint.mappings.iter().map(|mapping| {
        let all = mapping.bytes.get().saturating_mul(mapping.count.into());
        (mapping.name.word(), Size::bytes(all))
    });
    let guards = guards(limits, &footprint, case.budget.page_size);
    let undrawn = mapped.filter(|_| plan.misfit.is_some());
    for (name, bytes) in undrawn.chain([("guards", guards)]) {
        let share = share(bytes.get(), footprint.reserved);
        let _ = write!(text, "; {name}: {}, {share}", bytes.needed());
    }
    text
}

/// What each pool is about.
fn heading(case: &ResolvedProcess<'_>, plan: &Plan, index: usize) -> String {
    let pool = &case.pools()[index];
    let (asked, limits) = (&pool.asked, &plan.guaranteed()[index]);
    let (name, each_pool, verb) = match asked.pools {
        1 => ("pool".to_owned(), "", "does"),
        pools => (format!("{pools} pools"), "each ", "do"),
    };
    let name = match pool.name {
        "" => name,
        of => format!("{name} `{of}`"),
    };
    let (has, wanted) = (limits.memory_reservation, asked.memory_reservation);
    let each = match (plan.misfit.is_some(), asked.has_memories()) {
        (_, false) => ", without memories".to_owned(),
        (false, true) if has != wanted => {
            format!(" × {} of {}", has.available(), wanted.available())
        }
        _ => format!(" × {}", wanted.available()),
    };
    let all = instances(asked.max_instances);
    match plan.misfit {
        None => format!("{name}: {each_pool}{} of {all}{each}", limits.max_instances),
        Some(_) => format!("{name} {verb} not fit: {each_pool}{all}{each} asked"),
    }
}

fn pool_figures(
    text: &mut String,
    case: &ResolvedProcess<'_>,
    plan: &Plan,
    index: usize,
    footprint: Option<ShapeFootprint>,
) {
    let budget = &case.budget;
    let pool = &case.pools()[index];
    let limits = &plan.guaranteed()[index];
    let _ = writeln!(text, "{}", heading(case, plan, index));
    if let Some(counts) = counts(limits, pool) {
        row(text, "each instance", "", counts);
    }
    let Some(footprint) = footprint else {
        let _ = writeln!(text, "  the sizes add up to more than 2^64 - 1 bytes");
        return;
    };
    for mapping in &footprint.mappings {
        let count = u64::from(mapping.count);
        let mut note = sum(limits, mapping, budget.page_size);
        if count > 1 {
            note = format!("{count} x ({note})");
        }
        let all = Size::bytes(mapping.bytes.get().saturating_mul(count));
        let of = share(all.get(), footprint.reserved);
        row(
            text,
            mapping.name.word(),
            all.needed(),
            format!("{note}; {of}"),
        );
    }
    let guards = guards(limits, &footprint, budget.page_size);
    let of = share(guards.get(), footprint.reserved);
    row(
        text,
        "guards",
        guards.needed(),
        format!("included above; {of}"),
    );
    let note = format!(
        "when every slot is in use; {} at start",
        footprint.maps_at_start
    );
    row(text, "maps", footprint.maps_at_worst, note);
    // Of what is writable there is no bound mostly.
    if budget.limits.rlimit_data.is_some() || budget.limits.commit_limit.is_some() {
        let beside = footprint.bookkeeping.needed();
        let note = format!("when every slot is in use, and {beside} beside the slots");
        row(text, "writable", footprint.writable.needed(), note);
    }
}

/// What guards take of all that pools of one shape reserve.
fn guards(limits: &Limits, footprint: &ShapeFootprint, page_size: Size) -> Size {
    let regions = footprint.mappings.iter().map(|mapping| {
        let count = u64::from(mapping.count);
        let all = mapping.bytes.get().saturating_mul(count);
        let own = region_bytes(limits, mapping, page_size).unwrap_or(all);
        own.saturating_mul(count).min(all)
    });
    let regions = regions.fold(0, u64::saturating_add);
    Size::bytes(footprint.reserved.get().saturating_sub(regions))
}

/// Bytes of a mapping that its slots may use, and that are no guards; `None` above 2^64 - 1.
fn region_bytes(limits: &Limits, mapping: &EqualMappings, page_size: Size) -> Option<u64> {
    let (region, guard) = parts(limits, mapping.name, page_size);
    let slots = match limits.wasmtime.and_then(|wasmtime| wasmtime.totals(limits)) {
        // Tables of Wasmtime have no guards.
        Some(_) if mapping.name == MappingName::Tables => return Some(mapping.bytes.get()),
        Some(totals) if mapping.name == MappingName::Stacks => u64::from(totals.stacks),
        Some(totals) => u64::from(totals.memories),
        None => {
            let [region, guard] = [region, guard].map(|part| part.round_up(page_size));
            mapping.bytes.get() / region?.get().checked_add(guard?.get())?.max(1)
        }
    };
    region.get().checked_mul(slots)
}

/// The region of a slot, and its guard.
fn parts(limits: &Limits, name: MappingName, page_size: Size) -> (Size, Size) {
    match name {
        MappingName::Memories => (limits.memory_reservation, limits.guard_size),
        MappingName::Tables => (limits.table_reservation, page_size),
        MappingName::Stacks => (limits.stack_reservation, page_size),
    }
}

/// How a mapping's bytes come about.
fn sum(limits: &Limits, mapping: &EqualMappings, page_size: Size) -> String {
    let (region, guard) = parts(limits, mapping.name, page_size);
    let Some((wasmtime, totals)) = limits
        .wasmtime
        .and_then(|wasmtime| Some((wasmtime, wasmtime.totals(limits)?)))
    else {
        let [region, guard] = [region, guard].map(|part| part.round_up(page_size).unwrap_or(part));
        let slot = region.get().saturating_add(guard.get()).max(1);
        let slots = mapping.bytes.get() / slot;
        let before = match mapping.name {
            MappingName::Memories if !limits.guard_before => String::new(),
            _ => format!("{guard} + "),
        };
        return format!("{before}{slots} x ({region} + {guard})");
    };
    match mapping.name {
        MappingName::Memories
            if wasmtime.memory_protection_keys > 1 && !wasmtime.memory_protection_keys_auto =>
        {
            format!(
                "{} x ({region} + {guard}), striped by {} protection keys",
                totals.memories, wasmtime.memory_protection_keys
            )
        }
        MappingName::Memories => {
            let before = match wasmtime.guard_before_linear_memory {
                true => format!("{guard} + "),
                false => String::new(),
            };
            let keys = match wasmtime.memory_protection_keys_auto {
                true => ", less with protection keys",
                false => "",
            };
            format!("{before}{} x ({region} + {guard}){keys}", totals.memories)
        }
        MappingName::Tables => format!(
            "{} x {} elements of {} bytes, in whole pages",
            totals.tables,
            wasmtime.table_elements(limits),
            wasmtime.element_size.get()
        ),
        MappingName::Stacks => format!("{} x ({region} + {guard})", totals.stacks),
    }
}
