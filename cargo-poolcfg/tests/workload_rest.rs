//! What a workload has to do with the rest of poolcfg.toml: features, totals, heaps, and numbers that somebody wrote.

mod common;

use std::fs;

use common::{Folder, Ran, program, ran};
use serde_json::Value;

/// Two core instances, one memory, three tables.
const APP: &str = "(component (core module $m (memory 1) (table 1 funcref) (table 1 funcref))
    (core module $s (table 1 funcref))
    (core instance (instantiate $m)) (core instance (instantiate $s)))";

/// A table of collected references.
const COLLECTED: &str = "(module (table 1 externref))";

/// One memory, one table.
const PLAIN: &str = "(module (memory 1) (table 1 funcref))";

struct Board(Folder);

impl Board {
    /// A folder without cargo's files, with a pool of Wasmtime that has these lines and runs app.wasm.
    fn new(lines: &str, app: &str) -> Self {
        let board = Self(Folder::new());
        let file = format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 8\n\n[pooling_allocator.wasmtime]\n\
             workload = [\"app.wasm\"]\n{lines}"
        );
        board.0.write("poolcfg.toml", &file);
        board.wasm("app.wasm", app);
        board
    }

    fn wasm(&self, file: &str, text: &str) {
        fs::write(self.0.path(file), wat::parse_str(text).unwrap()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(program("poolcfg", self.0.root()).args(arguments))
    }

    fn check(&self, flags: &[&str]) -> Ran {
        let target = ["check", "--target", "x86_64-unknown-linux-gnu"];
        self.run(&[&target, flags].concat())
    }

    fn file(&self) -> String {
        self.0.read("poolcfg.toml")
    }
}

/// `sync` writes nothing that the next command refuses, and says what is in the way.
#[test]
fn sync_writes_no_file_that_is_refused() {
    let feature = "`app.wasm` has collected values, which need Wasmtime's feature `gc`";
    for (lines, app, said) in [
        (
            "version = \"48\"\nfeatures = [\"async\"]\n",
            COLLECTED,
            feature,
        ),
        (
            "version = \"48\"\ntotal_gc_heaps = 0\n",
            COLLECTED,
            "`total_gc_heaps` is 0, and `app.wasm` has collected values, which take a heap",
        ),
        (
            "version = \"48\"\ntotal_tables = 0\n",
            APP,
            "`total_tables` is 0, but an instance of `app.wasm` needs 3",
        ),
        (
            "version = \"48\"\ntotal_core_instances = 1\n",
            APP,
            "`total_core_instances` is 1, but an instance of `app.wasm` needs 2",
        ),
        (
            "version = \"48\"\ntotal_memories = 1\n",
            "(module (memory 1) (memory 1))",
            "`total_memories` is 1, but an instance of `app.wasm` needs 2",
        ),
    ] {
        let board = Board::new(lines, app);
        let before = board.file();
        for ran in [
            board.run(&["sync"]),
            board.run(&["sync", "--check"]),
            board.check(&[]),
        ] {
            ran.ends(100).says(said);
        }
        assert_eq!(board.file(), before, "nothing is written: {lines}");
    }
}

/// Whatever else the counts do not go with.
#[test]
fn sync_resolves_the_file_before_it_writes_it() {
    // A heap takes the place of a memory, and the total holds one of both.
    let board = Board::new(
        "version = \"48\"\ntotal_memories = 1\n",
        "(module (memory 1) (table 1 externref))",
    );
    let before = board.file();
    board
        .run(&["sync"])
        .ends(100)
        .says("the numbers that the workload needs do not go with the rest of the file: ")
        .says("total_memories");
    assert_eq!(board.file(), before);
}

#[test]
fn a_heap_that_no_file_needs_any_more_is_taken_out() {
    let with = |value: &str| {
        format!(
            "version = \"48\"\n# Heaps.\ngc_heaps_per_instance = {value}  # one, for all\n# More.\n"
        )
    };
    let counts =
        "core_instances_per_instance = 1\nmemories_per_instance = 1\ntables_per_instance = 1\n";
    let board = Board::new(&(with("1") + counts), PLAIN);
    for ran in [board.run(&["sync", "--check"]), board.check(&[])] {
        ran.ends(100)
            .says("`gc_heaps_per_instance` is 1, but the workload needs none")
            .says("--> poolcfg.toml:9:25");
    }
    let json = board
        .run(&["sync", "--message-format", "json"])
        .ends(0)
        .json();
    let change = &json["results"][0]["changes"][0];
    assert_eq!(change["key"], "gc_heaps_per_instance");
    assert_eq!(
        (&change["was"], &change["now"]),
        (&Value::from(1), &Value::Null)
    );
    assert!(
        board
            .file()
            .ends_with(&format!("version = \"48\"\n# Heaps.\n# More.\n{counts}")),
        "{}",
        board.file()
    );
    board.run(&["sync", "--check"]).ends(0);
    board.check(&[]).ends(0);
    board.wasm("app.wasm", COLLECTED);
    board
        .run(&["sync"])
        .ends(0)
        .says("gc_heaps_per_instance = 1: `app.wasm` needs it");

    let inline = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 8\n\
                  wasmtime = { version = \"48\", gc_heaps_per_instance = 2, workload = [\"app.wasm\"] }\n";
    board.0.write("poolcfg.toml", inline);
    board.wasm("app.wasm", PLAIN);
    board
        .run(&["sync"])
        .ends(0)
        .says("gc_heaps_per_instance is removed, was 2: no file needs any");
    assert!(
        board.file().contains("{ version = \"48\", workload"),
        "{}",
        board.file()
    );
}

/// Up to 19 references to objects of the host are counted, and no feature has to do with them.
#[test]
fn a_version_without_heaps_needs_none() {
    for version in ["13", "19"] {
        let lines = format!("version = \"{version}\"\n");
        let board = Board::new(&lines, COLLECTED);
        board.run(&["sync"]).ends(0);
        assert!(!board.file().contains("gc_heaps"), "{}", board.file());
        board.run(&["sync", "--check"]).ends(0);
        board.check(&[]).ends(0);

        let alone = Board(Folder::new());
        alone.wasm("app.wasm", COLLECTED);
        let flags = ["--engine", "wasmtime", "--engine-version", version];
        alone
            .check(&[&flags[..], &["--workload", "app.wasm"]].concat())
            .ends(0)
            .says("each of up to 1 core instance, 1 memory, 1 table");
        let ran = alone.run(&["inspect", "--engine-version", version, "app.wasm"]);
        assert!(!ran.ends(0).stdout.contains("gc_heaps_per_instance"));
    }
    let alone = Board(Folder::new());
    alone.wasm("app.wasm", COLLECTED);
    let flags = ["--engine", "wasmtime", "--workload", "app.wasm"];
    let features = "pooling_allocator.wasmtime.features=[]";
    alone
        .check(&[&flags[..], &["--engine-version", "20", "--set", features]].concat())
        .ends(100)
        .says("`app.wasm` has collected values, which need Wasmtime's feature `gc`");
}

/// What somebody wrote is never lowered silently: `--workload` sets what is not said, or is too little.
#[test]
fn what_the_file_says_is_not_lowered_by_a_flag() {
    let lines = "version = \"48\"\ncore_instances_per_instance = 7\ntables_per_instance = 4\n\
                 memories_per_instance = 2\ngc_heaps_per_instance = 2\n";
    let board = Board::new(lines, APP);
    let file = board.file().replace("workload = [\"app.wasm\"]\n", "");
    board.0.write("poolcfg.toml", &file);
    board
        .check(&["--workload", "app.wasm"])
        .ends(0)
        .says("each of up to 7 core instances, 2 memories, 4 tables, 2 garbage-collected heaps")
        .says("from --workload: nothing, since ")
        .says("`core_instances_per_instance` = 7");
    // Where it says too little, and where it says nothing.
    let lower = file
        .replace("tables_per_instance = 4", "tables_per_instance = 2")
        .replace("memories_per_instance = 2\n", "");
    board.0.write("poolcfg.toml", &lower);
    board
        .check(&["--workload", "app.wasm"])
        .ends(0)
        .says("each of up to 7 core instances, 1 memory, 3 tables")
        .says("from --workload: `memories_per_instance` = 1, `tables_per_instance` = 3, the most")
        .says("more is said of `core_instances_per_instance` = 7, which is kept");

    // A file that has a workload of its own is for that, too.
    let counts = "version = \"48\"\ncore_instances_per_instance = 2\ntables_per_instance = 3\nmemories_per_instance = 1\n";
    let board = Board::new(counts, APP);
    board.wasm("plain.wasm", PLAIN);
    board
        .check(&["--workload", "plain.wasm"])
        .ends(0)
        .says("each of up to 2 core instances, 1 memory, 3 tables");
}

/// A size that some versions of Wasmtime take and others do not is told, be it of a flag or of the file.
#[test]
fn a_size_that_may_be_too_little_is_told() {
    let said = "`max_core_instance_size` is 960 bytes, and `app.wasm` may need up to ";
    let board = Board(Folder::new());
    board.wasm("app.wasm", PLAIN);
    let set = "pooling_allocator.wasmtime.max_core_instance_size=960B";
    let flags = [
        "--engine",
        "wasmtime",
        "--engine-version",
        "48",
        "--workload",
        "app.wasm",
    ];
    board
        .check(&[&flags[..], &["--set", set]].concat())
        .ends(0)
        .says(said);
    let lines = "version = \"48\"\nmax_core_instance_size = \"960B\"\ncore_instances_per_instance = 1\n\
                 memories_per_instance = 1\ntables_per_instance = 1\n";
    let board = Board::new(lines, PLAIN);
    board.check(&[]).ends(0).says(said);
    board.run(&["sync", "--check"]).ends(0).says(said);
}

/// Under a limit of bytes, compiling a large file takes of what is left beside the pool.
#[test]
fn compiling_is_told_of_where_a_limit_is_near() {
    let board = Board(Folder::new());
    let large = |part: &str| part.replace("LARGE", &"x".repeat((8 << 20) - 50));
    board.wasm("app.wasm", &large("(module (@custom \"code\" \"LARGE\"))"));
    board.wasm(
        "data.wasm",
        &large("(module (memory 200) (data \"LARGE\"))"),
    );
    let flags = [
        "--engine",
        "wasmtime",
        "--engine-version",
        "48",
        "--workload",
        "app.wasm",
    ];
    let said = "warning[PC0036]: on `x86_64-unknown-linux-gnu`: `app.wasm` may fail to compile: it has 8.00 MiB beside its \
                data, compiling it may take 576 MiB beside the pool, and 256 MiB are left";
    let limit = ["--set", "address_space.rlimit_as=1GiB", "--fit", "smaller"];
    board
        .check(&[&flags[..], &limit].concat())
        .ends(0)
        .says(said)
        .says("`--set address_space.headroom=576MiB`")
        .says("or pass `--fit no-pool`: without a pool, all 1 GiB are there while it is compiled");
    // Where not even the whole limit is enough, neither helps.
    let small = [
        "--set",
        "address_space.rlimit_as=512MiB",
        "--fit",
        "smaller",
    ];
    board
        .check(&[&flags[..], &small].concat())
        .ends(0)
        .says("compile it elsewhere, and run what `wasmtime compile` makes of it\n")
        .says_nothing_of("or pass `--fit no-pool`");
    let without = ["--set", "address_space.rlimit_as=1GiB", "--fit", "no-pool"];
    board
        .check(&[&flags[..], &without].concat())
        .ends(0)
        .says_nothing_of("compiling it");
    board.check(&flags).says_nothing_of("compiling it");
    // Data is not compiled.
    let data = flags.map(|flag| flag.replace("app.wasm", "data.wasm"));
    let data: Vec<&str> = data.iter().map(String::as_str).chain(limit).collect();
    board.check(&data).says_nothing_of("compiling it");
}

/// What else an entry or a flag gets wrong.
#[test]
fn an_empty_entry_is_told_to_be_named() {
    let board = Board::new("version = \"48\"\n", PLAIN);
    let file = board.file().replace("\"app.wasm\"", "\"\"");
    board.0.write("poolcfg.toml", &file);
    board
        .run(&["sync"])
        .ends(101)
        .says("expected the path of a file, found an empty text")
        .says("name a file, such as `app.wasm`, or remove the entry");
}

/// Counts are no keys of a native pool, and none are written into one.
#[test]
fn a_native_pool_gets_no_counts() {
    let board = Board::new("", PLAIN);
    let file = board
        .file()
        .replace("engine = \"wasmtime\"", "engine = \"native\"");
    board.0.write("poolcfg.toml", &file);
    board
        .run(&["sync"])
        .ends(0)
        .says("nothing to do")
        .says_nothing_of("wrote");
    assert_eq!(board.file(), file);
}

/// A table of a target over a named pool's own numbers.
const NAMED: &str = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 2\n[pooling_allocator.wasmtime]\nversion = \"48\"\n\
    features = [\"async\", \"gc\", \"component-model\"]\n[pool.a]\n[pool.a.wasmtime]\nworkload = [\"app.wasm\"]\n\
    memories_per_instance = 1\ntables_per_instance = 2\ncore_instances_per_instance = 3\n";

/// Three core instances, one memory, two tables of ten elements.
const THREE: &str = "(component (core module $m (memory 1) (table 10 funcref) (table 10 funcref)) (core module $e)
    (core instance (instantiate $m)) (core instance (instantiate $e)) (core instance (instantiate $e)))";

impl Board {
    fn of(file: &str) -> Self {
        let board = Self(Folder::new());
        board.0.write("poolcfg.toml", file);
        board.wasm("app.wasm", THREE);
        board
    }
}

/// What a later table says counts, and is held to the workload of every pool that it counts for.
#[test]
fn a_target_is_held_to_the_workload_of_a_named_pool() {
    let riscv64 = "riscv64gc-unknown-linux-gnu";
    let check = ["check", "--target", riscv64];
    for key in [riscv64, "'cfg(target_os = \"linux\")'"] {
        let file = |line: &str| {
            format!("{NAMED}[target.{key}.pooling_allocator.wasmtime]\n{line} # by hand\n")
        };
        for (line, said) in [
            (
                "core_instances_per_instance = 2",
                "`core_instances_per_instance` is 2, but the workload of pool `a` needs 3",
            ),
            (
                "table_elements = 3",
                "`table_elements` is 3, but the workload of pool `a` needs 10",
            ),
            (
                "max_core_instance_size = 130",
                "`max_core_instance_size` is 130 bytes, but the workload of pool `a` needs ",
            ),
        ] {
            let board = Board::of(&file(line));
            for ran in [board.run(&check), board.run(&["sync", "--check"])] {
                let ran = ran.ends(100).says(&format!("error[PC0041]: {said}"));
                ran.says("poolcfg.toml:14:").says("`app.wasm` needs ");
                assert_eq!(ran.stderr.matches("error[PC0041]").count(), 1, "{ran:#?}");
            }
            board.run(&["sync"]).ends(0);
            assert!(board.file().ends_with(" # by hand\n"), "{}", board.file());
            board.run(&check).ends(0);
            board.run(&["sync", "--check"]).ends(0);
        }
        for line in [
            "features = [\"async\", \"gc\"]",
            "total_component_instances = 0",
        ] {
            let board = Board::of(&file(line));
            board
                .run(&["sync", "--check"])
                .ends(100)
                .says("`app.wasm` is a component, which ");
        }
        // More is no fault, and what a still later table says counts in its place.
        let more = format!("core_instances_per_instance = 4\n[target.{riscv64}.pool.a.wasmtime]");
        let later = "core_instances_per_instance = 3";
        Board::of(&file("core_instances_per_instance = 4"))
            .run(&check)
            .ends(0);
        if key == riscv64 {
            let few = more.replace("= 4", "= 2");
            Board::of(&file(&format!("{few}\n{later}")))
                .run(&check)
                .ends(0);
        }
    }
}

/// Where a pool without a name has a workload too, one number is enough for both.
#[test]
fn one_number_of_a_target_is_enough_for_each_workload() {
    let base = NAMED.replace("[pool.a]\n", "workload = [\"one.wasm\"]\nmemories_per_instance = 1\ntables_per_instance = 1\ncore_instances_per_instance = 1\n[pool.a]\n");
    let target = "[target.riscv64gc-unknown-linux-gnu.pooling_allocator.wasmtime]\ncore_instances_per_instance = ";
    let board = |count: u32| {
        let board = Board::of(&format!("{base}{target}{count}\n"));
        board.wasm("one.wasm", PLAIN);
        board
    };
    board(3).run(&["sync", "--check"]).ends(0);
    for count in [1, 2, 4] {
        let board = board(count);
        board.run(&["sync", "--check"]).ends(100).says(&format!(
            "`core_instances_per_instance` is {count}, but the workload of pool `a` needs 3"
        ));
        board.run(&["sync"]).ends(0);
        board.run(&["sync", "--check"]).ends(0);
    }
    // Two tables of targets that meet on some.
    let linux = "[target.'cfg(target_os = \"linux\")'.pooling_allocator.wasmtime]\nworkload = [\"app.wasm\"]\n\
        memories_per_instance = 1\ntables_per_instance = 2\ncore_instances_per_instance = 3\n";
    let riscv64 = "[target.'cfg(target_arch = \"riscv64\")'.pooling_allocator.wasmtime]\ncore_instances_per_instance = 2\n";
    let (main, _) = NAMED.split_once("[pool.a]").unwrap();
    Board::of(&format!("{main}{linux}{riscv64}"))
        .run(&["sync", "--check"])
        .ends(100)
        .says("`core_instances_per_instance` is 2, but the workload needs 3");
}

/// A workload that does not count on some target is never left out in silence.
#[test]
fn a_workload_that_is_replaced_is_told() {
    let at = "target.riscv64gc-unknown-linux-gnu.pooling_allocator.wasmtime";
    let board = Board::of(&format!(
        "{NAMED}[{at}]\nworkload = [\"one.wasm\"]\nmemories_per_instance = 1\ntables_per_instance = 1\ncore_instances_per_instance = 1\n"
    ));
    board.wasm("one.wasm", PLAIN);
    for command in [
        &["sync", "--check"][..],
        &["sync"],
        &["check", "--target", "riscv64gc-unknown-linux-gnu"],
    ] {
        board.run(command).ends(0).says(&format!(
            "the `workload` of `[{at}]` counts in the place of that of `[pool.a.wasmtime]`: name the files of pool `a` there too"
        ));
    }
}

/// Nothing is said to be guaranteed by a run that ends with what keeps the pool from its workload.
#[test]
fn nothing_is_guaranteed_where_the_workload_is_refused() {
    let wrong: [(&str, &str, &[&str]); 4] = [
        ("", "(module (memory 1 1 shared))", &[]),
        ("", "(module (memory 1) (memory 1))", &[]),
        (
            "",
            PLAIN,
            &[
                "--set",
                "pooling_allocator.wasmtime.memories_per_instance=0",
            ],
        ),
        ("missing", PLAIN, &[]),
    ];
    for (what, app, flags) in wrong {
        let counts = "memories_per_instance = 1\ntables_per_instance = 1\ncore_instances_per_instance = 1\nversion = \"48\"\n";
        let board = Board::new(counts, app);
        if !what.is_empty() {
            fs::remove_file(board.0.path("app.wasm")).unwrap();
        }
        let ran = board.check(flags);
        assert!(!ran.stderr.contains("guaranteed"), "{ran:#?}");
        assert!(ran.stderr.contains("error["), "{ran:#?}");
    }
}

/// Where a file has the very name of a pattern, it is meant; else it is said what the brackets are.
#[test]
fn brackets_in_a_name_are_told() {
    let file = NAMED.replace("app.wasm", "[x].wasm");
    let board = Board::of(&file);
    board
        .run(&["sync"])
        .ends(101)
        .says("no file matches `[x].wasm` of the workload, in which brackets stand for one of the characters between them");
    board.wasm("[x].wasm", THREE);
    board.run(&["sync", "--check"]).ends(0);
    fs::remove_file(board.0.path("[x].wasm")).unwrap();
    board.wasm("x.wasm", THREE);
    board.run(&["sync", "--check"]).ends(0);
}
