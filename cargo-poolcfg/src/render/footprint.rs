//! Footprints: what each pool maps, the pieces of its memories included.

use poolcfg_core::{
    LeastTotal, Limits, MappingName, Position, ResolvedPool, ResolvedProcess, Size, Totals,
    Wasmtime, WasmtimeFeature,
};

/// Mappings of one size, of all pools of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EqualMappings {
    pub(crate) name: MappingName,
    /// Bytes of one.
    pub(crate) bytes: Size,
    /// How many there are.
    pub(crate) count: u32,
}

/// What all pools of one shape map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShapeFootprint {
    /// In the order in which one pool makes them.
    pub(crate) mappings: Vec<EqualMappings>,
    pub(crate) reserved: Size,
    /// Bytes that are writable when every slot is in use and its memory has grown as far as it may.
    pub(crate) writable: Size,
    /// Bytes that the process writes beside the slots in order to use them all.
    pub(crate) bookkeeping: Size,
    pub(crate) maps_at_start: u64,
    /// With their memories in as many pieces as there may be.
    pub(crate) maps_at_worst: u64,
}

/// The footprints of all pools of a process with these limits; nothing for one whose sizes cannot be
/// counted. Memories are in pieces as in a process in which ASLR leaves the holes least, and whole where they
/// do not fit.
pub(crate) fn footprints(
    case: &ResolvedProcess<'_>,
    limits: &[Limits],
) -> Vec<Option<ShapeFootprint>> {
    let (mut position, _) = Position::of(case, limits);
    limits
        .iter()
        .map(|limits| ShapeFootprint::new(&mut position, limits, case.budget.page_size))
        .collect()
}

impl ShapeFootprint {
    fn new(position: &mut Position, limits: &Limits, page_size: Size) -> Option<Self> {
        let footprint = limits.footprint(page_size).ok()?;
        let [memories, others @ ..] = footprint.mappings;
        let mut pieces: Vec<EqualMappings> = Vec::new();
        for _ in 0..footprint.pools {
            let mut bytes = match position.reserve(limits) {
                Some([memories, ..]) => memories.to_vec(),
                None => vec![memories.bytes],
            };
            bytes.retain(|bytes| !bytes.is_zero());
            // The largest piece is mapped first.
            bytes.sort_by_key(|bytes| std::cmp::Reverse(*bytes));
            for bytes in bytes {
                match pieces.iter_mut().find(|piece| piece.bytes == bytes) {
                    Some(piece) => piece.count = piece.count.saturating_add(1),
                    None => pieces.push(EqualMappings {
                        name: memories.name,
                        bytes,
                        count: 1,
                    }),
                }
            }
        }
        let made: u64 = pieces.iter().map(|piece| u64::from(piece.count)).sum();
        let whole = if memories.bytes.is_zero() {
            0
        } else {
            u64::from(footprint.pools)
        };
        // A mapping for each piece but the first.
        let further = made.saturating_sub(whole);
        let others = others.map(|mapping| EqualMappings {
            name: mapping.name,
            bytes: mapping.bytes,
            count: footprint.pools,
        });
        let mut mappings = pieces;
        mappings.extend(others.into_iter().filter(|of| !of.bytes.is_zero()));
        let reserved = mappings.iter().try_fold(Size::ZERO, |sum, of| {
            sum.checked_add(of.bytes.checked_mul(u64::from(of.count))?)
        })?;
        Some(Self {
            mappings,
            reserved,
            maps_at_start: footprint.maps_at_start.saturating_add(further),
            writable: footprint.writable,
            bookkeeping: footprint.bookkeeping,
            maps_at_worst: footprint.maps_at_worst,
        })
    }
}

/// What one instance may have, of a pool of Wasmtime's, what of it does not fit, which total gives no more instances,
/// and what none has because its total is zero.
pub(crate) fn counts(guaranteed: &Limits, pool: &ResolvedPool<'_>) -> Option<String> {
    let counts = guaranteed.wasmtime?.counts();
    let asked = pool.asked.wasmtime?.counts();
    let mut text = counts.to_string();
    if counts.tables < asked.tables {
        text += &format!(" ({} tables do not fit)", asked.tables);
    }
    if let Some(LeastTotal { key, total, .. }) = pool.least_total {
        text += &format!("; `{key} = {total}` gives no more instances");
    }
    for (key, what) in missing(guaranteed) {
        text += &format!("; `{key} = 0`: {what}");
    }
    Some(text)
}

/// The totals of zero, and what is impossible with each. Wasmtime starts with them.
fn missing(limits: &Limits) -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = |wasmtime: &Wasmtime, totals: &Totals| {
        [
            (
                "total_tables",
                totals.tables == 0,
                "no instance can have a table",
            ),
            (
                "total_stacks",
                totals.stacks == 0 && wasmtime.has(WasmtimeFeature::Async),
                "no call can be asynchronous",
            ),
            (
                "total_component_instances",
                totals.component_instances == 0 && wasmtime.has(WasmtimeFeature::ComponentModel),
                "no component can be instantiated",
            ),
            (
                "total_gc_heaps",
                totals.gc_heaps == 0 && wasmtime.has(WasmtimeFeature::Gc),
                "no instance can have a garbage-collected heap",
            ),
        ]
    };
    let wasmtime = limits.wasmtime.as_ref();
    let totals = wasmtime.and_then(|wasmtime| Some(of(wasmtime, &wasmtime.totals(limits)?)));
    let totals = totals.into_iter().flatten();
    totals.filter_map(|(key, is_none, what)| is_none.then_some((key, what)))
}

/// Which part of all that is reserved bytes are, in percent.
pub(crate) fn share(bytes: u64, all: Size) -> String {
    let tenths = u128::from(bytes).saturating_mul(1000) / u128::from(all.get().max(1));
    match (tenths, bytes) {
        (0, 1..) => "below 0.1 %".to_owned(),
        _ => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

/// So many instances.
pub(crate) fn instances(count: u32) -> String {
    match count {
        1 => "1 instance".to_owned(),
        _ => format!("{count} instances"),
    }
}

/// What one instance has reserved: its memory, or in a pool without memories its table and stack.
pub(crate) fn each(limits: &Limits) -> String {
    if limits.has_memories() {
        return limits.memory_reservation.available().to_string();
    }
    let parts = [
        ("table", limits.table_reservation),
        ("stack", limits.stack_reservation),
    ];
    let parts = parts.iter().filter(|(_, bytes)| !bytes.is_zero());
    let parts = parts.map(|(part, bytes)| format!("{part} of {}", bytes.available()));
    parts.collect::<Vec<_>>().join(" and ")
}

/// What each of these instances lies in: a slot, or in a pool without memories, a table and a stack.
pub(crate) fn in_slots(limits: &Limits) -> String {
    match limits.has_memories() {
        true => format!("in slots of {}", each(limits)),
        false => format!("with a {} each", each(limits).replace(" and ", " and a ")),
    }
}
