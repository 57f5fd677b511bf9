//! The command as its users meet it: what it writes, what it prints on which stream, and how it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

mod common;

use common::{Folder, Ran, program, ran};
use serde_json::Value;

const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
const AARCH64: &str = "aarch64-unknown-linux-gnu";
const X86_64: &str = "x86_64-unknown-linux-gnu";

const TOO_LARGE: &str = "[pooling_allocator]\nmax_instances = 1000\nmemory_reservation = \"4GiB\"\n\
                         guard_size = \"32MiB\"\non_misfit = \"error\"\n";

const BOARD: &str = "{\"arch\": \"riscv64\", \"os\": \"linux\", \"llvm-target\": \"riscv64\", \
                     \"target-pointer-width\": 64, \"target-endian\": \"little\"}";

/// A new project, as `cargo new --lib` makes it.
struct Project {
    folder: Folder,
}

impl Project {
    fn new() -> Self {
        let project = Self {
            folder: Folder::new(),
        };
        project.write(
            "Cargo.toml",
            "[package]\nname = \"project\"\nedition = \"2024\"\n[workspace]\n",
        );
        project.write("src/lib.rs", "pub mod pool_limits;\n");
        project
    }

    fn with(poolcfg_toml: &str) -> Self {
        let project = Self::new();
        project.write("poolcfg.toml", poolcfg_toml);
        project
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path(file)
    }

    fn write(&self, file: &str, text: &str) {
        self.folder.write(file, text);
    }

    fn read(&self, file: &str) -> String {
        self.folder.read(file)
    }

    /// `cargo poolcfg …` as cargo calls it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program("cargo-poolcfg", self.folder.root());
        command.arg("poolcfg").args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// The results of `--emit json`.
    fn results(&self, arguments: &[&str]) -> Vec<Value> {
        let ran = self.run(&[&["--emit", "json"], arguments].concat());
        ran.json()["results"].as_array().unwrap().clone()
    }

    /// Whether rustc takes the generated file, alone and for the host.
    fn compiles(&self) -> Result<(), String> {
        let output = Command::new("rustc")
            .current_dir(self.folder.root())
            .args([
                "--edition",
                "2024",
                "--crate-type",
                "lib",
                "--emit",
                "metadata",
            ])
            .args([
                "-Dwarnings",
                "--crate-name",
                "alone",
                "src/lib.rs",
                "--out-dir",
                "out",
            ])
            .output()
            .unwrap();
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8(output.stderr).unwrap())
        }
    }
}

fn const_of(file: &str, name: &str) -> u64 {
    let after = file.split(&format!("pub const {name}: ")).nth(1).unwrap();
    let value = after.split(['=', ';']).nth(1).unwrap();
    value.trim().replace('_', "").parse().unwrap()
}

#[test]
fn a_new_project_gets_limits_for_riscv64() {
    let project = Project::new();
    project
        .run(&["--target", RISCV64])
        .ends(0)
        .says("wrote src/pool_limits.rs")
        .says("100 of 100 instances × 2 GiB guaranteed");
    let file = project.read("src/pool_limits.rs");
    assert!(const_of(&file, "MAX_INSTANCES") <= 100);
    let riscv64 = const_of(&file, "MEMORY_RESERVATION");
    project.run(&["--target", RISCV64, "--check"]).ends(0);

    let x86_64 = &project.results(&["--target", X86_64])[0];
    assert!(riscv64 < x86_64["limits"]["memory_reservation"].as_u64().unwrap());

    // The largest piece of the memories lies in the larger hole. What is beside it lies in the others, in each of
    // which some of it may be missing.
    let result = &project.results(&["--target", RISCV64])[0];
    let holes = result["budget"]["holes"].as_array().unwrap();
    let mappings = result["footprint"]["mappings"].as_array().unwrap();
    assert!(mappings[0]["bytes"].as_u64() <= holes[0].as_u64());
    let rest: u64 = mappings[1..]
        .iter()
        .map(|of| of["bytes"].as_u64().unwrap())
        .sum();
    assert!(rest <= 3 * holes[1].as_u64().unwrap());
}

#[test]
fn the_same_command_writes_the_same_bytes() {
    let project = Project::new();
    project.run(&["--target", RISCV64]).ends(0);
    let first = project.read("src/pool_limits.rs");
    project
        .run(&["--target", RISCV64])
        .ends(0)
        .says("src/pool_limits.rs is current");
    assert_eq!(project.read("src/pool_limits.rs"), first);
    let folder = project.folder.root().to_str().unwrap();
    assert!(!first.contains(folder), "it names a folder of this machine");
}

#[test]
fn check_finds_what_is_not_current() {
    let project = Project::new();
    let check = ["--target", RISCV64, "--check"];
    project
        .run(&check)
        .ends(100)
        .says("PC0024")
        .says("does not exist");
    project.run(&["--target", RISCV64]).ends(0);
    project.run(&check).ends(0);

    let file = project.read("src/pool_limits.rs");
    let edited = file.replace(" MAX_INSTANCES: u32 = 100;", " MAX_INSTANCES: u32 = 99;");
    assert_ne!(edited, file);
    project.write("src/pool_limits.rs", &edited);
    project.run(&check).ends(100).says("is not current");
    assert_eq!(
        project.read("src/pool_limits.rs"),
        edited,
        "--check writes nothing"
    );

    project.run(&["--target", RISCV64]).ends(0);
    project.write("poolcfg.toml", "[pooling_allocator]\nmax_instances = 50\n");
    project.run(&check).ends(100);
    // What changes no number changes nothing.
    project.write("poolcfg.toml", "# a comment\n");
    project.run(&check).ends(0);
}

/// Without flags of its own, `--check` asks about the command that wrote the file.
#[test]
fn check_repeats_the_recorded_command() {
    let project = Project::new();
    project.write("my board.json", BOARD);
    for flags in [
        &["--target", RISCV64][..],
        &[
            "--target",
            RISCV64,
            "--target",
            X86_64,
            "--stack-limit",
            "unlimited",
        ],
        &["--target", RISCV64, "--va-profile", "sv48"],
        &["--target", "my board.json"],
    ] {
        project.run(flags).ends(0);
        project.run(&["--check"]).ends(0);
        project.run(&["--check", "--target", AARCH64]).ends(100);
    }
    project.write(
        "poolcfg.toml",
        "[pooling_allocator]\r\nmax_instances = 50\r\n",
    );
    project.run(&["--check"]).ends(100);
    project.run(&["--target", RISCV64]).ends(0);
    project.write("poolcfg.toml", "[pooling_allocator]\nmax_instances = 50\n");
    project.run(&["--check"]).ends(0);
}

/// What is generated is a file of consts, whatever a target is called.
#[test]
fn no_name_breaks_out_of_the_header() {
    let project = Project::new();
    for name in ["x\nfn main() {}.json", "`.json", "x\r.json"] {
        project.write(name, BOARD);
        project.run(&["--target", name]).ends(101);
        assert!(!project.path("src/pool_limits.rs").exists());
    }
}

#[test]
fn a_poolcfg_toml_that_cannot_be_read_is_an_error() {
    let project = Project::new();
    fs::create_dir(project.path("poolcfg.toml")).unwrap();
    project.run(&["check"]).ends(101).says("PC0022");
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_not_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new();
    project.run(&["--target", RISCV64]).ends(0);
    let file = project.path("src/pool_limits.rs");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    project
        .run(&["--target", AARCH64])
        .ends(101)
        .says("read-only");
}

#[test]
fn the_file_compiles_alone_and_only_while_it_fits() {
    let project = Project::with(
        "[pooling_allocator]\nmax_instances = 4294967295\nmemory_reservation = \"64KiB\"\n\
         guard_size = 0\non_misfit = \"shrink\"\n",
    );
    project.run(&["--target", "host-tuple"]).ends(0);
    let file = project.read("src/pool_limits.rs");
    project.compiles().unwrap();
    let fits = const_of(&file, "MAX_INSTANCES");
    for (number, compiles) in [(fits - 1, true), (fits + 1, false)] {
        let from = format!(" MAX_INSTANCES: u32 = {fits};");
        let edited = file.replace(&from, &format!(" MAX_INSTANCES: u32 = {number};"));
        assert_ne!(edited, file);
        project.write("src/pool_limits.rs", &edited);
        let result = project.compiles();
        assert_eq!(result.is_ok(), compiles, "{number}: {result:?}");
        if let Err(said) = result {
            assert!(said.contains("cargo poolcfg"), "{said}");
        }
    }
}

#[test]
fn named_pools_share_one_process_and_each_has_a_module() {
    let project = Project::with(
        "[pooling_allocator]\nmax_instances = 8\n[pool.plugins]\n[pool.type]\nmax_instances = 9\n",
    );
    project.run(&["--target", "host-tuple"]).ends(0);
    project.write(
        "src/lib.rs",
        "pub mod pool_limits;\n\
         const _: () = assert!(pool_limits::plugins::MAX_INSTANCES == 8);\n\
         const _: () = assert!(pool_limits::pool_type::MAX_INSTANCES == 9);\n",
    );
    project.compiles().unwrap();
    let results = project.results(&[]);
    assert_eq!(results[0]["pool"], "plugins");
    assert_eq!(results[1]["pool"], "type");
}

#[test]
fn another_target_meets_an_error_that_names_the_command() {
    let project = Project::new();
    let other = if cfg!(target_arch = "riscv64") {
        AARCH64
    } else {
        RISCV64
    };
    project.run(&["--target", other]).ends(0);
    let said = project.compiles().unwrap_err();
    assert!(
        said.contains(&format!("cargo poolcfg --target {other}")),
        "{said}"
    );
}

#[test]
fn every_named_target_has_its_arm() {
    let project = Project::with(&format!(
        "[target.{RISCV64}.pooling_allocator]\nmax_instances = 40\n"
    ));
    project
        .run(&["--target", "host-tuple", "--target", AARCH64])
        .ends(0);
    project.compiles().unwrap();
    let file = project.read("src/pool_limits.rs");
    for target in [RISCV64, AARCH64] {
        assert!(
            file.contains(&format!("TARGET: &str = \"{target}\"")),
            "{target}"
        );
    }
    // Two triples that the compiler cannot tell apart cannot both have one.
    project
        .run(&[
            "--target",
            "armv7-unknown-linux-gnueabihf",
            "--target",
            "thumbv7neon-unknown-linux-gnueabihf",
        ])
        .ends(101)
        .says("PC0019");
}

/// A caret stands under what a flag, a variable or another key says, as under what the file says of the pool.
#[test]
fn what_a_flag_says_has_a_caret() {
    let mine = "[va_profile.mine]\narch = \"x86_64\"\nwindow = \"256GiB\"\npage_size = \"4KiB\"\n";
    let project = Project::with(mine);
    let check = |flag: &str, value: &str| {
        let arguments = ["check", "--target", X86_64, flag, value];
        project.run(&arguments).ends(101).stderr.clone()
    };
    for (flag, value, line, label) in [
        (
            "--va-profile",
            "mine",
            "1 | va_profile = \"mine\"",
            "^^^^^^ leaves no hole",
        ),
        (
            "--va-profile",
            "sv39",
            "1 | va_profile = \"sv39\"",
            "^^^^^^ for riscv64-linux",
        ),
        ("--aslr", "40", "1 | aslr = 40", "^^ above 32 bits"),
        ("--aslr", "27", "1 | aslr = 27", "^^ below 28 bits"),
        (
            "--stack-limit",
            "300TiB",
            "1 | stack_limit = \"300TiB\"",
            "^^^^^^^^ not below the window",
        ),
    ] {
        let said = check(flag, value);
        assert!(said.contains(&format!("\n --> {flag}:1:")), "{said}");
        assert!(said.contains(line) && said.contains(label), "{said}");
    }
    // Of a misfit, it is the key that takes the holes where none is of the pool.
    let project = Project::with("[address_space]\nheadroom = \"131040GiB\"\n");
    let check = project.run(&["check", "--target", X86_64]);
    check
        .ends(100)
        .says(" --> poolcfg.toml:2:12\n")
        .says("^^^^^^^^^^^ leaves less than the 3.94 TiB of the memories");
}

#[test]
fn a_misfit_suggests_the_largest_number_that_fits() {
    let project = Project::with(TOO_LARGE);
    project
        .run(&["--target", RISCV64])
        .ends(100)
        .says("error[PC0001]: pool needs 3.94 TiB in slots of 4.04 GiB; riscv64 sv39 (pie, measured profile) has 252.87 GiB in three holes")
        .says("poolcfg.toml:2:17")
        .says("max_instances = 60 fits");
    assert!(
        !project.path("src/pool_limits.rs").exists(),
        "nothing is written"
    );
    for (number, status) in [(60, 0), (61, 100)] {
        project.write(
            "poolcfg.toml",
            &TOO_LARGE.replace("1000", &number.to_string()),
        );
        project.run(&["--target", RISCV64]).ends(status);
    }
    project.write(
        "poolcfg.toml",
        &TOO_LARGE.replace("\"error\"", "\"shrink\""),
    );
    project
        .run(&["--target", RISCV64])
        .ends(0)
        .says("60 of 1000 instances × 4 GiB guaranteed");
    // In two pieces, and both are among the mappings.
    let result = &project.results(&["--target", RISCV64])[0];
    let slot: u64 = (4 << 30) + (32 << 20);
    for (mapping, slots) in [(0, 42), (1, 18)] {
        let mapping = &result["footprint"]["mappings"][mapping];
        assert_eq!(mapping["name"], "memories");
        assert_eq!(mapping["bytes"], (32 << 20) + slots * slot);
        assert_eq!(mapping["count"], 1);
    }
    // One for each piece, the tables and the stacks.
    assert_eq!(result["footprint"]["maps_at_start"], 4);
}

#[test]
fn a_misfit_prints_its_whole_json_all_the_same() {
    let project = Project::with(TOO_LARGE);
    for arguments in [
        &["--emit", "json", "--target", RISCV64][..],
        &["--message-format", "json", "--target", RISCV64],
        &["check", "--message-format", "json", "--target", RISCV64],
        &["explain", "--message-format", "json", "--target", RISCV64],
    ] {
        let ran = project.run(arguments);
        let result = &ran.ends(100).json()["results"][0];
        assert_eq!(result["fits"], false);
        assert_eq!(result["limits"], result["asked"]);
        assert_eq!(result["misfit"]["limit"], "hole");
        assert_eq!(result["misfit"]["need"], 0x3ef_d200_0000_u64);
        // What it has, as the message says, is what all holes have together.
        assert_eq!(
            result["misfit"]["have"],
            result["budget"]["all_holes"]["bytes"]
        );
        assert_eq!(result["misfit"]["unit"], "bytes");
        assert_eq!(result["largest_fit"]["max_instances"], 60);
    }
}

/// How well a profile is known is part of every verdict.
#[test]
fn a_verdict_says_how_well_the_profile_is_known() {
    let project = Project::new();
    for (target, known) in [
        (RISCV64, "measured"),
        ("s390x-unknown-linux-gnu", "source"),
        ("armv7-unknown-linux-gnueabihf", "derived"),
        ("x86_64-unknown-netbsd", "unconfirmed"),
    ] {
        let ran = project.run(&["check", "--target", target]);
        ran.ends(0)
            .says("guaranteed (worst kernel: ")
            .says(&format!(", pie, {known})"));
        assert_eq!(project.results(&["--target", target])[0]["known"], known);
    }
}

/// What has no address space that mmap gives out, or of which nothing is known, gets no number.
#[test]
fn a_target_of_which_nothing_is_known_is_refused() {
    let project = Project::new();
    for target in [
        "thumbv7em-none-eabihf",
        "wasm32-wasip1",
        "wasm32-unknown-unknown",
        "x86_64-fortanix-unknown-sgx",
        "riscv64gc-unknown-none-elf",
        "aarch64-unknown-uefi",
        "sparc64-unknown-linux-gnu",
        "aarch64-apple-tvos",
        "aarch64-apple-visionos",
        "aarch64-apple-watchos",
        "x86_64-apple-tvos",
    ] {
        for command in [&["check"][..], &["explain"], &[], &["profiles"]] {
            project
                .run(&[command, &["--target", target]].concat())
                .ends(101)
                .says(&format!(
                    "error[PC0037]: on `{target}`: no VA profile covers this target"
                ));
        }
    }
    assert!(!project.path("src/pool_limits.rs").exists());
}

/// A kernel of one's own has no operating system.
#[test]
fn a_profile_of_ones_own_serves_targets_without_a_system() {
    let project = Project::with(
        "[pooling_allocator]\nmax_instances = 2048\nmemory_reservation = \"4GiB\"\n\
         [address_space]\nva_profile = \"kernel\"\n\
         [va_profile.kernel]\narch = \"riscv64\"\nwindow = \"32TiB\"\npage_size = \"4KiB\"\n",
    );
    let bare = ["--target", "riscv64gc-unknown-none-elf"];
    project
        .run(&[&["check"][..], &bare].concat())
        .ends(0)
        .says("ok: native pool, 2048 of 2048 instances × 4 GiB guaranteed (kernel: kernel, pie, unconfirmed)");
    let memories = &project.results(&bare)[0]["footprint"]["mappings"][0];
    assert_eq!(memories["bytes"], 2048 * 4_328_521_728_u64 + (32 << 20));
    // It is of its architecture alone.
    project
        .run(&["check", "--target", "thumbv7em-none-eabihf"])
        .ends(101)
        .says("error[PC0014]");
}

/// Of a headset it is known what one has measured.
#[test]
fn a_profile_of_ones_own_serves_systems_without_numbers() {
    let project = Project::with(
        "[pooling_allocator]\nmax_instances = 20\nmemory_reservation = \"64MiB\"\n\
         guard_size = \"64KiB\"\n\
         [address_space]\nva_profile = \"headset\"\n\
         [va_profile.headset]\narch = \"aarch64\"\nwindow = \"16GiB\"\npage_size = \"16KiB\"\n",
    );
    for target in ["aarch64-apple-visionos", "aarch64-apple-tvos"] {
        project
            .run(&["check", "--target", target])
            .ends(0)
            .says("ok: native pool, 20 of 20 instances × 64 MiB guaranteed (kernel: headset, pie, unconfirmed)");
    }
}

#[test]
fn a_hand_written_file_is_never_replaced() {
    let project = Project::new();
    project.write("src/pool_limits.rs", "pub const MAX_INSTANCES: u32 = 7;\n");
    project.run(&["--target", RISCV64]).ends(101).says("PC0023");
    project
        .run(&["--target", RISCV64, "-o", "src/lib.rs"])
        .ends(101)
        .says("PC0023");
    project
        .run(&["--emit", "json", "-o", "Cargo.toml"])
        .ends(101)
        .says("PC0023");
    project.write("mine.txt", "{{ schema }}");
    project
        .run(&["--template", "mine.txt", "-o", "mine.txt"])
        .ends(101)
        .says("PC0023");
    project.run(&["init"]).ends(0);
    project.run(&["init"]).ends(101).says("already exists");
    assert_eq!(
        project.read("src/pool_limits.rs"),
        "pub const MAX_INSTANCES: u32 = 7;\n"
    );
    assert_eq!(project.read("mine.txt"), "{{ schema }}");
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let project = Project::new();
    project
        .run(&["--target", RISCV64, "-o", "Cargo.toml/limits.rs"])
        .ends(101)
        .says("PC0022");
    if Path::new("/dev/full").exists() {
        project
            .run(&["--target", RISCV64, "-o", "/dev/full"])
            .ends(101)
            .says("PC0022");
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = project.command(&["--target", RISCV64, "-o", "-"]);
        let status = command.stdout(full).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(101));
        // What helps is there for every command.
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = project.command(&["probe"]).stdout(full).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            text.contains("error[PC0022]: cannot write to stdout"),
            "{text}"
        );
        assert!(text.contains("help: redirect stdout elsewhere"), "{text}");
        assert!(!text.contains("-o"), "{text}");
    }
    // A reader that goes away is no mistake and no panic.
    let mut child = project
        .command(&["profiles"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn stdout_carries_only_what_was_asked_for() {
    let project = Project::new();
    let quiet = project.run(&["-q", "--target", RISCV64]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let file = project.read("src/pool_limits.rs");
    let printed = project.run(&["--target", RISCV64, "-o", "-"]);
    assert_eq!(printed.stdout, file);
    assert!(printed.stderr.contains("ok: native pool"), "{printed:#?}");
}

#[test]
fn a_template_is_given_the_data_of_the_json() {
    let project = Project::new();
    project.write(
        "limits.sh",
        "{% for result in results %}{{ result.arch }}={{ result.limits.max_instances }}\n{% endfor %}",
    );
    let ran = project.run(&[
        "--template",
        "limits.sh",
        "--target",
        RISCV64,
        "--target",
        X86_64,
    ]);
    assert_eq!(ran.ends(0).stdout, "riscv64=100\nx86_64=1000\n");
    project.write("limits.sh", "{{ results[0].limits.max_instance }}");
    project
        .run(&["--template", "limits.sh"])
        .ends(101)
        .says("max_instance");
    project
        .run(&["--template", "nowhere.sh"])
        .ends(101)
        .says("PC0022");
}

/// What a template says is known by the line that it is given for that, and by nothing else.
#[test]
fn only_a_text_of_a_template_with_its_mark_is_replaced() {
    let project = Project::new();
    let write = |target: &str, file: &str| {
        let template = ["--template", "limits.sh", "--target", target];
        project.run(&[&template[..], &["-o", file]].concat())
    };
    project.write("limits.sh", "N={{ results[0].limits.max_instances }}\n");
    write(RISCV64, "plain").ends(0).says("wrote plain");
    write(RISCV64, "plain").ends(0).says("plain is current");
    write(X86_64, "plain")
        .ends(101)
        .says("error[PC0023]: `plain` exists, and nothing in it says that poolcfg wrote it")
        .says("help: put `{{ generated }}` into a comment of the template");
    assert_eq!(project.read("plain"), "N=100\n");
    project.write(
        "limits.sh",
        "# {{ generated }}\nN={{ results[0].limits.max_instances }}\n",
    );
    // What was there before is still not known.
    write(X86_64, "plain")
        .ends(101)
        .says("was not written by poolcfg");
    write(RISCV64, "marked").ends(0);
    let line = "# @generated by poolcfg from the template `limits.sh`\n";
    assert_eq!(project.read("marked"), format!("{line}N=100\n"));
    write(X86_64, "marked").ends(0).says("wrote marked");
    assert_eq!(project.read("marked"), format!("{line}N=1000\n"));
    project.write("empty", "");
    write(X86_64, "empty").ends(0);
}

/// A folder that is misspelt is seen.
#[test]
fn a_folder_that_was_not_there_is_told() {
    let project = Project::new();
    let write = |file: &str| project.run(&["--target", RISCV64, "-o", file]);
    write("out/deep/limits.rs")
        .ends(0)
        .says("created the folder out/deep\nwrote out/deep/limits.rs\n");
    write("out/deep/other.rs")
        .ends(0)
        .says_nothing_of("created");
    write("other.rs").ends(0).says_nothing_of("created");
}

#[test]
fn the_profile_comes_from_file_variable_and_flag_in_this_order() {
    let project = Project::with(&format!(
        "[target.{RISCV64}.address_space]\nva_profile = \"sv48\"\n"
    ));
    let arguments = ["--emit", "json", "--target", RISCV64];
    let profile = |variable: Option<&str>, flag: &[&str]| {
        let mut command = project.command(&[&arguments[..], flag].concat());
        if let Some(variable) = variable {
            command.env("POOLCFG_VA_PROFILE", variable);
        }
        ran(&mut command).json()["results"][0]["va_profile"].clone()
    };
    assert_eq!(profile(None, &[]), "sv48");
    assert_eq!(profile(Some("sv57"), &[]), "sv57");
    assert_eq!(profile(Some("sv57"), &["--va-profile", "sv39"]), "sv39");
    assert_eq!(profile(Some(""), &[]), "sv48");
}

#[test]
fn the_target_comes_from_flag_variable_and_configuration() {
    let project = Project::new();
    let target = |variable: Option<&str>, flag: &[&str]| {
        let mut command = project.command(&[&["--emit", "json"], flag].concat());
        if let Some(variable) = variable {
            command.env("CARGO_BUILD_TARGET", variable);
        }
        ran(&mut command).json()["results"][0]["target"].clone()
    };
    project.write(
        ".cargo/config.toml",
        &format!("[build]\ntarget = \"{AARCH64}\"\n"),
    );
    assert_eq!(target(None, &[]), AARCH64);
    assert_eq!(target(Some(RISCV64), &[]), RISCV64);
    assert_eq!(target(Some(RISCV64), &["--target", X86_64]), X86_64);
}

#[test]
fn a_target_spec_is_read_by_our_own_code() {
    let project = Project::new();
    project.write("board.json", BOARD);
    let result = &project.results(&["--target", "board.json"])[0];
    assert_eq!(result["va_profile"], "sv39");
    for text in [
        "",
        "[]",
        "{}",
        "{\"arch\": 7}",
        "{\"arch\": \"riscv64\", \"target-pointer-width\": []}",
    ] {
        project.write("board.json", text);
        project.run(&["--target", "board.json"]).ends(101);
    }
    project
        .run(&["--target", "nowhere.json"])
        .ends(101)
        .says("PC0022");
}

#[test]
fn mistakes_of_the_command_line() {
    let project = Project::new();
    project.run(&["--emit", "toml"]).ends(2);
    project.run(&["--profile", "sv39"]).ends(2);
    project
        .run(&["--target", RISCV64, "check"])
        .ends(2)
        .says("put `--target` after the subcommand `check`")
        .says("Usage: cargo poolcfg check [OPTIONS]");
    project.run(&["--here", "--target", RISCV64]).ends(2);
    project
        .run(&["--here", "--check"])
        .ends(101)
        .says("pool_limits.rs");
    project
        .run(&["--relocation-model", "pic"])
        .ends(2)
        .says("pie, static");
    project
        .run(&["--target", "riscv64-unknown-linux-gnu"])
        .ends(101)
        .says("PC0018")
        .says("riscv64gc-unknown-linux-gnu");
    project
        .run(&["--va-profile", "sv93", "--target", RISCV64])
        .ends(101)
        .says("PC0013");
    project
        .run(&["--va-profile", "va39", "--target", RISCV64])
        .ends(101)
        .says("PC0014");
    project
        .run(&["-p", "projects"])
        .ends(101)
        .says("did you mean `project`?");
    project.run(&["--workspace"]).ends(101).says("PC0021");
    project
        .run(&["--manifest-path", "nowhere/Cargo.toml"])
        .ends(101)
        .says("PC0025");
    project.run(&["--check", "-o", "-"]).ends(2);
    project.run(&["--explain", "PC9999"]).ends(2);
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    let project = Project::with(
        "[pooling_allocator]\nmax_instance = 40\nguard_size = \"32MB\"\n\
         [address_space]\nva_profile = \"va74\"\n",
    );
    for command in [&["check"][..], &[], &["explain"]] {
        project
            .run(command)
            .ends(101)
            .says("error[PC0004]")
            .says("poolcfg.toml:2:1")
            .says("did you mean `max_instances`?")
            .says("error[PC0006]")
            .says("error[PC0013]");
    }
}

/// A hundred mistakes are told, and the others counted, for people and for programs: those of the file by itself, and
/// faults of its numbers, of which each target has some of its own and some that others have, too.
#[test]
fn mistakes_that_are_not_told_are_counted() {
    let zeros = "max_instances = 0\nmin_instances = 0\npools = 0\n";
    let pools = |of: &str, numbers: std::ops::Range<u32>| -> String {
        numbers
            .map(|number| format!("[{of}pool.p{number}]\n{zeros}"))
            .collect()
    };
    let unknown = |count: u32| -> String {
        let keys = (0..count).map(|key| format!("wrong_{key} = 1\n"));
        format!("[pooling_allocator]\n{}", keys.collect::<String>())
    };
    let riscv64 = format!("target.{RISCV64}.");
    let per_target =
        pools("", 0..16) + &pools(&riscv64, 0..14) + &pools(&format!("target.{AARCH64}."), 0..4);
    for (file, code, count) in [
        (unknown(100), "PC0004", 100),
        (unknown(101), "PC0004", 101),
        (unknown(150), "PC0004", 150),
        (
            unknown(40) + "[address_space]\n" + &unknown(1000)[20..],
            "PC0004",
            1040,
        ),
        (pools("", 0..12), "PC0011", 36),
        // Of 16 pools in the base tables, and 14 and 4 in those of targets.
        (per_target, "PC0011", 34 * 3),
    ] {
        let project = Project::with(&file);
        let all = [RISCV64, AARCH64, X86_64].map(|target| ["--target", target]);
        let all = [&["check"][..], &all.concat()].concat();
        let ran = project.run(&all);
        let ended = ran.ends(101);
        ended.says(&format!("`cargo poolcfg --explain {code}` says more"));
        let told = ran.stderr.matches(&format!("error[{code}]")).count();
        assert_eq!(told, count.min(100), "{file}");
        let rest = match count.saturating_sub(100) {
            0 => None,
            1 => Some("and 1 more fault".to_owned()),
            rest => Some(format!("and {rest} more faults")),
        };
        match &rest {
            None => assert!(!ran.stderr.contains("more fault"), "{file}"),
            Some(rest) => {
                ran.says(&format!("\n{rest}\n"));
            }
        }
        let json = project
            .run(&[&all[..], &["--message-format", "json"]].concat())
            .json();
        let diagnostics = json["diagnostics"].as_array().unwrap();
        let errors = diagnostics.iter().filter(|one| one["level"] == "error");
        assert_eq!(errors.count(), count.min(100));
        let last = &diagnostics[diagnostics.len() - 1];
        match rest {
            None => assert_eq!(diagnostics.len(), count),
            Some(rest) => assert_eq!(
                (&last["level"], &last["message"]),
                (&"note".into(), &rest.into())
            ),
        }
    }
}

#[test]
fn a_workspace_is_chosen_from_as_cargo_does() {
    let project = Project::new();
    project.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n",
    );
    for name in ["a", "b"] {
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
        project.write(&format!("{name}/Cargo.toml"), &manifest);
        project.write(&format!("{name}/src/lib.rs"), "");
    }
    project
        .run(&[])
        .ends(101)
        .says("select a package with `-p`");
    project.run(&["-p", "a", "--target", RISCV64]).ends(0);
    let file = project.read("a/src/pool_limits.rs");
    assert!(file.contains("cargo poolcfg -p a --target"), "{file}");
    // One file for both, by a pointer.
    project.write("poolcfg.toml", "[pooling_allocator]\nmax_instances = 5\n");
    let pointer = "[package]\nname = \"b\"\nedition = \"2024\"\n\
                   [package.metadata.poolcfg]\nconfig = \"../poolcfg.toml\"\n";
    project.write("b/Cargo.toml", pointer);
    project.run(&["--workspace", "--target", RISCV64]).ends(0);
    assert_eq!(
        const_of(&project.read("b/src/pool_limits.rs"), "MAX_INSTANCES"),
        5
    );
    // The file at the root is not taken by itself, and not passed over in silence.
    let unused = "put `config = \"poolcfg.toml\"` under `[workspace.metadata.poolcfg]` of the workspace's Cargo.toml to share it";
    project
        .run(&["--workspace", "--exclude", "b"])
        .ends(101)
        .says("`poolcfg.toml` belongs to no package")
        .says(unused);
    project.run(&["check", "-p", "a"]).ends(0).says(unused);
    // At the root, all packages with a file are meant.
    project.run(&["check"]).ends(0).says("5 of 5 instances");
}

/// What is wrong with one package hides nothing of the others: mistakes of a file, numbers that cannot be, and misfits are
/// told together.
#[test]
fn every_package_is_looked_at_whatever_is_wrong_with_others() {
    let project = Project::new();
    project.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"a\", \"b\", \"c\", \"d\"]\nresolver = \"3\"\n",
    );
    for (name, file) in [
        ("a", "[pooling_allocator]\nmax_instance = 5\n"),
        (
            "b",
            "[pooling_allocator]\nmax_instances = 5\nmin_instances = 9\n",
        ),
        ("c", TOO_LARGE),
        ("d", "[pooling_allocator]\nmax_instances = 5\n"),
    ] {
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
        project.write(&format!("{name}/Cargo.toml"), &manifest);
        project.write(&format!("{name}/src/lib.rs"), "");
        project.write(&format!("{name}/poolcfg.toml"), file);
    }
    let check = ["check", "--workspace", "--target", RISCV64];
    project
        .run(&check)
        .ends(101)
        .says("unknown key `max_instance`")
        .says("`min_instances = 9` is above `max_instances = 5`")
        .says("package `c`: pool needs")
        .says("package `d`: riscv64gc-unknown-linux-gnu: ok");
    let json = project
        .run(&[&check[..], &["--message-format", "json"]].concat())
        .json();
    let codes = json["diagnostics"].as_array().unwrap().iter();
    let codes: Vec<_> = codes.filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["PC0004", "PC0010", "PC0001"]);
    assert_eq!(json["results"].as_array().unwrap().len(), 2);
}

/// Where fewer instances fit than are asked, what is said of too many of use is the last that has to be changed.
#[test]
fn too_many_of_use_are_told_what_fits() {
    let project = Project::new();
    let check = ["check", "--target", RISCV64];
    let wasmtime = "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.version = \"48\"\n";
    let check_wasmtime = [&check[..], &["--engine-version", "48"]].concat();
    project.write("poolcfg.toml", &format!("{wasmtime}min_instances = 2000\n"));
    project
        .run(&check_wasmtime)
        .ends(101)
        .says("above the 1000 instances that are asked without `max_instances`")
        .says("help: set `min_instances` to 42 or less: no more instances fit");
    project.write("poolcfg.toml", &format!("{wasmtime}min_instances = 42\n"));
    project.run(&check_wasmtime).ends(0);
    let keys = |most: u32, least: u32| {
        format!(
            "[pooling_allocator]\nmax_instances = {most}\nmin_instances = {least}\nmemory_reservation = \"4GiB\"\n"
        )
    };
    project.write("poolcfg.toml", &keys(1000, 2000));
    project
        .run(&check)
        .ends(101)
        .says("set `max_instances` to 60, and `min_instances` to 60 or less");
    project.write("poolcfg.toml", &keys(60, 60));
    project.run(&check).ends(0);
    // Where all that is asked fits, that is what bounds it.
    project.write("poolcfg.toml", &keys(10, 20));
    project
        .run(&check)
        .ends(101)
        .says("set `min_instances` to 10 or less");
}

#[test]
fn poolcfg_needs_neither_cargo_nor_rustc() {
    let folder = Folder::new();
    let nothing = Folder::new();
    let run = |arguments: &[&str]| {
        let mut command = program("poolcfg", folder.root());
        command
            .args(arguments)
            .env("PATH", nothing.root())
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env("CARGO_HOME", nothing.root());
        ran(&mut command)
    };
    let json = run(&["--target", RISCV64, "--emit", "json"]).json();
    assert_eq!(json["results"][0]["va_profile"], "sv39");
    fs::write(folder.root().join("poolcfg.toml"), TOO_LARGE).unwrap();
    run(&["check", "--target", RISCV64])
        .ends(100)
        .says("max_instances = 60 fits");
    run(&["check"]);
    assert!(
        run(&["explain", "--target", AARCH64])
            .stdout
            .contains("341.33 GiB")
    );
    assert!(run(&["profiles"]).stdout.contains("sv39"));
    let here = run(&["--here", "--emit", "json"]);
    assert!(here.json()["here"]["basis"].is_string());
    // Rust goes to stdout where there is no package.
    fs::remove_file(folder.root().join("poolcfg.toml")).unwrap();
    assert!(
        run(&["--target", RISCV64])
            .ends(0)
            .stdout
            .contains("MAX_INSTANCES")
    );
    run(&["init"]).ends(0);
    assert!(folder.root().join("poolcfg.toml").is_file());
    run(&["check", "--target", RISCV64]).ends(0);
}

#[test]
fn the_probe_names_the_profile_of_this_machine() {
    let project = Project::new();
    let probe = project
        .run(&["probe", "--message-format", "json"])
        .only_result();
    let window = probe["window_bytes"].as_u64().unwrap();
    let largest = probe["holes"][0].as_u64().unwrap();
    assert!(largest <= window);
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        assert_eq!(window, 1 << 47);
        assert_eq!(probe["va_profiles"][0], "va47");
        // 2/3 of the window and at most what ASLR adds, 1 TiB.
        assert!(largest >= (1 << 47) / 3 * 2 - (1 << 30), "{largest}");
        assert!(largest <= (1 << 47) / 3 * 2 + (2 << 40), "{largest}");
    }
    let text = project.run(&["probe"]).stdout;
    assert!(
        text.contains("window               128 TiB") || window != 1 << 47,
        "{text}"
    );
}

#[test]
fn cargo_finds_its_subcommand() {
    let project = Project::new();
    let folder = Path::new(env!("CARGO_BIN_EXE_cargo-poolcfg"))
        .parent()
        .unwrap();
    let path = std::env::join_paths(
        std::iter::once(folder.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    for arguments in [&["poolcfg", "--target", RISCV64][..], &["help", "poolcfg"]] {
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(project.folder.root())
            .args(arguments)
            .env("PATH", &path);
        ran(&mut command).ends(0);
    }
}

/// The typed limits of a package that depends on poolcfg-runtime, under the name that it gives it.
#[test]
fn a_package_that_depends_on_the_runtime_gets_typed_limits() {
    let project = Project::with("[pooling_allocator]\nmax_instances = 12\n");
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("poolcfg-runtime");
    project.write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"project\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
             pooling = {{ package = \"poolcfg-runtime\", path = {runtime:?}, default-features = false }}\n"
        ),
    );
    let lock = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("Cargo.lock");
    fs::copy(lock, project.path("Cargo.lock")).unwrap();
    project.write("src/lib.rs", "");
    // The crates are those of our own lock file; what else that holds goes.
    let mut update = Command::new(env!("CARGO"));
    update
        .current_dir(project.folder.root())
        .args(["update", "--workspace", "--offline"]);
    ran(&mut update).ends(0);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("typed");
    for (file, assertion) in [
        (
            "[pooling_allocator]\nmax_instances = 12\n",
            "assert!(pool_limits::POOL.asked().max_instances == 12)",
        ),
        (
            "[pool.plugins]\nmax_instances = 3\n[pool.type]\nmax_instances = 4\n",
            "assert!(pool_limits::pool_type::POOL.guaranteed().max_instances == 4)",
        ),
        (
            "[pool.plugins]\nmax_instances = 3\n[pool.requests]\nengine = \"wasmtime\"\n\
             max_instances = 5\nwasmtime.version = \"48\"\nwasmtime.tables_per_instance = 2\n",
            "assert!(pool_limits::requests::POOL.settings().total_tables == 10 \
                && pool_limits::requests::TOTAL_TABLES == 10 \
                && pool_limits::plugins::POOL.guaranteed().max_instances == 3)",
        ),
    ] {
        project.write("poolcfg.toml", file);
        let source = format!("pub mod pool_limits;\nconst _: () = {assertion};\n");
        project.write("src/lib.rs", &source);
        project.run(&["--target", "host-tuple"]).ends(0);
        let mut check = Command::new(env!("CARGO"));
        check
            .current_dir(project.folder.root())
            .arg("check")
            .env("CARGO_TARGET_DIR", &target);
        ran(&mut check).ends(0);
    }
}

/// Plain `cargo poolcfg` drops no target that flags have named, and what is stale says how to write it.
#[test]
fn without_flags_the_recorded_command_is_repeated() {
    let project = Project::new();
    project
        .run(&["--target", RISCV64, "--target", AARCH64])
        .ends(0);
    let first = project.read("src/pool_limits.rs");
    project.run(&[]).ends(0).says("is current");
    project.write("poolcfg.toml", "[pooling_allocator]\nmax_instances = 7\n");
    project.run(&["--check"]).ends(100).says(&format!(
        "`cargo poolcfg --target {RISCV64} --target {AARCH64}` writes it"
    ));
    project.run(&[]).ends(0).says("wrote src/pool_limits.rs");
    let second = project.read("src/pool_limits.rs");
    assert_eq!(first.lines().next(), second.lines().next());
    assert_eq!(const_of(&second, "MAX_INSTANCES"), 7);
    project.run(&["--check"]).ends(0);
    // With flags it is another command, whose file needs a name where it is not the package's own.
    project
        .run(&["--target", RISCV64, "--check", "a b.rs"])
        .ends(100)
        .says(&format!(
            "`cargo poolcfg --target {RISCV64} -o 'a b.rs'` writes it"
        ));
    project
        .run(&["--emit", "json", "--target", RISCV64, "--check", "a.json"])
        .ends(100)
        .says("`-o FILE` in place of `--check FILE`");
}

const SHRINKS: &str = "[pooling_allocator]\nmax_instances = 1000\nmemory_reservation = \"4GiB\"\n\
                       on_misfit = \"shrink\"\n";

/// What `--set` says counts like a line of the file, and is recorded with the command.
#[test]
fn a_key_that_a_flag_sets_is_recorded() {
    let project = Project::with(SHRINKS);
    let set = ["--set", "address_space.rlimit_as=64GiB"];
    let said = "15 of 1000 instances × 4 GiB guaranteed (worst kernel: va47, pie, measured; limited by `RLIMIT_AS`)";
    let target = ["--target", X86_64];
    project
        .run(&[&target[..], &set].concat())
        .ends(0)
        .says(said);
    let file = project.read("src/pool_limits.rs");
    assert!(
        file.starts_with(
            "// @generated by `cargo poolcfg --target x86_64-unknown-linux-gnu --set 'address_space.rlimit_as=64GiB'`"
        ),
        "{file}"
    );
    assert_eq!(const_of(&file, "MAX_INSTANCES"), 15);
    // Without flags of its own, --check repeats those that are recorded.
    project.run(&["--check"]).ends(0);
    project
        .run(
            &[
                &["--check", "--set", "address_space.rlimit_as=32GiB"],
                &target[..],
            ]
            .concat(),
        )
        .ends(100)
        .says("is not current");
    project.write(
        "poolcfg.toml",
        &format!("{SHRINKS}[address_space]\nrlimit_as = \"64GiB\"\n"),
    );
    project
        .run(&["check", "--target", X86_64])
        .ends(0)
        .says(said);
    // A later flag outranks an earlier one, and both the file.
    let unlimited = ["--set", "address_space.rlimit_as=unlimited"];
    let all = [&["check"], &target[..], &set, &unlimited].concat();
    project.run(&all).ends(0).says("1000 of 1000 instances");
}

#[test]
fn mistakes_of_a_flag_are_told_with_the_flag() {
    let project = Project::with(SHRINKS);
    project
        .run(&[
            "check",
            "--target",
            X86_64,
            "--set",
            "address_space.rlimt_as=64GiB",
            "--set",
            "address_space.rlimit_data=64GB",
        ])
        .ends(101)
        .says("error[PC0004]: unknown key `rlimt_as` in `[address_space]`\n --> --set:1:15\n")
        .says("1 | address_space.rlimt_as = \"64GiB\"\n  |               ^^^^^^^^ unknown key")
        .says("help: did you mean `rlimit_as`?")
        .says(
            "error[PC0006]: invalid size `64GB` for `rlimit_data`: decimal units are not supported",
        )
        .says("1 | address_space.rlimit_data = \"64GB\"\n");
    // What is wrong only on the target, too.
    project
        .run(&["check", "--target", X86_64, "--set", "address_space.rlimit_as=1MiB"])
        .ends(101)
        .says("error[PC0036]: `rlimit_as` of 1 MiB is below the 4 MiB that any process needs\n --> --set:1:27\n")
        .says("1 | address_space.rlimit_as = \"1MiB\"\n  |                           ^^^^^^ below 4 MiB");
    project
        .run(&[
            "check",
            "--target",
            X86_64,
            "--set",
            "address_space.va_profile=sv93",
        ])
        .ends(101)
        .says("error[PC0013]: unknown VA profile `sv93`\n --> --set:1:28\n");
    // What a shell splits at blanks is no longer one word.
    for words in [
        &["address_space.rlimit_as", "=", "64GiB"][..],
        &["address_space.rlimit_as=", "64GiB"],
        &["address_space.rlimit_as", "=64GiB"],
    ] {
        let command = ["check", "--target", X86_64, "--set"];
        project
            .run(&[&command[..], words].concat())
            .ends(2)
            .says("`--set` takes one word: write `--set 'address_space.rlimit_as=64GiB'`");
    }
}

/// The limits are in the JSON, and the one that decides.
#[test]
fn the_json_names_the_limit_that_decides() {
    let project = Project::with(SHRINKS);
    let with = |limits: &str| {
        project.write(
            "poolcfg.toml",
            &format!("{SHRINKS}[address_space]\n{limits}\n"),
        );
        project.results(&["--target", X86_64])[0].clone()
    };
    let result = with("rlimit_as = \"64GiB\"\nmax_map_count = 100000\nrlimit_data = \"512GiB\"");
    let limits = &result["budget"]["limits"];
    assert_eq!(limits["max_map_count"], 100_000);
    assert_eq!(limits["rlimit_as"], 64_u64 << 30);
    assert_eq!(limits["rlimit_data"], 512_u64 << 30);
    assert_eq!(limits["ram_and_swap"], Value::Null);
    assert_eq!(result["bound"]["limit"], "rlimit_as");
    assert_eq!(result["bound"]["unit"], "bytes");
    assert_eq!(result["misfit"], Value::Null);
    let fit = &result["largest_fit"];
    assert_eq!(fit["max_instances"], 15);
    assert_eq!(fit["max_instances_limit"], "rlimit_as");
    assert_eq!(fit["memory_reservation_limit"], "rlimit_as");
    // The numbers are those of the sum: what they need, and one more does not have.
    let footprint = &result["footprint"];
    let sum = |of: &Value| {
        of["reserved_bytes"].as_u64().unwrap() + of["bookkeeping_bytes"].as_u64().unwrap()
    };
    let have = result["bound"]["have"].as_u64().unwrap();
    assert!(sum(footprint) <= have);
    assert!(result["bound"]["need"].as_u64().unwrap() > have);
    let result = with("max_map_count = 3000");
    assert_eq!(result["bound"]["limit"], "max_map_count");
    assert_eq!(result["bound"]["unit"], "maps");
    assert!(result["footprint"]["maps_at_worst"].as_u64().unwrap() <= 3000 - 2048);
    let result = with("");
    assert_eq!(result["bound"], Value::Null);
    assert_eq!(result["budget"]["limits"]["max_map_count"], 65_530);
}

/// `explain` lists the limits that count, and says which one is in the way of more.
#[test]
fn explain_names_the_limit_that_decides() {
    let project = Project::with(&format!(
        "{SHRINKS}max_memory_size = \"1MiB\"\n[address_space]\nrlimit_data = \"1GiB\"\n"
    ));
    let ran = project.run(&["explain", "-v", "--target", X86_64]);
    ran.ends(0);
    for line in [
        "  headroom                256 MiB  libraries, threads, heap",
        "  writable                768 MiB  of 1 GiB, RLIMIT_DATA, without the headroom",
        "one more instance does not fit: pool needs 768.21 MiB of writable memory when every slot is in use; \
         `RLIMIT_DATA` of 1 GiB leaves 768 MiB after the headroom of 256 MiB\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}\n{}", ran.stdout);
    }
}

/// Consts of a generated file are held to the limits, too.
#[cfg(target_os = "linux")]
#[test]
fn a_number_above_a_limit_stops_compiling() {
    let project = Project::with(&format!(
        "{SHRINKS}[target.'cfg(target_pointer_width = \"64\")'.address_space]\nrlimit_as = \"16GiB\"\n"
    ));
    project.run(&["--target", "host-tuple"]).ends(0);
    let file = project.read("src/pool_limits.rs");
    project.compiles().unwrap();
    let edited = file.replace(" MAX_INSTANCES: u32 = 3;", " MAX_INSTANCES: u32 = 4;");
    assert_ne!(edited, file);
    project.write("src/pool_limits.rs", &edited);
    let said = project.compiles().unwrap_err();
    assert!(
        said.contains("the limits need more address space than `RLIMIT_AS` allows: `cargo poolcfg"),
        "{said}"
    );
}
