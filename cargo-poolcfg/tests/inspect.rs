//! `inspect`: what modules, components and programs are said to need, and what of files that are none is said.

#[path = "common/calls.rs"]
mod calls;
mod common;

use std::fs;
use std::path::Path;

use calls::chain;
use common::{Folder, Ran, program, ran};
use serde_json::{Value, json};

fn inspect(folder: &Folder, files: &[&str]) -> Ran {
    let mut command = program("poolcfg", folder.root());
    ran(command
        .arg("inspect")
        .args(files)
        .args(["--message-format", "json"]))
}

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
}

#[test]
fn types_that_are_collected_need_a_heap() {
    for (text, gc) in [
        ("(module (table 1 funcref) (type (func)))", false),
        ("(module (table 1 externref))", true),
        ("(module (type $s (struct (field i32))))", true),
        (
            "(module (type $a (array i8)) (table 1 (ref null $a)))",
            true,
        ),
        ("(module (tag))", true),
    ] {
        assert_eq!(of_text(text)["gc"], gc, "{text}");
    }
}

/// As wit-component lays it out: a shim whose table the fixup fills, and an instance that only renames.
const SHIMMED: &str = r#"(component
    (import "host" (func $host))
    (core module $main (import "env" "f" (func)) (memory (export "memory") 17) (table 40 funcref))
    (core module $shim (table (export "$imports") 2 2 funcref) (func (export "0")))
    (core module $fixup (import "" "$imports" (table 2 2 funcref)) (import "" "0" (func)))
    (core instance $shim (instantiate $shim))
    (alias core export $shim "0" (core func $f))
    (core instance $env (export "f" (func $f)))
    (core instance $main (instantiate $main (with "env" (instance $env))))
    (alias core export $shim "$imports" (core table $imports))
    (core func $lowered (canon lower (func $host)))
    (core instance $args (export "$imports" (table $imports)) (export "0" (func $lowered)))
    (core instance (instantiate $fixup (with "" (instance $args)))))"#;

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
    let component =
        of_text(r#"(component (import "c" (component $c)) (instance (instantiate $c)))"#);
    assert_eq!(component["core_instances"], 0);
    assert_eq!(
        component["open"],
        json!(["all instances of component `c`, which is imported"])
    );
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

/// Every beginning of a file, and every byte of it turned over: one error or an answer, and never a panic.
#[test]
fn damaged_files_are_one_error_each() {
    let whole = wat::parse_str(SHIMMED).unwrap();
    let folder = Folder::new();
    let mut files = Vec::new();
    for length in (0..whole.len()).step_by(7) {
        let name = format!("{length}.wasm");
        fs::write(folder.path(&name), &whole[..length]).unwrap();
        files.push(name);
    }
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let ran = inspect(&folder, &names);
    let json = ran.ends(101).json();
    let told = json["diagnostics"].as_array().unwrap();
    // A section more or less is a whole file, too.
    let results = json["results"].as_array().unwrap().len();
    assert_eq!(told.len() + results, files.len(), "{told:#?}");
    for one in told {
        assert!(
            matches!(one["code"].as_str(), Some("PC0038" | "PC0039")),
            "{one}"
        );
    }
    for at in (8..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(folder.path(&format!("turned-{at}.wasm")), bytes).unwrap();
    }
    let turned: Vec<String> = (8..whole.len())
        .step_by(5)
        .map(|at| format!("turned-{at}.wasm"))
        .collect();
    let names: Vec<&str> = turned.iter().map(String::as_str).collect();
    let ran = inspect(&folder, &names);
    assert!(matches!(ran.status, 0 | 101), "{ran:#?}");
    ran.json();
}

#[test]
fn what_is_none_of_these_files_is_said_to_be_so() {
    let folder = Folder::new();
    folder.write("empty", "");
    folder.write("text.wat", "(module)");
    folder.write("script", "#!/bin/sh\n");
    folder.write("other", "nothing of the kind\n");
    folder.write("old", "\0asm\x0a\0\x01\0");
    folder.write("folder/file", "");
    for (file, code, said) in [
        ("empty", "PC0039", "`empty` is empty"),
        ("text.wat", "PC0039", "the text of WebAssembly"),
        ("script", "PC0039", "a script"),
        ("other", "PC0039", "neither WebAssembly nor a program"),
        ("old", "PC0039", "of a version that is not known"),
        ("folder", "PC0039", "`folder` is a folder"),
        ("none", "PC0022", "cannot read `none`"),
    ] {
        let ran = inspect(&folder, &[file]);
        let json = ran.ends(101).says(said).json();
        assert_eq!(json["diagnostics"][0]["code"], code, "{file}");
        assert_eq!(json["diagnostics"][0]["file"], file);
    }
    // What can be read is told all the same.
    fs::write(
        folder.path("good.wasm"),
        wat::parse_str("(module)").unwrap(),
    )
    .unwrap();
    let json = inspect(&folder, &["none", "good.wasm"]).ends(101).json();
    assert_eq!(json["results"].as_array().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = Folder::new();
    let pipe = folder.path("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    inspect(&folder, &["pipe"])
        .ends(101)
        .says("no regular file");
}

/// A file of WebAssembly with one section more, whose length is said and whose content is a hole of the file.
fn with_hole(path: &Path, id: u8, length: u32) {
    let mut bytes = wat::parse_str("(module (memory 3))").unwrap();
    bytes.push(id);
    let mut left = length;
    while left >= 0x80 {
        bytes.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left).unwrap());
    let end = u64::try_from(bytes.len()).unwrap() + u64::from(length);
    fs::write(path, bytes).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(end)
        .unwrap();
}

/// Files of 4 GB, read by a process that has 1 GiB of address space.
#[cfg(target_os = "linux")]
#[test]
fn enormous_files_take_little_memory() {
    let folder = Folder::new();
    with_hole(&folder.path("code.wasm"), 10, u32::MAX);
    with_hole(&folder.path("custom.wasm"), 0, u32::MAX);
    with_hole(&folder.path("types.wasm"), 1, u32::MAX);
    let run = |file: &str| {
        let poolcfg = program("poolcfg", folder.root());
        let mut limited = std::process::Command::new("prlimit");
        limited
            .current_dir(folder.root())
            .arg(format!("--as={}", 1_u64 << 30));
        limited
            .arg(poolcfg.get_program())
            .args(["inspect", file, "--message-format", "json"]);
        ran(&mut limited)
    };
    for file in ["code.wasm", "custom.wasm"] {
        let result = run(file).ends(0).only_result();
        assert_eq!(result["memory_minimum_bytes"], 3 << 16, "{file}");
    }
    run("types.wasm")
        .ends(101)
        .says("more than 64 MiB of declarations");
    // A program of a terabyte, which nobody waits for: its constants are where its sections say.
    fs::copy(env!("CARGO_BIN_EXE_poolcfg"), folder.path("program")).unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(folder.path("program"));
    file.unwrap().set_len(1 << 40).unwrap();
    assert_eq!(run("program").ends(0).only_result()["kind"], "program");
}

/// Headers of ELF files for systems and machines that have no VA profile here.
#[test]
fn programs_of_other_systems_are_told_or_refused() {
    let folder = Folder::new();
    // e_ident with class, order and ABI; ET_EXEC of a machine; no segments, no sections.
    let elf = |abi: u8, machine: u16| {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.push(abi);
        bytes.resize(16, 0);
        bytes.extend(2_u16.to_le_bytes());
        bytes.extend(machine.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.resize(52, 0);
        bytes.extend(64_u16.to_le_bytes());
        bytes.resize(64, 0);
        bytes
    };
    for (abi, machine, target, says) in [
        (9, 62, json!("x86_64-unknown-freebsd"), "kernel: freebsd"),
        (12, 62, json!("x86_64-unknown-openbsd"), "kernel: openbsd"),
        (2, 62, json!("x86_64-unknown-netbsd"), "kernel: netbsd"),
        (6, 62, json!("x86_64-pc-solaris"), "no VA profile covers"),
        // HP-UX, and an architecture that Linux had once.
        (1, 62, Value::Null, "`program` does not tell its target"),
        (0, 50, Value::Null, "`program` does not tell its target"),
    ] {
        fs::write(folder.path("program"), elf(abi, machine)).unwrap();
        let result = inspect(&folder, &["program"]).ends(0).only_result();
        assert_eq!(result["target"], target, "{machine}");
        let words = ["check", "--program", "program", "--engine-version", "48"];
        let ran = ran(program("poolcfg", folder.root()).args(words));
        let is_known = says.starts_with("kernel");
        ran.ends(if is_known { 0 } else { 101 }).says(says);
    }
}

/// A pattern in quotes, for who has no shell that resolves it.
#[test]
fn a_pattern_names_the_files_that_match() {
    let folder = Folder::new();
    for name in ["a.wasm", "[b].wasm", "b.wasm"] {
        fs::write(folder.path(name), wat::parse_str("(module)").unwrap()).unwrap();
    }
    let results = |name: &str| {
        let json = inspect(&folder, &[name]).ends(0).json();
        json["results"].as_array().unwrap().len()
    };
    assert_eq!(results("*.wasm"), 3);
    assert_eq!(results("?.wasm"), 2);
    // What is there is meant, whatever its name.
    let json = inspect(&folder, &["[b].wasm"]).ends(0).only_result();
    assert_eq!(json["file"], "[b].wasm");
    // What matches is told, whatever the other one says.
    let json = inspect(&folder, &["*.wat", "a.wasm"]).ends(101).json();
    assert_eq!(json["results"].as_array().unwrap().len(), 1);
    assert_eq!(json["diagnostics"][0]["code"], "PC0040");
    assert_eq!(json["diagnostics"][0]["message"], "no file matches `*.wat`");
    inspect(&folder, &["***"])
        .ends(101)
        .says("`***` is no pattern");
}

/// Each two zeros are a custom section without a name, and the first of them is one too many.
#[test]
fn zeros_behind_a_file_are_damage_at_once() {
    let folder = Folder::new();
    for (name, text) in [
        ("m.wasm", "(module (memory 3))"),
        ("c.wasm", "(component (core module (memory 3)))"),
    ] {
        let bytes = wat::parse_str(text).unwrap();
        fs::write(folder.path(name), &bytes).unwrap();
        inspect(&folder, &[name]).ends(0);
        let file = fs::OpenOptions::new()
            .write(true)
            .open(folder.path(name))
            .unwrap();
        file.set_len(20 << 30).unwrap();
        inspect(&folder, &[name])
            .ends(101)
            .says("error[PC0038]")
            .says(&format!(
                "`{name}` is damaged at byte {}: a custom section has no name",
                bytes.len()
            ));
    }
}

/// Components inside each other, with an instance of each.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes =
        wat::parse_str("(component (core module $m) (core instance (instantiate $m)))").unwrap();
    let leb = |mut number: usize| {
        let mut out = Vec::new();
        while number >= 0x80 {
            out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        out.push(u8::try_from(number).unwrap());
        out
    };
    for _ in 0..depth {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        outer.extend(leb(bytes.len()));
        outer.extend(&bytes);
        // One instance, of component 0, with no arguments.
        outer.extend([5, 4, 1, 0, 0, 0]);
        bytes = outer;
    }
    bytes
}

#[test]
fn components_that_are_nested_deep_are_counted_or_refused() {
    let folder = Folder::new();
    for (depth, status) in [(50, 0), (999, 0), (1000, 101), (20_000, 101)] {
        fs::write(folder.path("a.wasm"), nested(depth)).unwrap();
        let ran = inspect(&folder, &["a.wasm"]);
        ran.ends(status);
        if status == 0 {
            assert_eq!(ran.only_result()["core_instances"], 1, "{depth}");
        } else {
            ran.says("more than 1000 components inside each other");
        }
    }
}

/// Each component has two instances of the one before it: 2^40 in the end.
#[test]
fn instances_without_end_are_refused() {
    let mut text = String::from(
        "(component (component $c0 (core module $m) (core instance (instantiate $m)))",
    );
    for index in 1..40 {
        let before = index - 1;
        text += &format!(
            "(component $c{index} (alias outer 1 $c{before} (component $c)) (instance (instantiate $c)) (instance (instantiate $c)))"
        );
    }
    text += "(instance (instantiate $c39)))";
    let folder = Folder::new();
    fs::write(folder.path("a.wasm"), wat::parse_str(text).unwrap()).unwrap();
    inspect(&folder, &["a.wasm"])
        .ends(101)
        .says("declarations to follow");
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
