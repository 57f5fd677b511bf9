//! What fits where less does than is asked: said, told to programs, and taken by `--fit`.

mod common;

use common::{Folder, Ran, program, ran};

const BOARD: &str = "riscv64gc-unknown-linux-gnu";
const SERVER: &str = "x86_64-unknown-linux-gnu";

/// The operator's flags, in so much address space.
fn in_space(rlimit_as: &str) -> Vec<String> {
    let words = format!(
        "--engine wasmtime --engine-version 48 --target {SERVER} --set address_space.rlimit_as={rlimit_as}"
    );
    words.split(' ').map(str::to_owned).collect()
}

/// The command in a folder that is no project.
fn run(folder: &Folder, arguments: &[&str], more: &[String]) -> Ran {
    let mut command = program("poolcfg", folder.root());
    ran(command.args(arguments).args(more))
}

#[test]
fn a_misfit_lists_what_fits_in_a_line_each() {
    let folder = Folder::new();
    let gib4 = in_space("4GiB");
    for arguments in [&["check"][..], &["--emit", "wasmtime-toml"]] {
        let ran = run(&folder, arguments, &gib4);
        ran.ends(100)
            .says(&format!(
                "{SERVER}: `--fit smaller`: 46 of 1000 instances fit in slots of 64 MiB with guards of 64 KiB, every access \
                 checked; limited by `RLIMIT_AS`\n"
            ))
            .says(&format!(
                "{SERVER}: `--emit wasmtime-toml --fit no-pool`: 45 of 1000 instances fit without a pool, each memory with \
                 64 MiB and guards of 64 KiB on demand, every access checked; limited by `RLIMIT_AS`\n"
            ))
            .says_nothing_of("--fit fewer");
    }
    let explained = run(&folder, &["explain", "-v"], &gib4);
    assert!(explained.stdout.contains("`--fit smaller`: 46 of 1000"));
    let explained = run(&folder, &["explain"], &gib4);
    assert!(
        explained
            .stdout
            .contains("explain -v` lists budget, footprint, and what else fits")
    );
    run(&folder, &["check", "-q"], &gib4)
        .ends(100)
        .says_nothing_of("--fit");
    // Where all fit in smaller slots, it is larger ones that do not.
    let gib171 = in_space("171GiB");
    run(&folder, &["check"], &gib171)
        .ends(0)
        .says("`--fit smaller`: 1000 of 1000 instances fit in slots of 128 MiB")
        .says("; limited by `RLIMIT_AS`")
        .says_nothing_of("--fit fewer");
    // Where all that is asked fits, nothing is said.
    run(&folder, &["check"], &in_space("unlimited"))
        .ends(0)
        .says_nothing_of("--fit");
}

#[test]
fn programs_are_told_the_same() {
    let folder = Folder::new();
    let ways = |space: &str, status| {
        let ran = run(&folder, &["--emit", "json"], &in_space(space));
        let result = ran.ends(status).only_result();
        let ways = result["ways"].as_array().unwrap().clone();
        let line = |way: &serde_json::Value| {
            let key = |key: &str| way[key].to_string().replace('"', "");
            let keys = [
                "fit",
                "max_instances",
                "memory_reservation",
                "checks_accesses",
                "limit",
            ];
            keys.map(key).join(" ")
        };
        ways.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        ways("64GiB", 0),
        [
            "fewer 15 4294967296 false rlimit_as",
            "smaller 974 67108864 true rlimit_as",
            "no-pool 958 67108864 true rlimit_as",
        ]
    );
    assert_eq!(
        ways("1GiB", 100),
        [
            "smaller 11 67108864 true rlimit_as",
            "no-pool 11 67108864 true rlimit_as"
        ]
    );
    assert!(ways("unlimited", 0).is_empty());
}

/// A native pool that does not fit has two ways; what it lacks of a pool that may shrink is tried at start.
#[test]
fn a_native_pool_has_two_ways() {
    let folder = Folder::new();
    let pool = "[pooling_allocator]\nmax_instances = 1000\nmemory_reservation = \"4GiB\"\n";
    folder.write("poolcfg.toml", pool);
    let target = ["--target".to_owned(), BOARD.to_owned()];
    run(&folder, &["check"], &target)
        .ends(100)
        .says("`--fit fewer`: 60 of 1000 instances fit in slots of 4 GiB; limited by address space")
        .says("`--fit smaller`: 1000 of 1000 instances fit in slots of 128 MiB with guards of 32 MiB; limited by address space")
        .says_nothing_of("no-pool")
        .says_nothing_of("checked");
    run(&folder, &["check", "--fit", "fewer"], &target)
        .ends(0)
        .says("60 of 1000 instances × 4 GiB guaranteed");
    run(&folder, &["check", "--fit", "smaller"], &target)
        .ends(0)
        .says("1000 of 1000 instances × 128 MiB guaranteed");
    run(&folder, &["check", "--fit", "no-pool"], &target)
        .ends(100)
        .says("error[PC0028]: ")
        .says("`--fit no-pool` does not help: it is about Wasmtime, but this pool uses the `native` engine")
        .says("help: `--fit fewer`: 60 of 1000 instances fit in slots of 4 GiB")
        .says(", or `--fit smaller`: 1000 of 1000 instances fit in slots of 128 MiB");
    folder.write("poolcfg.toml", &format!("{pool}on_misfit = \"shrink\"\n"));
    run(&folder, &["check"], &target)
        .ends(0)
        .says("the rest is tried at start")
        .says_nothing_of("--fit");
}

/// A way that cannot help says so, and the others have their numbers.
#[test]
fn a_way_that_does_not_help_names_those_that_do() {
    let folder = Folder::new();
    let gib4 = in_space("4GiB");
    for arguments in [&["check"][..], &["--emit", "wasmtime-toml"]] {
        run(&folder, &[arguments, &["--fit", "fewer"]].concat(), &gib4)
            .ends(100)
            .says(&format!(
                "{SERVER}: `--fit fewer` does not help: not even one instance fits in slots of 4 GiB\n"
            ))
            .says(&format!("{SERVER}: `--fit smaller`: 46 of 1000 instances fit"))
            .says(&format!(
                "{SERVER}: `--emit wasmtime-toml --fit no-pool`: 45 of 1000 instances fit"
            ))
            .says("error[PC0026]");
    }
    let mut many = in_space("300MiB");
    many.extend(["--set".into(), "pooling_allocator.min_instances=40".into()]);
    for fit in ["fewer", "smaller"] {
        run(&folder, &["check", "--fit", fit], &many)
            .ends(100)
            .says(&format!(
                "`--fit {fit}` does not help: not even the 40 of `min_instances` fit"
            ))
            .says(", and no other way does\n");
    }
    run(&folder, &["check", "--fit", "no-pool"], &many)
        .ends(100)
        .says("not even the 40 of `min_instances` fit with smaller reservations")
        .says("help: no other way does");
    let mut totals = in_space("64GiB");
    totals.extend([
        "--set".into(),
        "pooling_allocator.wasmtime.total_memories=100".into(),
    ]);
    run(&folder, &["check", "--fit", "fewer"], &totals)
        .ends(100)
        .says(
            "`--fit fewer` does not help: totals such as `total_memories` decide how many instances there are",
        )
        .says("`--fit smaller`: 100 of 100 instances fit in slots of 512 MiB");
}

/// Without a pool no total counts: as many instances are asked for as the totals give.
#[test]
fn totals_do_not_count_without_a_pool() {
    let folder = Folder::new();
    let with = |totals: &[&str], space: &str| {
        let flags = totals.iter().flat_map(|total| {
            let key = format!("pooling_allocator.wasmtime.{total}");
            ["--set".to_owned(), key]
        });
        [in_space(space), flags.collect()].concat()
    };
    let check = ["check", "--fit", "no-pool"];
    let memories = ["total_memories=100"];
    run(&folder, &check, &with(&memories, "unlimited"))
        .ends(0)
        .says("ok: no pool, 100 of 100 instances × 4 GiB on demand fit at once (");
    run(&folder, &check, &with(&memories, "64GiB"))
        .ends(0)
        .says("ok: no pool, 100 of 100 instances × 512 MiB on demand fit at once (");
    run(&folder, &check, &with(&memories, "4GiB"))
        .ends(0)
        .says("ok: no pool, 45 of 100 instances × 64 MiB on demand fit at once (");
    // Of what is built without components, no total of them is written.
    let without = [&memories[..], &["features=[\"async\", \"gc\"]"]].concat();
    run(&folder, &check, &with(&without, "4GiB"))
        .ends(0)
        .says("ok: no pool, 45 of 100 instances × 64 MiB on demand fit at once (");
    let all = [
        "total_memories=50",
        "total_tables=30",
        "total_stacks=0",
        "total_core_instances=900",
        "total_gc_heaps=40",
    ];
    run(&folder, &check, &with(&all, "unlimited"))
        .ends(0)
        .says("ok: no pool, 30 of 30 instances × 4 GiB on demand fit at once (");
    let emit = ["--emit", "wasmtime-toml", "--fit", "no-pool"];
    let ran = run(&folder, &emit, &with(&memories, "64GiB"));
    ran.ends(0);
    assert!(!ran.stdout.contains("\npooling-total"), "{ran:#?}");
}

/// The way that is taken is in the file, in its first line, and judged again by it.
#[test]
fn a_file_is_written_each_way_and_repeats_it() {
    let folder = Folder::new();
    for (fit, settings) in [
        (
            "smaller",
            ["pooling-allocator = true", "pooling-total-memories = 46"],
        ),
        (
            "no-pool",
            [
                "pooling-allocator = false",
                "memory-reservation-for-growth = 67108864",
            ],
        ),
    ] {
        let emitting = [
            "--emit",
            "wasmtime-toml",
            "--fit",
            fit,
            "-o",
            "wasmtime.toml",
        ];
        run(&folder, &emitting, &in_space("4GiB"))
            .ends(0)
            .says("64 MiB")
            .says_nothing_of("PC0042");
        let text = folder.read("wasmtime.toml");
        for setting in settings {
            assert!(text.contains(&format!("\n{setting}")), "{setting}\n{text}");
        }
        assert!(text.contains("\nmemory-reservation = 67108864"), "{text}");
        assert!(text.contains("\nmemory-guard-size = 65536"), "{text}");
        assert_eq!(text.contains("\npooling-total"), fit == "smaller", "{text}");
        assert!(
            text.lines()
                .next()
                .unwrap()
                .contains(&format!("--fit {fit}")),
            "{text}"
        );
        let check = ["--check", "wasmtime.toml", "--emit", "wasmtime-toml"];
        run(&folder, &check, &[]).ends(0);
    }
    let flags = run(
        &folder,
        &["--emit", "wasmtime-flags", "--fit", "no-pool"],
        &in_space("1GiB"),
    );
    assert_eq!(
        flags.ends(0).stdout,
        "-O pooling-allocator=n,memory-reservation=67108864,memory-guard-size=65536,guard-before-linear-memory=y,\
         memory-reservation-for-growth=67108864 -W async-stack-size=2097152,max-wasm-stack=524288\n"
    );
}

/// Without a pool, too, it is said how many were asked and what is in the way of one more.
#[test]
fn what_is_asked_is_said_without_a_pool() {
    let folder = Folder::new();
    let space = in_space("1GiB");
    run(&folder, &["check", "--fit", "no-pool"], &space)
        .ends(0)
        .says("ok: no pool, 11 of 1000 instances × 64 MiB on demand fit at once (")
        .says("; limited by `RLIMIT_AS`)");
    let json = ["check", "--fit", "no-pool", "--message-format", "json"];
    let result = run(&folder, &json, &space).ends(0).only_result();
    assert_eq!(result["asked"]["max_instances"], 1000, "{result}");
    assert_eq!(result["fit"], "no-pool", "{result}");
    assert_eq!(result["limits"]["max_instances"], 11, "{result}");
    assert_eq!(result["limits"]["pools"], 1, "{result}");
    assert_eq!(result["limits"]["total_memories"], 11, "{result}");
    assert_eq!(result["largest_fit"], serde_json::Value::Null, "{result}");
    assert_eq!(result["bound"]["limit"], "rlimit_as", "{result}");
    assert_eq!(result["ways"][1]["fit"], "no-pool", "{result}");
    assert_eq!(result["ways"][1]["max_instances"], 11, "{result}");
    // Of several pools, both say how many each has.
    let several = ["--set", "pooling_allocator.pools=3"];
    let several = run(&folder, &[&json[..], &several].concat(), &space);
    let result = several.ends(0).only_result();
    let limits = &result["limits"];
    assert_eq!(limits["pools"], 3, "{result}");
    let each = limits["max_instances"].as_u64().unwrap();
    assert_eq!(limits["total_memories"], each, "{result}");
    several.says(&format!("ok: no pool, {} of 3000 instances × ", 3 * each));
    let smaller = ["check", "--fit", "smaller", "--message-format", "json"];
    let result = run(&folder, &smaller, &space).ends(0).only_result();
    assert_eq!(result["fit"], "smaller", "{result}");
    assert_eq!(result["limits"]["max_instances"], 11, "{result}");
    let plain = ["check", "--message-format", "json"];
    let result = run(&folder, &plain, &space).ends(100).only_result();
    assert_eq!(result["fit"], serde_json::Value::Null, "{result}");
}

/// A size is rounded the same way wherever it is said.
#[test]
fn check_and_explain_round_alike() {
    let folder = Folder::new();
    let reservation = "pooling_allocator.memory_reservation=786624KiB";
    let space = in_space("unlimited");
    run(&folder, &["check", "--set", reservation], &space)
        .ends(0)
        .says("× 768.18 MiB guaranteed");
    let explained = run(&folder, &["explain", "--set", reservation], &space);
    let said = " × 768.18 MiB";
    assert!(explained.stdout.contains(said), "{explained:#?}");
}

/// A host that cannot be told of slots is not told to have smaller ones.
#[test]
fn a_host_without_such_settings_is_refused_by_name() {
    let folder = Folder::new();
    let spin = |fit: &[&str]| {
        let mut words = in_space("64GiB");
        words[3] = "43".to_owned();
        run(
            &folder,
            &[&["--emit", "spin-env"][..], fit].concat(),
            &words,
        )
    };
    spin(&[]).ends(0).says_nothing_of("--fit");
    spin(&["--fit", "no-pool"])
        .ends(101)
        .says("Spin on Wasmtime 43 has no setting for what a memory outside of a pool reserves");
    spin(&["--fit", "smaller"])
        .ends(101)
        .says("Spin on Wasmtime 43 has no setting for `memory_reservation`");
}

#[test]
fn what_leaves_no_pool_is_neither_drawn_nor_written_as_one() {
    let folder = Folder::new();
    let space = in_space("4GiB");
    run(&folder, &["--fit", "no-pool"], &space)
        .ends(2)
        .says("choose `--emit wasmtime-toml` or `--emit wasmtime-flags`");
    run(&folder, &["explain", "--fit", "no-pool"], &space)
        .ends(2)
        .says("`poolcfg check --fit no-pool` says what fits");
    run(&folder, &["check", "--fit", "no-pool"], &space)
        .ends(0)
        .says("ok: no pool, 45 of 1000 instances × 64 MiB on demand fit at once");
    run(&folder, &["check", "--fit", "larger"], &space).ends(2);
    let mut old = space;
    old[3] = "27".to_owned();
    run(&folder, &["check", "--fit", "no-pool"], &old)
        .ends(100)
        .says("`--fit no-pool` does not help: expected Wasmtime 28 or later, found 27")
        .says("help: `--fit smaller`: ");
}

/// No way gives a memory less than it begins with.
#[test]
fn no_way_goes_below_what_the_workload_begins_with() {
    let folder = Folder::new();
    let wasm = |file: &str, pages: u32| {
        let module = wat::parse_str(format!("(module (memory {pages}))")).unwrap();
        std::fs::write(folder.path(file), module).unwrap();
    };
    wasm("mib150.wasm", 2400);
    wasm("gib3.wasm", 49152);
    let with = |file: &str, space: &str| {
        let workload = ["--workload".to_owned(), file.to_owned()];
        [in_space(space), workload.to_vec()].concat()
    };
    let gib4 = with("mib150.wasm", "4GiB");
    run(&folder, &["check"], &gib4)
        .ends(100)
        .says("`--fit smaller`: 20 of 1000 instances fit in slots of 150 MiB")
        .says("no-pool`: 20 of 1000 instances fit without a pool, each memory with 150 MiB");
    run(&folder, &["check", "--fit", "smaller"], &gib4)
        .ends(0)
        .says("20 of 1000 instances × 150 MiB guaranteed");
    run(&folder, &["check", "--fit", "no-pool"], &gib4)
        .ends(0)
        .says("no pool, 20 of 1000 instances × 150 MiB on demand");
    // Not even one.
    let gib3 = with("gib3.wasm", "2GiB");
    run(&folder, &["check"], &gib3)
        .ends(100)
        .says_nothing_of("`--fit smaller`: ")
        .says_nothing_of("no-pool");
    for fit in ["smaller", "no-pool"] {
        run(&folder, &["check", "--fit", fit], &gib3)
            .ends(100)
            .says(&format!(
                "`--fit {fit}` does not help: not even one instance fits"
            ))
            .says("of at least 3 GiB, which the workload begins with");
    }
    // Nor does a pool that keeps its instances.
    let keeps = ["check", "--set", "pooling_allocator.keep=max_instances"];
    run(&folder, &keeps, &in_space("64GiB"))
        .ends(0)
        .says("1000 of 1000 instances × 30.31 MiB");
    run(&folder, &keeps, &with("mib150.wasm", "64GiB"))
        .ends(100)
        .says("does not fit: ");
}

/// glibc's arenas are as large as the memories that a small limit is for.
#[test]
fn a_small_limit_on_address_space_comes_with_a_note_of_arenas() {
    let folder = Folder::new();
    let note = "`RLIMIT_AS` leaves 256 MiB beside the memories: start the program with `MALLOC_ARENA_MAX=1`";
    for (kind, fit) in [
        ("wasmtime-toml", "no-pool"),
        ("wasmtime-toml", "smaller"),
        ("wasmtime-flags", "no-pool"),
    ] {
        let ran = run(
            &folder,
            &["--emit", kind, "--fit", fit],
            &in_space("320MiB"),
        );
        ran.ends(0).says(note);
        let has_room = kind == "wasmtime-toml";
        assert_eq!(ran.stdout.contains(note), has_room, "{ran:#?}");
    }
    let ran = run(&folder, &["--emit", "wasmtime-toml"], &in_space("64GiB"));
    ran.ends(0).says_nothing_of("MALLOC_ARENA_MAX");
}

/// Totals that are written are no instances, and nothing is said of those.
#[test]
fn totals_that_fit_in_no_slots_are_said_to_be_them() {
    let folder = Folder::new();
    let set = "pooling_allocator.wasmtime.total_memories=5000000";
    let ran = run(
        &folder,
        &["check", "--fit", "smaller", "--set", set],
        &in_space("64GiB"),
    );
    ran.ends(100).says(
        "`--fit smaller` does not help: the totals that are written do not fit in smaller slots either",
    );
}

/// Several pools are judged together: the lines of the ways are what `--fit` gives.
#[test]
fn several_pools_have_what_the_lines_say() {
    let folder = Folder::new();
    let set = |words: &[&str]| -> Vec<String> {
        let flags = words.iter().flat_map(|word| ["--set", word]);
        flags.map(str::to_owned).collect()
    };
    let board = [
        "--engine",
        "wasmtime",
        "--engine-version",
        "48",
        "--target",
        BOARD,
    ];
    let board = board.map(str::to_owned).to_vec();
    let hundred = set(&["pool.a.max_instances=100", "pool.b.max_instances=100"]);
    let ten = set(&[
        "pool.a.max_instances=10",
        "pool.b.max_instances=10",
        "pooling_allocator.on_misfit=shrink",
    ]);
    let numbers = |line: &str| {
        let words: Vec<_> = line.split([' ', ';']).collect();
        let at = words.iter().position(|word| *word == "of").unwrap();
        let slots = words
            .windows(2)
            .find(|words| matches!(words[1], "MiB" | "GiB"));
        let slots = slots.unwrap().join(" ");
        (words[at - 1].to_owned(), words[at + 1].to_owned(), slots)
    };
    for (flags, status) in [
        ([board, hundred].concat(), 100),
        ([in_space("16GiB"), ten].concat(), 0),
    ] {
        let listed = run(&folder, &["check"], &flags);
        listed.ends(status);
        for fit in ["fewer", "smaller", "no-pool"] {
            let taken = run(&folder, &["check", "--fit", fit], &flags);
            taken.ends(0);
            for pool in ["a", "b"] {
                let named = format!("pool `{pool}`: ");
                let of_pool = |text: &str, what: &str| {
                    let mut lines = text.lines();
                    lines
                        .find(|line| line.contains(&named) && line.contains(what))
                        .map(numbers)
                };
                let way = of_pool(&listed.stderr, &format!("--fit {fit}`: "));
                if fit == "fewer" && status == 0 {
                    assert_eq!(way, None, "{listed:#?}");
                    continue;
                }
                let has = of_pool(&taken.stderr, "ok: ");
                assert!(way.is_some() && way == has, "{fit} {pool} {way:?} {has:?}");
            }
        }
    }
}

/// Pools that fit as they are need no way, and are told so.
#[test]
fn a_way_that_is_none_is_not_needed_by_what_fits() {
    let folder = Folder::new();
    folder.write("poolcfg.toml", "[pooling_allocator]\nmax_instances = 3\n");
    let native = vec!["--target".to_owned(), BOARD.to_owned()];
    let mut old = in_space("unlimited");
    old[3] = "27".to_owned();
    for (flags, code) in [(native, "PC0028"), (old, "PC0029")] {
        run(&folder, &["check", "--fit", "no-pool"], &flags)
            .ends(100)
            .says(code)
            .says("help: leave `--fit` out: the pool fits as it is asked")
            .says_nothing_of("no other way does");
    }
}

/// Written totals outrank `max_instances`: a misfit shows them, and advises them.
#[test]
fn a_misfit_of_written_totals_is_theirs() {
    let folder = Folder::new();
    folder.write(
        "poolcfg.toml",
        "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 1\n[pooling_allocator.wasmtime]\nversion = \"48\"\n\
         total_memories = 1000\n",
    );
    let riscv64 = ["--target", "riscv64gc-unknown-linux-gnu"];
    let check = |further: &[&str]| {
        let mut command = program("poolcfg", folder.root());
        ran(command.arg("check").args(riscv64).args(further))
    };
    check(&[])
        .ends(100)
        .says(" --> poolcfg.toml:6:18\n")
        .says("help: total_memories = 42 fits");
    let limit = ["--set", "address_space.rlimit_as=1GiB"];
    check(&limit)
        .ends(100)
        .says(" --> poolcfg.toml:6:18\n")
        .says("help: total_memories = 1 with memory_reservation = ");
    let many = "pooling_allocator.max_instances=64";
    let few = "pooling_allocator.wasmtime.total_memories=64";
    check(&[&limit[..], &["--set", many, "--set", few]].concat())
        .ends(100)
        .says("help: max_instances = 1 with total_memories = 1 and memory_reservation = ");
}

/// What is told of a way is what the command gives that takes it, and the ways that were told before are told with it.
#[test]
fn a_way_that_is_told_is_taken_as_it_was_told() {
    let folder = Folder::new();
    let wasmtime = |keys: &str, own: &str| {
        format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\n{keys}\n[pooling_allocator.wasmtime]\nversion = \"48\"\n{own}\n"
        )
    };
    let native = |keys: &str| format!("[pooling_allocator]\n{keys}\n");
    let files = [
        (wasmtime("", ""), 3),
        (wasmtime("max_instances = 1000", ""), 3),
        (wasmtime("max_instances = 1000", "total_tables = 0"), 2),
        (wasmtime("", "total_tables = 0\ntotal_stacks = 0"), 2),
        (wasmtime("", "total_stacks = 200000"), 1),
        (
            wasmtime(
                "memory_reservation = \"64MiB\"\non_misfit = \"shrink\"",
                "total_stacks = 2000000",
            ),
            2,
        ),
        (
            native("max_instances = 1000\nmemory_reservation = \"4GiB\""),
            2,
        ),
        (
            native("max_instances = 1000\nmemory_reservation = 0\nstack_reservation = \"10GiB\""),
            1,
        ),
        (
            native(
                "memory_reservation = 0\nstack_reservation = \"10GiB\"\nkeep = \"max_instances\"\non_misfit = \"shrink\"",
            ),
            1,
        ),
        (
            native(
                "max_instances = 1000\nmemory_reservation = \"4GiB\"\nkeep = \"max_instances\"\non_misfit = \"shrink\"",
            ),
            2,
        ),
    ];
    for (file, count) in files {
        folder.write("poolcfg.toml", &file);
        let check = |fit: &[&str]| {
            let words = ["check", "--message-format", "json", "--target", BOARD];
            run(&folder, &[&words[..], fit].concat(), &[])
        };
        let ways = check(&[]).only_result()["ways"].clone();
        let told = ways.as_array().unwrap();
        assert_eq!(told.len(), count, "{file}\n{ways}");
        for way in told {
            let taken = check(&["--fit", way["fit"].as_str().unwrap()]);
            let result = taken.ends(0).only_result();
            for key in ["max_instances", "memory_reservation", "guard_size"] {
                assert_eq!(result["limits"][key], way[key], "{file}\n{key}\n{result}");
            }
            assert_eq!(result["ways"], ways, "{file}\n{result}");
        }
    }
}
