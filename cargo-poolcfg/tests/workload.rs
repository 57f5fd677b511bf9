//! `workload = […]` in poolcfg.toml: `sync` writes the counts that its files need, and `check` holds the file to them.

mod common;

use std::fs;

use common::{Folder, Ran, program, ran};
use serde_json::{Value, json};

/// Two core instances, one memory, three tables.
const APP: &str = "(component (core module $m (memory 1) (table 1 funcref) (table 1 funcref))
    (core module $s (table 1 funcref))
    (core instance (instantiate $m)) (core instance (instantiate $s)))";

/// One core instance, two memories, no table.
const PLUGIN: &str = "(module (memory 1) (memory 1))";

/// A table of collected references.
const COLLECTED: &str = "(module (table 1 externref))";

const FILE: &str = "\
# The machine.
[pooling_allocator]
engine = \"wasmtime\"
max_instances = 8

[pooling_allocator.wasmtime]
version = \"50\"   # by hand
workload = [
    \"app.wasm\",       # the application
    \"plugins/*.wasm\", # and its plugins
]
core_instances_per_instance = 9  # too many
";

/// The same as `sync` leaves it.
const SYNCED: &str = "\
# The machine.
[pooling_allocator]
engine = \"wasmtime\"
max_instances = 8

[pooling_allocator.wasmtime]
version = \"50\"   # by hand
workload = [
    \"app.wasm\",       # the application
    \"plugins/*.wasm\", # and its plugins
]
core_instances_per_instance = 2  # too many
memories_per_instance = 2
tables_per_instance = 3
";

struct Board(Folder);

impl Board {
    /// A folder without cargo's files, as on a board.
    fn new(poolcfg_toml: &str) -> Self {
        let board = Self(Folder::new());
        board.0.write("poolcfg.toml", poolcfg_toml);
        board
    }

    fn with_files(self) -> Self {
        self.wasm("app.wasm", APP);
        self.wasm("plugins/one.wasm", PLUGIN);
        self
    }

    fn wasm(&self, file: &str, text: &str) {
        self.0.write(file, "");
        fs::write(self.0.path(file), wat::parse_str(text).unwrap()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(program("poolcfg", self.0.root()).args(arguments))
    }

    fn check(&self, flags: &[&str]) -> Ran {
        let target = ["check", "--target", "x86_64-unknown-linux-gnu"];
        self.run(&[&target, flags].concat())
    }
}

#[test]
fn sync_writes_the_most_of_each_count_and_keeps_comments() {
    let board = Board::new(FILE).with_files();
    board
        .run(&["sync"])
        .ends(0)
        .says("core_instances_per_instance = 2, was 9: `app.wasm` needs it")
        .says("memories_per_instance = 2: `plugins/one.wasm` needs it")
        .says("wrote poolcfg.toml");
    assert_eq!(board.0.read("poolcfg.toml"), SYNCED);
    board
        .run(&["sync"])
        .ends(0)
        .says("agrees with its workload");
    assert_eq!(board.0.read("poolcfg.toml"), SYNCED);
    board.run(&["sync", "--check"]).ends(0);
    board
        .check(&[])
        .ends(0)
        .says("each of up to 2 core instances, 2 memories, 3 tables");
}

#[test]
fn check_and_sync_check_tell_where_counts_and_files_disagree() {
    let board = Board::new(FILE).with_files();
    for ran in [board.run(&["sync", "--check"]), board.check(&[])] {
        ran.ends(100)
            .says("error[PC0041]: `core_instances_per_instance` is 9, and the workload needs 2")
            .says("says no `tables_per_instance`, and the workload needs 3")
            .says("`app.wasm` needs 2");
    }
    assert_eq!(board.0.read("poolcfg.toml"), FILE, "nothing is written");
    // A file that has grown.
    let board = Board::new(SYNCED).with_files();
    board.check(&[]).ends(0);
    board.wasm(
        "plugins/two.wasm",
        "(module (memory 1) (memory 1) (memory 1))",
    );
    board
        .check(&[])
        .ends(100)
        .says("`memories_per_instance` is 2, and the workload needs 3")
        .says("`plugins/two.wasm` needs 3");
    // One that does not fit is told beside it.
    let too_large = SYNCED.replace("max_instances = 8", "max_instances = 100000");
    board.0.write("poolcfg.toml", &too_large);
    board
        .check(&[])
        .ends(100)
        .says("does not fit")
        .says("PC0041");
}

#[test]
fn a_file_that_is_not_there_is_an_error_or_passed_over() {
    let board = Board::new(FILE);
    board.wasm("app.wasm", APP);
    for command in [&["sync"][..], &["sync", "--check"], &["check"]] {
        board
            .run(command)
            .ends(101)
            .says("error[PC0040]: no file matches `plugins/*.wasm` of the workload")
            .says("not built yet?")
            .says("--allow-missing");
    }
    let board = Board::new(SYNCED);
    board
        .run(&["sync", "--check"])
        .ends(101)
        .says("`app.wasm` of the workload is not there");
    // None is there: nothing is known of the counts.
    board
        .run(&["sync", "--allow-missing"])
        .ends(0)
        .says("is passed over");
    board.check(&["--allow-missing"]).ends(0);
    // Some are: what they need is needed, and what the others may need stays.
    board.wasm(
        "plugins/one.wasm",
        "(module (memory 1) (memory 1) (memory 1))",
    );
    board
        .check(&["--allow-missing"])
        .ends(100)
        .says("`memories_per_instance` is 2");
    board.run(&["sync", "--allow-missing"]).ends(0);
    let expected = SYNCED.replace("memories_per_instance = 2", "memories_per_instance = 3");
    assert_eq!(board.0.read("poolcfg.toml"), expected);
}

#[test]
fn what_is_no_workload_is_said_to_be_so() {
    let wrong = |list: &str| {
        let start = FILE.find("workload = [").unwrap();
        let end = FILE.find("core_instances").unwrap();
        let board = Board::new(&format!(
            "{}workload = {list}\n{}",
            &FILE[..start],
            &FILE[end..]
        ));
        board.with_files()
    };
    wrong("\"app.wasm\"")
        .run(&["sync"])
        .ends(101)
        .says("expected an array of paths, found a string");
    wrong("[1]")
        .run(&["sync"])
        .ends(101)
        .says("expected a path");
    wrong("[\"plugins\"]")
        .run(&["sync"])
        .ends(101)
        .says("`plugins` is a folder")
        .says("help: name the files in it: `plugins/*.wasm`");
    wrong("[\"poolcfg.toml\"]")
        .run(&["sync"])
        .ends(101)
        .says("neither WebAssembly nor a program");
    wrong("[\"[a.wasm\"]")
        .run(&["sync"])
        .ends(101)
        .says("PC0040")
        .says("is no pattern");
    let own = format!("[{:?}]", env!("CARGO_BIN_EXE_poolcfg"));
    wrong(&own).run(&["sync"]).ends(101).says("is a program");
    // An empty list says nothing.
    wrong("[]").check(&[]).ends(0);
}

#[test]
fn pools_have_workloads_of_their_own() {
    let board = Board::new(
        "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 2\nwasmtime.version = \"50\"\n\
         [pool.apps]\nwasmtime.workload = [\"app.wasm\"]\n\
         [pool.plugins]\nwasmtime = { workload = [\"plugins/**/*.wasm\"] }\n",
    );
    board.wasm("app.wasm", APP);
    board.wasm("plugins/deep/er.wasm", PLUGIN);
    board.wasm("plugins/heap.wasm", COLLECTED);
    board.run(&["sync"]).ends(0);
    let text = board.0.read("poolcfg.toml");
    for line in [
        "[pool.apps]\nwasmtime.workload = [\"app.wasm\"]\nwasmtime.memories_per_instance = 1\n\
         wasmtime.tables_per_instance = 3\nwasmtime.core_instances_per_instance = 2\n",
        "wasmtime = { workload = [\"plugins/**/*.wasm\"], memories_per_instance = 2, tables_per_instance = 1, \
         core_instances_per_instance = 1, gc_heaps_per_instance = 1 }\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    board.check(&[]).ends(0);
}

#[test]
fn what_an_import_leaves_open_is_a_warning() {
    let board = Board::new(&SYNCED.replace("\"plugins/*.wasm\", # and its plugins", ""));
    board.wasm(
        "app.wasm",
        r#"(component (import "m" (core module $m)) (core instance (instantiate $m)))"#,
    );
    board
        .check(&[])
        .says("`app.wasm` may need more: not counted is the memories and tables of module `m`");
}

#[test]
fn programs_are_told_of_the_counts() {
    let board = Board::new(FILE).with_files();
    let json = board
        .run(&["sync", "--message-format", "json"])
        .ends(0)
        .json();
    let result = &json["results"][0];
    assert_eq!(result["state"], "written");
    assert_eq!(
        result["changes"],
        json!([
            {"table": "[pooling_allocator.wasmtime]", "key": "memories_per_instance", "was": Value::Null, "now": 2},
            {"table": "[pooling_allocator.wasmtime]", "key": "tables_per_instance", "was": Value::Null, "now": 3},
            {"table": "[pooling_allocator.wasmtime]", "key": "core_instances_per_instance", "was": 9, "now": 2},
        ])
    );
}

/// The compiler goes by the counts alone: a workload is no key of a pool.
#[test]
fn the_attribute_passes_over_the_key() {
    use poolcfg_core::file::ConfigFile;
    let with = ConfigFile::parse(SYNCED).unwrap();
    let start = SYNCED.find("workload = [").unwrap();
    let end = SYNCED.find("core_instances").unwrap();
    let without = ConfigFile::parse(&[&SYNCED[..start], &SYNCED[end..]].concat()).unwrap();
    let facts = poolcfg_core::file::TargetFacts::builtin("x86_64-unknown-linux-gnu").unwrap();
    let asked = |file: &ConfigFile| {
        let case = file
            .settings(&facts)
            .resolve(facts.target())
            .expect("no fault");
        case.pools()[0].asked
    };
    assert_eq!(asked(&with), asked(&without));
}
