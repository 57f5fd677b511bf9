//! A help that is followed is accepted: what a misfit says to write fits in one step, and one more of it does not.
#![cfg(feature = "file")]

use std::collections::BTreeMap;

use poolcfg_core::file::{ConfigFile, TargetFacts};
use poolcfg_core::{Fit, OnMisfit, Plan, ResolvedProcess};
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
const KEYS: [&str; 11] = [
    "max_instances",
    "min_instances",
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
        if !piece.contains(" fit") || piece.starts_with("no size") {
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
