//! Totals that poolcfg.toml writes: what they map, how many instances they give, and what is said where they do not fit.
#![cfg(feature = "file")]

use poolcfg_core::file::{ConfigFile, Diagnostic, TargetFacts};
use poolcfg_core::{Limits, Plan, ResolvedProcess, Size, Totals};

const X86_64: &str = "x86_64-unknown-linux-gnu";
const VA39: &str = "aarch64-unknown-linux-gnu";

/// A file of Wasmtime 48 with these lines in its table for it, and one more of the pool.
fn file(pool: &str, wasmtime: &str) -> String {
    format!(
        "[pooling_allocator]\nengine = \"wasmtime\"\n{pool}\n[pooling_allocator.wasmtime]\nversion = \"48\"\n{wasmtime}\n"
    )
}

fn planned<T>(
    target: &str,
    source: &str,
    look: impl FnOnce(&ResolvedProcess<'_>, &Plan) -> T,
) -> T {
    let file = ConfigFile::parse(source).unwrap();
    let facts = TargetFacts::builtin(target).unwrap();
    let case = file.settings(&facts).resolve(facts.target()).unwrap();
    look(&case, &Plan::new(&case))
}

/// What is guaranteed, with its totals.
fn guaranteed(target: &str, source: &str) -> (Limits, Totals) {
    planned(target, source, |_, plan| {
        assert_eq!(plan.misfit, None);
        let limits = plan.guaranteed()[0];
        (limits, limits.wasmtime.unwrap().totals(&limits).unwrap())
    })
}

/// Bytes of memories, tables and stacks.
fn mapped(limits: &Limits) -> [Size; 3] {
    let footprint = limits.footprint(Size::kib(4)).unwrap();
    footprint.mappings.map(|mapping| mapping.bytes)
}

/// What the command and the compiler say of a file that does not fit.
fn refused(target: &str, source: &str) -> String {
    planned(target, source, |case, plan| {
        let misfit = plan.misfit.expect("a misfit");
        misfit.sentence(case, "poolcfg.toml").as_str().to_owned()
    })
}

fn faults(source: &str) -> String {
    let file = ConfigFile::parse(source).unwrap();
    let facts = TargetFacts::builtin(X86_64).unwrap();
    let faults = file.settings(&facts).resolve(facts.target()).unwrap_err();
    let texts = faults
        .iter()
        .map(|fault| Diagnostic::from_fault(&fault, &file).text(source, "poolcfg.toml"));
    texts.collect::<Vec<_>>().join("\n")
}

/// A program that sets nothing but `total_component_instances(16)` reserves Wasmtime's own 1000 memories.
#[test]
fn what_no_total_says_is_wasmtimes_own() {
    let sixteen = file("", "total_component_instances = 16");
    let (limits, totals) = guaranteed(X86_64, &sixteen);
    assert_eq!(limits.max_instances, 16);
    assert_eq!((totals.memories, totals.component_instances), (1000, 16));
    assert_eq!(mapped(&limits)[0], Size::mib(1000 * 4128 + 32));
    assert_eq!(
        refused(VA39, &sixteen),
        "PC0001: pool needs 3.94 TiB in one piece; aarch64 va39 (pie, measured profile) has 341.33 GiB: \
         total_memories = 84 fits (poolcfg.toml:2:10)\nnote: `cargo poolcfg --explain PC0001` says more"
    );
}

/// What a misfit suggests fits beside the totals that are written, and one memory more does not.
#[test]
fn the_memories_that_are_suggested_fit_and_one_more_does_not() {
    let with = |memories| {
        file(
            "",
            &format!("total_component_instances = 16\ntotal_memories = {memories}"),
        )
    };
    let (limits, totals) = guaranteed(VA39, &with(84));
    assert_eq!((limits.max_instances, totals.memories), (16, 84));
    assert!(refused(VA39, &with(85)).contains("total_memories = 84 fits"));
}

/// Heaps lie in memories' places from 33 on: 80 of each take 80 places.
#[test]
fn heaps_take_the_places_of_the_memories_that_are_written() {
    let both = file("", "total_memories = 80\ntotal_gc_heaps = 80");
    let (limits, totals) = guaranteed(VA39, &both);
    assert_eq!((limits.max_instances, totals.gc_heaps), (80, 80));
    assert_eq!(mapped(&limits)[0], Size::mib(80 * 4128 + 32));
    // Where an instance has four of each, 80 places are for ten instances.
    let four = "memories_per_instance = 4\ngc_heaps_per_instance = 4\ntotal_memories = 80\ntotal_gc_heaps = 80";
    assert_eq!(guaranteed(VA39, &file("", four)).0.max_instances, 10);
    // As many heaps as one likes reserve nothing.
    let (limits, totals) = guaranteed(X86_64, &file("", "total_gc_heaps = 10000"));
    assert_eq!((totals.memories, totals.gc_heaps), (1000, 10_000));
    assert_eq!(mapped(&limits)[0], Size::mib(1000 * 4128 + 32));
}

/// A component has up to five core instances where nobody says how many: 1000 are for 200 of them.
#[test]
fn the_least_total_gives_how_many_instances_are_guaranteed() {
    let source = file("", "total_core_instances = 1000");
    planned(X86_64, &source, |case, plan| {
        let limits = plan.guaranteed()[0];
        assert_eq!(limits.max_instances, 200);
        let least = case.pools()[0].least_total.unwrap();
        assert_eq!(
            (least.key, least.total, least.each),
            ("total_core_instances", 1000, 5)
        );
    });
    // One core instance each is what a module has.
    let one = file(
        "",
        "total_core_instances = 700\ncore_instances_per_instance = 1",
    );
    assert_eq!(guaranteed(X86_64, &one).0.max_instances, 700);
    let modules = file("", "features = []\ntotal_core_instances = 700");
    assert_eq!(guaranteed(X86_64, &modules).0.max_instances, 700);
    // Of what is not written, an instance has as much as there is.
    let few = file("", "total_core_instances = 3");
    assert_eq!(guaranteed(X86_64, &few).0.max_instances, 1);
    let (limits, totals) = guaranteed(
        X86_64,
        &file("", "total_tables = 400\ntotal_component_instances = 200"),
    );
    assert_eq!((limits.max_instances, totals.tables), (200, 400));
    assert_eq!(limits.wasmtime.unwrap().counts().tables, 2);
}

/// `max_instances` says the totals that are not written.
#[test]
fn a_total_outranks_the_instances_times_the_count() {
    let source = file(
        "max_instances = 20",
        "total_memories = 50\ntotal_stacks = 40",
    );
    let (limits, totals) = guaranteed(X86_64, &source);
    assert_eq!(limits.max_instances, 20);
    assert_eq!(
        totals,
        Totals {
            memories: 50,
            tables: 60,
            stacks: 40,
            core_instances: 100,
            component_instances: 20,
            gc_heaps: 20,
        }
    );
    assert_eq!(mapped(&limits)[2], Size::kib(40 * (2048 + 4)));
    let fewer = file("max_instances = 50", "total_memories = 20");
    assert_eq!(guaranteed(X86_64, &fewer).0.max_instances, 20);
}

/// Tables may be none at all: then no instance has any. So may stacks, where the file says that nothing runs on one.
#[test]
fn no_tables_and_no_stacks_are_a_total_too() {
    let (limits, totals) = guaranteed(
        X86_64,
        &file(
            "stack_reservation = 0",
            "total_tables = 0\ntotal_stacks = 0\ntotal_memories = 9",
        ),
    );
    assert_eq!(
        (limits.max_instances, totals.tables, totals.stacks),
        (9, 0, 0)
    );
    assert_eq!(mapped(&limits)[1..], [Size::ZERO, Size::ZERO]);
    assert_eq!(limits.wasmtime.unwrap().counts().tables, 0);
}

/// A total that is written is lowered only where poolcfg.toml says so.
#[test]
fn a_total_is_lowered_only_where_pools_may_shrink() {
    let written = "total_memories = 1000";
    assert!(refused(VA39, &file("", written)).contains("total_memories = 84 fits"));
    let shrinks = file("on_misfit = \"shrink\"", written);
    let (limits, totals) = guaranteed(VA39, &shrinks);
    assert_eq!((limits.max_instances, totals.memories), (84, 84));
    // What is not written goes down before an instance is given up.
    let sixteen = file("on_misfit = \"shrink\"", "total_component_instances = 16");
    let (limits, totals) = guaranteed(VA39, &sixteen);
    assert_eq!((limits.max_instances, totals.memories), (16, 16));
}

#[test]
fn a_total_below_one_instance_is_a_fault() {
    let source = file("", "memories_per_instance = 4\ntotal_memories = 3");
    assert_eq!(
        faults(&source),
        "PC0010: `total_memories = 3` is below the 4 that one instance takes (poolcfg.toml:7:18)\n  |\n\
         7 | total_memories = 3\n  |                  ^ below 4\n\
         help: set `total_memories` to 4 or more, or lower what one instance has\n\
         note: `cargo poolcfg --explain PC0010` says more"
    );
    assert!(
        faults(&file("", "total_memories = 0")).contains("`total_memories = 0` is below the 1")
    );
    let other = faults(&file("", "features = []\ntotal_stacks = 5"));
    assert!(
        other.contains("`total_stacks` needs Wasmtime's feature `async`"),
        "{other}"
    );
}

/// The key to lower is the one that is named.
#[test]
fn a_total_of_too_many_bytes_is_at_fault_itself() {
    let most = u32::MAX;
    for (pool, wasmtime, key, place) in [
        (
            "max_instances = 1",
            format!("total_memories = {most}"),
            "total_memories",
            "6:18",
        ),
        (
            "max_instances = 1\nstack_reservation = \"8GiB\"",
            format!("total_stacks = {most}"),
            "total_stacks",
            "7:16",
        ),
        (
            "max_instances = 1\nstack_reservation = \"8GiB\"",
            format!("total_memories = {most}\ntotal_stacks = {most}"),
            "total_stacks",
            "8:16",
        ),
    ] {
        let said = faults(&file(pool, &wasmtime));
        let first = format!(
            "PC0012: with `{key} = {most}` the sizes add up to more than 2^64 - 1 bytes (poolcfg.toml:{place})\n"
        );
        assert!(said.starts_with(&first), "{said}");
        let help = format!("help: lower `{key}`, or the size of each\n");
        assert!(said.contains(&help), "{said}");
    }
    // A total that is not the cause is not blamed.
    let other = faults(&file(
        "max_instances = 4294967295\nmemory_reservation = \"16GiB\"",
        "total_stacks = 5",
    ));
    assert!(other.contains("PC0012: the sizes add up"), "{other}");
}

/// What follows from a total that gives no instance is no fault of its own.
#[test]
fn a_total_of_none_is_the_only_fault() {
    for total in ["total_memories", "total_core_instances"] {
        let said = faults(&file("max_instances = 10", &format!("{total} = 0")));
        assert!(said.starts_with(&format!("PC0010: `{total} = 0` is below the 1")));
        assert!(
            said.contains(&format!("help: set `{total}` to 1 or more\n")),
            "{said}"
        );
        assert_eq!(said.matches("help:").count(), 1, "{said}");
    }
    let zero = faults(&file("max_instances = 0", "total_memories = 5"));
    assert!(
        zero.starts_with("PC0011: `max_instances` is zero"),
        "{zero}"
    );
}

/// Real Wasmtime starts with each of these, and then has no instance that takes one: the others are as many as ever.
#[test]
fn a_total_of_none_is_none_of_them_and_no_fewer_instances() {
    for total in [
        "total_stacks",
        "total_component_instances",
        "total_gc_heaps",
        "total_tables",
    ] {
        let of = |totals: &Totals| {
            let keys = totals.keys();
            keys.iter().find(|(key, _)| *key == total).unwrap().1
        };
        let source = file("max_instances = 10", &format!("{total} = 0"));
        let (limits, totals) = guaranteed(X86_64, &source);
        assert_eq!((limits.max_instances, of(&totals)), (10, 0), "{total}");
        assert_eq!(totals.memories, 10, "{total}");
        // Whoever asks for more instances at start, or gets fewer, has none of them either.
        for instances in [5, 20] {
            let other = limits.with_instances(instances);
            let totals = limits.wasmtime.unwrap().totals(&other).unwrap();
            assert_eq!((totals.memories, of(&totals)), (instances, 0), "{total}");
        }
    }
    let (limits, _) = guaranteed(X86_64, &file("max_instances = 10", "total_stacks = 0"));
    assert_eq!(mapped(&limits)[2], Size::ZERO);
    // A module has no tables then, whether it is said how many it may have or not.
    let (limits, _) = guaranteed(X86_64, &file("", "features = []\ntotal_tables = 0"));
    assert_eq!(limits.wasmtime.unwrap().counts().tables, 0);
}

/// Up to 31 every store takes a heap, whatever is in it: without one there is no instance.
#[test]
fn each_instance_takes_a_heap_where_every_store_does() {
    let of =
        |version: u32, totals: &str| file("", totals).replace("\"48\"", &format!("\"{version}\""));
    let none = faults(&of(31, "total_gc_heaps = 0"));
    assert!(
        none.contains("`total_gc_heaps = 0` is below the 1 that one instance takes"),
        "{none}"
    );
    let five = "total_gc_heaps = 5";
    assert_eq!(guaranteed(X86_64, &of(31, five)).0.max_instances, 5);
    assert_eq!(guaranteed(X86_64, &of(32, five)).0.max_instances, 200);
    // Without the feature there are none to take.
    let without = "features = []\ntotal_gc_heaps = 0\ntotal_memories = 7";
    assert_eq!(guaranteed(X86_64, &of(31, without)).0.max_instances, 7);
}
