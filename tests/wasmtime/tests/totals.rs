//! Totals that poolcfg.toml writes: as many instances as the least of them gives are live at once in real Wasmtime, and
//! one more is refused by the total that was named.

use std::fs;
use std::process::Command;

use poolcfg_tests_wasmtime::command::{Folder, HOST, number};
use poolcfg_tests_wasmtime::embedder::{Embedder, THREE_TABLES};
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::setup::output;

/// Lines of poolcfg.toml, the total that decides, and how many instances it gives.
const CASES: [(&str, &str, u64); 10] = [
    ("total_memories = 40", "total_memories", 40),
    // The last three core instances, and the last two tables, are of no use.
    ("total_core_instances = 103", "total_core_instances", 20),
    (
        "tables_per_instance = 3\ntotal_tables = 62",
        "total_tables",
        20,
    ),
    (
        "total_component_instances = 7",
        "total_component_instances",
        7,
    ),
    (
        "total_memories = 30\ntotal_core_instances = 100\ntotal_component_instances = 25",
        "total_core_instances",
        20,
    ),
    (
        "total_memories = 9\ntotal_core_instances = 50\ntotal_component_instances = 12",
        "total_memories",
        9,
    ),
    ("total_stacks = 6", "total_stacks", 6),
    (
        "total_stacks = 12\ntotal_memories = 9\ntotal_component_instances = 13",
        "total_memories",
        9,
    ),
    (
        "gc_heaps_per_instance = 1\ntotal_gc_heaps = 8",
        "total_gc_heaps",
        8,
    ),
    (
        "gc_heaps_per_instance = 1\ntotal_gc_heaps = 8\ntotal_stacks = 7",
        "total_stacks",
        7,
    ),
];

/// A component that waits in its start, on a stack.
const WAITS: &str = r#"(component
    (import "wait" (func $wait))
    (core func $wait (canon lower (func $wait)))
    (core module $m (import "" "wait" (func $wait)) (start $wait))
    (core instance (instantiate $m (with "" (instance (export "wait" (func $wait)))))))"#;

/// A component that makes a value that is collected, in a heap.
const COLLECTS: &str = "(component
    (core module $m
        (type $s (struct (field i32)))
        (func $f (drop (struct.new $s (i32.const 1))))
        (start $f))
    (core instance (instantiate $m)))";

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn written_totals_give_what_is_guaranteed_and_refuse_one_more_by_name() {
    let embedder = Embedder::with(&["async", "component-model", "gc"]).unwrap();
    let program = embedder.build("components", "dev").unwrap();
    let component = embedder.compile("totals", THREE_TABLES).unwrap();
    let waits = embedder.compile("totals-waits", WAITS).unwrap();
    let collects = embedder.compile("totals-collects", COLLECTS).unwrap();
    for (lines, decides, instances) in CASES {
        let poolcfg_toml = format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\n[pooling_allocator.wasmtime]\nversion = \"48\"\n\
             features = [\"async\", \"component-model\", \"gc\"]\n{lines}\n"
        );
        let folder = Folder::new(&poolcfg_toml, &["--target", HOST]).unwrap();
        let result = folder.result().unwrap();
        assert_eq!(
            number(&result, "/limits/max_instances"),
            Ok(instances),
            "{lines}"
        );
        let least = &result["least_total"];
        assert_eq!(least["key"], decides, "{lines}");
        let flags = folder.write("flags", &folder.emit("wasmtime-flags").unwrap());
        let mut run = Command::new(&program);
        let component = match decides {
            "total_stacks" => &waits,
            "total_gc_heaps" => &collects,
            _ => &component,
        };
        run.arg(flags.unwrap())
            .arg(component)
            .arg((instances + 1).to_string());
        let what = match decides {
            // Wasmtime's word for all places of memories where there are no protection keys.
            "total_memories" => "memory stripe 0".to_owned(),
            "total_stacks" => "fibers".to_owned(),
            "total_gc_heaps" => "GC heaps".to_owned(),
            _ => decides.trim_start_matches("total_").replace('_', " "),
        };
        assert_eq!(
            output(&mut run).unwrap(),
            format!(
                "live: {instances}\nrefused: maximum concurrent limit of {} for {what} reached\n",
                least["total"]
            ),
            "{lines}"
        );
    }
}

/// What needs none of what a total of zero counts runs with each of them, in every version.
#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn a_total_of_zero_is_one_that_wasmtime_starts_with() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("module.wasm");
    let text = "(module (memory 1) (func (export \"_start\")))";
    fs::write(&module, wat::parse_str(text).unwrap()).unwrap();
    for release in Release::all() {
        let engine = ["--engine", "wasmtime", "--engine-version", release.version];
        let target = ["--target", HOST];
        for (total, impossible) in [
            ("total_tables", "no instance can have a table"),
            (
                "total_component_instances",
                "no component can be instantiated",
            ),
            (
                "total_gc_heaps",
                "no instance can have a garbage-collected heap",
            ),
        ] {
            let zero = format!("pooling_allocator.wasmtime.{total}=0");
            let set = ["--set", zero.as_str()];
            let arguments = [&target[..], &engine, &set].concat();
            let poolcfg = Folder::new("", &arguments).unwrap();
            let text = poolcfg.emit("wasmtime-toml").unwrap();
            let said = format!("`{total} = 0`: {impossible}");
            assert!(text.contains(&said), "{text}");
            let config = poolcfg.write("wasmtime.toml", &text).unwrap();
            let mut run = release.command("run");
            output(run.arg("--config").arg(config).arg(&module)).unwrap();
        }
    }
}
