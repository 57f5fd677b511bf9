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

/// The picture and what is said of it have fewer rows, and fewer words, where they do not go into the terminal: pools in a
/// row each or in one, and on a terminal that is half as wide.
#[test]
fn what_does_not_go_into_the_lines_is_folded() {
    let two = "[pooling_allocator]\nmemory_reservation = \"4GiB\"\non_misfit = \"shrink\"\n\
               [pool.plugins]\nmax_instances = 5\n[pool.requests]\nmax_instances = 1000\n";
    let four = "[pooling_allocator]\nmax_instances = 10\n[pool.a]\n[pool.b]\n[pool.c]\n[pool.d]\n";
    let limited = "[address_space]\nrlimit_as = \"64GiB\"\nrlimit_data = \"8GiB\"\n";
    for (index, file) in ["", two, four, limited].into_iter().enumerate() {
        let folder = Folder::new();
        folder.write("poolcfg.toml", file);
        let engines = if index == 1 { ["", ""] } else { ["", WASMTIME] };
        for target in ["x86_64", "aarch64", "riscv64gc", "s390x", "i686"] {
            for engine in engines {
                for columns in [40, 60, 80] {
                    let line = format!(
                        "'{POOLCFG}' explain {engine} --target {target}-unknown-linux-gnu 2>/dev/null"
                    );
                    let shown = on_terminal(folder.root(), (columns, SIZE.1), &line);
                    assert!(shown.lines().count() < SIZE.1, "{line} {columns}\n{shown}");
                    assert!(shown.contains("end of the window"), "{line}\n{shown}");
                    assert!(shown.contains("instance"), "{line}\n{shown}");
                    for line in shown.lines() {
                        assert!(line.chars().count() <= columns, "{line}\n{shown}");
                    }
                }
            }
        }
    }
}

/// Where nothing fits, the picture leaves the error its lines: both are in sight.
#[test]
fn a_picture_and_the_error_below_it_go_into_24_lines() {
    let native = "[pooling_allocator]\nmax_instances = 1000\nmemory_reservation = \"4GiB\"\n";
    let wasmtime = format!(
        "{native}engine = \"wasmtime\"\non_misfit = \"error\"\nwasmtime.version = \"48\"\n"
    );
    let limited =
        "[pooling_allocator]\nmax_instances = 1000\n[address_space]\nrlimit_as = \"1GiB\"\n";
    for file in [native, &wasmtime, limited] {
        let folder = Folder::new();
        folder.write("poolcfg.toml", file);
        for columns in [40, 60, 80] {
            let line = format!("'{POOLCFG}' explain --target riscv64gc-unknown-linux-gnu");
            let shown = on_terminal(folder.root(), (columns, SIZE.1), &line);
            assert!(shown.lines().count() < SIZE.1, "{columns}\n{shown}");
            for said in ["end of the window", "left", "error[PC00", "2:17", "fit"] {
                assert!(shown.contains(said), "{said} {columns}\n{shown}");
            }
            // The first that is left out.
            let leads_on = shown.contains("explain -v`");
            assert!(leads_on || columns == 40, "{columns}\n{shown}");
            for line in shown.lines() {
                assert!(line.chars().count() <= columns, "{line}\n{shown}");
            }
        }
    }
}

/// Each sentence on what does not fit says of which pool it is.
#[test]
fn what_decides_is_said_of_each_pool() {
    let folder = Folder::new();
    folder.write(
        "poolcfg.toml",
        "[pooling_allocator]\nmemory_reservation = \"4GiB\"\non_misfit = \"shrink\"\n\
         [pool.plugins]\nmax_instances = 5\n[pool.requests]\nmax_instances = 1000\n",
    );
    let mut explain = program("poolcfg", folder.root());
    let explain = ran(explain.args(["explain", "--target", "riscv64gc-unknown-linux-gnu"]));
    for pool in ["plugins", "requests"] {
        let said = format!("one more instance of pool `{pool}` does not fit: ");
        assert_eq!(explain.stdout.matches(&said).count(), 1, "{explain:#?}");
    }
}

/// What stands in backticks is on one line of a help text, too.
#[test]
fn commands_in_help_are_left_in_one_piece() {
    let folder = Folder::new();
    for arguments in ["-h", "--help", "check --help"] {
        let line = format!("'{POOLCFG}' {arguments}");
        let shown = on_terminal(folder.root(), (40, 24), &line);
        for line in shown.lines() {
            assert!(line.matches('`').count() % 2 == 0, "{line}\n{shown}");
        }
        assert!(!shown.contains('\u{a0}'), "{shown}");
    }
}

/// The locale is C where no variable says one.
#[test]
fn a_process_without_a_locale_gets_ascii() {
    let folder = Folder::new();
    for command in ["explain", "check"] {
        let mut bare = program("poolcfg", folder.root());
        let bare = bare.args([command, "--target", "riscv64gc-unknown-linux-gnu"]);
        let bare = ran(bare.env_clear());
        assert!(
            bare.stdout.is_ascii() && bare.stderr.is_ascii(),
            "{bare:#?}"
        );
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
    // Its words are others in a pipe, or are not the same twice.
    let why = "why -- sh -c 'ulimit -v 200000; exec dd if=/dev/zero of=/dev/null bs=1G count=1 2>/dev/null'";
    let others = [
        &explain,
        "probe",
        "--explain PC0050",
        "--explain PC0055",
        "profiles",
        why,
    ];
    let flag =
        "check --target riscv64gc-unknown-linux-gnu --set pooling_allocator.max_instances=100000";
    for arguments in [
        "",
        &check,
        &misfit,
        &explain,
        flag,
        "inspect app.wasm",
        "--explain PC0034",
        "--explain PC0050",
        "--explain PC0055",
        "-h",
        "help why",
        "profiles",
        why,
        "probe",
        "check --target x",
        "inspect none.wasm",
    ] {
        let mut piped = program("poolcfg", folder.root());
        let piped = ran(piped.args(arguments.split_whitespace()));
        let words = |text: &str| {
            // What is said of a line of a file has its gutter in each line.
            let all = text.split_whitespace().filter(|word| *word != "|");
            let mut words: Vec<String> = all.map(str::to_owned).collect();
            words.sort();
            words
        };
        for columns in [40, 52, 64, 80] {
            let line = format!("'{POOLCFG}' {arguments}");
            let shown = on_terminal(folder.root(), (columns, 24), &line);
            for line in shown.lines() {
                let is_gutter =
                    line.trim_start_matches(|char: char| char == ' ' || char.is_ascii_digit());
                let is_note = is_gutter.starts_with('|') && is_gutter.contains("^ ");
                let is_code = ["poolcfg why ", "$ "]
                    .iter()
                    .any(|code| line.starts_with(code));
                let is_source = is_gutter.starts_with(['|', '│']) && !is_note;
                let is_kept = is_whole(line) || is_code || is_source;
                assert!(
                    line.chars().count() <= columns || is_kept,
                    "{arguments} {columns}: {line}\n{shown}"
                );
            }
            if !others.contains(&arguments) {
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
