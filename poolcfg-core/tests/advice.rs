//! What is said of single files that do not fit: what is named, and what is not, and where the arrow is.
#![cfg(feature = "file")]

use poolcfg_core::file::{ConfigFile, TargetFacts};
use poolcfg_core::{Fit, Limit, Plan, ResolvedProcess, Size};

fn planned_text<T>(source: &str, look: impl FnOnce(&ResolvedProcess<'_>, &Plan) -> T) -> T {
    let file = ConfigFile::parse(source).unwrap();
    let facts = TargetFacts::builtin("riscv64gc-unknown-linux-gnu").unwrap();
    let case = file.settings(&facts).resolve(facts.target()).unwrap();
    look(&case, &Plan::new(&case))
}

fn advised(source: &str) -> String {
    planned_text(source, |case, plan| {
        plan.misfit.expect("a misfit").advice(case).to_string()
    })
}

#[test]
fn a_headroom_of_nothing_is_no_advice() {
    let of = |headroom: &str| {
        advised(&format!(
            "[address_space]\nheadroom = \"{headroom}\"\n[pool.a]\nmax_instances = 1\nguard_size = \"1GiB\"\n\
             [pool.b]\nguard_size = \"60GiB\"\n"
        ))
    };
    assert!(
        of("100GiB").contains("headroom of 100 GiB"),
        "{}",
        of("100GiB")
    );
    assert!(!of("0").contains("headroom"), "{}", of("0"));
}

/// Of what is in the way of the smallest pool, no more is named than would help: no headroom where other things decide.
#[test]
fn what_cannot_help_is_not_named() {
    for (keys, space, named) in [
        (
            "guard_size = \"60GiB\"",
            "headroom = \"100GiB\"",
            &["headroom", "guard_size"][..],
        ),
        ("guard_size = \"100GiB\"", "", &["guard_size"]),
        ("stack_reservation = \"100TiB\"", "", &["stack_reservation"]),
        ("table_reservation = \"100TiB\"", "", &["table_reservation"]),
        ("pools = 100000", "", &["pools"]),
        (
            "engine = \"wasmtime\"\nwasmtime.version = \"26\"\nwasmtime.table_elements = 4000000",
            "memory = \"1MiB\"",
            &["stack_reservation"],
        ),
    ] {
        let source = format!("[pooling_allocator]\n{keys}\n[address_space]\n{space}\n");
        let said = advised(&source);
        let sizes = [
            "headroom",
            "guard_size",
            "table_reservation",
            "stack_reservation",
            "pools",
        ];
        for size in sizes {
            assert_eq!(
                said.contains(size),
                named.contains(&size),
                "{source}\n{said}"
            );
        }
        // The arrow is at one of them that is written.
        let place = planned_text(&source, |case, plan| plan.misfit.unwrap().place(case));
        if named.iter().any(|size| keys.starts_with(size)) {
            let line = usize::try_from(place.line).unwrap();
            let line = source.lines().nth(line - 1).unwrap();
            assert!(line.starts_with(keys), "{source}\n{line}");
        }
    }
}

/// Where the number of equal pools decides, it is what all of them need that is held against what there is.
#[test]
fn need_and_have_of_equal_pools_are_of_all_of_them() {
    for (pools, keys) in [
        (100_000, ""),
        (100_000, "max_instances = 1\nmemory_reservation = \"1GiB\""),
        (4000, "guard_size = \"64MiB\""),
        (9, "guard_size = \"20GiB\"\nmax_instances = 1"),
    ] {
        let file = |pools: u32| format!("[pooling_allocator]\npools = {pools}\n{keys}\n");
        let fit = planned_text(&file(pools), |case, plan| {
            let misfit = plan.misfit.expect("a misfit");
            let (need, have) = (misfit.need, misfit.have);
            let said = misfit.message(case).to_string();
            assert!(said.contains(&format!("the {pools} pools need ")), "{said}");
            let each = misfit.need / u64::from(pools);
            assert_eq!(each * u64::from(pools), need);
            let fit = misfit.pools.expect("their number decides");
            assert!(u64::from(fit) * each <= have && have < need, "{said}");
            fit
        });
        planned_text(&file(fit), |_, plan| assert_eq!(plan.misfit, None));
        planned_text(&file(fit + 1), |_, plan| assert!(plan.misfit.is_some()));
    }
}

/// What is said of totals is at the key that decides, and names the largest that fits at once.
#[test]
fn the_total_that_decides_is_named_and_pointed_at() {
    for (keys, wasmtime, at, said) in [
        (
            "",
            "total_stacks = 200000",
            "total_stacks",
            "total_memories = 42 with total_stacks = 42 fits",
        ),
        (
            "memory_reservation = \"64MiB\"",
            "total_stacks = 2000000",
            "total_stacks",
            "total_stacks = ",
        ),
        (
            "memory_reservation = \"64MiB\"",
            "total_tables = 20000000",
            "total_tables",
            "total_tables = ",
        ),
        (
            "max_instances = 10\nmemory_reservation = \"64MiB\"",
            "total_tables = 5\ntotal_stacks = 100000",
            "total_stacks",
            "total_stacks = ",
        ),
        (
            "max_instances = 1000",
            "total_tables = 0",
            "max_instances",
            "max_instances = 42 fits",
        ),
        (
            "",
            "total_core_instances = 2000000",
            "engine",
            "total_memories = 42 fits",
        ),
        // No total that is written says how many memories there are.
        ("", "total_stacks = 0", "engine", "total_memories = 42 fits"),
        (
            "memory_reservation = \"8GiB\"",
            "total_core_instances = 5000",
            "memory_reservation",
            "total_memories = 21 fits",
        ),
    ] {
        let source = format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\n{keys}\n[pooling_allocator.wasmtime]\nversion = \"48\"\n{wasmtime}\n"
        );
        planned_text(&source, |case, plan| {
            let misfit = plan.misfit.expect("a misfit");
            let advice = misfit.advice(case).to_string();
            assert!(advice.starts_with(said), "{source}\n{advice}");
            let line = usize::try_from(misfit.place(case).line).unwrap();
            let line = source.lines().nth(line - 1).unwrap();
            assert!(line.starts_with(at), "{source}\n{line}");
        });
    }
}

/// Up to Wasmtime 31 each heap is a memory beside the pool.
#[test]
fn heaps_that_do_not_fit_are_named() {
    let source = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 10\nmemory_reservation = \"64MiB\"\n\
                  [pooling_allocator.wasmtime]\nversion = \"31\"\nfeatures = [\"async\", \"gc\"]\ntotal_gc_heaps = ";
    let said = advised(&format!("{source}100000\n"));
    let fit = said.strip_prefix("total_gc_heaps = ").unwrap();
    let fit: u32 = fit.split(' ').next().unwrap().parse().unwrap();
    for (heaps, fits) in [(fit, true), (fit + 1, false)] {
        planned_text(&format!("{source}{heaps}\n"), |_, plan| {
            assert_eq!(plan.misfit.is_none(), fits, "{heaps}");
        });
    }
}

/// A memory that is written goes down with its reservation, and one that follows grows with it.
#[test]
fn a_reservation_is_named_with_the_memory_that_it_holds() {
    let limited = |keys: &str| {
        format!(
            "[pooling_allocator]\n{keys}\n[address_space]\nrlimit_data = \"16GiB\"\nva_profile = \"sv48\"\n"
        )
    };
    let keeps = "max_instances = 1000\nkeep = \"max_instances\"\nmemory_reservation = \"64MiB\"\n";
    let said = advised(&limited(&format!("{keeps}max_memory_size = \"64MiB\"")));
    assert!(
        said.contains(" with max_memory_size = \"13504KiB\" fits"),
        "{said}"
    );
    let said = advised(&limited(keeps));
    assert!(!said.contains(" with max_memory_size"), "{said}");
    // It fits; how large the reservation may be is bounded by the memories, where those follow it.
    for (memory, is_bounded) in [("", true), ("max_memory_size = \"16MiB\"", false)] {
        let source = limited(&format!(
            "max_instances = 10\nmemory_reservation = \"64MiB\"\n{memory}"
        ));
        planned_text(&source, |case, plan| {
            let largest = plan.largest_fit(case, 0).memory_reservation.unwrap();
            assert_eq!(largest < Size::gib(2), is_bounded, "{largest}");
            let limit = plan.decided(case, 0, &plan.largest_fit(case, 0))[1];
            assert_eq!(limit == Some(Limit::RlimitData), is_bounded, "{limit:?}");
        });
    }
}

/// A pool without memories gets fewer instances, too.
#[test]
fn a_pool_without_memories_has_a_way() {
    for keep in ["", "keep = \"max_instances\"\non_misfit = \"shrink\""] {
        let source = format!(
            "[pooling_allocator]\nmemory_reservation = 0\nmax_instances = 1000\nstack_reservation = \"10GiB\"\n{keep}\n"
        );
        planned_text(&source, |case, plan| {
            let way = plan.way(case, 0, Fit::Fewer).unwrap();
            let said = plan.misfit.unwrap().advice(case).to_string();
            assert!(
                said.starts_with(&format!("max_instances = {} fits", way.instances)),
                "{said}"
            );
            assert_eq!(said.contains("set `keep = "), !keep.is_empty(), "{said}");
            assert_eq!(plan.way(case, 0, Fit::Smaller), None);
        });
    }
}

/// The line of the file at which the arrow of its misfit is.
fn pointed_at(source: &str) -> String {
    let place = planned_text(source, |case, plan| plan.misfit.unwrap().place(case));
    let line = usize::try_from(place.line).unwrap();
    line.checked_sub(1)
        .and_then(|line| source.lines().nth(line))
        .unwrap_or_default()
        .to_owned()
}

/// A single pool cannot be fewer pools.
#[test]
fn one_pool_is_not_pointed_at() {
    let file = |pools: u32| {
        format!(
            "[address_space]\nrlimit_as = \"1GiB\"\n[pooling_allocator]\npools = {pools}\non_misfit = \"error\"\n"
        )
    };
    assert_eq!(pointed_at(&file(1)), "rlimit_as = \"1GiB\"");
    assert_eq!(pointed_at(&file(2)), "pools = 2");
}

/// Where fewer fit than are of use, one step says both numbers, and only those that decide.
#[test]
fn fewer_instances_than_are_of_use_are_one_step() {
    let wasmtime = "engine = \"wasmtime\"\nwasmtime.version = \"48\"\n";
    for (keys, said, followed) in [
        (
            "max_instances = 1000\nmin_instances = 500\nmemory_reservation = \"4GiB\"",
            "max_instances = 60 with min_instances = 60 fits",
            "max_instances = 60\nmin_instances = 60\nmemory_reservation = \"4GiB\"",
        ),
        // The file has no `max_instances`, and the pool shrinks.
        (
            &format!("{wasmtime}min_instances = 100"),
            "min_instances = 42 fits",
            &format!("{wasmtime}min_instances = 42"),
        ),
        (
            &format!("{wasmtime}min_instances = 100\nwasmtime.total_memories = 200"),
            "total_memories = 42 with min_instances = 42 fits",
            &format!("{wasmtime}min_instances = 42\nwasmtime.total_memories = 42"),
        ),
    ] {
        let advice = advised(&format!("[pooling_allocator]\n{keys}\n"));
        assert!(advice.starts_with(said), "{keys}\n{advice}");
        assert!(!advice.contains("below"), "{advice}");
        planned_text(&format!("[pooling_allocator]\n{followed}\n"), |_, plan| {
            assert_eq!(plan.misfit, None, "{followed}");
        });
    }
}

/// A number of instances is what fits only where the file may say it beside its totals.
#[test]
fn instances_beside_written_totals_are_those_that_help() {
    for (keys, most) in [
        ("total_memories = 1000", None),
        ("total_memories = 1000\nmax_instances = 10", None),
        ("total_stacks = 20000000\nmax_instances = 10", None),
        // Memories follow from the instances.
        (
            "total_core_instances = 5000\nmax_instances = 1000",
            Some(42),
        ),
        ("total_core_instances = 5000", Some(42)),
        // The totals have room for no more.
        ("total_core_instances = 25\nmax_instances = 3", Some(5)),
        ("total_memories = 20", Some(20)),
    ] {
        let keys = keys.replace("total_", "wasmtime.total_");
        let source = |keys: &str| {
            format!(
                "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.version = \"48\"\n{keys}\n"
            )
        };
        let found = planned_text(&source(&keys), |case, plan| plan.largest_fit(case, 0));
        assert_eq!(found.max_instances, most, "{keys}");
        if let Some(most) = most {
            let others = keys
                .lines()
                .filter(|line| !line.starts_with("max_instances"));
            let others: String = others.map(|line| format!("{line}\n")).collect();
            let with = source(&format!("{others}max_instances = {most}"));
            planned_text(&with, |case, plan| {
                assert_eq!(plan.misfit, None, "{with}");
                assert_eq!(case.pools()[0].asked.max_instances, most);
            });
        }
    }
}

/// Each of several sizes in the way is named as a list names it.
#[test]
fn three_things_are_listed_with_commas() {
    let said = advised(
        "[pooling_allocator]\nguard_size = \"100TiB\"\nstack_reservation = \"100TiB\"\n\
         table_reservation = \"100TiB\"\n",
    );
    assert_eq!(
        said,
        "no size of this pool fits with a guard_size of 100 TiB, a table_reservation of 100 TiB and a stack_reservation of \
         100 TiB"
    );
}
