//! `why` on real `wasmtime` commands: the limit that is in the way is named and no other, and what is advised starts.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::setup::output;
use serde_json::Value;

const MODULE: &str = "(module (memory 1) (func (export \"_start\")))";

const POOL: &str = "pooling-allocator=y";
/// More than 47 bits of addresses hold.
const TOO_LARGE: &str = "pooling-allocator=y,pooling-total-memories=40000";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self::of(MODULE)
    }

    fn of(module: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let module = wat::parse_str(module).unwrap();
        fs::write(folder.path().join("app.wasm"), module).unwrap();
        Self(folder)
    }

    /// What is advised of a command with these words, in the folder, and whether it starts.
    fn runs(&self, wrapper: &[&str], release: &Release, words: &str) -> (Value, bool) {
        let file = self.0.path().join("why.json");
        let poolcfg = poolcfg_tests::programs().join("poolcfg");
        let output = Command::new(poolcfg)
            .current_dir(self.0.path())
            .args(["why", "--retry", "-o", "why.json", "--"])
            .args(wrapper)
            .arg(&release.program)
            .args(words.split(' '))
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap();
        let text = fs::read_to_string(&file).unwrap();
        (
            serde_json::from_str(&text).unwrap(),
            output.status.success(),
        )
    }

    fn module(&self) -> PathBuf {
        self.0.path().join("app.wasm")
    }

    /// What `why` finds of a wrapper and a command with these flags, and how it ends.
    fn why(&self, wrapper: &[&str], release: &Release, flags: &[&str]) -> (Value, bool) {
        self.why_of(wrapper, &release.program, flags)
    }

    /// The same of the command under whatever name.
    fn why_of(&self, wrapper: &[&str], program: &Path, flags: &[&str]) -> (Value, bool) {
        let file = self.0.path().join("why.json");
        let poolcfg = poolcfg_tests::programs().join("poolcfg");
        let output = Command::new(poolcfg)
            .current_dir(self.0.path())
            .args(["why", "--retry", "--message-format", "json", "--output"])
            .arg(&file)
            .arg("--")
            .args(wrapper)
            .arg(program)
            .arg("run")
            .args(flags)
            .arg(self.module())
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        (json, output.status.success())
    }
}

/// A program of the command's own tests that runs another one under a rule.
fn victim() -> PathBuf {
    poolcfg_tests::root().join("cargo-poolcfg/tests/why/victim.py")
}

/// The name and the version that it says it has, which the list may have otherwise.
fn version(release: &Release) -> String {
    let said = output(Command::new(&release.program).arg("--version")).unwrap();
    let words: Vec<&str> = said.split_whitespace().take(2).collect();
    words.join(" ")
}

#[track_caller]
fn names(json: &Value, limit: &str, what: &str) {
    let result = &json["results"][0];
    assert_eq!(result["verdict"]["limit"], limit, "{what}: {json:#}");
    for failure in result["failures"].as_array().unwrap() {
        let is_other = failure["survived"] == false && failure["limit"] != limit;
        assert!(!is_other, "{what}: {json:#}");
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn the_limit_is_named_and_what_is_advised_starts() {
    let folder = Folder::new();
    let releases = Release::all();
    for release in [releases.first().unwrap(), releases.last().unwrap()] {
        for (wrapper, flags, limit, who) in [
            (
                &["prlimit", "--as=68719476736"][..],
                &["-O", POOL][..],
                "rlimit_as",
                "its memory pool, 1000 slots of 4 GiB with 32 MiB of guard",
            ),
            (
                &["prlimit", "--data=1073741824"],
                &["-O", POOL],
                "rlimit_data",
                "its pool of stacks",
            ),
            (
                &[],
                &["-O", TOO_LARGE],
                "hole",
                "its memory pool, 40000 slots of 4 GiB with 32 MiB of guard",
            ),
            (
                &["prlimit", "--as=1073741824"],
                &[],
                "rlimit_as",
                "one memory, on demand",
            ),
        ] {
            let what = format!("{} {wrapper:?} {flags:?}", release.version);
            let (json, works) = folder.why(wrapper, release, flags);
            names(&json, limit, &what);
            let verdict = &json["results"][0]["verdict"];
            let said = verdict["who"].as_str().unwrap();
            assert!(said.ends_with(who), "{what}: {said}");
            assert!(
                said.starts_with(&format!("{}, pid ", version(release))),
                "{said}"
            );
            // The wrapper sets the same limit again.
            assert!(works, "{what}: {json:#}");
            assert_eq!(json["results"][1]["verdict"], Value::Null, "{what}");
        }
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn rules_and_filters_are_named() {
    let folder = Folder::new();
    let victim = victim();
    assert!(Path::new(&victim).exists());
    let has_rule = Command::new("python3")
        .arg(&victim)
        .args(["ruled", "true"])
        .status();
    for release in [Release::all().first().unwrap(), &Release::of_embedder()] {
        let wrapper = ["python3", victim.to_str().unwrap(), "filtered"];
        let (json, _) = folder.why(&wrapper, release, &["-O", POOL]);
        names(&json, "seccomp", release.version);
        if has_rule.as_ref().unwrap().success() {
            let wrapper = ["python3", victim.to_str().unwrap(), "ruled"];
            let (json, _) = folder.why(&wrapper, release, &["-O", POOL]);
            names(&json, "write_and_execute", release.version);
        }
    }
}

/// What is advised of the first run, and that the second one works.
#[track_caller]
fn advised(json: &Value, works: bool) -> &str {
    assert!(works, "{json:#}");
    assert_eq!(json["results"][1]["verdict"], Value::Null, "{json:#}");
    json["results"][0]["verdict"]["help"][0].as_str().unwrap()
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn a_memory_may_grow_as_far_as_the_module_lets_it() {
    let of = |memory: &str| Folder::of(&MODULE.replace("(memory 1)", memory));
    let release = Release::of_embedder();
    let wrapper = ["prlimit", "--as=4294967296"];
    for (memory, most) in [
        ("(memory 2000 30000)", "max-memory-size=1966080000"),
        // As much as fits of one memory, where it does not say.
        ("(memory 2000)", "max-memory-size=2147483648"),
    ] {
        let (json, works) = of(memory).why(&wrapper, &release, &["-O", POOL]);
        let help = advised(&json, works);
        assert!(help.contains(most), "{memory}: {help}");
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn pools_of_other_numbers_and_other_names_are_known() {
    let folder = Folder::new();
    let release = Release::of_embedder();
    let other_name = folder.0.path().join("runner");
    fs::copy(&release.program, &other_name).unwrap();
    let own = "pooling-allocator=y,pooling-total-memories=200,memory-reservation=1073741824,pooling-max-memory-size=1073741824";
    for (wrapper, flags, limit, who) in [
        (
            "--as=68719476736",
            own,
            "rlimit_as",
            "its memory pool, 200 slots of 1 GiB with 32 MiB of guard",
        ),
        ("--data=67108864", POOL, "rlimit_data", "its pool of tables"),
    ] {
        for program in [&release.program, &other_name] {
            let wrapper = ["prlimit", wrapper];
            let (json, works) = folder.why_of(&wrapper, program, &["-O", flags]);
            names(&json, limit, flags);
            let said = json["results"][0]["verdict"]["who"].as_str().unwrap();
            assert!(said.ends_with(who), "{said}");
            let help = advised(&json, works);
            assert!(help.contains("pooling-total-memories="), "{help}");
        }
    }
}

/// A memory larger than what usually fits, and two memories.
const LARGE: &str = "(module (memory 20000) (func (export \"_start\")))";
const TWO: &str = "(module (memory 200) (memory 300) (func (export \"_start\")))";

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn what_is_advised_starts_whatever_is_run() {
    let folder = Folder::new();
    let release = Release::of_embedder();
    for (name, text) in [("large.wat", LARGE), ("two.wat", TWO)] {
        fs::write(folder.0.path().join(name), text).unwrap();
    }
    let mut compile = release.command("compile");
    let compile = compile.current_dir(folder.0.path());
    output(compile.args(["app.wasm", "-o", "app.cwasm"])).unwrap();
    let (small, medium, large) = ("--as=1073741824", "--as=4294967296", "--as=73014444032");
    for (wrapper, words) in [
        (small, "app.wasm"),
        (
            small,
            "run -O pooling-allocator=y,pooling-total-memories=400,opt-level=2 app.wasm",
        ),
        (small, "run --optimize=pooling-allocator=y app.wasm"),
        (
            small,
            "run -W max-wasm-stack=4000000,async-stack-size=8000000 --preload x=two.wat app.wasm",
        ),
        (medium, "run large.wat"),
        (medium, "run -O pooling-allocator=y large.wat"),
        (large, "run -O pooling-allocator=y two.wat"),
        (
            large,
            "run --allow-precompiled -O pooling-allocator=y app.cwasm",
        ),
        (
            "--data=1073741824",
            "-O pooling-allocator=y -W max-wasm-stack=4000000,async-stack-size=8000000 app.wasm",
        ),
    ] {
        let (json, works) = folder.runs(&["prlimit", wrapper], &release, words);
        let help = advised(&json, works);
        assert!(help.contains(" run -O "), "{words}: {help}");
    }
    // Nothing but the limit helps, and no command line is advised.
    for words in [
        "run large.wat",
        "run -O pooling-allocator=y large.wat",
        "run --allow-precompiled app.cwasm",
        "run --allow-precompiled -O pooling-allocator=y app.cwasm",
        "wast -O pooling-allocator=y two.wat",
    ] {
        let (json, _) = folder.runs(&["prlimit", small], &release, words);
        let verdict = &json["results"][0]["verdict"];
        let help = verdict["help"][0].as_str().unwrap();
        assert!(
            help.starts_with("raise the limit with `ulimit -v"),
            "{words}: {help}"
        );
        assert_eq!(json["results"][1], Value::Null, "{words}");
    }
}

/// Another limit than the one that was in the way may hold fewer slots.
#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn the_limit_of_the_slots_that_fit_is_named() {
    let folder = Folder::new();
    for (flags, wrapper, limit) in [
        (
            "pooling-allocator=y,pooling-total-memories=100000",
            &["prlimit", "--as=70368744177664"][..],
            "max_map_count",
        ),
        (POOL, &["prlimit", "--as=68719476736"], "rlimit_as"),
    ] {
        let (json, _) = folder.why(wrapper, &Release::of_embedder(), &["-O", flags]);
        let fits = &json["results"][0]["verdict"]["fits"];
        assert_eq!(fits["limit"], limit, "{json:#}");
    }
}

/// A small limit leaves the program what it had when it failed.
#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn what_is_advised_under_a_small_limit_starts() {
    let folder = Folder::new();
    for release in Release::all() {
        for flags in [&["-O", POOL][..], &[]] {
            let wrapper = ["prlimit", "--as=307200000"];
            let (json, works) = folder.why(&wrapper, &release, flags);
            assert!(works, "{}, {flags:?}: {json:#}", release.version);
        }
    }
}
