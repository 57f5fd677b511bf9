//! `inspect` on files that are damaged, enormous, of other kinds, or made to last: one error, or an answer.

mod common;
#[path = "common/wasm.rs"]
mod wasm;

use std::fs;
use std::path::Path;

use common::{Folder, program, ran};
use serde_json::{Value, json};
use wasm::{SHIMMED, inspect};

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

/// Types in types, which readers that go as deep have no stack for.
#[test]
fn types_without_end_are_one_error() {
    let folder = Folder::new();
    for (depth, said) in [
        (90, None),
        (200, Some("more than 100 types inside each other")),
        (1_000_000, Some("more than 100 types inside each other")),
    ] {
        let types = [b"\x42\x01\x01".repeat(depth), b"\x42\x00".to_vec()].concat();
        let mut section = vec![1];
        section.extend(types);
        let mut bytes = b"\0asm\x0d\0\x01\0\x07".to_vec();
        let mut length = section.len();
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend(section);
        fs::write(folder.path("types.wasm"), bytes).unwrap();
        let ran = inspect(&folder, &["types.wasm"]);
        match said {
            Some(said) => drop(ran.ends(101).says(said).says("PC0039")),
            None => drop(ran.ends(0)),
        }
    }
}

/// A file that is whole, and that Wasmtime refuses all the same.
#[test]
fn more_than_engines_take_is_no_damage() {
    let folder = Folder::new();
    for (instances, status) in [(1000, 0), (1200, 101)] {
        let instances = "(core instance (instantiate $m))".repeat(instances);
        let text = format!("(component (core module $m) {instances})");
        fs::write(folder.path("many.wasm"), wat::parse_str(text).unwrap()).unwrap();
        let ran = inspect(&folder, &["many.wasm"]);
        ran.ends(status).says_nothing_of("damaged");
        if status != 0 {
            ran.says("PC0039")
                .says("instances count exceeds limit of 1000");
        }
    }
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
    let result = run("custom.wasm").ends(0).only_result();
    assert_eq!(result["memory_minimum_bytes"], 3 << 16);
    run("code.wasm")
        .ends(101)
        .says("code goes on behind the last function");
    run("types.wasm")
        .ends(101)
        .says("more than 32 MiB of declarations");
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

/// Headers of shared libraries of three systems. What differs from a program is one field.
#[test]
fn shared_libraries_are_no_programs() {
    let folder = Folder::new();
    let library = |kind: &str| {
        format!(
            "is a shared library ({kind}), and not a program: inspect the program that loads it"
        )
    };
    let run = |bytes: &[u8]| {
        fs::write(folder.path("file"), bytes).unwrap();
        inspect(&folder, &["file"])
    };
    for (magic, words) in [(0xfeed_face_u32, 7), (0xfeed_facf, 8)] {
        let of_type = |file_type: u32| {
            let header = [magic, 0x0100_000c, 0, file_type, 0, 0, 0, 0];
            header[..words]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        run(&of_type(2)).ends(0);
        for (file_type, said) in [
            (6, &*library("Mach-O")),
            (8, &*library("Mach-O")),
            (1, "is a Mach-O file that is no program"),
        ] {
            let ran = run(&of_type(file_type));
            ran.ends(101).says("error[PC0039]").says(said);
        }
    }
    let dll = |flags: u16| {
        let mut image = vec![0; 0x400];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &0x40_u32.to_le_bytes());
        put(0x40, b"PE\0\0");
        put(0x44, &0x8664_u16.to_le_bytes());
        put(0x54, &240_u16.to_le_bytes());
        put(0x56, &flags.to_le_bytes());
        put(0x58, &0x020b_u16.to_le_bytes());
        put(0x58 + 68, &3_u16.to_le_bytes());
        put(0x58 + 108, &16_u32.to_le_bytes());
        image
    };
    run(&dll(0x0022)).ends(0);
    let ran = run(&dll(0x2022));
    ran.ends(101).says("error[PC0039]").says(&library("PE"));
    // An ELF file that is loaded anywhere, with no interpreter and no mark of a program.
    let mut shared = b"\x7fELF\x02\x01\x01".to_vec();
    shared.resize(16, 0);
    for word in [3_u16, 62, 1, 0] {
        shared.extend(word.to_le_bytes());
    }
    shared.resize(52, 0);
    shared.extend(64_u16.to_le_bytes());
    shared.resize(64, 0);
    let ran = run(&shared);
    ran.ends(101).says("error[PC0039]").says(&library("ELF"));
    // What takes a program says the same, and what to name.
    let words = ["check", "--program", "file", "--engine-version", "48"];
    let check = common::ran(program("poolcfg", folder.root()).args(words));
    check.ends(101).says(&library("ELF"));
}

/// A program with the section of cargo-auditable, and without what it should hold.
#[test]
fn a_list_of_crates_that_cannot_be_read_is_told() {
    let folder = Folder::new();
    let names = b"\0.dep-v0\0.shstrtab\0";
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    for half in [2_u16, 62, 1, 0] {
        bytes.extend(half.to_le_bytes());
    }
    bytes.resize(40, 0);
    bytes.extend(64_u64.to_le_bytes());
    bytes.resize(52, 0);
    for half in [64_u16, 0, 0, 64, 3, 2] {
        bytes.extend(half.to_le_bytes());
    }
    let after = 64 * 4;
    let list = b"no zlib";
    let at_names = after + list.len();
    for (name, kind, at, length) in [
        (0, 0, 0, 0),
        (1, 1, after, list.len()),
        (9, 3, at_names, names.len()),
    ] {
        bytes.extend(u32::to_le_bytes(name));
        bytes.extend(u32::to_le_bytes(kind));
        bytes.extend([0; 16]);
        bytes.extend(u64::try_from(at).unwrap().to_le_bytes());
        bytes.extend(u64::try_from(length).unwrap().to_le_bytes());
        bytes.extend([0; 24]);
    }
    bytes.extend(list);
    bytes.extend(names);
    fs::write(folder.path("program"), &bytes).unwrap();
    let said = "its list of crates, which cargo-auditable has written as the section `.dep-v0`, is damaged";
    inspect(&folder, &["program"])
        .ends(0)
        .says(&format!("note: `program`: {said}"));
    let words = ["check", "--program", "program", "--engine", "wasmtime"];
    ran(program("poolcfg", folder.root()).args(words))
        .ends(101)
        .says("error[PC0047]")
        .says(said);
    // Another section of that size is none of its business.
    let at = bytes.len() - names.len() + 1;
    bytes[at] = b'_';
    fs::write(folder.path("program"), &bytes).unwrap();
    inspect(&folder, &["program"])
        .ends(0)
        .says_nothing_of("crates");
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
            ran.says("more than 1000 components inside each other; `inspect` follows no more")
                .says("set its numbers in poolcfg.toml or with `--set`")
                .says_nothing_of("no engine");
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
        .says("more than 4294967295 instances");
}

/// Whatever a file declares, poolcfg.toml takes the keys that are printed for it; what none takes is said.
#[test]
fn keys_that_are_printed_are_taken() {
    let folder = Folder::new();
    for (text, version, refused) in [
        ("(module (table i64 4294967295 funcref))", "48", ""),
        (
            "(module (table i64 4294967296 funcref))",
            "48",
            "no pool has `table_elements` = 4294967296",
        ),
        (
            "(module (table i64 18446744073709551615 funcref))",
            "48",
            "`table_elements`",
        ),
        ("(module (memory 3200))", "22", ""),
        ("(module (memory i64 131072))", "48", ""),
        (
            "(module (memory i64 131072))",
            "20",
            "no pool has `max_memory_size` = 8589934592",
        ),
        (
            "(module (memory i64 281474976710655))",
            "48",
            "no pool has `memory_reservation`",
        ),
        ("(module (table 1 externref))", "20", ""),
    ] {
        fs::write(folder.path("a.wasm"), wat::parse_str(text).unwrap()).unwrap();
        let arguments = ["inspect", "--engine-version", version, "a.wasm"];
        let told = ran(program("poolcfg", folder.root()).args(arguments));
        told.ends(0);
        assert_eq!(
            told.stderr.contains("note: no pool has"),
            !refused.is_empty(),
            "{told:#?}"
        );
        told.says(refused);
        let at = told.stdout.find("[pooling_allocator").unwrap();
        let keys = &told.stdout[at..];
        let of_pool = "engine = \"wasmtime\"\nmax_instances = 1\n";
        let with_pool = match keys.strip_prefix("[pooling_allocator]\n") {
            Some(rest) => format!("[pooling_allocator]\n{of_pool}{rest}"),
            None => format!("[pooling_allocator]\n{of_pool}{keys}"),
        };
        let header = "[pooling_allocator.wasmtime]\n";
        let file = with_pool.replace(header, &format!("{header}version = \"{version}\"\n"));
        folder.write("poolcfg.toml", &file);
        let mut check = program("poolcfg", folder.root());
        let checked = ran(check.args(["check", "--target", "x86_64-unknown-linux-gnu"]));
        assert!(
            matches!(checked.status, 0 | 100),
            "{text}\n{file}\n{checked:#?}"
        );
    }
}

#[test]
fn a_memory_above_wasmtimes_own_slots_has_keys() {
    let folder = Folder::new();
    let text = "(module (memory i64 131072))";
    fs::write(folder.path("a.wasm"), wat::parse_str(text).unwrap()).unwrap();
    let keys = &inspect(&folder, &["a.wasm"]).ends(0).json()["keys"];
    for key in ["memory_reservation", "max_memory_size"] {
        assert_eq!(keys[key], 8_u64 << 30, "{keys}");
    }
}

#[test]
fn a_memory_that_no_machine_holds_is_said_to_be_one() {
    let folder = Folder::new();
    let text = "(module (memory i64 281474976710656))";
    fs::write(folder.path("a.wasm"), wat::parse_str(text).unwrap()).unwrap();
    inspect(&folder, &["a.wasm"])
        .ends(101)
        .says("`a.wasm` has a memory of 2^64 bytes or more at the beginning, which no machine has")
        .says("no pool takes it");
}

/// What is above the limits of engines is refused before it takes memory: a file of 20 MB would take hundreds.
#[test]
fn what_no_engine_takes_is_not_kept() {
    const COUNT: usize = 5_000_000;
    fn leb(mut number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let byte = u8::try_from(number & 0x7f).unwrap();
            number >>= 7;
            if number == 0 {
                bytes.push(byte);
                return bytes;
            }
            bytes.push(byte | 0x80);
        }
    }
    let section = |header: &[u8], id: u8, entry: &[u8]| {
        let content = [leb(COUNT), entry.repeat(COUNT)].concat();
        [header, &[id], &leb(content.len()), &content].concat()
    };
    let (module, component) = (b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0");
    let folder = Folder::new();
    for (file, header, id, entry) in [
        ("memories", module, 5, &[0, 1][..]),
        ("tables", module, 4, &[0x70, 0, 1]),
        ("imports", module, 2, &[0, 0, 3, 0x7f, 0]),
        ("instances", component, 2, &[0, 0, 0]),
        ("instances", component, 5, &[0, 0, 0]),
    ] {
        let name = format!("{file}.wasm");
        folder.write(&name, "");
        fs::write(folder.path(&name), section(header, id, entry)).unwrap();
        let poolcfg = program("poolcfg", folder.root());
        let mut limited = std::process::Command::new("prlimit");
        limited.current_dir(folder.root());
        limited.arg(format!("--as={}", 200_u64 << 20));
        limited.arg(poolcfg.get_program()).args(["inspect", &name]);
        ran(&mut limited).ends(101).says(&format!(
            "more than any engine takes: {file} count exceeds limit of"
        ));
    }
}
