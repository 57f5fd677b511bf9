//! What is shown on a terminal: it goes into its columns, and a picture with what is said of it into its lines.

#![cfg(target_os = "linux")]

mod common;

use common::{Folder, on_terminal, program, ran};

const POOLCFG: &str = env!("CARGO_BIN_EXE_poolcfg");

/// The lines of a terminal of the usual size, and the one on which the shell asks for the next command.
const SIZE: (usize, usize) = (80, 24);

const WASMTIME: &str = "--engine wasmtime --engine-version 48";

/// What `explain` shows on a terminal of the usual size.
fn explained(folder: &Folder, arguments: &str) -> String {
    let shown = on_terminal(
        folder.root(),
        SIZE,
        &format!("'{POOLCFG}' explain {arguments}"),
    );
    for line in shown.lines() {
        assert!(
            line.chars().count() <= SIZE.0,
            "{arguments}: {line}\n{shown}"
        );
    }
    shown
}

/// One pool and two, of the floor of every architecture, where all fits, where less does, and where nothing does.
#[test]
fn a_picture_and_what_is_said_of_it_go_into_24_lines() {
    let two = "[pooling_allocator]\nmax_instances = 20\nmemory_reservation = \"64MiB\"\non_misfit = \"shrink\"\n\
               [pool.plugins]\nmax_instances = 4\n[pool.requests]\n";
    let targets = [
        "x86_64",
        "aarch64",
        "riscv64gc",
        "powerpc64le",
        "s390x",
        "i686",
    ];
    for file in ["", two] {
        let folder = Folder::new();
        folder.write("poolcfg.toml", file);
        let on = targets.map(|target| format!("--target {target}-unknown-linux-gnu"));
        for machine in on.iter().map(String::as_str).chain(["--here"]) {
            for engine in ["", WASMTIME] {
                for limit in ["", "--set address_space.rlimit_as=64GiB"] {
                    if machine == "--here" && !limit.is_empty() {
                        continue;
                    }
                    let arguments = format!("{machine} {engine} {limit}");
                    let shown = explained(&folder, &arguments);
                    // Errors and warnings are no part of it, and are read beside it.
                    let said = |line: &&str| {
                        !["error[", "warning["]
                            .iter()
                            .any(|begin| line.starts_with(begin))
                    };
                    let picture: Vec<&str> = shown.lines().take_while(said).collect();
                    let picture = picture.join("\n");
                    assert!(picture.lines().count() < SIZE.1, "{arguments}\n{shown}");
                    for word in [
                        "memories",
                        "tables",
                        "stacks",
                        "guards:",
                        " %",
                        "explain -v`",
                    ] {
                        assert!(picture.contains(word), "{arguments}: {word}\n{shown}");
                    }
                }
            }
        }
    }
}

/// What decides is among the lines that are always there.
#[test]
fn the_limit_and_the_bound_are_beside_the_picture() {
    let folder = Folder::new();
    let of = |more: &str| {
        let target = "--target x86_64-unknown-linux-gnu --set address_space.rlimit_as=64GiB";
        explained(&folder, &format!("{WASMTIME} {target} {more}"))
    };
    let shown = of("");
    for text in [
        "· beyond RLIMIT_AS of 64 GiB",
        "pool: 15 of 1000 instances × 4 GiB, up to 5 core instances, 1 memory, 3 tables;\n",
        "guards: 512.06 MiB, 0.8 %",
        "one more instance does not fit: pool needs 64.57 GiB of address space;\n    `RLIMIT_AS`",
        "█ stacks, below 0.1 %",
        "lists budget, footprint, and what else fits",
    ] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    assert!(!shown.contains("page size"), "{shown}");
    let full = of("-v");
    let data = of("--set address_space.rlimit_data=8GiB");
    let row = "  writable                  7 GiB  of 8 GiB, RLIMIT_DATA, without the headroom";
    assert!(data.contains(row), "{data}");
    for text in [
        "page size",
        "address space            63 GiB  of 64 GiB, RLIMIT_AS, without the headroom",
        "largest hole",
        "`--fit smaller`: ",
        "15 x (2 MiB + 4 KiB)",
    ] {
        assert!(full.contains(text), "{text}\n{full}");
    }
}

/// A line that is wider than the terminal is one that is copied, or drawn: a command in backticks, code, a line of a file.
fn is_whole(line: &str) -> bool {
    let words = line.trim().trim_end_matches([';', '.', ',', ':', ')']);
    let is_one = !words.trim_matches('`').contains('`');
    !line.trim().contains(' ') || is_one && words.starts_with('`') && words.ends_with('`')
}

#[test]
fn lines_are_broken_between_words_on_every_narrow_terminal() {
    let folder = Folder::new();
    let module = wat::parse_str("(module (memory 1 2) (table 30000 funcref))").unwrap();
    std::fs::write(folder.path("app.wasm"), module).unwrap();
    let check = format!("check {WASMTIME} --target riscv64gc-unknown-linux-gnu");
    let misfit = format!("{check} --set address_space.rlimit_as=4GiB -v");
    let explain = format!("explain -v {WASMTIME} --target riscv64gc-unknown-linux-gnu");
    for arguments in [
        "",
        &check,
        &misfit,
        &explain,
        "inspect app.wasm",
        "--explain PC0034",
        "probe",
        "check --target x",
        "inspect none.wasm",
    ] {
        let mut piped = program("poolcfg", folder.root());
        let piped = ran(piped.args(arguments.split_whitespace()));
        let words = |text: &str| {
            let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            words.sort();
            words
        };
        for columns in [40, 52, 64, 80] {
            let line = format!("'{POOLCFG}' {arguments}");
            let shown = on_terminal(folder.root(), (columns, 24), &line);
            for line in shown.lines() {
                let is_gutter =
                    line.trim_start_matches(|char: char| char == ' ' || char.is_ascii_digit());
                let is_kept = is_whole(line) || is_gutter.starts_with(['|', '│']);
                assert!(
                    line.chars().count() <= columns || is_kept,
                    "{arguments} {columns}: {line}\n{shown}"
                );
            }
            if arguments != explain && arguments != "probe" {
                let both = format!("{}{}", piped.stdout, piped.stderr);
                assert_eq!(
                    words(&shown),
                    words(&both),
                    "{arguments} {columns}\n{shown}"
                );
            }
        }
    }
}

#[test]
fn a_table_of_profiles_goes_into_a_narrow_terminal() {
    let folder = Folder::new();
    let line = format!("'{POOLCFG}' profiles");
    let shown = on_terminal(folder.root(), (60, 24), &line);
    assert!(shown.contains("* sv39; target: riscv64 linux;"), "{shown}");
    for line in shown.lines() {
        assert!(
            line.chars().count() <= 60 || is_whole(line),
            "{line}\n{shown}"
        );
    }
    let piped = ran(program("poolcfg", folder.root()).arg("profiles"));
    assert!(piped.stdout.contains("*  sv39 "), "{piped:#?}");
}
