//! A help that is followed is accepted: what a misfit says to write fits in one step, and one more of it does not.
#![cfg(feature = "file")]

use std::collections::BTreeMap;

use poolcfg_core::file::{ConfigFile, TargetFacts};
use poolcfg_core::{Fit, Limit, OnMisfit, Plan, ResolvedProcess, Size};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

const TARGETS: [&str; 4] = [
    "riscv64gc-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-gnu",
    "i686-unknown-linux-gnu",
];

const ALL: &str = "pooling_allocator";
const SPACE: &str = "address_space";

/// The keys that a help may say to write.
const KEYS: [&str; 10] = [
    "max_instances",
    "memory_reservation",
    "max_memory_size",
    "pools",
    "total_memories",
    "total_tables",
    "total_stacks",
    "total_gc_heaps",
    "rlimit_as",
    "rlimit_data",
];

/// A poolcfg.toml that can be edited: each table with its keys, as they are written.
#[derive(Clone, Debug, Default)]
struct File(BTreeMap<String, BTreeMap<String, String>>);

impl File {
    fn set(&mut self, table: &str, key: &str, value: &str) {
        let table = self.0.entry(table.to_owned()).or_default();
        table.insert(key.to_owned(), value.to_owned());
    }

    fn has(&self, table: &str, key: &str) -> bool {
        self.0.get(table).is_some_and(|keys| keys.contains_key(key))
    }

    fn text(&self) -> String {
        let tables = self.0.iter().map(|(table, keys)| {
            let keys = keys.iter().map(|(key, value)| format!("{key} = {value}\n"));
            format!("[{table}]\n{}", keys.collect::<String>())
        });
        tables.collect()
    }

    /// The same with another value of a key of a pool, where that is written, or else in its own table, or for all pools.
    fn with(mut self, pool: &str, key: &str, value: &str, for_all: bool) -> Self {
        let (own, all) = if key.starts_with("total_") {
            (format!("{pool}.wasmtime"), format!("{ALL}.wasmtime"))
        } else if key.starts_with("rlimit") || key == "max_map_count" {
            (SPACE.to_owned(), SPACE.to_owned())
        } else {
            (pool.to_owned(), ALL.to_owned())
        };
        let is_new = !self.has(&own, key);
        let is_shared = is_new && (self.has(&all, key) || for_all);
        self.set(if is_shared { &all } else { &own }, key, value);
        self
    }
}

fn planned<T>(
    target: &str,
    file: &File,
    look: impl FnOnce(&ResolvedProcess<'_>, &Plan) -> T,
) -> Option<T> {
    let file = ConfigFile::parse(&file.text()).unwrap();
    let facts = TargetFacts::builtin(target).unwrap();
    let case = file.settings(&facts).resolve(facts.target()).ok()?;
    Some(look(&case, &Plan::new(&case)))
}

/// Whether a file has no fault and fits.
fn fits(target: &str, file: &File) -> bool {
    planned(target, file, |_, plan| plan.misfit.is_none()) == Some(true)
}

/// The table of a pool.
fn table(name: &str) -> String {
    match name {
        "" => ALL.to_owned(),
        name => format!("pool.{name}"),
    }
}

/// Every number that a piece of advice says to write.
fn numbers(said: &str) -> Vec<(&'static str, String)> {
    let value = |key: &&'static str| {
        let begin = said.find(&format!("{key} = "))? + key.len() + 3;
        let rest = &said[begin..];
        let end = match rest.strip_prefix('"') {
            Some(quoted) => quoted.find('"')? + 2,
            None => rest
                .find(|char: char| !char.is_ascii_digit())
                .unwrap_or(rest.len()),
        };
        (end > 0).then(|| (*key, rest[..end].to_owned()))
    };
    let keys = KEYS.iter().chain(&["max_map_count"]);
    keys.filter_map(value).collect()
}

/// The same with each number that a piece of a help says to write: what is not there yet in the pool's own table, or for
/// all pools.
fn edited(file: &File, pool: &str, piece: &str) -> [File; 2] {
    let said = match piece.split_once(" fits, each of ") {
        Some((said, _)) => said,
        None => piece,
    };
    let numbers = numbers(said);
    assert!(!numbers.is_empty(), "{piece}");
    [false, true].map(|for_all| {
        let numbers = numbers.iter();
        numbers.fold(file.clone(), |file, (key, value)| {
            file.with(pool, key, value, for_all)
        })
    })
}

/// The same with the instances that fit together.
fn together(file: &File, piece: &str) -> File {
    let mut followed = file.clone();
    let of = piece
        .trim_start_matches("max_instances = ")
        .trim_end_matches(" fit together");
    for one in of.replace(" and ", ", ").split(", ") {
        let (instances, name) = one.split_once(" of `").unwrap();
        let own = table(name.trim_end_matches('`'));
        followed.set(&own, "max_instances", instances);
    }
    followed
}

/// Follows every help of a file that does not fit.
fn follow(target: &str, file: &File) {
    let found = planned(target, file, |case, plan| {
        let misfit = plan.misfit?;
        assert!(
            misfit.need > misfit.have || case.pools().len() > 1,
            "{}\n{misfit:?}",
            file.text()
        );
        let pool = &case.pools()[misfit.pool];
        let is_fixed = pool.on_misfit == OnMisfit::Error;
        Some((misfit.advice(case).to_string(), table(pool.name), is_fixed))
    });
    let Some(Some((advice, pool, is_fixed))) = found else {
        return;
    };
    for (index, piece) in advice.split("; ").enumerate() {
        if !piece.contains(" fit")
            || piece.starts_with("no size")
            || piece.contains("below min_instances")
        {
            continue;
        }
        let ways = match piece.ends_with(" fit together") {
            true => [together(file, piece), together(file, piece)],
            false => edited(file, &pool, piece),
        };
        let accepted = ways.each_ref().map(|way| fits(target, way));
        assert!(
            accepted.contains(&true),
            "{target}\n{}\nis not helped by: {piece}\n{}",
            file.text(),
            ways[0].text()
        );
        // Of one count, as many as fit are named at once.
        let numbers = numbers(piece.split(" fits").next().unwrap());
        if let ([(key, value)], true, 0) = (&numbers[..], is_fixed, index) {
            if let Ok(count) = value.parse::<u64>() {
                let more = |for_all| {
                    file.clone()
                        .with(&pool, key, &(count + 1).to_string(), for_all)
                };
                let most = [false, true].map(|for_all| !fits(target, &more(for_all)));
                let both = accepted.iter().zip(most);
                assert!(
                    both.into_iter().any(|(accepted, most)| *accepted && most),
                    "{target}\n{}\nmore fits than: {piece}",
                    file.text()
                );
            }
        }
    }
}

fn counts() -> impl Strategy<Value = String> {
    select(vec![
        0u32, 1, 2, 5, 40, 100, 1000, 20_000, 200_000, 2_000_000,
    ])
    .prop_map(|count| count.to_string())
}

fn sizes() -> impl Strategy<Value = String> {
    let sizes = ["64KiB", "1MiB", "64MiB", "1GiB", "4GiB", "100GiB", "300GiB"];
    select(sizes.to_vec()).prop_map(|size| format!("\"{size}\""))
}

/// The keys of one pool, and those of Wasmtime's.
fn keys() -> impl Strategy<Value = [Vec<(&'static str, Option<String>)>; 2]> {
    let pool = (
        [
            weighted(0.6, counts()),
            weighted(0.1, counts()),
            weighted(0.2, counts()),
        ],
        [
            weighted(0.5, sizes()),
            weighted(0.3, sizes()),
            weighted(0.1, sizes()),
        ],
        [weighted(0.2, sizes()), weighted(0.2, sizes())],
        [
            weighted(
                0.3,
                select(vec!["\"shrink\"", "\"error\""]).prop_map(str::to_owned),
            ),
            weighted(
                0.2,
                select(vec!["\"max_instances\"", "\"memory_reservation\""]).prop_map(str::to_owned),
            ),
        ],
        weighted(0.15, Just("0".to_owned())),
    );
    let wasmtime = (
        weighted(
            0.6,
            select(vec!["\"48\"", "\"30\"", "\"26\"", "\"19\""]).prop_map(str::to_owned),
        ),
        [
            weighted(0.25, counts()),
            weighted(0.25, counts()),
            weighted(0.25, counts()),
            weighted(0.1, counts()),
            weighted(0.1, counts()),
        ],
    );
    (pool, wasmtime).prop_map(|(pool, (version, totals))| {
        let ([most, least, pools], [reservation, memory, guard], [table, stack], words, none) =
            pool;
        let [misfit, keep] = words;
        let is_native = version.is_none();
        let totals = if is_native {
            [None, None, None, None, None]
        } else {
            totals
        };
        let [memories, tables, stacks, core, heaps] = totals;
        let engine = version.as_ref().map(|_| "\"wasmtime\"".to_owned());
        let pool = vec![
            ("engine", engine),
            ("max_instances", most),
            ("min_instances", least),
            ("pools", pools),
            (
                "memory_reservation",
                none.filter(|_| is_native).or(reservation),
            ),
            ("max_memory_size", memory),
            ("guard_size", guard),
            ("table_reservation", table.filter(|_| is_native)),
            ("stack_reservation", stack.filter(|_| is_native)),
            ("on_misfit", misfit),
            ("keep", keep),
        ];
        let wasmtime = vec![
            ("version", version),
            ("total_memories", memories),
            ("total_tables", tables),
            ("total_stacks", stacks),
            ("total_core_instances", core),
            ("total_gc_heaps", heaps),
        ];
        [pool, wasmtime]
    })
}

fn file() -> impl Strategy<Value = File> {
    let limits = [
        weighted(0.2, select(vec!["\"1GiB\"", "\"64GiB\"", "\"2TiB\""])),
        weighted(0.2, select(vec!["\"300MiB\"", "\"16GiB\""])),
        weighted(0.1, select(vec!["2100", "100000"])),
        weighted(0.1, select(vec!["\"1MiB\"", "\"16GiB\""])),
        weighted(0.1, select(vec!["0", "\"4GiB\"", "\"60GiB\""])),
    ];
    (prop::collection::vec(keys(), 1..=3), limits).prop_map(|(pools, limits)| {
        let mut file = File::default();
        let several = pools.len() > 1;
        for (index, [pool, wasmtime]) in pools.iter().enumerate() {
            // What the first of several says is said of all.
            let table = match (several, index) {
                (false, _) | (true, 0) => ALL.to_owned(),
                (true, _) => format!("pool.p{index}"),
            };
            for (key, value) in pool {
                if let Some(value) = value {
                    file.set(&table, key, value);
                }
            }
            for (key, value) in wasmtime {
                if let Some(value) = value {
                    file.set(&format!("{table}.wasmtime"), key, value);
                }
            }
            file.0.entry(table).or_default();
        }
        let keys = [
            "rlimit_as",
            "rlimit_data",
            "max_map_count",
            "memory",
            "headroom",
        ];
        for (key, value) in keys.iter().zip(limits) {
            if let Some(value) = value {
                file.set(SPACE, key, value);
            }
        }
        file
    })
}

proptest! {
    #![proptest_config(crate::cases(2000))]

    #[test]
    fn a_help_that_is_followed_is_accepted(target in select(TARGETS.to_vec()), file in file()) {
        follow(target, &file);
    }

    /// What is said to fit one way does, by a plan that is asked for it.
    #[test]
    fn a_way_is_there_wherever_fewer_instances_fit(
        target in select(TARGETS.to_vec()),
        file in file(),
    ) {
        planned(target, &file, |case, plan| {
            let Some(misfit) = plan.misfit else {
                return;
            };
            let pool = &case.pools()[misfit.pool];
            let is_counted = pool.asked.wasmtime.is_none_or(|wasmtime| wasmtime.written.is_none());
            let fits = misfit.largest_fit.max_instances.is_some_and(|most| most >= pool.min_instances);
            if case.pools().len() == 1 && is_counted && fits {
                assert!(plan.way(case, 0, Fit::Fewer).is_some(), "{target}\n{}", file.text());
            }
        });
    }
}

fn planned_text<T>(source: &str, look: impl FnOnce(&ResolvedProcess<'_>, &Plan) -> T) -> T {
    let file = ConfigFile::parse(source).unwrap();
    let facts = TargetFacts::builtin(TARGETS[0]).unwrap();
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
            "total_core_instances",
            "total_memories = 42 fits",
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
