//! Where numbers come from, and that people are told: the file of a workspace, the targets of tables, the variable.

use std::fs;
use std::process::Command;

mod common;

use common::{Folder, Ran, program, ran};

const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
const X86_64: &str = "x86_64-unknown-linux-gnu";

/// A new project, as `cargo new --lib` makes it.
struct Project(Folder);

impl Project {
    fn new() -> Self {
        let project = Self(Folder::new());
        project.write(
            "Cargo.toml",
            "[package]\nname = \"project\"\nedition = \"2024\"\n[workspace]\n",
        );
        project.write("src/lib.rs", "");
        project
    }

    fn with(poolcfg_toml: &str) -> Self {
        let project = Self::new();
        project.write("poolcfg.toml", poolcfg_toml);
        project
    }

    fn write(&self, file: &str, text: &str) {
        self.0.write(file, text);
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = program("cargo-poolcfg", self.0.root());
        ran(command.arg("poolcfg").args(arguments))
    }
}

/// One poolcfg.toml at the root, for command and attribute.
#[test]
fn a_workspace_shares_one_file() {
    let project = Project::new();
    let root = "[workspace]\nmembers = [\"a\", \"b\", \"c\"]\nresolver = \"3\"\n";
    let pointer = "[workspace.metadata.poolcfg]\nconfig = \"pools/poolcfg.toml\"\n";
    project.write("Cargo.toml", &format!("{root}{pointer}"));
    for name in ["a", "b", "c"] {
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
        project.write(&format!("{name}/Cargo.toml"), &manifest);
        project.write(&format!("{name}/src/lib.rs"), "");
    }
    // What does not exist yet is written where it is looked for.
    project
        .run(&["check", "-p", "a"])
        .ends(101)
        .says("error[PC0021]")
        .says("`config` points to `pools/poolcfg.toml`, which does not exist (Cargo.toml:5:10)");
    // From the folder of the package, the same files by a path that can be opened there.
    let root = project.0.root().canonicalize().unwrap();
    ran(program("cargo-poolcfg", &project.0.path("a")).args(["poolcfg", "check"]))
        .ends(101)
        .says(&format!("({}:5:10)", root.join("Cargo.toml").display()))
        .says(&format!("`{}`", root.join("pools/poolcfg.toml").display()));
    project
        .run(&["init", "-p", "a"])
        .ends(0)
        .says("wrote pools/poolcfg.toml");
    project.write(
        "pools/poolcfg.toml",
        "[pooling_allocator]\nmax_instances = 5\n",
    );
    let ran = project.run(&["check", "--target", RISCV64]);
    ran.ends(0);
    for package in ["a", "b", "c"] {
        ran.says(&format!(
            "package `{package}`: {RISCV64}: ok: native pool, 5 of 5"
        ));
    }
    let ran = project.run(&["check", "-p", "[bc]", "--target", RISCV64, "-v"]);
    ran.ends(0)
        .says("package `c`: read `pools/poolcfg.toml`, where `[workspace.metadata.poolcfg]` points")
        .says(&format!(
            "package `b`: targets: {RISCV64} (chosen from `--target`)"
        ));
    assert!(!ran.stderr.contains("package `a`"), "{}", ran.stderr);
    project
        .run(&["check", "-p", "x*"])
        .ends(101)
        .says("no package matches `x*`")
        .says("expected one of a, b, c");
    // A file of its own comes first.
    project.write("b/poolcfg.toml", "[pooling_allocator]\nmax_instances = 7\n");
    project.run(&["check", "-p", "b"]).ends(0).says("7 of 7");
}

/// What `cargo pkgid` prints, and the shorter ways of cargo to name a package.
#[test]
fn a_package_is_named_as_cargo_names_it() {
    let project = Project::new();
    project.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"a\", \"dir b\"]\nresolver = \"3\"\n",
    );
    for (name, folder, instances) in [("a", "a", 5), ("b", "dir b", 7)] {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.2\"\nedition = \"2024\"\n");
        project.write(&format!("{folder}/Cargo.toml"), &manifest);
        project.write(&format!("{folder}/src/lib.rs"), "");
        let file = format!("[pooling_allocator]\nmax_instances = {instances}\n");
        project.write(&format!("{folder}/poolcfg.toml"), &file);
    }
    let check = |spec: &str| project.run(&["check", "--target", RISCV64, "-p", spec]);
    let printed = |name: &str| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["pkgid", "--offline", "-p", name]);
        let output = cargo.current_dir(project.0.root()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("://"), "{text}");
        text.trim().to_owned()
    };
    let mut lock = Command::new(env!("CARGO"));
    lock.args(["generate-lockfile", "--offline"]);
    assert!(
        lock.current_dir(project.0.root())
            .status()
            .unwrap()
            .success()
    );
    let (a, b) = (printed("a"), printed("b"));
    let url = a.split('#').next().unwrap();
    let file = url.trim_start_matches("path+");
    for spec in [
        "a",
        "a@0.1.2",
        "a@0.1",
        "a@0",
        "a:0.1.2",
        "a:0.1",
        &a,
        url,
        file,
        &format!("{file}#a"),
        &format!("{file}#a@0.1"),
        &format!("{file}#0.1.2"),
    ] {
        check(spec).ends(0).says("5 of 5").says_nothing_of("7 of 7");
    }
    check(&b).ends(0).says("7 of 7");
    for spec in ["a@0.2", "a:1"] {
        check(spec)
            .ends(101)
            .says(&format!("no package matches `{spec}`"))
            .says("did you mean `a@0.1.2`?");
    }
    check(&format!("{file}#b"))
        .ends(101)
        .says("expected one of a, b");
    check("ab@0.1").ends(101).says("unknown package `ab@0.1`");
}

/// Beside the root of the crate, wherever that is, and what is missing there is said once.
#[test]
fn the_file_lies_beside_the_root_of_the_crate() {
    let project = Project::new();
    project.write(
        "Cargo.toml",
        "[package]\nname = \"p\"\nedition = \"2024\"\n[lib]\npath = \"code/all.rs\"\n",
    );
    project.write("code/all.rs", "");
    let add = "add `mod pool_limits;` to code/all.rs to use it";
    project
        .run(&[])
        .ends(0)
        .says("wrote code/pool_limits.rs")
        .says(add);
    let ran = project.run(&[]);
    ran.ends(0).says("code/pool_limits.rs is current");
    assert!(!ran.stderr.contains("add `mod"), "{}", ran.stderr);
    project.run(&["--check"]).ends(0);
}

/// Who names targets in tables is told that the host is not among them, and `-v` tells what was read.
#[test]
fn it_is_told_where_numbers_and_targets_come_from() {
    let table = format!("[target.{RISCV64}.pooling_allocator]\nmax_instances = 5\n");
    let project = Project::with(&table);
    let chosen = format!(
        "targets: {RISCV64} (chosen from the `[target.TRIPLE]` tables of poolcfg.toml; \
         pass `--target host-tuple` for the host)"
    );
    project.run(&["check"]).ends(0).says(&chosen);
    let ran = project.run(&["check", "--target", X86_64]);
    ran.ends(0);
    assert!(!ran.stderr.contains("chosen"), "{}", ran.stderr);
    project
        .run(&["check", "--target", X86_64, "-v"])
        .ends(0)
        .says("read `poolcfg.toml`\n")
        .says("(chosen from `--target`)");
    let bare = Project::new();
    bare.run(&["check", "-v"])
        .ends(0)
        .says("no `poolcfg.toml`: all keys have their defaults")
        .says("(chosen from the host)");
    // The flag and the variable are not blamed on the file.
    project
        .run(&["check", "--va-profile", "sv99"])
        .ends(101)
        .says("error[PC0013]: `--va-profile`: unknown VA profile `sv99`");
}

/// Outside of a project `poolcfg` alone tells what this machine holds, and what to type next.
#[test]
fn poolcfg_alone_tells_what_to_do() {
    let folder = Folder::new();
    let ran = ran(&mut program("poolcfg", folder.root()));
    ran.ends(0).says("this machine");
    assert!(
        ran.stdout.contains("poolcfg explain --here"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("pub const"), "{}", ran.stdout);
    assert!(fs::read_dir(folder.root()).unwrap().next().is_none());
}

/// A workspace of a, b and c, which have a poolcfg.toml each.
fn workspace(lines: &str) -> Project {
    let project = Project::new();
    let root = "[workspace]\nmembers = [\"a\", \"b\", \"c\"]\nresolver = \"3\"\n";
    project.write("Cargo.toml", &format!("{root}{lines}"));
    for name in ["a", "b", "c"] {
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
        project.write(&format!("{name}/Cargo.toml"), &manifest);
        project.write(&format!("{name}/src/lib.rs"), "");
        let file = "[pooling_allocator]\nmax_instances = 3\n";
        project.write(&format!("{name}/poolcfg.toml"), file);
    }
    project
}

#[track_caller]
fn checks(ran: &Ran, packages: &[&str]) {
    ran.ends(0);
    let checked = ["a", "b", "c"].map(|name| {
        let is_checked = ran
            .stderr
            .contains(&format!("package `{name}`: {RISCV64}: ok"));
        (name, is_checked)
    });
    assert_eq!(
        checked,
        ["a", "b", "c"].map(|name| (name, packages.contains(&name))),
        "{ran:#?}"
    );
}

/// As cargo takes them.
#[test]
fn packages_are_left_out_of_a_workspace_only() {
    let project = workspace("");
    let check = |arguments: &[&str]| {
        project.run(&[&["check", "--target", RISCV64][..], arguments].concat())
    };
    checks(&check(&[]), &["a", "b", "c"]);
    checks(&check(&["--workspace", "--exclude", "a"]), &["b", "c"]);
    check(&["-p", "a", "-p", "b", "--exclude", "a"])
        .ends(2)
        .says("cannot be used with");
    check(&["--exclude", "a"]).ends(2);
    check(&["--workspace", "--exclude", "*"])
        .ends(101)
        .says("`--exclude` leaves no package of the workspace");
    fs::remove_file(project.0.path("c/poolcfg.toml")).unwrap();
    check(&["--workspace", "--exclude", "[ab]"])
        .ends(101)
        .says("no package that `--exclude` leaves has a poolcfg.toml");
}

#[test]
fn default_members_are_taken_at_the_root() {
    let project = workspace("default-members = [\"b\", \"c\"]\n");
    let check = |folder: &str, arguments: &[&str]| {
        let mut command = program("cargo-poolcfg", &project.0.path(folder));
        ran(command
            .args(["poolcfg", "check", "--target", RISCV64])
            .args(arguments))
    };
    checks(&check("", &[]), &["b", "c"]);
    checks(
        &check("a", &["--manifest-path", "../Cargo.toml"]),
        &["b", "c"],
    );
    checks(&check("", &["--workspace"]), &["a", "b", "c"]);
    check("a", &[]).ends(0).says(&format!("{RISCV64}: ok"));
    fs::remove_file(project.0.path("c/poolcfg.toml")).unwrap();
    fs::remove_file(project.0.path("b/poolcfg.toml")).unwrap();
    check("", &[])
        .ends(101)
        .says("no package of `default-members` has a poolcfg.toml");
    // The package at the root is one of them or not.
    let project = workspace("default-members = [\"a\", \".\"]\n[package]\nname = \"project\"\n");
    project.write("poolcfg.toml", "[pooling_allocator]\nmax_instances = 3\n");
    let ran = project.run(&["check", "--target", RISCV64]);
    checks(&ran, &["a"]);
    ran.says(&format!("package `project`: {RISCV64}: ok"));
}

/// The value that is too much may be of the command line.
#[test]
fn a_flag_is_blamed_for_its_misfit() {
    let file = "[pooling_allocator]\nmax_instances = 10\nmemory_reservation = \"4GiB\"\n";
    let project = Project::with(file);
    let check = |flags: &[&str]| {
        let flags = flags.iter().flat_map(|flag| ["--set", flag]);
        let flags: Vec<&str> = flags.collect();
        project.run(&[&["check", "--target", RISCV64][..], &flags].concat())
    };
    check(&[]).ends(0);
    for (flag, label) in [
        (
            "pooling_allocator.max_instances=100",
            "memories of 4 GiB each",
        ),
        (
            "pooling_allocator.memory_reservation=64GiB",
            "without this flag, the pools fit",
        ),
        (
            "address_space.headroom=230GiB",
            "without this flag, the pools fit",
        ),
        (
            "address_space.rlimit_as=16GiB",
            "without this flag, the pools fit",
        ),
    ] {
        for flags in [&[flag][..], &["pooling_allocator.max_instances=9", flag]] {
            let (_, value) = flag.split_once('=').unwrap();
            check(flags)
                .ends(100)
                .says(" --> --set:1:")
                .says(value)
                .says(label)
                .says_nothing_of("--> poolcfg.toml");
        }
    }
    check(&[
        "pooling_allocator.memory_reservation=8GiB",
        "pooling_allocator.max_instances=30",
    ])
    .ends(100)
    .says(" --> --set:1:");
    // What does not fit anyway is the fault of the file.
    project.write("poolcfg.toml", &file.replace("10", "10000"));
    check(&["address_space.headroom=2GiB"])
        .ends(100)
        .says(" --> poolcfg.toml:2:")
        .says_nothing_of("--set");
}

/// The file is not to blame for what a variable or a flag says.
#[test]
fn no_arrow_points_at_a_file_that_is_not_to_blame() {
    let project = Project::with("[pooling_allocator]\nmax_instances = 3\n");
    let of_variable = |name: &str| {
        let mut command = program("cargo-poolcfg", project.0.root());
        command.env("POOLCFG_VA_PROFILE", name);
        ran(command.args(["poolcfg", "check", "--target", RISCV64]))
    };
    let of_flag = project.run(&["check", "--target", X86_64, "--va-profile", "sv48"]);
    for (ran, place) in [
        (of_variable("sv93"), "--> POOLCFG_VA_PROFILE:1:14"),
        (of_flag, "--> --va-profile:1:14"),
    ] {
        ran.ends(101)
            .says("error[PC0")
            .says(place)
            .says_nothing_of("poolcfg.toml");
    }
}

/// What is wrong with a target spec is shown in it.
#[test]
fn a_target_spec_is_shown_where_it_is_wrong() {
    let project = Project::new();
    for (text, place, message) in [
        ("\n{}\n", "2:1", "the target spec has no \"arch\""),
        ("[]\n", "1:1", "the target spec is not a JSON object"),
        (
            "{\n  \"arch\": \"\u{e4}\", arch\n}\n",
            "2:16",
            "invalid JSON in the target spec",
        ),
        ("", "1:1", "invalid JSON in the target spec"),
    ] {
        project.write("foo.json", text);
        project
            .run(&["check", "--target", "foo.json"])
            .ends(101)
            .says(message)
            .says(&format!(" --> foo.json:{place}\n  |\n"));
    }
}

/// What is repeated was passed when the file was written.
#[test]
fn recorded_targets_are_said_to_be_so() {
    let project = Project::with("[pooling_allocator]\nmax_instances = 3\n");
    let flags = ["--target", X86_64, "--va-profile", "va47"];
    project
        .run(&[&flags[..], &["-v"]].concat())
        .ends(0)
        .says(&format!("targets: {X86_64} (chosen from `--target`)"));
    for arguments in [&["-v"][..], &["--check", "-v"]] {
        project
            .run(arguments)
            .ends(0)
            .says(&format!(
                "targets: {X86_64} (chosen from `--target` of the command recorded in `src/pool_limits.rs`)"
            ))
            .says("named by `--va-profile` of the command recorded in `src/pool_limits.rs`");
    }
}
