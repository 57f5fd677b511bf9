//! `inspect`: what modules, components and programs are said to need, and what of files that are none is said.

#[path = "common/calls.rs"]
mod calls;
mod common;
#[path = "common/wasm.rs"]
mod wasm;

use std::fs;

use calls::chain;
use common::{Folder, program};
use serde_json::{Value, json};
use wasm::{SHIMMED, inspect};

/// The only result for a text of WebAssembly.
#[track_caller]
fn of_text(text: &str) -> Value {
    let folder = Folder::new();
    fs::write(folder.path("a.wasm"), wat::parse_str(text).unwrap()).unwrap();
    inspect(&folder, &["a.wasm"]).ends(0).only_result()
}

/// Core instances, memories, tables.
#[track_caller]
fn counts(text: &str) -> [u64; 3] {
    let result = of_text(text);
    ["core_instances", "memories", "tables"].map(|key| result[key].as_u64().unwrap())
}

#[test]
fn a_module_is_told_in_full() {
    let result = of_text(
        r#"(module
            (import "env" "table" (table 7 funcref))
            (memory 2 16)
            (memory i64 1 3)
            (table 10 20 funcref)
            (table 30 funcref)
            (data "four")
            (data (i32.const 0) "and seven")
            (data (memory 1) (i64.const 1024) "."))"#,
    );
    for (key, value) in [
        ("kind", json!("module")),
        ("core_instances", json!(1)),
        ("memories", json!(2)),
        ("tables", json!(2)),
        ("table_elements", json!(30)),
        ("table_element_type", json!("funcref")),
        ("memory_minimum_bytes", json!(2 << 16)),
        ("memory_maximum_bytes", json!(16 << 16)),
        ("memory64", json!(true)),
        ("shared", json!(false)),
        ("gc", json!(false)),
        ("page_sizes", json!([1 << 16])),
        ("data_bytes", json!(14)),
        (
            "open",
            json!(["the table `env.table` of at least 7 elements, which is imported"]),
        ),
        ("target", json!(null)),
        ("wasmtime_versions", json!(null)),
    ] {
        assert_eq!(result[key], value, "{key}");
    }
}

#[test]
fn memories_differ_in_what_they_declare() {
    let none = of_text("(module (memory 1))");
    assert_eq!(none["memory_maximum_bytes"], Value::Null);
    let one_has_none = of_text("(module (memory 1 2) (memory 1))");
    assert_eq!(one_has_none["memory_maximum_bytes"], Value::Null);
    let small = of_text("(module (memory 100 200 (pagesize 1)))");
    assert_eq!(small["memory_minimum_bytes"], 100);
    assert_eq!(small["page_sizes"], json!([1]));
    let shared = of_text("(module (memory 1 2 shared))");
    assert_eq!(
        (&shared["shared"], &shared["memories"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(shared["hosts"][0]["at_once"], 0);
    let imported = of_text("(module (import \"a\" \"b\" (memory 5 6 shared)))");
    assert_eq!(
        (&imported["shared"], &imported["memories"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(imported["hosts"][0]["at_once"], 1000);
    // It is never of the pool, so that no number is open.
    assert_eq!(imported["open"], json!([]));
    let folder = Folder::new();
    let text = "(module (import \"a\" \"b\" (memory 5 6 shared)))";
    fs::write(folder.path("shared.wasm"), wat::parse_str(text).unwrap()).unwrap();
    let said = common::ran(program("poolcfg", folder.root()).args(["inspect", "shared.wasm"]));
    let line = "shared          the imported memory `a.b` is shared between threads: the host makes it, and it takes no \
                place in the pool\n";
    assert!(said.ends(0).stdout.contains(line), "{said:#?}");
    let imported = of_text("(module (import \"a\" \"b\" (memory 5 6)))");
    assert_eq!(
        imported["open"],
        json!(["the memory `a.b` of at least 320 KiB, which is imported"])
    );
}

#[test]
fn types_that_are_collected_need_a_heap() {
    for (text, gc) in [
        ("(module (table 1 funcref) (type (func)))", false),
        ("(module (table 1 externref))", true),
        // What makes, reads or writes an object needs one, and a type alone does not.
        ("(module (type $s (struct (field i32))))", false),
        ("(module (type $s (struct (field i32))) (func))", false),
        (
            "(module (type $s (struct)) (func (param (ref $s)) (local anyref)))",
            false,
        ),
        ("(module (func (param externref) (local exnref)))", false),
        (
            "(module (func (drop (i31.get_s (ref.i31 (i32.const 1))))))",
            false,
        ),
        (
            "(module (type $s (struct)) (func (param anyref) (drop (ref.test (ref $s) (local.get 0)))))",
            false,
        ),
        (
            "(module (func) (type $s (struct)) (func (drop (struct.new $s))))",
            true,
        ),
        (
            "(module (type $s (struct (field i32))) (func (param (ref $s)) (drop (struct.get $s 0 (local.get 0)))))",
            true,
        ),
        (
            "(module (func (param (ref array)) (drop (array.len (local.get 0)))))",
            true,
        ),
        ("(module (global (mut externref) (ref.null extern)))", true),
        ("(module (global anyref (ref.null any)))", true),
        ("(module (global exnref (ref.null exn)))", true),
        ("(module (global (ref i31) (ref.i31 (i32.const 1))))", true),
        ("(module (import \"a\" \"g\" (global externref)))", false),
        (
            "(module (import \"a\" \"i\" (global i32)) (import \"a\" \"g\" (global externref)) (func (drop (global.get 0))))",
            false,
        ),
        (
            "(module (import \"a\" \"i\" (global i32)) (import \"a\" \"g\" (global externref)) (func (drop (global.get 1))))",
            true,
        ),
        (
            "(module (import \"a\" \"t\" (table 1 externref)) (func (drop (table.size 0))))",
            false,
        ),
        (
            "(module (import \"a\" \"t\" (table 1 externref)) (func (drop (table.get 0 (i32.const 0)))))",
            true,
        ),
        (
            "(module (import \"a\" \"t\" (table 1 externref)) (elem (i32.const 0) externref (ref.null extern)))",
            true,
        ),
        ("(module (global funcref (ref.null func)))", false),
        ("(module (elem externref (ref.null extern)))", true),
        ("(module (elem i31ref (ref.i31 (i32.const 1))))", true),
        ("(module (elem externref))", false),
        ("(module (elem declare externref (ref.null extern)))", false),
        ("(module (elem funcref (ref.null func)))", false),
        (
            "(module (type $a (array i8)) (table 1 (ref null $a)))",
            true,
        ),
        // An exception is an object where it is thrown, or caught by its tag.
        ("(module (tag))", false),
        ("(module (tag) (func (throw 0)))", true),
        (
            "(module (tag) (func (block (try_table (catch 0 0)))))",
            true,
        ),
        ("(module (func (block (try_table (catch_all 0)))))", false),
    ] {
        assert_eq!(of_text(text)["gc"], gc, "{text}");
    }
}

/// What no operator leads to is not compiled: Wasmtime 36 to 49 run these without a heap, and refuse the others.
#[test]
fn code_behind_a_return_needs_no_heap() {
    let object = "(drop (struct.new $s))";
    for (code, gc) in [
        (format!("(return) {object}"), false),
        (format!("(unreachable) {object}"), false),
        (format!("(return_call 0) {object}"), false),
        (
            format!("(block (br 0) {object} (loop {object}) {object})"),
            false,
        ),
        (
            format!("(block (br_table 0 0 (i32.const 0)) {object})"),
            false,
        ),
        (
            format!("(if (i32.const 0) (then (unreachable) {object}))"),
            false,
        ),
        (format!("(block (br 0)) {object}"), true),
        (format!("(block (br 0) (block)) {object}"), true),
        (format!("(block (br_if 0 (i32.const 1)) {object})"), true),
        (
            format!("(if (i32.const 0) (then (unreachable)) (else {object}))"),
            true,
        ),
    ] {
        let text = format!("(module (type $s (struct)) (func {code}))");
        assert_eq!(of_text(&text)["gc"], gc, "{text}");
    }
}

/// All modules of a component are compiled together.
#[test]
fn code_of_a_module_without_an_instance_needs_a_heap() {
    let object = "(core module (type $s (struct)) (func (drop (struct.new $s))))";
    let used = "(core module $used) (core instance (instantiate $used))";
    for (text, gc) in [
        (format!("(component {object} {used})"), true),
        (format!("(component (component {object}) {used})"), true),
        (format!("(component {object})"), false),
        (
            format!("(component (core module (table 1 externref)) {used})"),
            false,
        ),
        (
            format!("(component (core module (table 1 externref (ref.null extern))) {used})"),
            true,
        ),
        (
            format!("(component (core module (global externref (ref.null extern))) {used})"),
            true,
        ),
        (
            format!("(component (core module (elem externref (ref.null extern))) {used})"),
            true,
        ),
    ] {
        assert_eq!(of_text(&text)["gc"], gc, "{text}");
    }
}

/// Zeros behind the last function are no code.
#[test]
fn a_section_of_code_ends_with_its_last_function() {
    let folder = Folder::new();
    fs::write(folder.path("zeros.wasm"), b"\0asm\x01\0\0\0\x0a\x03\0\0\0").unwrap();
    inspect(&folder, &["zeros.wasm"])
        .ends(101)
        .says("code goes on behind the last function");
}

#[test]
fn core_instances_are_counted_by_instantiation() {
    assert_eq!(counts(SHIMMED), [3, 1, 2]);
    // A module that nobody instantiates has no instances, and one twice has two.
    let twice = "(component (core module (memory 9) (memory 9)) (core module $m (memory 1))
        (core instance (instantiate $m)) (core instance (instantiate $m)))";
    assert_eq!(counts(twice), [2, 2, 0]);
    // Wasmtime holds the module to its limits all the same.
    assert_eq!(of_text(twice)["memory_minimum_bytes"], 9 << 16);
    assert_eq!(
        limit(&of_text(twice), "wasmtime", "max_memories_per_module")["needs"],
        2
    );
    assert_eq!(counts("(component)"), [0, 0, 0]);
    // Through three levels: 2 x 3 of the innermost, and 2 of the one around it.
    let nested = "(component
        (component $outer
            (core module $a (memory 1))
            (component $inner (core module $b (table 1 funcref)) (core instance (instantiate $b)))
            (core instance (instantiate $a))
            (instance (instantiate $inner)) (instance (instantiate $inner)) (instance (instantiate $inner)))
        (instance (instantiate $outer)) (instance (instantiate $outer)))";
    assert_eq!(counts(nested), [8, 2, 6]);
}

#[test]
fn aliases_and_arguments_are_followed() {
    // A module and a component of the component around it.
    let outer = "(component $top
        (core module $m (memory 1))
        (component $c (core module $t (table 1 funcref)) (core instance (instantiate $t)))
        (component $inner
            (alias outer $top $m (core module $m))
            (alias outer $top $c (component $c))
            (core instance (instantiate $m)) (core instance (instantiate $m))
            (instance (instantiate $c)))
        (instance (instantiate $inner)))";
    assert_eq!(counts(outer), [3, 2, 1]);
    // What is instantiated is given as an argument, out of an instance.
    let given = r#"(component
        (component $makes (core module $m (memory 1) (memory 1)) (export "m" (core module $m)))
        (instance $made (instantiate $makes))
        (component $takes (import "x" (core module $x)) (core instance (instantiate $x)))
        (alias export $made "m" (core module $m))
        (instance (instantiate $takes (with "x" (core module $m))))
        (instance $named (export "m" (core module $m)))
        (component $looks
            (import "i" (instance $i (export "m" (core module))))
            (alias export $i "m" (core module $m)) (core instance (instantiate $m)))
        (instance (instantiate $looks (with "i" (instance $named)))))"#;
    assert_eq!(counts(given), [2, 4, 0]);
    // An export is a further item of its index space.
    let exported = r#"(component
        (core module $a (memory 1)) (export $b "a" (core module $a)) (core module $c (table 1 funcref))
        (core instance (instantiate $b)) (core instance (instantiate $c)))"#;
    assert_eq!(counts(exported), [2, 1, 1]);
}

/// The tests with a real Wasmtime judge the same texts.
#[test]
fn calls_between_components_have_instances_of_their_own() {
    assert_eq!(counts(&chain(1)), [1, 1, 0]);
    // Each call leads through one more, since none can be made before the one that it calls.
    assert_eq!(counts(&chain(2)), [3, 1, 0]);
    assert_eq!(counts(&chain(5)), [9, 1, 0]);
}

#[test]
fn what_an_import_leaves_open_is_said() {
    let module = of_text(
        r#"(component (import "m" (core module $m)) (core instance (instantiate $m))
            (core module $own (memory 1)) (core instance (instantiate $own)))"#,
    );
    assert_eq!(
        (&module["core_instances"], &module["memories"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        module["open"],
        json!(["the memories and tables of module `m`, which is imported"])
    );
    let instance = of_text(
        r#"(component (import "i" (instance $i (export "m" (core module))))
            (alias export $i "m" (core module $m)) (core instance (instantiate $m)))"#,
    );
    assert_eq!(
        instance["open"],
        json!(["the memories and tables of module `i.m`, which is imported"])
    );
    let component = of_text(
        r#"(component (import "i" (instance $i (export "c" (component))))
            (alias export $i "c" (component $c)) (instance (instantiate $c)))"#,
    );
    assert_eq!(component["core_instances"], 0);
    assert_eq!(
        component["open"],
        json!(["all instances of component `i.c`, which is imported"])
    );
    // No engine takes it.
    let folder = Folder::new();
    let text = r#"(component (import "c" (component $c)) (instance (instantiate $c)))"#;
    fs::write(folder.path("c.wasm"), wat::parse_str(text).unwrap()).unwrap();
    inspect(&folder, &["c.wasm"])
        .ends(101)
        .says("component `c` as an import, which no Wasmtime takes");
    // What is imported and never instantiated leaves nothing open.
    assert_eq!(
        of_text(r#"(component (import "m" (core module)))"#)["open"],
        json!([])
    );
}

/// The limit of a host by its name.
#[track_caller]
fn limit(result: &Value, host: &str, name: &str) -> Value {
    let hosts = result["hosts"].as_array().unwrap().iter();
    let mut hosts = hosts.filter(|one| one["host"].as_str().unwrap().starts_with(host));
    let limits = hosts.next().unwrap()["limits"].as_array().unwrap();
    let found = limits.iter().find(|limit| limit["name"] == name);
    found
        .unwrap_or_else(|| panic!("{name} of {limits:#?}"))
        .clone()
}

#[test]
fn limits_of_versions_and_hosts_are_held_to() {
    let component = of_text(SHIMMED);
    let at_once = |result: &Value| -> Vec<String> {
        let hosts = result["hosts"].as_array().unwrap();
        let of = |host: &Value| format!("{} {}", host["host"].as_str().unwrap(), host["at_once"]);
        hosts.iter().map(of).collect()
    };
    assert_eq!(
        at_once(&component),
        [
            "wasmtime 50 333",
            "Spin on Wasmtime 47 1000",
            "wasmCloud on Wasmtime 48 333"
        ]
    );
    let tables = of_text(
        "(component (core module $m (table 1 funcref) (table 25000 funcref))
        (core instance (instantiate $m)))",
    );
    let held = limit(&tables, "wasmtime", "max_tables_per_module");
    assert_eq!(
        (&held["needs"], &held["allowed"], &held["holds"]),
        (&json!(2), &json!(1), &json!(false))
    );
    assert_eq!(limit(&tables, "wasmtime", "table_elements")["holds"], false);
    assert_eq!(
        limit(&tables, "Spin", "max_tables_per_module")["holds"],
        true
    );
    assert_eq!(limit(&tables, "Spin", "table_elements")["allowed"], 100_000);
    // 40,000 functions that can be called have more bookkeeping than 1 MiB, wherever they are.
    let many: String = (0..40_000)
        .map(|index| format!("(export \"{index}\" (func $f{index}))(func $f{index})"))
        .collect();
    let module = format!("(core module $m {many})");
    let large = of_text(&format!(
        "(component {module} (core instance (instantiate $m)))"
    ));
    assert_eq!(
        limit(&large, "wasmtime", "max_core_instance_size")["holds"],
        false
    );
    assert_eq!(
        limit(&large, "Spin", "max_core_instance_size")["holds"],
        true
    );
    // What a component's size means before and from 44.
    let folder = Folder::new();
    let bytes = wat::parse_str(format!(
        "(component {module} (core instance (instantiate $m)))"
    ))
    .unwrap();
    fs::write(folder.path("a.wasm"), bytes).unwrap();
    for (version, holds) in [("43", true), ("44", false)] {
        let result = inspect(&folder, &["a.wasm", "--engine-version", version])
            .ends(0)
            .only_result();
        let held = limit(&result, "wasmtime", "max_component_instance_size");
        assert_eq!(held["holds"], holds, "{version}");
    }
}

/// Wasmtime 36 to 49 refuse 15000 continuations, with room for 10240, and take 9000.
#[test]
fn a_continuation_takes_the_place_of_two_elements() {
    let text = |count: u64| {
        format!("(module (type $f (func)) (type $c (cont $f)) (table {count} (ref null $c)))")
    };
    for (text, needs, holds) in [
        (text(15_000), 30_000, json!(false)),
        (
            "(module (table 15000 contref))".to_owned(),
            30_000,
            json!(false),
        ),
        (text(9000), 18_000, json!(true)),
        // Whether it does is up to the size of a page.
        (text(10_240), 20_480, json!(null)),
        (
            "(module (table 15000 funcref))".to_owned(),
            15_000,
            json!(true),
        ),
    ] {
        let held = limit(&of_text(&text), "wasmtime", "table_elements");
        assert_eq!(
            (&held["needs"], &held["holds"]),
            (&json!(needs), &holds),
            "{text}"
        );
    }
    let result = of_text(&text(15_000));
    assert_eq!(result["table_elements"], 15_000);
    assert_eq!(result["table_element_type"], "(ref null 1)");
}

/// Wasmtime says 7248 to 7264 bytes of the first, by version.
#[test]
fn resources_have_their_place_in_the_bookkeeping() {
    let size = |text: &str| {
        let held = limit(&of_text(text), "wasmtime", "max_component_instance_size");
        held["needs"].as_u64().unwrap()
    };
    let none = size("(component)");
    let own = "(type (resource (rep i32)))".repeat(900);
    let many = size(&format!("(component {own})"));
    assert!((7264..7264 + 400).contains(&many), "{many}");
    assert_eq!(many, none + 900 * 8);
    // Once for each instance, and for each that is imported.
    let one = "(component $c (type (resource (rep i32)))) (instance (instantiate $c))";
    let two = format!("{one} (instance (instantiate $c))");
    let [one, two] = [one, &two].map(|text| size(&format!("(component {text})")));
    assert_eq!(
        two - one,
        8 + size("(component (component $c) (instance (instantiate $c)))") - none
    );
    let imported = r#"(component (import "r" (type (sub resource)))
        (import "i" (instance (export "a" (type (sub resource))) (export "b" (type (sub resource))))))"#;
    assert_eq!(size(imported), none + 3 * 8);
}

/// What Wasmtime 36 and 48 say of the same modules, of each at least so much.
#[test]
fn imports_have_their_place_in_the_bookkeeping() {
    let functions = |count: usize| -> String {
        let import = |index| format!("(import \"a\" \"f{index}\" (func))");
        (0..count).map(import).collect()
    };
    let globals: String = (0..3000)
        .map(|index| format!("(import \"a\" \"g{index}\" (global i32))"))
        .collect();
    for (imports, least) in [
        (functions(18_000), 18_000 * (32 + 32)),
        (functions(900), 57_776),
        (globals + &functions(3000), 264_176),
    ] {
        let needs = limit(
            &of_text(&format!("(module {imports})")),
            "wasmtime",
            "max_core_instance_size",
        );
        let needs = needs["needs"].as_u64().unwrap();
        // A function had a pointer more up to 23.
        assert!(
            needs >= least && needs < least / 8 * 9 + 1500,
            "{needs} {least}"
        );
    }
    // A function that is exported again has its places once.
    let size =
        |text: &str| limit(&of_text(text), "wasmtime", "max_core_instance_size")["needs"].clone();
    assert_eq!(
        size("(module (import \"a\" \"f\" (func $f)) (export \"f\" (func $f)))"),
        size("(module (import \"a\" \"f\" (func $f)))")
    );
}

#[test]
fn the_keys_are_the_most_of_each_over_all_files() {
    let folder = Folder::new();
    let write = |name: &str, text: &str| {
        fs::write(folder.path(name), wat::parse_str(text).unwrap()).unwrap()
    };
    write("a.wasm", SHIMMED);
    write(
        "b.wasm",
        "(module (memory 1) (memory 1) (table 30000 externref))",
    );
    let ran = inspect(&folder, &["a.wasm", "b.wasm"]);
    assert_eq!(
        ran.ends(0).json()["keys"],
        json!({
            "memories_per_instance": 2,
            "tables_per_instance": 2,
            "core_instances_per_instance": 3,
            "gc_heaps_per_instance": 1,
            "table_elements": 30000,
        })
    );
    // What people are told can be pasted.
    let ran = common::ran(program("poolcfg", folder.root()).args(["inspect", "a.wasm", "b.wasm"]));
    let keys = ran
        .stdout
        .split_once("[pooling_allocator.wasmtime]")
        .unwrap()
        .1;
    let file = format!(
        "[pooling_allocator]\nengine = \"wasmtime\"\n[pooling_allocator.wasmtime]\nversion = \"50\"{keys}"
    );
    folder.write("poolcfg.toml", &file);
    let mut check = program("poolcfg", folder.root());
    common::ran(check.args(["check", "--target", "x86_64-unknown-linux-gnu"])).ends(0);
}

#[test]
fn a_program_is_told_in_full() {
    let folder = Folder::new();
    let own = env!("CARGO_BIN_EXE_poolcfg");
    let result = inspect(&folder, &[own]).ends(0).only_result();
    assert_eq!(result["kind"], "program");
    assert_eq!(result["core_instances"], Value::Null);
    assert_eq!(result["wasmtime_versions"], json!([]));
    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    {
        assert_eq!(result["target"], "x86_64-unknown-linux-gnu");
        assert_eq!(result["relocation_model"], "pie");
        assert_eq!(result["linkage"], "dynamic");
        assert!(
            result["c_library"]
                .as_str()
                .unwrap()
                .starts_with("glibc 2."),
            "{result}"
        );
    }
    // The same with the path of a source in it, as a program that is built from the registry has it.
    let mut bytes = fs::read(own).unwrap();
    bytes.extend(b"/registry/src/index/wasmtime-48.0.2/src/runtime/vm.rs");
    fs::write(folder.path("with"), bytes).unwrap();
    let ran = inspect(&folder, &["with"]);
    assert_eq!(
        ran.ends(0).only_result()["wasmtime_versions"],
        json!(["48.0.2"])
    );
    assert_eq!(ran.json()["keys"]["version"], "48.0.2");
    // Cut off in the middle of its headers.
    let bytes = fs::read(own).unwrap();
    fs::write(folder.path("cut"), &bytes[..40]).unwrap();
    inspect(&folder, &["cut"]).ends(101).says("PC0038");
}

/// What Wasmtime makes of a call between components may be the largest of its instances: 1072 bytes in 49.0.4 for the one
/// call of strings here, and 1344 for two components that call each other's.
#[test]
fn what_is_made_of_calls_is_within_the_bound_of_a_core_instance() {
    let callee = r#"(component $a
        (core module $m (memory (export "mem") 1) (func (export "f") (param i32 i32))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "f") (param "s" string) (canon lift (core func $i "f") (memory (core memory $i "mem"))
            (realloc (core func $i "realloc")))))"#;
    let caller = r#"(component $b (import "f" (func $f (param "s" string)))
        (core module $lib (memory (export "mem") 1)) (core instance $l (instantiate $lib))
        (core func $g (canon lower (func $f) (memory (core memory $l "mem")) string-encoding=utf16))
        (core module $m (import "" "f" (func (param i32 i32))))
        (core instance (instantiate $m (with "" (instance (export "f" (func $g)))))))"#;
    let result = of_text(&format!(
        "(component {callee} {caller} (instance $ai (instantiate $a))
            (instance (instantiate $b (with \"f\" (func $ai \"f\")))))"
    ));
    let most = limit(&result, "wasmtime", "max_core_instance_size")["needs"].clone();
    assert!(most.as_u64().unwrap() >= 1344, "{most}");
}

/// What no address space holds is not advised.
#[test]
fn a_memory_that_no_machine_holds_is_not_advised() {
    let folder = Folder::new();
    let text = "(module (memory i64 1099511627776))";
    fs::write(folder.path("m.wasm"), wat::parse_str(text).unwrap()).unwrap();
    let ran = inspect(&folder, &["m.wasm"]);
    ran.ends(0);
    assert!(
        ran.json()["keys"]["memory_reservation"].is_null(),
        "{ran:#?}"
    );
}

/// The total of which there are too few is named.
#[test]
fn a_total_that_holds_no_instance_is_named() {
    let mut text = "(component $c (core module $m) (core instance (instantiate $m)))".to_owned();
    for _ in 0..10 {
        text = format!(
            "(component $c {text} (instance (instantiate $c)) (instance (instantiate $c)))"
        );
    }
    let result = of_text(&text.replacen("component $c", "component", 1));
    let total = limit(&result, "wasmtime", "total_core_instances");
    assert_eq!(
        (&total["needs"], &total["allowed"], &total["holds"]),
        (&json!(1024), &json!(1000), &json!(false))
    );
}

/// A later version is taken as the newest, and that is said.
#[test]
fn a_later_version_is_noted() {
    let folder = Folder::new();
    fs::write(folder.path("a.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    let at = |version: &str| inspect(&folder, &["--engine-version", version, "a.wasm"]);
    at("99")
        .ends(0)
        .says("note: Wasmtime 99 is newer than 50, the newest known version, and is taken as 50");
    at("50").ends(0).says_nothing_of("is taken as");
}

/// The kernel of Linux for arm64 has the headers of a program for the firmware.
#[test]
fn what_the_firmware_runs_is_no_program_of_windows() {
    let mut image = vec![0; 0x400];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x38, b"ARM\x64");
    put(0x3c, &0x40_u32.to_le_bytes());
    put(0x40, b"PE\0\0");
    put(0x44, &0xaa64_u16.to_le_bytes());
    let optional_header: u16 = 240;
    put(0x54, &optional_header.to_le_bytes());
    put(0x58, &0x020b_u16.to_le_bytes());
    put(0x58 + 108, &16_u32.to_le_bytes());
    let subsystem = 0x58 + 68;
    put(subsystem, &3_u16.to_le_bytes());
    let folder = Folder::new();
    fs::write(folder.path("Image"), &image).unwrap();
    inspect(&folder, &["Image"]).ends(0);
    image[subsystem] = 10;
    fs::write(folder.path("Image"), &image).unwrap();
    inspect(&folder, &["Image"]).ends(101).says(
        "error[PC0039]: `Image` is a program for EFI firmware, such as a kernel or a boot loader",
    );
}
