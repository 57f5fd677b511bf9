//! Whatever stands in poolcfg.toml, nothing panics: not the reader, not the model behind it, not the
//! texts about it. A file is either refused with places that are in it, or has an answer for every
//! target.
#![cfg(feature = "generated")]

mod ask;

use ask::{ask, targets};
use poolcfg_core::Size;
use poolcfg_core::file::ConfigFile;
use proptest::prelude::*;
use proptest::sample::select;

/// Asks for every target, with and without the variable.
fn ask_all(source: &str) {
    let variables = [None, Some("sv39"), Some("own"), Some("none such")];
    ask(source, &targets(), &variables);
}

fn table() -> impl Strategy<Value = String> {
    let triple = select(vec![
        "riscv64gc-unknown-linux-gnu",
        "x86_64-unknown-linux-gnu",
        "x86_64-unknown-linux-gnuasan",
        "x86-64-linux",
        "board.json",
        "'cfg(unix)'",
        "'cfg(not(any(windows, target_arch = \"riscv64\")))'",
        "'cfg(target_pointer_width = \"32\")'",
        "'cfg(target_arch = \"x86-64\")'",
        "'cfg(all(feature = \"x\", linux))'",
        "'cfg(all(unix'",
        "'cfg()'",
        "'cfg(\u{e9})'",
    ]);
    let inner = select(vec![
        "pooling_allocator",
        "pooling_allocator.wasmtime",
        "pool",
        "pool.a",
        "pool.b-c",
        "pool.'b\u{e9}'",
        "address_space",
        "adress_space",
    ]);
    prop_oneof![
        3 => inner.clone().prop_map(|inner| format!("[{inner}]")),
        2 => (triple, inner).prop_map(|(triple, inner)| format!("[target.{triple}.{inner}]")),
        1 => select(vec!["own", "sv39", "own two"]).prop_map(|name| format!("[va_profile.{name:?}]")),
        1 => Just("[[pool.a]]".to_owned()),
    ]
}

fn size() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "0",
            "1",
            "65536",
            "-1",
            "9223372036854775807",
            "\"18446744073709551615\"",
            "\"16383PiB\"",
            "\"4 GiB\"",
            "\"64KiB\"",
            "\"4097B\"",
            "\"32MB\"",
            "\"12 parsecs\"",
            "\"\"",
            "1.5",
            "true",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|bytes| bytes.to_string()),
        (0u32..64).prop_map(|bits| format!("\"{}\"", 1u64 << bits)),
        (1u64..5000, select(vec!["KiB", "MiB", "GiB", "TiB", "PiB"]))
            .prop_map(|(count, unit)| format!("\"{count}{unit}\"")),
    ]
}

fn count() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "0",
            "1",
            "16",
            "1000",
            "48000",
            "4294967295",
            "4294967296",
            "-1",
            "\"12\"",
            "[]",
            "{ a = 1 }",
        ])
        .prop_map(str::to_owned),
        any::<u32>().prop_map(|count| count.to_string()),
        (0u32..64).prop_map(|count| count.to_string()),
    ]
}

/// The keys of every table, so that now and then one stands in the wrong one.
fn line() -> impl Strategy<Value = String> {
    let sizes = select(vec![
        "memory_reservation",
        "max_memory_size",
        "guard_size",
        "table_reservation",
        "stack_reservation",
        "headroom",
        "window",
        "page_size",
        "pie_base",
        "legacy_base",
        "max_wasm_stack",
        "max_core_instance_size",
    ]);
    let counts = select(vec![
        "max_instances",
        "min_instances",
        "pools",
        "aslr_bits",
        "aslr_bits_max",
        "memories_per_instance",
        "core_instances_per_instance",
        "gc_heaps_per_instance",
        "table_elements",
        "memory_protection_keys",
    ]);
    let words = select(vec![
        "engine = \"native\"",
        "engine = \"wasmtime\"",
        "version = \"48\"",
        "version = \"13\"",
        "version = \"12\"",
        "version = \"4 8\"",
        "wasmtime.version = \"36.0.6\"",
        "wasmtime = 48",
        "memory_protection_keys = \"auto\"",
        "features = [\"async\", \"gc\"]",
        "features = [\"asynch\", 1, \"gc\"]",
        "features = \"async\"",
        "guard_before_linear_memory = false",
        "guard_before = false",
        "guard_before = 0",
        "guard_before_linear_memory = \"no\"",
        "gc_heap_may_move = true",
        "on_misfit = \"shrink\"",
        "on_misfit = \"error\"",
        "on_misfit = \"shrnk\"",
        "keep = \"max_instances\"",
        "keep = \"memory_reservation\"",
        "va_profile = \"own\"",
        "va_profile = \"sv48\"",
        "va_profile = \"sv84\"",
        "relocation_model = \"static\"",
        "stack_limit = \"unlimited\"",
        "aslr = \"maximum\"",
        "arch = \"riscv64\"",
        "arch = \"x86\"",
        "arch = \"z80\"",
        "max_instnaces = 1",
        "# nothing",
        "\u{1F980} = 1",
        "max_instances 12",
    ]);
    prop_oneof![
        3 => (sizes, size()).prop_map(|(key, value)| format!("{key} = {value}")),
        3 => (counts, count()).prop_map(|(key, value)| format!("{key} = {value}")),
        2 => words.prop_map(str::to_owned),
    ]
}

/// Files that are mostly TOML and often right, since the first thing wrong hides what is behind it.
fn plausible() -> impl Strategy<Value = String> {
    let table = (table(), prop::collection::vec(line(), 0..6))
        .prop_map(|(table, lines)| format!("{table}\n{}\n", lines.join("\n")));
    prop::collection::vec(table, 0..5).prop_map(|tables| tables.concat())
}

/// A size that can be read.
fn bytes() -> impl Strategy<Value = u64> {
    let most = Size::LARGEST.get();
    prop_oneof![
        0..=most,
        (0..=most.ilog2()).prop_map(|bits| 1 << bits),
        Just(0),
        Just(most)
    ]
}

fn instances() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), 0u32..100_000, Just(u32::MAX)]
}

/// The keys of one pool.
fn pool() -> impl Strategy<Value = String> {
    (
        proptest::option::of(instances()),
        proptest::option::of(instances()),
        proptest::option::of(prop_oneof![
            bytes(),
            (0u64..1 << 24).prop_map(|grains| grains << 16)
        ]),
        [
            proptest::option::of(bytes()),
            proptest::option::of(bytes()),
            proptest::option::of(bytes()),
        ],
        proptest::option::of(prop_oneof![1u32..1000, Just(u32::MAX), any::<u32>()]),
        select(vec![
            "",
            "on_misfit = \"shrink\"\n",
            "on_misfit = \"error\"\n",
            "guard_before = false\n",
        ]),
        select(vec![
            "",
            "keep = \"max_instances\"\n",
            "keep = \"memory_reservation\"\n",
        ]),
        proptest::option::of((13u32..60, [0u32..6, 0u32..6, 0u32..6, 0u32..6], instances())),
    )
        .prop_map(
            |(most, least, reservation, [guard, table, stack], pools, misfit, keep, wasmtime)| {
                let mut text = format!("{misfit}{keep}");
                let table = table.filter(|_| wasmtime.is_none());
                if let Some((version, [memories, tables, heaps, keys], elements)) = wasmtime {
                    text += &format!(
                        "engine = \"wasmtime\"\nwasmtime.version = \"{version}\"\n\
                         wasmtime.memories_per_instance = {memories}\n\
                         wasmtime.tables_per_instance = {tables}\n\
                         wasmtime.gc_heaps_per_instance = {heaps}\n\
                         wasmtime.memory_protection_keys = {keys}\n\
                         wasmtime.table_elements = {elements}\n"
                    );
                }
                let mut say = |key: &str, value: Option<u64>| {
                    if let Some(value) = value {
                        text += &format!("{key} = \"{value}\"\n");
                    }
                };
                say("memory_reservation", reservation);
                say("guard_size", guard);
                say("table_reservation", table);
                say("stack_reservation", stack);
                for (key, value) in [
                    ("max_instances", most),
                    ("min_instances", least),
                    ("pools", pools),
                ] {
                    if let Some(value) = value {
                        text += &format!("{key} = {value}\n");
                    }
                }
                text
            },
        )
}

/// The keys of a profile, and its architecture.
fn profile() -> impl Strategy<Value = (&'static str, String)> {
    (
        select(vec![
            "riscv64",
            "aarch64",
            "x86_64",
            "powerpc64",
            "s390x",
            "mips64",
            "arm",
            "x86",
            "riscv32",
        ]),
        26u32..58,
        any::<u16>(),
        12u32..17,
        [
            proptest::option::of(any::<u64>()),
            proptest::option::of(any::<u64>()),
        ],
        proptest::option::of(0u32..45),
    )
        .prop_map(|(arch, bits, less, page, bases, aslr)| {
            let (bits, least) = if matches!(arch, "arm" | "x86" | "riscv32") {
                (bits.min(32), 64 << 20)
            } else {
                (bits, 8 << 30)
            };
            let window = ((1u64 << bits) - u64::from(less)).max(least);
            let mut text = format!(
                "arch = \"{arch}\"\nwindow = \"{window}\"\npage_size = {}\n",
                1 << page
            );
            for (key, base) in ["pie_base", "legacy_base"].into_iter().zip(bases) {
                if let Some(base) = base {
                    let base = if arch.starts_with("x86") {
                        base % window / 6 * 5 + window / 6
                    } else {
                        base % window
                    };
                    text += &format!("{key} = \"{base}\"\n");
                }
            }
            if let Some(bits) = aslr {
                let most = (window >> page).ilog2();
                text += &format!("aslr_bits = {0}\naslr_bits_max = {0}\n", bits.min(most));
            }
            (arch, text)
        })
}

/// The keys of the address space.
fn space() -> impl Strategy<Value = String> {
    (
        select(vec!["", "relocation_model = \"static\"\n"]),
        select(vec![
            "",
            "stack_limit = \"unlimited\"\n",
            "stack_limit = \"1GiB\"\n",
            "layout = \"legacy\"\n",
        ]),
        select(vec!["", "aslr = \"minimum\"\n", "aslr = 12\n"]),
        proptest::option::of(bytes()),
    )
        .prop_map(|(model, stack, aslr, headroom)| {
            let headroom = headroom.map(|bytes| format!("headroom = \"{bytes}\"\n"));
            format!("{model}{stack}{aslr}{}", headroom.unwrap_or_default())
        })
}

/// Files without a mistake of the reader's: what is left is up to the model.
fn readable() -> impl Strategy<Value = String> {
    (prop::collection::vec(pool(), 1..4), profile(), space()).prop_map(
        |(pools, (arch, profile), space)| {
            let mut text = format!(
                "[address_space]\n{space}[va_profile.own]\n{profile}\
             [target.'cfg(target_arch = \"{arch}\")'.address_space]\nva_profile = \"own\"\n"
            );
            for (index, pool) in pools.iter().enumerate() {
                text += &format!("[pool.p{index}]\n{pool}");
            }
            text
        },
    )
}

/// A text with pieces of it cut out, doubled and replaced.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        0..4,
        any::<char>(),
    );
    (
        prop_oneof![plausible(), readable()],
        prop::collection::vec(edit, 1..4),
    )
        .prop_map(|(text, edits)| {
            let mut text: Vec<char> = text.chars().collect();
            for (from, length, kind, char) in edits {
                let from = from.index(text.len() + 1);
                let to = from + length.index((text.len() - from).min(40) + 1);
                let piece: Vec<char> = match kind {
                    0 => Vec::new(),
                    1 => [&text[from..to], &text[from..to]].concat(),
                    2 => vec![char],
                    _ => text[from..to].iter().rev().copied().collect(),
                };
                text.splice(from..to, piece);
            }
            text.into_iter().collect()
        })
}

proptest! {
    #![proptest_config(crate::cases(400))]

    #[test]
    fn of_plausible_lines(source in plausible()) {
        ask_all(&source);
    }

    #[test]
    fn that_can_be_read(source in readable()) {
        prop_assert_eq!(ConfigFile::parse(&source).map(|_| ()), Ok(()));
        ask_all(&source);
    }

    #[test]
    fn that_is_mutated(source in mutated()) {
        ask_all(&source);
    }

    #[test]
    fn of_any_text(source in ".{0,200}") {
        ask_all(&source);
    }
}
