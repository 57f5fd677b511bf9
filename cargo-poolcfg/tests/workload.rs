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
            .says("error[PC0041]: `core_instances_per_instance` is 9, but the workload needs 2")
            .says("does not set `tables_per_instance`, but the workload needs 3")
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
        .says("`memories_per_instance` is 2, but the workload needs 3")
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
        .says("`app.wasm` may need more than is counted, because of the memories and tables of module `m`");
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

/// What the files need beyond the counts: `sync` writes what is of Wasmtime's table, and leaves the pool's to its owner.
#[test]
fn numbers_that_are_no_counts_are_held_to_the_files() {
    let text = |keys: &str, own: &str| {
        format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 8\n{keys}[pooling_allocator.wasmtime]\n\
             version = \"50\"\nworkload = [\"*.wasm\"]\nmemories_per_instance = 1\ntables_per_instance = 1\n\
             core_instances_per_instance = 1\n{own}"
        )
    };
    let board = Board::new(&text("", "table_elements = 7 # few\n"));
    board.wasm("table.wasm", "(module (memory 3200) (table 30000 funcref))");
    let globals = "(global i64 (i64.const 0))".repeat(150_000);
    board.wasm("globals.wasm", &format!("(module {globals})"));
    for ran in [board.run(&["sync", "--check"]), board.check(&[])] {
        ran.ends(100)
            .says("error[PC0041]: `table_elements` is 7, but the workload needs 30000\n  --> poolcfg.toml:10:18")
            .says("does not set `max_core_instance_size`, but the workload needs 2")
            .says("`globals.wasm` needs 2")
            .says_nothing_of("memory_reservation");
    }
    board
        .run(&["sync"])
        .ends(0)
        .says("table_elements = 30000, was 7: `table.wasm` needs it");
    let synced = board.0.read("poolcfg.toml");
    assert!(synced.contains("table_elements = 30000 # few\nmax_core_instance_size = \"2"));
    board.run(&["sync", "--check"]).ends(0);
    board.check(&[]).ends(0);
    // More than is needed stays.
    let more = synced.replace("30000", "30001");
    board.0.write("poolcfg.toml", &more);
    board.run(&["sync"]).ends(0);
    assert_eq!(board.0.read("poolcfg.toml"), more);
    for (key, caret) in [("memory_reservation", "4:22"), ("max_memory_size", "4:19")] {
        let low = synced.replace(
            "max_instances = 8\n",
            &format!("max_instances = 8\n{key} = \"64MiB\"\n"),
        );
        board.0.write("poolcfg.toml", &low);
        for ran in [
            board.run(&["sync"]),
            board.run(&["sync", "--check"]),
            board.check(&[]),
        ] {
            ran.ends(100)
                .says(&format!(
                    "error[PC0041]: `{key}` is 64 MiB, but the workload needs 200 MiB\n"
                ))
                .says(&format!(" --> poolcfg.toml:{caret}\n"))
                .says("set it to \"200MiB\" or more");
        }
        assert_eq!(board.0.read("poolcfg.toml"), low);
    }
    // Older versions have fewer of themselves.
    board.wasm("table.wasm", "(module (table 15000 funcref))");
    board.wasm("globals.wasm", "(module)");
    board.0.write("poolcfg.toml", &text("", ""));
    board.run(&["sync", "--check"]).ends(0);
    board
        .0
        .write("poolcfg.toml", &text("", "").replace("50", "20"));
    board
        .run(&["sync", "--check"])
        .ends(100)
        .says("does not set `table_elements`, but the workload needs 15000");
}

/// A table that starts from the one of the workload is of the same files.
#[test]
fn tables_of_targets_and_pools_are_held_to_the_workload_that_they_start_from() {
    let base = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 2\n[pooling_allocator.wasmtime]\nversion = \"50\"\n\
                workload = [\"*.wasm\"]\nmemories_per_instance = 20\ntables_per_instance = 1\ncore_instances_per_instance = 1\n";
    let target = "riscv64gc-unknown-linux-gnu";
    let at = format!("target.{target}.pooling_allocator");
    let file = |more: &str| {
        let board = Board::new(&format!("{base}{more}"));
        board.wasm(
            "app.wasm",
            &format!("(module {})", "(memory 3200)".repeat(20)),
        );
        board
    };
    let wrong = file(&format!(
        "[{at}.wasmtime]\nmemories_per_instance = 3 # small\n"
    ));
    wrong
        .run(&["check", "--target", target])
        .ends(100)
        .says("error[PC0041]: `memories_per_instance` is 3, but the workload needs 20\n  --> poolcfg.toml:11:25")
        .says("`app.wasm` needs 20");
    wrong.run(&["sync", "--check"]).ends(100);
    wrong.run(&["sync"]).ends(0).says(&format!(
        "[{at}.wasmtime] memories_per_instance = 20, was 3"
    ));
    assert!(
        wrong
            .0
            .read("poolcfg.toml")
            .ends_with("memories_per_instance = 20 # small\n")
    );
    file(&format!("[{at}]\nmemory_reservation = \"128MiB\"\n"))
        .run(&["check", "--target", target])
        .ends(100)
        .says("`memory_reservation` is 128 MiB, but the workload needs 200 MiB");
    // Too many are as wrong as in the table of the workload, of which a target has the same.
    let more = file(&format!("[{at}.wasmtime]\nmemories_per_instance = 21\n"));
    for command in ["check", "sync"] {
        let ran = match command {
            "check" => more.run(&["check", "--target", target]),
            _ => more.run(&["sync", "--check"]),
        };
        ran.ends(100)
            .says("error[PC0041]: `memories_per_instance` is 21, but the workload needs 20\n  --> poolcfg.toml:11:25");
    }
    more.run(&["sync"]).ends(0);
    more.run(&["sync", "--check"]).ends(0);
    // A pool may have more than the one that it starts from, and another workload.
    file("[pool.a.wasmtime]\nmemories_per_instance = 21\n")
        .run(&["sync", "--check"])
        .ends(0);
    let own = file(
        "[pool.a.wasmtime]\nworkload = [\"own/*.wasm\"]\nmemories_per_instance = 1\ntables_per_instance = 1\n\
         core_instances_per_instance = 1\n",
    );
    own.wasm("own/one.wasm", "(module (memory 1))");
    own.run(&["sync", "--check"]).ends(0);
}

const RISCV64: &str = "riscv64gc-unknown-linux-gnu";

/// A pool of Wasmtime's with more than `app.wasm` needs.
const LARGE: &str = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 2\nmemory_reservation = \"1GiB\"\n\
    wasmtime.version = \"50\"\nwasmtime.table_elements = 30000\nwasmtime.max_core_instance_size = \"4MiB\"\n\
    wasmtime.max_component_instance_size = \"8MiB\"\n";

/// The workload as a table of a pool names it, with its counts.
const WORKLOAD: &str = "wasmtime.workload = [\"app.wasm\"]\nwasmtime.memories_per_instance = 1\n\
    wasmtime.tables_per_instance = 1\nwasmtime.core_instances_per_instance = 1\n";

impl Board {
    /// This file, and an `app.wasm` that needs more of everything than flags say.
    fn with_app(poolcfg_toml: &str) -> Self {
        let board = Self::new(poolcfg_toml);
        let globals = "(global i64 (i64.const 0))".repeat(10_000);
        board.wasm(
            "app.wasm",
            &format!(
                "(component (core module $m (memory 3200) (table 30000 funcref) {globals})
                 (core instance (instantiate $m)))"
            ),
        );
        board
    }

    /// A flag is refused once, and without it nothing is.
    fn refuses(&self, flag: &str, said: &str) {
        let check = ["check", "--target", RISCV64];
        let ran = self.run(&[&check[..], &["--set", flag]].concat());
        ran.ends(100)
            .says(&format!("error[PC0041]: {said}"))
            .says(" --> --set:1:");
        let errors = ran.stderr.matches("error[PC0041]").count();
        assert_eq!(errors, 1, "{ran:#?}");
        self.run(&check).says_nothing_of("PC0041");
    }
}

/// A flag that says less than the workload of the file needs is refused, whatever it says.
#[test]
fn flags_are_held_to_the_workload_of_the_file() {
    let board = Board::with_app(&format!("{LARGE}{WORKLOAD}"));
    for (flag, said) in [
        (
            "memory_reservation=64MiB",
            "`memory_reservation` is 64 MiB, but `app.wasm` needs 200 MiB",
        ),
        (
            "max_memory_size=64MiB",
            "`max_memory_size` is 64 MiB, but `app.wasm` needs 200 MiB",
        ),
        (
            "wasmtime.table_elements=7",
            "`table_elements` is 7, but `app.wasm` needs 30000",
        ),
        (
            "wasmtime.max_core_instance_size=64KiB",
            "`max_core_instance_size` is 64 KiB, but `app.wasm` needs",
        ),
        (
            "wasmtime.max_component_instance_size=64KiB",
            "`max_component_instance_size` is 64 KiB, but `app.wasm` needs",
        ),
        (
            "wasmtime.total_component_instances=0",
            "`total_component_instances` is 0, and `app.wasm` is a component",
        ),
        (
            "wasmtime.features=[\"async\"]",
            "`app.wasm` is a component, which needs Wasmtime's feature",
        ),
    ] {
        board.refuses(&format!("pooling_allocator.{flag}"), said);
    }
}

/// The same whichever table names the workload, and whichever pool and target the flag is of.
#[test]
fn flags_are_held_to_the_workload_of_each_table() {
    let few = "`table_elements` is 7, but `app.wasm` needs 30000";
    let main = format!("{LARGE}{WORKLOAD}");
    // A pool that only the flag names, and one of the file.
    let of_pool = "pool.a.wasmtime.table_elements=7";
    Board::with_app(&main).refuses(of_pool, few);
    Board::with_app(&format!("{main}[pool.a]\nmax_instances = 1\n")).refuses(of_pool, few);
    let of_all = "pooling_allocator.wasmtime.table_elements=7";
    Board::with_app(&main).refuses(&format!("target.{RISCV64}.{of_all}"), few);
    // The workload of a target counts there, and nowhere else.
    for key in [RISCV64, "'cfg(target_arch = \"riscv64\")'"] {
        let board = Board::with_app(&format!(
            "{LARGE}[target.{key}.pooling_allocator]\n{WORKLOAD}"
        ));
        board.refuses(of_all, few);
        board
            .check(&["--set", of_all])
            .says_nothing_of("table_elements");
    }
    let pool = format!("{LARGE}[pool.a]\nmax_instances = 1\n[target.{RISCV64}.pool.a]\n{WORKLOAD}");
    Board::with_app(&pool).refuses(of_pool, few);
}

/// What is wrong with an entry is told where it stands.
#[test]
fn an_entry_that_is_no_module_is_pointed_at() {
    let own = env!("CARGO_BIN_EXE_poolcfg");
    for (entry, says) in [
        (".", "`.` is a folder"),
        (".", "help: name the files in it: `*.wasm`"),
        ("./", "help: name the files in it: `*.wasm`"),
        ("", "expected the path of a file, found an empty text"),
        (
            "",
            "help: name a file, such as `app.wasm`, or remove the entry",
        ),
        ("plugins/", "help: name the files in it: `plugins/*.wasm`"),
        (
            own,
            "is a program, and a workload consists of modules and components",
        ),
        #[cfg(unix)]
        ("fifo", "`fifo` is no regular file"),
        ("poolcfg.toml", "neither WebAssembly nor a program"),
        (
            "shared.wasm",
            "error[PC0041]: `shared.wasm` has a shared memory, which no pool takes",
        ),
    ] {
        let board = Board::new(&format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.version = \"50\"\n\
             wasmtime.workload = [\"app.wasm\", {entry:?}]\n"
        ));
        let board = board.with_files();
        board.wasm("shared.wasm", "(module (memory 1 1 shared))");
        #[cfg(unix)]
        assert!(
            std::process::Command::new("mkfifo")
                .arg(board.0.path("fifo"))
                .status()
                .unwrap()
                .success()
        );
        for command in [&["sync"][..], &["sync", "--check"], &["check"]] {
            let ran = board.run(command);
            assert_ne!(ran.status, 0, "{ran:#?}");
            ran.says(says).says(" --> poolcfg.toml:4:34\n");
        }
    }
}

/// Wasmtime reserves 10 MiB by default on 32 bits, and 4 GiB on 64: `check` goes by the target.
#[test]
fn memories_are_held_to_what_the_target_reserves_of_itself() {
    let file = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 8\n[pooling_allocator.wasmtime]\n\
         version = \"50\"\nworkload = [\"a.wasm\"]\nmemories_per_instance = 1\ntables_per_instance = 1\n\
         core_instances_per_instance = 1\n";
    let board = Board::new(file);
    board.wasm("a.wasm", "(module (memory 200))");
    board.check(&[]).ends(0);
    let check = ["check", "--target", "i686-unknown-linux-gnu"];
    board
        .run(&check)
        .ends(100)
        .says("error[PC0041]: `[pooling_allocator]` does not set `memory_reservation`, but the workload needs 12800 KiB");
    // Another layer of the file may say it.
    let own = "[target.'cfg(target_pointer_width = \"32\")'.pooling_allocator]\nmemory_reservation = \"16MiB\"\n\
         max_memory_size = \"16MiB\"\n";
    board.0.write("poolcfg.toml", &format!("{file}{own}"));
    board.run(&check).ends(0);
    board.check(&[]).ends(0);
}

/// Where poolcfg.toml says no reservation, it is that of the targets, which is 10 MiB on 32 bits.
#[test]
fn sync_holds_what_nobody_says_to_the_targets() {
    const ARM: &str = "armv7-unknown-linux-gnueabihf";
    let text = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 2\n[pooling_allocator.wasmtime]\n\
                version = \"50\"\nworkload = [\"app.wasm\"]\nmemories_per_instance = 1\ntables_per_instance = 1\n\
                core_instances_per_instance = 1\n";
    let said = "does not set `memory_reservation`, but the workload needs 16 MiB";
    let board = Board::new(text);
    board.wasm("app.wasm", "(module (memory 256))");
    board
        .run(&["sync", "--check", "--target", "x86_64-unknown-linux-gnu"])
        .ends(0);
    let arm = ["sync", "--check", "--target", ARM];
    board.run(&arm).ends(100).says(said);
    board.run(&["check", "--target", ARM]).ends(100).says(said);
    // A target with a table is named as well.
    let board = Board::new(&format!(
        "{text}[target.{ARM}.address_space]\naslr = \"minimum\"\n"
    ));
    board.wasm("app.wasm", "(module (memory 256))");
    for command in [&["sync", "--check"][..], &["sync"], &["check"]] {
        board.run(command).ends(100).says(said);
    }
}

/// A total of zero is one that Wasmtime starts with, and then no component of the workload runs.
#[test]
fn components_are_refused_where_their_total_is_zero() {
    let text = FILE.replace(
        "version = \"50\"",
        "total_component_instances = 0\nversion = \"50\"",
    );
    let said = "`total_component_instances` is 0, and `app.wasm` is a component, which takes one";
    let board = Board::new(&text).with_files();
    board.wasm("app.wasm", "(component)");
    for ran in [
        board.run(&["sync"]),
        board.run(&["sync", "--check"]),
        board.check(&[]),
    ] {
        ran.ends(100).says(said).says("--> poolcfg.toml:7:29");
    }
    let set = "pooling_allocator.wasmtime.total_component_instances=0";
    let operator = ["--engine", "wasmtime", "--engine-version", "48"];
    let with = |file: &str| {
        let board = Board(Folder::new());
        board.wasm("app.wasm", "(component)");
        board.wasm("plugins/one.wasm", PLUGIN);
        board.check(&[&operator[..], &["--set", set, "--workload", file]].concat())
    };
    with("app.wasm").ends(100).says(said).says("--set:1:");
    with("plugins/*.wasm")
        .ends(0)
        .says("no component can be instantiated");

    // A Wasmtime without components runs none either.
    let said = "`app.wasm` is a component, which needs Wasmtime's feature `component-model`";
    let text = FILE.replace(
        "version = \"50\"",
        "features = [\"async\"]\nversion = \"50\"",
    );
    let board = Board::new(&text).with_files();
    board.wasm("app.wasm", "(component)");
    for ran in [board.run(&["sync", "--check"]), board.check(&[])] {
        ran.ends(100).says(said).says("--> poolcfg.toml:7:12");
    }
    // Pools take it from the table that they start from.
    let pools = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 2\nwasmtime.version = \"50\"\n\
                 wasmtime.features = []\n[pool.apps]\nwasmtime.workload = [\"app.wasm\"]\n\
                 [pool.more]\nwasmtime.workload = [\"app.wasm\"]\n";
    board.0.write("poolcfg.toml", pools);
    let ran = board.run(&["sync", "--check"]);
    assert_eq!(ran.ends(100).stderr.matches(said).count(), 1, "{ran:#?}");
    let set = "pooling_allocator.wasmtime.features=[]";
    let workload = ["--set", set, "--workload", "app.wasm"];
    let board = Board(Folder::new());
    board.wasm("app.wasm", "(component)");
    let ran = board.check(&[&operator[..], &workload].concat());
    ran.ends(100).says(said);
}

/// What a file needs that is not there may be as much as there is, be it said or not.
#[test]
fn a_file_that_is_not_there_lowers_no_default() {
    let text = |base: &str, own: &str| {
        format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 2\nwasmtime.version = \"50\"\n{base}\
             [pool.apps.wasmtime]\nworkload = [\"app.wasm\", \"later.wasm\"]\n{own}"
        )
    };
    let synced = |text: &str, app: &str| {
        let board = Board::new(text);
        board.wasm("app.wasm", app);
        board.run(&["sync", "--allow-missing"]).ends(0);
        board.run(&["sync", "--check", "--allow-missing"]).ends(0);
        board.check(&["--allow-missing"]).ends(0);
        board.0.read("poolcfg.toml")
    };
    let same = |text: &str, app: &str| assert_eq!(synced(text, app), text);
    same(&text("", ""), "(module (memory 1))");
    same(&text("", ""), APP);
    same(&text("", "tables_per_instance = 9\n"), "(module)");
    same(
        &text("wasmtime.memories_per_instance = 2\n", ""),
        "(module (memory 1))",
    );
    // What is there is held to what it needs.
    assert_eq!(
        synced(&text("", ""), PLUGIN),
        text("", "memories_per_instance = 2\n")
    );
    assert_eq!(
        synced(&text("", ""), COLLECTED),
        text("", "gc_heaps_per_instance = 1\n")
    );
    let tables = format!("(module {})", "(table 1 funcref)".repeat(4));
    assert_eq!(
        synced(&text("", ""), &tables),
        text("", "tables_per_instance = 4\n")
    );
    // Without components there is one of each.
    let without = text("wasmtime.features = []\n", "");
    assert_eq!(
        synced(&without, "(module (table 1 funcref) (table 1 funcref))"),
        text("wasmtime.features = []\n", "tables_per_instance = 2\n")
    );
}

/// What the table of a target says is no reason to say it where the default is enough.
#[test]
fn a_table_of_a_target_does_not_lower_the_default() {
    let base = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 2\n[pooling_allocator.wasmtime]\nversion = \"50\"\n\
                workload = [\"app.wasm\"]\nmemories_per_instance = 1\ntables_per_instance = 1\ncore_instances_per_instance = 1\n";
    let target = "x86_64-unknown-linux-gnu";
    let text = |elements: u32| {
        format!("{base}[target.{target}.pooling_allocator.wasmtime]\ntable_elements = {elements}\n")
    };
    let board = Board::new(&text(3));
    board.wasm("app.wasm", "(module (table 7 funcref))");
    for ran in [board.run(&["sync", "--check"]), board.check(&[])] {
        ran.ends(100)
            .says("`table_elements` is 3, but the workload needs 7")
            .says_nothing_of("says no `table_elements`");
    }
    board.run(&["sync"]).ends(0);
    assert_eq!(board.0.read("poolcfg.toml"), text(7));
    board.run(&["sync", "--check"]).ends(0);
    board.check(&[]).ends(0);
}

/// What matches a pattern and is no file is told: a link may lead to a file that is not built yet.
#[cfg(unix)]
#[test]
fn what_matches_and_is_no_file_is_told() {
    use std::os::unix::fs::symlink;
    let board = Board::new(SYNCED).with_files();
    let link = board.0.path("plugins/later.wasm");
    let matches = |list: &str| {
        let text = SYNCED.replace("\"plugins/*.wasm\"", list);
        board.0.write("poolcfg.toml", &text);
    };
    symlink("nowhere", &link).unwrap();
    for list in [
        "\"plugins/*.wasm\"",
        "\"*/later.wasm\"",
        "\"plugins/later.wasm\"",
    ] {
        matches(list);
        for command in [&["sync"][..], &["sync", "--check"], &["check"]] {
            board
                .run(command)
                .ends(101)
                .says("error[PC0040]: `plugins/later.wasm` of the workload is a link to a file that is not there")
                .says(" --> poolcfg.toml:10:5\n");
        }
        board
            .run(&["sync", "--allow-missing"])
            .ends(0)
            .says("note: `plugins/later.wasm` of the workload is a link to a file that is not there: it is passed over");
    }
    matches("\"plugins/*.wasm\"");
    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    board
        .run(&["sync"])
        .ends(0)
        .says("note: `plugins/later.wasm` matches `plugins/*.wasm` of the workload, but is a folder and was skipped");
    fs::remove_dir(&link).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&link).status();
    assert!(made.unwrap().success());
    board
        .run(&["sync"])
        .ends(101)
        .says("`plugins/later.wasm` is no regular file");
}

/// `**` does not go through links, as in shells: those of a package manager lead in circles. Where a pattern names one it
/// is followed.
#[cfg(unix)]
#[test]
fn links_in_a_circle_have_an_end() {
    use std::os::unix::fs::symlink;
    let board =
        Board::new(&SYNCED.replace("\"plugins/*.wasm\"", "\"plugins/**/*.wasm\"")).with_files();
    fs::create_dir_all(board.0.path("plugins/x/y")).unwrap();
    symlink("../..", board.0.path("plugins/x/up")).unwrap();
    symlink("../../x", board.0.path("plugins/x/y/up")).unwrap();
    symlink(".", board.0.path("plugins/here")).unwrap();
    board.run(&["sync", "--check"]).ends(0);
    let inspected = |pattern: &str| {
        let said = board.run(&["inspect", pattern]);
        said.ends(0);
        said.stdout.matches(".wasm:").count()
    };
    let once = inspected("plugins/*.wasm");
    assert!(once > 0);
    assert_eq!(inspected("plugins/**/*.wasm"), once);
    assert_eq!(inspected("plugins/here/*.wasm"), once);
}

/// A file is counted whatever its name is.
#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_unicode_matches() {
    use std::os::unix::ffi::OsStrExt;
    let board = Board::new(SYNCED).with_files();
    let name = std::ffi::OsStr::from_bytes(b"more\xff.wasm");
    let module = wat::parse_str("(module (memory 1) (memory 1) (memory 1))").unwrap();
    fs::write(board.0.path("plugins").join(name), module).unwrap();
    board
        .run(&["check"])
        .ends(100)
        .says("memories_per_instance");
    board.run(&["sync"]).ends(0);
    assert!(
        board
            .0
            .read("poolcfg.toml")
            .contains("memories_per_instance = 3")
    );
}
