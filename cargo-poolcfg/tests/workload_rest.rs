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
    let said = "`max_core_instance_size` is 960B, and `app.wasm` may need up to ";
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
    let said = "`app.wasm` has 8.00 MiB beside its data: compiling it may take 576 MiB beside the pool, and 256 MiB are left";
    let limit = ["--set", "address_space.rlimit_as=1GiB", "--fit", "smaller"];
    board
        .check(&[&flags[..], &limit].concat())
        .ends(0)
        .says(said)
        .says("`--set address_space.headroom=576MiB`");
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
