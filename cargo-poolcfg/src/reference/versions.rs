//! The page of Wasmtime's versions: what each takes by default, by the model.

use poolcfg_core::{
    Advisory, AdvisoryCondition, Arch, Limits, MappingName, Os, Size, Target, WasmtimeVersion,
};

use super::{is_current, page, table};

const PATH: &str = "docs/versions.md";

const INTRODUCTION: &str = "\
What the pooling allocator of each version maps if nobody says anything, on x86_64 Linux. A later version is taken as \
the newest that is known, with a warning.
";

/// What a version takes by default: the cells behind its number.
fn own(major: u32) -> [String; 6] {
    let target = Target::new(Arch::X86_64, Os::Linux, 64);
    let limits = Limits::of_wasmtime(WasmtimeVersion::major(major), target);
    let footprint = limits.footprint(Size::kib(4)).expect("a sum that is small");
    let memories = footprint
        .mappings
        .into_iter()
        .find(|mapping| mapping.name == MappingName::Memories)
        .expect("memories");
    let wasmtime = limits.wasmtime.expect("a pool of Wasmtime");
    let slots = format!(
        "{} slots of {} + {}",
        limits.max_instances, limits.memory_reservation, limits.guard_size
    );
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    // A guard makes up for it where both count.
    let shorter = Limits {
        memory_reservation: Size::mib(4096 - 32),
        guard_size: Size::mib(32),
        ..limits
    };
    [
        memories.bytes.needed().to_string(),
        slots,
        limits.max_memory_size.to_string(),
        wasmtime.table_elements(&limits).to_string(),
        yes(wasmtime.charges_writable()),
        yes(wasmtime.elides_bounds_checks(&shorter)),
    ]
}

/// Versions that follow each other and take the same, as one row.
fn rows() -> Vec<[String; 7]> {
    let mut rows: Vec<(u32, u32, [String; 6])> = Vec::new();
    for major in WasmtimeVersion::OLDEST..=WasmtimeVersion::NEWEST {
        match rows.last_mut() {
            Some((_, last, cells)) if *cells == own(major) => *last = major,
            _ => rows.push((major, major, own(major))),
        }
    }
    let row = |(first, last, cells): (u32, u32, [String; 6])| {
        let [a, b, c, d, e, f] = cells;
        let versions = match first == last {
            true => format!("{first}"),
            false => format!("{first} to {last}"),
        };
        [versions, a, b, c, d, e, f]
    };
    rows.into_iter().map(row).collect()
}

#[test]
fn the_page_is_current() {
    let head = [
        "Wasmtime",
        "memory pool",
        "made of",
        "a memory may grow to",
        "elements of a table",
        "tables and stacks are charged at once",
        "a guard counts for elided checks",
    ];
    let advisories = Advisory::ALL.map(|advisory| {
        [
            match advisory.condition {
                AdvisoryCondition::NoGuard => "no guard, and slots below 4 GiB".to_owned(),
                AdvisoryCondition::PagemapScan => "`pagemap_scan`".to_owned(),
                other => panic!("{other:?} has no words"),
            },
            advisory.effect.to_owned(),
            advisory.fixed_in.to_owned(),
            advisory.source.to_owned(),
            format!("`{}`", advisory.code.as_str()),
        ]
    });
    let advisories = table(
        ["setting", "what happens", "mended in", "source", "code"],
        advisories,
    );
    let text = format!(
        "{INTRODUCTION}\n{}\n## Faults that poolcfg knows\n\n{advisories}\n\
         [The model](model.md#wasmtime) has every break point with its source.\n",
        table(head, rows())
    );
    is_current(
        PATH,
        &page("Versions of Wasmtime", "the model's numbers", &text),
    );
}
