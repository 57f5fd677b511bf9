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
            .says("`[workspace.metadata.poolcfg] config = \"poolcfg.toml\"` into the workspace's Cargo.toml");
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
        .says("use `--emit wasmtime-toml`, or name a file with another ending");
    for name in ["foo.toml", "foo.json", "foo.rs"] {
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
