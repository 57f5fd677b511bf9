//! How the command speaks: by the name under which it was called, of files that can be opened from where it ran, and with
//! advice that leads on.

mod common;

use common::{Folder, Ran, program, ran};

const FITS: &str = "[pooling_allocator]\nmax_instances = 6\n";

fn cargo_poolcfg(folder: &Folder, arguments: &[&str]) -> Ran {
    ran(program("cargo-poolcfg", folder.root())
        .arg("poolcfg")
        .args(arguments))
}

fn poolcfg(folder: &Folder, arguments: &[&str]) -> Ran {
    ran(program("poolcfg", folder.root()).args(arguments))
}

/// A virtual workspace of the packages `a` and `b`.
fn workspace(more: &str) -> Folder {
    let folder = Folder::new();
    let root = "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n";
    folder.write("Cargo.toml", &format!("{root}{more}"));
    for name in ["a", "b"] {
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
        folder.write(&format!("{name}/Cargo.toml"), &manifest);
        folder.write(&format!("{name}/src/lib.rs"), "");
    }
    folder
}

/// What another system does not know is told, and is still no error: a base table serves all targets.
#[test]
fn keys_that_do_nothing_on_a_target_are_told() {
    let folder = Folder::new();
    let space = "[address_space]\naslr = 28\nrlimit_as = \"64GiB\"\nmemory = \"1GiB\"\n";
    folder.write("poolcfg.toml", &format!("{FITS}{space}"));
    let check = |target| poolcfg(&folder, &["check", "--target", target]);
    for (target, said) in [
        (
            "x86_64-pc-windows-msvc",
            "`aslr`, `rlimit_as` and `memory` under `[address_space]` do nothing on windows: ",
        ),
        (
            "aarch64-apple-darwin",
            "`aslr` and `memory` under `[address_space]` do nothing on macos: ",
        ),
        (
            "x86_64-unknown-freebsd",
            "`aslr` and `memory` under `[address_space]` do nothing on freebsd: ",
        ),
    ] {
        let warning = format!("warning[PC0029]: on `{target}`: {said}");
        check(target).ends(0).says(&warning);
    }
    let ran = check("x86_64-unknown-linux-gnu");
    assert!(!ran.ends(0).stderr.contains("PC0029"), "{ran:?}");
    // What is said follows the advice.
    let space = space.replace(
        "[address_space]",
        "[target.'cfg(target_os = \"linux\")'.address_space]",
    );
    folder.write("poolcfg.toml", &format!("{FITS}{space}"));
    let ran = check("x86_64-pc-windows-msvc");
    assert!(!ran.ends(0).stderr.contains("PC0029"), "{ran:?}");
}

/// Each of these texts names a command.
#[test]
fn every_text_calls_the_command_as_it_was_called() {
    let folder = Folder::new();
    folder.write("poolcfg.toml", "[address_space]\nva_profile = \"x\"\n");
    folder.write(
        "Cargo.toml",
        "[package]\nname = \"a\"\nedition = \"2024\"\n",
    );
    folder.write("src/lib.rs", "");
    for arguments in [
        &["check"][..],
        &["--explain", "PC0040"],
        &["--explain", "PC0051"],
        &["--explain", "PC0040", "--message-format", "json"],
        &["check", "--message-format", "json"],
        &["explain", "--fit", "no-pool"],
        &["check", "--nothing"],
    ] {
        for (ran, is_alone) in [
            (cargo_poolcfg(&folder, arguments), false),
            (poolcfg(&folder, arguments), true),
        ] {
            let said = ran.stdout.clone() + &ran.stderr;
            let all = said.matches("`poolcfg ").count() + said.matches("`cargo poolcfg ").count();
            let with_cargo = said.matches("cargo poolcfg ").count();
            assert!(all > 0, "{ran:#?}");
            assert_eq!(with_cargo == 0, is_alone, "{arguments:?} {ran:#?}");
            if !is_alone {
                assert_eq!(
                    said.matches("`poolcfg ").count(),
                    0,
                    "{arguments:?} {ran:#?}"
                );
            }
        }
    }
}

/// Whoever looks up a code finds what was wrong, and not only what the code is for most of the time.
#[test]
fn the_text_of_a_code_tells_of_each_of_its_uses() {
    let folder = Folder::new();
    folder.write(
        "Cargo.toml",
        "[package]\nname = \"a\"\nedition = \"2024\"\n[workspace]\n",
    );
    folder.write("src/lib.rs", "");
    folder.write("app.wat", "(module)");
    folder.write("app.wasm", "\0asm\u{1}\0\0\0");
    folder.write("target.json", "{");
    folder.write("poolcfg.toml", "[pooling_allocator]\nengine = \"native\"\n");
    for (arguments, code, told) in [
        (&["check", "--set", "a"][..], "PC0003", "`--set`"),
        (
            &[
                "check",
                "--set",
                "pooling_allocator.pools=1",
                "--set",
                "pooling_allocator={}",
            ],
            "PC0003",
            "one flag cannot set a table",
        ),
        (&["check", "-p", "["], "PC0025", "pattern"),
        (&["check", "-p", "x*"], "PC0025", "no package matches"),
        (
            &["check", "--workspace", "--exclude", "a"],
            "PC0025",
            "`--exclude`",
        ),
        (
            &["check", "--manifest-path", "src"],
            "PC0025",
            "`--manifest-path`",
        ),
        (&["inspect", "[.wasm"], "PC0040", "pattern"),
        (&["inspect", "none-*.wasm"], "PC0040", "pattern"),
        (&["--explain", "PC9999"], "PC0007", "`--explain`"),
        (&["completions", "elvish"], "PC0007", "completions"),
        (
            &["check", "--workload", "app.wasm"],
            "PC0028",
            "`--workload`",
        ),
        (&["--program", "app.wat"], "PC0039", "`.wat`"),
        (&["check", "--target", "target.json"], "PC0018", "not JSON"),
        (&["check", "--fit", "no-pool"], "PC0028", "`--fit no-pool`"),
    ] {
        let ran = cargo_poolcfg(&folder, arguments);
        assert!(ran.stderr.contains(&format!("error[{code}]: ")), "{ran:#?}");
        let text = cargo_poolcfg(&folder, &["--explain", code])
            .ends(0)
            .stdout
            .clone();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(told), "{arguments:?} {text}");
    }
}

#[test]
fn a_misspelt_command_is_recognized_behind_help_too() {
    let folder = Folder::new();
    for arguments in [&["chek"][..], &["help", "chek"]] {
        cargo_poolcfg(&folder, arguments)
            .ends(2)
            .says("a similar subcommand exists: 'check'");
        poolcfg(&folder, arguments)
            .ends(2)
            .says("a similar subcommand exists: 'check'");
    }
    cargo_poolcfg(&folder, &["help", "xyz"])
        .ends(2)
        .says("unrecognized subcommand 'xyz'")
        .says_nothing_of("similar");
    cargo_poolcfg(&folder, &["explain", "PC0001"])
        .ends(2)
        .says("`cargo poolcfg --explain PC0001` explains a code");
    cargo_poolcfg(&folder, &["init", "--force"])
        .ends(2)
        .says("`init` overwrites nothing, and has no `--force`: move poolcfg.toml away first")
        .says_nothing_of("frozen");
}

#[test]
fn a_key_of_another_table_is_told_its_place() {
    let folder = Folder::new();
    for (table, key, place) in [
        (
            "pooling_allocator",
            "va_profile = \"sv39\"",
            "`[address_space]`",
        ),
        (
            "address_space",
            "max_instances = 3",
            "`[pooling_allocator]`",
        ),
        (
            "pooling_allocator",
            "version = \"48\"",
            "`[pooling_allocator.wasmtime]`, or the `wasmtime` table",
        ),
        (
            "address_space",
            "page_size = \"4KiB\"",
            "`[va_profile.NAME]`",
        ),
        (
            "pooling_allocator",
            "workload = [\"a.wasm\"]",
            "`[pooling_allocator.wasmtime]`",
        ),
    ] {
        folder.write("poolcfg.toml", &format!("[{table}]\n{key}\n"));
        let name = key.split(' ').next().unwrap();
        poolcfg(&folder, &["check"])
            .ends(101)
            .says(&format!("unknown key `{name}` in `[{table}]`"))
            .says(&format!("help: `{name}` belongs under {place}"));
    }
    folder.write("poolcfg.toml", "[pools.a]\nmax_instances = 3\n");
    poolcfg(&folder, &["check"])
        .ends(101)
        .says("unknown key `pools`")
        .says("help: did you mean `pool`?");
    folder.write("poolcfg.toml", "max_instances = 3\n");
    poolcfg(&folder, &["check"])
        .ends(101)
        .says("`[pooling_allocator]`");
}

/// From a virtual workspace, each advice leads to a file that is read.
#[test]
fn the_advice_of_a_workspace_leads_on() {
    let folder = workspace("");
    for command in ["init", "check", "sync", "generate"] {
        cargo_poolcfg(&folder, &[command])
            .ends(101)
            .says("select a package with `-p`: a, b; or share one file among all packages: put")
            .says("`config = \"poolcfg.toml\"` under `[workspace.metadata.poolcfg]` of the workspace's Cargo.toml, and run `cargo poolcfg init`");
    }
    cargo_poolcfg(&folder, &["sync", "-p", "a"])
        .ends(101)
        .says("no poolcfg.toml in `a`")
        .says("`cargo poolcfg init -p a` writes one");
    cargo_poolcfg(&folder, &["init", "-p", "a"])
        .ends(0)
        .says("wrote a/poolcfg.toml");
    cargo_poolcfg(&folder, &["sync", "-p", "a"]).ends(0);

    let folder = workspace("[workspace.metadata.poolcfg]\nconfig = \"poolcfg.toml\"\n");
    cargo_poolcfg(&folder, &["check"])
        .ends(101)
        .says("`config` points to `poolcfg.toml`, which does not exist (Cargo.toml:5:10)")
        .says("`cargo poolcfg init` writes it");
    cargo_poolcfg(&folder, &["init"])
        .ends(0)
        .says("wrote poolcfg.toml\n");
    cargo_poolcfg(&folder, &["check"])
        .ends(0)
        .says("package `b`");
}

#[test]
fn a_new_file_ends_as_what_is_written() {
    let folder = Folder::new();
    folder.write("poolcfg.toml", FITS);
    poolcfg(&folder, &["-o", "foo.toml"])
        .ends(2)
        .says("`foo.toml` ends as the files of `--emit wasmtime-toml` do")
        .says("add `--emit wasmtime-toml`, or name a file that ends in `.rs`");
    poolcfg(&folder, &["-o", "foo.json"])
        .ends(2)
        .says("add `--emit json`");
    poolcfg(&folder, &["--emit", "json", "-o", "foo.rs"])
        .ends(2)
        .says("leave out `--emit`, or name a file that ends in `.json`");
    poolcfg(&folder, &["--emit", "spin-env", "-o", "foo.toml"])
        .ends(2)
        .says("use `--emit wasmtime-toml`, or name a file that ends in `.env`");
    poolcfg(&folder, &["-o", "foo.env"])
        .ends(2)
        .says("`foo.env` ends as the files of `--emit spin-env` and `--emit wasmcloud-env` do")
        .says("add `--emit spin-env` or `--emit wasmcloud-env`, or name a file that ends in `.rs`");
    poolcfg(&folder, &["--emit", "wasmtime-flags", "-o", "foo.env"])
        .ends(2)
        .says(
            "use `--emit spin-env` or `--emit wasmcloud-env`, or name a file with another ending",
        );
    for name in ["foo.toml", "foo.json", "foo.rs", "foo.env"] {
        assert!(!folder.path(name).exists());
    }
    poolcfg(&folder, &["-o", "foo.rs"]).ends(0);
    poolcfg(&folder, &["-o", "foo.txt"]).ends(0);
    poolcfg(&folder, &["--emit", "json", "-o", "foo.json"]).ends(0);
    // What would not be replaced is not told to be written again.
    folder.write("own.rs", "fn main() {}\n");
    poolcfg(&folder, &["--check", "own.rs"])
        .ends(100)
        .says("`own.rs` exists and was not written by poolcfg")
        .says_nothing_of("writes it");
}

/// What is no text, or JSON that is no object of ours, is somebody's too.
#[test]
fn only_what_is_ours_is_replaced() {
    let folder = Folder::new();
    let of_wasmtime = ["--engine", "wasmtime", "--engine-version", "48"];
    let toml = ["--emit", "wasmtime-toml"];
    let flags = ["--emit", "wasmtime-flags"];
    let json = ["--emit", "json"];
    let rust = ["--emit", "rust"];
    folder.write("template.txt", "{{ schema }}\n");
    let template = ["--template", "template.txt"];
    let package = &b"{\"name\": \"a\", \"schema\": 2, \"results\": []}\n"[..];
    for (kind, name, bytes) in [
        (toml, "app.wasm", &b"\0asm\x0d\0\x01\0\xff"[..]),
        (toml, "program", b"\x7fELF\x02\x01\x01\0\xff"),
        (toml, "latin.toml", b"name = \"caf\xe9\"\n"),
        (flags, "flags.txt", b"my notes\n"),
        (json, "package.json", package),
        (json, "notes.json", b"not JSON\n"),
        (json, "latin.json", b"\"caf\xe9\"\n"),
        (rust, "src/latin.rs", b"// caf\xe9\n"),
        (template, "app.bin", b"\xff"),
    ] {
        folder.write(name, "");
        std::fs::write(folder.path(name), bytes).unwrap();
        for (flag, status) in [("-o", 101), ("--check", 100)] {
            let ran = poolcfg(&folder, &[&of_wasmtime[..], &kind, &[flag, name]].concat());
            ran.ends(status).says(&format!(
                "error[PC0023]: `{name}` exists and was not written by poolcfg"
            ));
        }
        assert_eq!(std::fs::read(folder.path(name)).unwrap(), bytes, "{name}");
    }
    // What is ours is written again, and so is what is empty.
    for (kind, name) in [(flags, "own.txt"), (json, "own.json"), (json, "empty.json")] {
        folder.write("empty.json", "");
        for engine_version in ["47", "48"] {
            let flags = ["--engine", "wasmtime", "--engine-version", engine_version];
            let ran = poolcfg(&folder, &[&flags[..], &kind, &["-o", name]].concat());
            ran.ends(0).says(name);
        }
    }
    assert!(folder.read("own.json").contains("\"version\": \"48"));
}

#[test]
fn a_folder_in_the_place_of_a_file_is_told_as_one() {
    let folder = Folder::new();
    let package = "[package]\nname = \"a\"\nedition = \"2024\"\n";
    folder.write("a/src/lib.rs", "");
    folder.write("a/pools/x", "");
    let pointer =
        |table: &str| format!("{package}[{table}.metadata.poolcfg]\nconfig = \"pools\"\n");
    let own = pointer("package");
    let of_workspace = pointer("workspace") + "[workspace]\n";
    for manifest in [own, of_workspace] {
        folder.write("a/Cargo.toml", &manifest);
        for command in ["check", "init"] {
            cargo_poolcfg(&folder, &[command, "--manifest-path", "a/Cargo.toml"])
                .ends(101)
                .says("`config` points to `a/pools`, which is a folder (a/Cargo.toml:5:10)")
                .says("help: name the file: `config = \"pools/poolcfg.toml\"`");
        }
    }
    cargo_poolcfg(&folder, &["check", "--manifest-path", "a"])
        .ends(101)
        .says("`a` is a folder")
        .says("help: `--manifest-path` takes the path of a Cargo.toml");
}

#[test]
fn sync_says_which_folder_has_no_file() {
    let folder = Folder::new();
    folder.write(
        "Cargo.toml",
        "[package]\nname = \"a\"\nedition = \"2024\"\n",
    );
    folder.write("src/lib.rs", "");
    let root = folder.root().canonicalize().unwrap();
    for arguments in [&["sync"][..], &["sync", "--check"]] {
        cargo_poolcfg(&folder, arguments)
            .ends(101)
            .says(&format!("no poolcfg.toml in `{}`", root.display()));
    }
}

#[test]
fn flags_of_speech_leave_the_overview() {
    let folder = Folder::new();
    for flags in [&[][..], &["-v"], &["--color", "never"], &["--color=never"]] {
        let ran = poolcfg(&folder, flags);
        let said = &ran.ends(0).stdout;
        assert!(
            said.contains("\nNext:\n") || said.starts_with("Next:\n"),
            "{ran:#?}"
        );
        assert!(said.contains("\n  poolcfg init  "), "{ran:#?}");
        assert!(said.contains("\n  poolcfg generate  "), "{ran:#?}");
    }
    assert_eq!(poolcfg(&folder, &["-q"]).ends(0).stdout, "");
    // Flags of what is written ask for it.
    let rust = poolcfg(&folder, &["--target", "riscv64gc-unknown-linux-gnu", "-q"]);
    assert!(rust.ends(0).stdout.contains("@generated"), "{rust:#?}");
    folder.write("poolcfg.toml", FITS);
    let ran = poolcfg(&folder, &[]);
    assert!(!ran.stdout.contains("poolcfg init"), "{ran:#?}");
    assert!(
        ran.ends(0).stdout.contains("\n  poolcfg check  "),
        "{ran:#?}"
    );
}

/// Flags stand behind the name of a command, and the usage says so.
#[test]
fn the_usage_is_as_it_is_called() {
    let folder = Folder::new();
    for (ran, name) in [
        (cargo_poolcfg(&folder, &["--help"]), "cargo poolcfg"),
        (poolcfg(&folder, &["--help"]), "poolcfg"),
    ] {
        let usage = format!("Usage: {name} [OPTIONS]\n       {name} <COMMAND> [OPTIONS]\n");
        assert!(ran.ends(0).stdout.contains(&usage), "{ran:#?}");
    }
    poolcfg(&folder, &["--engine", "wasmtime", "check"])
        .ends(2)
        .says("put `--engine` after the subcommand `check`")
        .says("Usage: poolcfg check [OPTIONS]");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_what_to_do() {
    let folder = Folder::new();
    folder.write(
        "Cargo.toml",
        "[package]\nname = \"a\"\nedition = \"2024\"\n",
    );
    folder.write("src/lib.rs", "");
    std::fs::write(folder.path("poolcfg.toml"), [0xff, 0xfe]).unwrap();
    cargo_poolcfg(&folder, &["check"])
        .ends(101)
        .says("cannot read `poolcfg.toml`")
        .says("help: save it as UTF-8 text");
    std::fs::remove_file(folder.path("poolcfg.toml")).unwrap();
    cargo_poolcfg(&folder, &["--template", "none.jinja"])
        .ends(101)
        .says("cannot read template `none.jinja`")
        .says("help: check the path: there is no such file");
}

#[test]
fn counts_of_one_are_told_as_one() {
    let folder = Folder::new();
    let pool =
        "[pooling_allocator]\nmax_instances = 1\npools = 3\nmemory_reservation = \"64KiB\"\n";
    folder.write("poolcfg.toml", pool);
    poolcfg(&folder, &["--here", "-o", "own.rs"]).ends(0);
    poolcfg(&folder, &["--here", "--check", "own.rs"])
        .ends(0)
        .says("ok: 3 pools of 1 instance × 64");
}

/// Numbers of one pool say so, and bytes are those of all.
#[test]
fn equal_pools_are_told_as_so_many() {
    let folder = Folder::new();
    let target = ["--target", "riscv64gc-unknown-linux-gnu"];
    let pools = |slots: u32| {
        format!(
            "[pooling_allocator]\nmax_instances = {slots}\npools = 4\nmemory_reservation = \"4GiB\"\n"
        )
    };
    folder.write("poolcfg.toml", &pools(10));
    let run = |command: &[&str]| poolcfg(&folder, &[command, &target].concat());
    run(&["check"])
        .ends(0)
        .says("ok: 4 native pools, each 10 of 10 instances × 4 GiB guaranteed");
    let explained = run(&["explain", "-v"]);
    for line in [
        "\n4 pools: each 10 of 10 instances × 4 GiB\n",
        "  memories             161.38 GiB  4 x (32 MiB + 10 x (4 GiB + 32 MiB)); 99.9 %\n",
    ] {
        assert!(explained.ends(0).stdout.contains(line), "{explained:#?}");
    }
    folder.write("poolcfg.toml", &pools(20));
    run(&["check"])
        .ends(100)
        .says("does not fit: 4 native pools, each 20 instances × 4 GiB asked")
        .says("each of the 4 pools needs 80.66 GiB in slots of 4.04 GiB; ")
        .says("has 60.50 GiB for 15 slots of each in three holes");
}

/// Cargo does not hand on what it is told itself, but its configuration and its variable hold for its subcommands.
#[test]
fn colors_are_those_that_cargo_is_told() {
    let folder = Folder::new();
    let is_colored = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = program("cargo-poolcfg", folder.root());
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        command.envs(variables.iter().copied());
        let ran = ran(command
            .args(["poolcfg", "--explain", "PC0"])
            .args(arguments));
        ran.ends(2).stderr.contains('\x1b')
    };
    let always = [("CARGO_TERM_COLOR", "always")];
    let no_color = [("NO_COLOR", "1"), ("CARGO_TERM_COLOR", "always")];
    assert!(!is_colored(&[], &[]));
    assert!(is_colored(&[], &always));
    // What is said to cargo outranks what is said to every program.
    assert!(is_colored(&[], &no_color));
    assert!(is_colored(&["--config", "term.color=\"always\""], &[]));
    assert!(!is_colored(&["--color", "never"], &no_color));
    folder.write(".cargo/config.toml", "[term]\ncolor = \"always\"\n");
    assert!(is_colored(&[], &[]));
    assert!(is_colored(&[], &[("NO_COLOR", "1")]));
    assert!(!is_colored(&[], &[("CARGO_TERM_COLOR", "never")]));
    assert!(!is_colored(&["--config", "term.color=\"never\""], &always));
}

/// A table of the file for a target without address space has the caret, and a name that is empty is a name.
#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    let folder = Folder::new();
    let target = "[target.wasm32-wasip1.pooling_allocator]\nmax_instances = 2\n";
    folder.write("poolcfg.toml", &format!("{FITS}{target}"));
    poolcfg(&folder, &["check"])
        .ends(101)
        .says("error[PC0037]")
        .says("--> poolcfg.toml:3:9");
    folder.write("poolcfg.toml", FITS);
    poolcfg(&folder, &["check", "--va-profile", ""])
        .ends(101)
        .says("error[PC0013]");
}

/// Advice names a flag or a command that is of use to whoever reads it.
#[test]
fn advice_is_for_what_was_asked_and_what_is_there() {
    let folder = Folder::new();
    folder.write("poolcfg.toml", FITS);
    let json = ["--message-format", "json"];
    poolcfg(&folder, &json)
        .ends(2)
        .says("without a package")
        .says_nothing_of("for the text");
    let text = [&["--template", "t"][..], &json].concat();
    poolcfg(&folder, &text).ends(2).says("`-o FILE`");
    let mut alone = program("poolcfg", folder.root());
    alone.args(["check", "--target", "raspberrypi"]);
    for name in ["CARGO", "RUSTC"] {
        alone.env_remove(name);
    }
    let nothing = Folder::new();
    alone
        .env("PATH", nothing.root())
        .env("CARGO_HOME", nothing.root());
    ran(&mut alone)
        .ends(101)
        .says("built in")
        .says_nothing_of("rustc --print");
}
