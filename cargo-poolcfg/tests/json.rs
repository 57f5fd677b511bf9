//! The JSON object: every command prints one, whatever the outcome, and it keeps to the schema (`Ran::json` asks).

mod common;

use std::process::Command;

use common::{Folder, Ran, json, program, ran};
use serde_json::{Value, json};

const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
const X86_64: &str = "x86_64-unknown-linux-gnu";

const TOO_LARGE: &str = "[pooling_allocator]\nmax_instances = 1000\nmemory_reservation = \"4GiB\"\n\
                         guard_size = \"32MiB\"\non_misfit = \"error\"\n";
const MISSPELT: &str = "[pooling_allocator]\nmax_instance = 40\n";
const WASMTIME: &str = "[pooling_allocator]\nengine = \"wasmtime\"\n\
                        [pooling_allocator.wasmtime]\nversion = \"48\"\n";

struct Project(Folder);

impl Project {
    fn with(poolcfg_toml: &str) -> Self {
        let folder = Folder::new();
        let manifest = "[package]\nname = \"project\"\nedition = \"2024\"\n[workspace]\n";
        folder.write("Cargo.toml", manifest);
        folder.write("src/lib.rs", "");
        if !poolcfg_toml.is_empty() {
            folder.write("poolcfg.toml", poolcfg_toml);
        }
        Self(folder)
    }

    /// A workspace of the packages `a` and `b`, each with this poolcfg.toml.
    fn workspace(poolcfg_toml: &str) -> Self {
        let folder = Folder::new();
        let manifest = "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n";
        folder.write("Cargo.toml", manifest);
        for name in ["a", "b"] {
            let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
            folder.write(&format!("{name}/Cargo.toml"), &manifest);
            folder.write(&format!("{name}/src/lib.rs"), "");
            folder.write(&format!("{name}/poolcfg.toml"), poolcfg_toml);
        }
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program("cargo-poolcfg", self.0.root());
        command.arg("poolcfg").args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// With `--message-format json` at the end.
    fn asked(&self, arguments: &[&str]) -> Ran {
        self.run(&[arguments, &["--message-format", "json"]].concat())
    }
}

/// The level and the code of each diagnostic, such as `error PC0001`.
fn told(json: &Value) -> Vec<String> {
    let diagnostics = json["diagnostics"].as_array().unwrap();
    let told = diagnostics.iter().map(|one| {
        let code = one["code"].as_str().unwrap_or("-");
        format!("{} {code}", one["level"].as_str().unwrap())
    });
    told.collect()
}

#[test]
fn the_results_are_as_the_schema_says() {
    let files = [
        "",
        TOO_LARGE,
        "[pooling_allocator]\ntable_reservation = 0\nstack_reservation = 0\npools = 3\n",
        "[address_space]\naslr = 0\nstack_limit = \"512MiB\"\nlayout = \"legacy\"\n",
        "[pool.a]\nmax_instances = 3\n[pool.b]\nmax_instances = 60000\nmemory_reservation = \"1MiB\"\n",
    ];
    for file in files {
        let project = Project::with(file);
        for target in [
            RISCV64,
            "aarch64-unknown-linux-gnu",
            X86_64,
            "aarch64-apple-darwin",
            "i686-unknown-linux-gnu",
            "x86_64-unknown-netbsd",
        ] {
            let json = project.run(&["--emit", "json", "--target", target]).json();
            let result = &json["results"][0];
            assert_eq!(result["target"], target);
            assert_eq!(result["package"], "project");
            assert_eq!(result["manifest"], "Cargo.toml");
        }
    }
}

/// A total of zero leaves an instance with none.
#[test]
fn totals_of_zero_keep_to_the_schema() {
    let totals = [
        "total_tables = 0",
        "total_stacks = 0",
        "total_core_instances = 0",
        "total_component_instances = 0",
        "total_gc_heaps = 0",
        "total_memories = 0",
        "gc_heaps_per_instance = 0",
        "memories_per_instance = 0",
        "tables_per_instance = 0",
        "core_instances_per_instance = 0",
    ];
    let all = totals[..5].join("\n");
    for total in totals.into_iter().chain([all.as_str()]) {
        for features in ["", "features = []\n"] {
            let project = Project::with(&format!("{WASMTIME}{features}{total}\n"));
            project.asked(&["check", "--target", RISCV64]).json();
        }
    }
}

/// Programs and people are told the same.
#[test]
fn what_there_is_is_as_the_message_says() {
    let file = "[pooling_allocator]\nmax_instances = 3000\nmemory_reservation = \"1GiB\"\n\
                [address_space]\nheadroom = 0\n";
    let project = Project::with(file);
    let check = project.asked(&["check", "--target", RISCV64]);
    let result = check
        .ends(100)
        .says("has 253.87 GiB in three holes")
        .only_result();
    let have = result["misfit"]["have"].as_f64().unwrap() / f64::from(1 << 30);
    assert_eq!(format!("{have:.2}"), "253.87");
}

/// What small mappings find is more than what the two largest do, and the message says as much.
#[test]
fn all_holes_are_counted() {
    let project = Project::with(TOO_LARGE);
    let result = project
        .asked(&["check", "--target", RISCV64])
        .ends(100)
        .says("has 252.87 GiB in three holes")
        .only_result();
    let budget = &result["budget"];
    assert_eq!(budget["all_holes"]["count"], 3);
    let gib = |bytes: &Value| bytes.as_f64().unwrap() / f64::from(1 << 30);
    let all = gib(&budget["all_holes"]["bytes"]);
    assert_eq!(format!("{all:.2}"), "252.87");
    let two: f64 = budget["holes"].as_array().unwrap().iter().map(gib).sum();
    assert!(two < all, "{budget:#}");
    // Nothing is known of smaller holes there.
    let macos = ["check", "--target", "aarch64-apple-darwin"];
    let result = project.asked(&macos).only_result();
    assert_eq!(result["budget"]["all_holes"], Value::Null);
}

/// A file, arguments, the status, the command, and what is told.
type Outcome = (
    &'static str,
    &'static [&'static str],
    i32,
    &'static str,
    &'static [&'static str],
);

const OUTCOMES: &[Outcome] = &[
    ("", &["generate"], 0, "generate", &[]),
    ("", &[], 0, "generate", &[]),
    (TOO_LARGE, &["generate"], 100, "generate", &["error PC0001"]),
    ("", &["--check"], 100, "generate", &["error PC0024"]),
    (MISSPELT, &["generate"], 101, "generate", &["error PC0004"]),
    (
        "",
        &["--here", "--check", "none"],
        101,
        "generate",
        &["error PC0022"],
    ),
    (
        "",
        &["-o", "Cargo.toml"],
        101,
        "generate",
        &["error PC0023"],
    ),
    ("", &["check"], 0, "check", &[]),
    (TOO_LARGE, &["check"], 100, "check", &["error PC0001"]),
    (MISSPELT, &["check"], 101, "check", &["error PC0004"]),
    ("", &["explain"], 0, "explain", &[]),
    (TOO_LARGE, &["explain"], 100, "explain", &["error PC0001"]),
    (MISSPELT, &["explain"], 101, "explain", &["error PC0004"]),
    ("", &["profiles"], 0, "profiles", &[]),
    (
        "",
        &["profiles", "--target", "x.json"],
        101,
        "profiles",
        &["error PC0022"],
    ),
    ("", &["probe"], 0, "probe", &[]),
    ("", &["init"], 0, "init", &[]),
    (TOO_LARGE, &["init"], 101, "init", &["error PC0023"]),
    (TOO_LARGE, &["sync"], 0, "sync", &[]),
    (WASMTIME, &["sync"], 101, "sync", &["error PC0033"]),
    ("", &["sync"], 101, "sync", &["error PC0021"]),
    ("", &["--explain", "PC0001"], 0, "--explain", &[]),
    (
        "",
        &["--explain", "PC9999"],
        2,
        "--explain",
        &["error PC0007"],
    ),
];

/// Every command with every status that it can end in: the object says which command it was, has a result where
/// there is one, and says why it is not 0.
#[test]
fn every_command_and_every_outcome_is_one_object() {
    let on = ["--target", RISCV64];
    for (file, arguments, status, command, expected) in OUTCOMES {
        let takes_target = ["generate", "check", "explain"].contains(command);
        let here = arguments.contains(&"--here");
        let target = if takes_target && !here { &on[..] } else { &[] };
        let project = Project::with(file);
        let ran = project.asked(&[arguments, target].concat());
        let json = ran.ends(*status).json();
        assert_eq!(json["command"], *command, "{json:#}");
        assert_eq!(told(&json), *expected, "{json:#}");
        // What fits may be known, and its file be in the way.
        let has_results = !json["results"].as_array().unwrap().is_empty();
        if has_results != [0, 100].contains(status) {
            assert_eq!(told(&json), ["error PC0023"], "{json:#}");
        }
        for result in json["results"].as_array().unwrap() {
            for owner in ["package", "manifest"] {
                assert!(result.get(owner).is_some(), "{owner}: {json:#}");
            }
        }
        // What the object says of mistakes, people are told too.
        for diagnostic in json["diagnostics"].as_array().unwrap() {
            ran.says(diagnostic["message"].as_str().unwrap());
            ran.says(diagnostic["rendered"].as_str().unwrap().trim_end());
        }
    }
}

/// The command line that cannot be read asks for JSON all the same.
#[test]
fn wrong_usage_is_told_in_json() {
    let project = Project::with("");
    let wrong: &[&[&str]] = &[
        &["--message-format", "json", "chek"],
        &["check", "--message-format=json", "--targt", RISCV64],
        &["check", "--emit", "json"],
        &["--emit=json", "--engine", "v8"],
        &["--template", "x", "--emit", "json"],
        &["probe", "--emit", "toml", "--message-format", "json"],
        &["--workspace", "--message-format", "json", "check"],
        // Flags that are read, and do not go together.
        &["generate", "--pool", "a", "--message-format", "json"],
        &["--template", "x.sh", "-o", "-", "--message-format", "json"],
        &["--fit", "no-pool", "--message-format", "json"],
        &[
            "check",
            "--here",
            "--set",
            "address_space.aslr=1",
            "--message-format",
            "json",
        ],
        &[
            "--here",
            "--check",
            "x.toml",
            "--fit",
            "fewer",
            "--message-format",
            "json",
        ],
    ];
    for arguments in wrong {
        let json = project.run(arguments).ends(2).json();
        assert_eq!(json["command"], Value::Null, "{arguments:?} {json:#}");
        assert_eq!(told(&json), ["error PC0049"], "{arguments:?}");
        let message = json["diagnostics"][0]["message"].as_str().unwrap();
        assert!(!message.starts_with("error"), "{message}");
        let rendered = json["diagnostics"][0]["rendered"].as_str().unwrap();
        assert!(rendered.starts_with("error[PC0049]: "), "{rendered}");
    }
    let json = project.run(wrong[0]).json();
    assert_eq!(
        json["diagnostics"][0]["message"],
        "unrecognized subcommand 'chek'"
    );
    assert_eq!(
        json["diagnostics"][0]["help"],
        "a similar subcommand exists: 'check'"
    );
    // Nobody asked for it here. People are told the same, in colors and without.
    let chek = project.run(&["chek"]);
    chek.ends(2)
        .says("error[PC0049]: unrecognized subcommand 'chek'\n")
        .says("`cargo poolcfg --explain PC0049` says more");
    assert_eq!(chek.stdout, "");
    project
        .run(&["chek", "--color", "always"])
        .ends(2)
        .says("error[PC0049]:\u{1b}[");
    assert_eq!(
        project.run(&["check", "--targt", "json"]).ends(2).stdout,
        ""
    );
}

#[test]
fn a_misfit_has_its_code_its_place_and_a_suggestion() {
    let project = Project::with(TOO_LARGE);
    for command in [
        &["check"][..],
        &["explain"],
        &["generate"],
        &["--emit", "json"],
    ] {
        let target = ["--target", RISCV64, "--color", "always"];
        let json = project.asked(&[command, &target].concat()).ends(100).json();
        let diagnostic = &json["diagnostics"][0];
        let message = "pool needs 3.94 TiB in slots of 4.04 GiB; riscv64 sv39 (pie, measured profile) has \
                       252.87 GiB in three holes on `riscv64gc-unknown-linux-gnu`";
        let rendered = diagnostic["rendered"].as_str().unwrap();
        let first = format!("error[PC0001]: {message}\n --> poolcfg.toml:2:17\n");
        assert!(rendered.starts_with(&first), "{rendered}");
        assert_eq!(
            *diagnostic,
            json!({
                "code": "PC0001",
                "level": "error",
                "message": message,
                "file": "poolcfg.toml",
                "line": 2,
                "column": 17,
                "help": "max_instances = 60 fits",
                "rendered": rendered,
            })
        );
        assert_eq!(json["results"][0]["fits"], false);
    }
}

#[test]
fn what_is_stale_is_an_error_of_its_file() {
    let project = Project::with("");
    let check = ["--target", RISCV64, "--check"];
    let stale = |json: &Value| {
        assert_eq!(told(json), ["error PC0024"]);
        assert_eq!(json["diagnostics"][0]["file"], "src/pool_limits.rs");
    };
    stale(&project.asked(&check).ends(100).json());
    project.asked(&check[..2]).ends(0);
    assert_eq!(told(&project.asked(&check).ends(0).json()), [""; 0]);
    project
        .0
        .write("poolcfg.toml", "[pooling_allocator]\nmax_instances = 5\n");
    stale(&project.asked(&check).ends(100).json());
}

/// The text of `--emit json` lies in the file that is named; where there is none, it is on stdout.
#[test]
fn the_object_is_in_the_file_or_on_stdout() {
    let project = Project::with("");
    let write = ["--emit", "json", "--target", RISCV64, "-o", "limits.json"];
    let check = [&write[..4], &["--check", "limits.json"]].concat();
    let ran = project.run(&write);
    assert_eq!(ran.ends(0).stdout, "");
    assert_eq!(told(&json(&project.0.read("limits.json"))), [""; 0]);
    assert_eq!(told(&project.run(&check).ends(0).json()), [""; 0]);
    // Whoever asks twice gets it twice.
    project.asked(&write).ends(0).only_result();
    // What does not fit is in the file, with the reason.
    project.0.write("poolcfg.toml", TOO_LARGE);
    assert_eq!(
        told(&project.run(&check).ends(100).says("is not current").json()),
        ["error PC0001", "error PC0024"]
    );
    assert_eq!(project.run(&write).ends(100).stdout, "");
    let text = project.0.read("limits.json");
    assert_eq!(told(&json(&text)), ["error PC0001"]);
    // Without numbers nothing is written.
    project.0.write("poolcfg.toml", MISSPELT);
    let json = project.run(&write).ends(101).json();
    assert_eq!(told(&json), ["error PC0004"]);
    assert_eq!(project.0.read("limits.json"), text);
}

/// Where a text would stand on stdout beside the object, neither does.
#[test]
fn no_text_stands_beside_the_object() {
    let project = Project::with(WASMTIME);
    project
        .0
        .write("limits.sh", "{{ schema }} {{ diagnostics | length }}\n");
    let on = ["--target", RISCV64, "--engine-version", "48"];
    for kind in [
        &["-o", "-"][..],
        &["--emit", "wasmtime-toml"],
        &["--emit", "spin-env", "-o", "-"],
        &["--template", "limits.sh"],
    ] {
        let arguments = [kind, &on].concat();
        let ran = project.asked(&arguments);
        assert_eq!(told(&ran.ends(2).json()), ["error PC0049"]);
        ran.says("`-o FILE`");
    }
    let arguments = [&["--template", "limits.sh", "-o", "out"], &on[..]].concat();
    project.asked(&arguments).ends(0).only_result();
    assert_eq!(project.0.read("out"), "2 0\n");
    // Help is what was asked for.
    let help = project.asked(&["check", "--help"]);
    assert!(help.ends(0).stdout.contains("Usage:"));
}

#[test]
fn warnings_carry_their_code_and_notes_are_notes() {
    let project = Project::with(&format!("{WASMTIME}pagemap_scan = true\n"));
    let flags = ["--target", X86_64, "--engine-version", "48"];
    for command in ["check", "generate"] {
        let json = project
            .asked(&[&[command], &flags[..]].concat())
            .ends(0)
            .json();
        assert_eq!(told(&json), ["warning PC0035"], "{json:#}");
        let rendered = json["diagnostics"][0]["rendered"].as_str().unwrap();
        assert!(rendered.starts_with("warning[PC0035]: on `"), "{rendered}");
    }
    // A host that is told what it does not need is told so in a note.
    let spin = ["--emit", "spin-env", "-o", "spin.env"];
    let project = Project::with(WASMTIME);
    let json = project.asked(&[&spin, &flags[..]].concat()).ends(0).json();
    let notes = told(&json);
    assert!(
        !notes.is_empty() && notes.iter().all(|note| note == "note -"),
        "{json:#}"
    );
    // People are told no less, and with -q only of errors.
    let quiet = project.asked(&[&["-q"], &spin[..], &flags].concat());
    assert_eq!(quiet.ends(0).stderr, "");
    assert_eq!(told(&quiet.json()), notes);
}

#[test]
fn a_workspace_names_the_package_in_each_line() {
    let project = Project::workspace("[pooling_allocator]\nmax_instances = 5\n");
    let on = ["--workspace", "--target", RISCV64];
    for command in [
        &["check", "-v"][..],
        &["generate"],
        &["generate", "--check"],
        &["sync"],
    ] {
        let flags = if command[0] == "sync" { &on[..1] } else { &on };
        let ran = project.asked(&[command, flags].concat());
        let lines: Vec<&str> = ran.ends(0).stderr.lines().collect();
        assert!(lines.len() >= 2, "{ran:#?}");
        for line in lines {
            let named = ["package `a`: ", "package `b`: "].map(|name| line.starts_with(name));
            assert!(named.contains(&true), "{line}");
        }
        let json = ran.json();
        for (index, name) in ["a", "b"].into_iter().enumerate() {
            let result = &json["results"][index];
            assert_eq!(result["package"], name);
            assert_eq!(result["manifest"], format!("{name}/Cargo.toml"));
        }
    }
    let picture = project.run(&[&["explain"], &on[..]].concat()).stdout;
    assert!(picture.contains("package `b`: riscv64gc"), "{picture}");
    // Alone, a package needs no name.
    project
        .run(&["check", "-p", "a", "--target", RISCV64])
        .ends(0)
        .says_nothing_of("package");
    // A mistake of both is told of both.
    for (file, status, code) in [(TOO_LARGE, 100, "PC0001"), (MISSPELT, 101, "PC0004")] {
        let project = Project::workspace(file);
        let json = project
            .asked(&[&["check"], &on[..]].concat())
            .ends(status)
            .json();
        assert_eq!(
            told(&json),
            [format!("error {code}"), format!("error {code}")]
        );
        for (index, file) in ["a/poolcfg.toml", "b/poolcfg.toml"].into_iter().enumerate() {
            assert_eq!(json["diagnostics"][index]["file"], file);
        }
    }
}

#[test]
fn one_file_for_several_packages_is_wrong_usage() {
    let project = Project::workspace("");
    for arguments in [
        &["--workspace", "-o", "x.rs"][..],
        &["--workspace", "-o", "-"],
        &["-p", "a", "-p", "b", "--check", "x.rs"],
    ] {
        let ran = project.run(arguments);
        ran.ends(2).says("each of 2 packages has its own: `a`, `b`");
        assert_eq!(ran.stdout, "");
    }
    assert!(!project.0.path("x.rs").exists());
    // Data of several packages is one text.
    project
        .run(&["--workspace", "--emit", "json", "-o", "x.json"])
        .ends(0);
    let results = json(&project.0.read("x.json"))["results"].take();
    assert_eq!(results.as_array().unwrap().len(), 2);
    project
        .run(&["--workspace", "--exclude", "b", "-o", "x.rs"])
        .ends(0);
}

/// What a flag says wrong stands in no file.
#[test]
fn a_flag_is_no_file() {
    let project = Project::with("");
    let set = ["--set", "address_space.rlimt_as=64GiB"];
    let json = project
        .asked(&[&["check"], &set[..]].concat())
        .ends(101)
        .json();
    let diagnostic = &json["diagnostics"][0];
    assert_eq!(diagnostic["code"], "PC0004");
    for key in ["file", "line", "column"] {
        assert_eq!(diagnostic[key], Value::Null, "{key}");
    }
    let rendered = diagnostic["rendered"].as_str().unwrap();
    assert!(rendered.contains("--> --set:1:15"), "{rendered}");
}

/// A path is as it is called, and nothing of it reaches a terminal that prints the object.
#[cfg(target_os = "linux")]
#[test]
fn a_path_is_what_it_is_called() {
    let project = Project::with("");
    let name = "x\u{202e}\u{1b}[31m.rs";
    project.0.write(name, "fn main() {}\n");
    let ran = project.asked(&["--target", RISCV64, "-o", name]);
    let obeyed = |char: char| char.is_control() && char != '\n' || char == '\u{202e}';
    assert!(!ran.ends(101).stdout.contains(obeyed), "{ran:#?}");
    assert_eq!(ran.json()["diagnostics"][0]["file"], name);
}

/// What was recorded is judged again: the numbers are the results, and what no longer fits is a diagnostic.
#[cfg(target_os = "linux")]
#[test]
fn a_record_that_is_judged_is_one_object() {
    let project = Project::with("");
    let under = |limit: &str, arguments: &[&str]| {
        let own = project.command(&[]);
        let mut command = Command::new("bash");
        command
            .args(["-c", &format!("{limit}; exec \"$0\" poolcfg \"$@\"")])
            .arg(own.get_program())
            .args(arguments)
            .args(["--message-format", "json"])
            .current_dir(project.0.root());
        ran(&mut command)
    };
    let flags = ["--engine", "wasmtime", "--engine-version", "48"];
    let write = [&["--here", "--emit", "json", "-o", "here.json"], &flags[..]].concat();
    under("ulimit -v 67108864", &write).ends(0);
    let check = ["--here", "--check", "here.json"];
    let json = under("ulimit -v 67108864", &check).ends(0).json();
    assert_eq!(told(&json), [""; 0]);
    let result = &json["results"][0];
    assert_eq!(result["limits"]["max_instances"], 15);
    assert_eq!(result["package"], Value::Null);
    assert_eq!(json["here"]["rlimit_as"], 68_719_476_736_u64);
    assert_eq!(json["here"]["records"].as_array().unwrap().len(), 1);
    let json = under("ulimit -v 33554432", &check).ends(100).json();
    assert_eq!(told(&json), ["error PC0026"]);
    assert_eq!(json["diagnostics"][0]["file"], "here.json");
    let help = json["diagnostics"][0]["help"].as_str().unwrap();
    assert!(help.starts_with("max_instances = 7 fits"), "{help}");
    assert_eq!(json["results"][0]["misfit"]["limit"], "rlimit_as");
    project.0.write(
        "here.json",
        &project.0.read("here.json").replace("15", "16"),
    );
    let json = under(":", &check).ends(100).json();
    assert_eq!(told(&json), ["error PC0024"]);
    assert_eq!(json["diagnostics"][0]["file"], "here.json");
    // No file is named, and the package has none yet.
    let json = under(":", &check[..2]).ends(101).json();
    assert_eq!(told(&json), ["error PC0022"]);
}
