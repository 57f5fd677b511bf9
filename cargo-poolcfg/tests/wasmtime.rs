//! The Wasmtime that a project uses: found in what cargo has resolved, held against poolcfg.toml, and
//! written into it; and the flags that do without. The crates called `wasmtime` here are empty ones with its
//! features: what counts is what cargo resolves.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

mod common;

use common::{Folder, Ran, program, ran};
use serde_json::json;

const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
const AARCH64_MUSL: &str = "aarch64-unknown-linux-musl";
const X86_64: &str = "x86_64-unknown-linux-gnu";

const WASMTIME: &str = "[pooling_allocator]\nengine = \"wasmtime\"\n";

/// A file that says everything, by this version.
fn said(version: &str) -> String {
    format!(
        "{WASMTIME}\n[pooling_allocator.wasmtime]\nversion = \"{version}\"\n\
         features = [\"async\", \"gc\", \"component-model\"]\n"
    )
}

struct Project {
    folder: Folder,
}

impl Project {
    /// A package with these lines in its Cargo.toml, and beside it, in `crates`, wasmtime 43 and 48 and two
    /// packages that use one of them each. Nothing is resolved yet.
    fn unresolved(dependencies: &str, poolcfg_toml: &str) -> Self {
        let project = Self {
            folder: Folder::new(),
        };
        let package = "[package]\nname = \"project\"\nedition = \"2024\"\n\
                       [workspace]\nexclude = [\"crates\"]\n";
        project.write("Cargo.toml", &format!("{package}{dependencies}"));
        project.write("src/lib.rs", "");
        project.write("poolcfg.toml", poolcfg_toml);
        for (major, version) in [("43", "43.0.1"), ("48", "48.0.2")] {
            let manifest = format!(
                "[package]\nname = \"wasmtime\"\nversion = \"{version}\"\nedition = \"2024\"\n[features]\n\
                 default = [\"async\", \"gc\", \"component-model\", \"wat\"]\nasync = []\ngc = []\n\
                 component-model = []\nmemory-protection-keys = []\nwat = []\n"
            );
            project.crate_named(&format!("wasmtime{major}"), &manifest);
            let manifest = format!(
                "[package]\nname = \"host{major}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
                 [dependencies]\nwasmtime = {{ path = \"../wasmtime{major}\" }}\n"
            );
            project.crate_named(&format!("host{major}"), &manifest);
        }
        project
    }

    /// The same, with a Cargo.lock.
    fn new(dependencies: &str, poolcfg_toml: &str) -> Self {
        let project = Self::unresolved(dependencies, poolcfg_toml);
        project.resolve();
        project
    }

    /// A package that uses Wasmtime 48.0.2 with its default features.
    fn with(poolcfg_toml: &str) -> Self {
        Self::new(&format!("[dependencies]\n{W48}"), poolcfg_toml)
    }

    fn resolve(&self) {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["generate-lockfile", "--offline"])
            .current_dir(self.folder.root());
        ran(&mut command).ends(0);
    }

    fn crate_named(&self, name: &str, manifest: &str) {
        self.write(&format!("crates/{name}/Cargo.toml"), manifest);
        self.write(&format!("crates/{name}/src/lib.rs"), "");
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

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program("cargo-poolcfg", self.folder.root());
        command.arg("poolcfg").args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// The Wasmtime by which the limits are made: version and features.
    #[track_caller]
    fn reckoned(&self, arguments: &[&str]) -> (String, Vec<String>) {
        let ran = self.run(&[&["--emit", "json"], arguments].concat());
        let wasmtime = &ran.ends(0).json()["results"][0]["limits"]["wasmtime"];
        let version = wasmtime["version"].as_str().unwrap().to_owned();
        let features = serde_json::from_value(wasmtime["features"].clone()).unwrap();
        (version, features)
    }
}

const W43: &str = "wasmtime = { path = \"crates/wasmtime43\" }\n";
const W48: &str = "wasmtime = { path = \"crates/wasmtime48\" }\n";
const OTHER_W43: &str = "other = { package = \"wasmtime\", path = \"crates/wasmtime43\" }\n";
const HOST43: &str = "host43 = { path = \"crates/host43\" }\n";
const HOST48: &str = "host48 = { path = \"crates/host48\" }\n";

#[test]
fn what_the_file_leaves_out_is_the_projects() {
    let project = Project::new(
        "[dependencies.wasmtime]\npath = \"crates/wasmtime48\"\ndefault-features = false\n\
         features = [\"gc\", \"memory-protection-keys\", \"wat\"]\n",
        WASMTIME,
    );
    let features = ["gc", "memory-protection-keys"].map(str::to_owned).to_vec();
    assert_eq!(
        project.reckoned(&[]),
        ("48.0.2".to_owned(), features.clone())
    );
    for command in ["check", "explain"] {
        project.run(&[command]).ends(0);
    }
    // What is said stays, and the rest is taken still.
    project.write(
        "poolcfg.toml",
        &format!("{WASMTIME}wasmtime.version = \"48\"\n"),
    );
    assert_eq!(project.reckoned(&[]), ("48".to_owned(), features));
    // Without async there are no stacks to map.
    let result = project.run(&["--emit", "json"]).only_result();
    assert_eq!(result["limits"]["total_stacks"], json!(0));
}

#[test]
fn its_own_dependency_is_taken_and_the_others_are_told() {
    for (dependencies, version) in [
        (format!("[dependencies]\n{W48}{HOST43}"), "48.0.2"),
        (format!("[dependencies]\n{OTHER_W43}{HOST48}"), "43.0.1"),
        (
            format!("[dependencies]\n{HOST48}[dev-dependencies]\n{W43}"),
            "48.0.2",
        ),
    ] {
        let project = Project::new(&dependencies, WASMTIME);
        assert_eq!(project.reckoned(&[]).0, version);
        let other = if version == "48.0.2" {
            "43.0.1"
        } else {
            "48.0.2"
        };
        project.run(&["check"]).ends(0).says(&format!(
            "`project` uses Wasmtime {version}; its dependency graph also has {other}"
        ));
        // One version has nothing beside it.
        let alone = Project::new(&format!("[dependencies]\n{HOST48}"), WASMTIME);
        alone.run(&["check"]).ends(0).says_nothing_of("its graph");
    }
}

#[test]
fn between_two_that_are_equally_near_the_file_decides() {
    for dependencies in [
        format!("[dependencies]\n{W48}{OTHER_W43}"),
        format!("[dependencies]\n{HOST43}{HOST48}"),
    ] {
        let project = Project::new(&dependencies, WASMTIME);
        for command in [&["check"][..], &["explain"], &[], &["sync"]] {
            project
                .run(command)
                .ends(101)
                .says("error[PC0033]: `project` uses Wasmtime 43.0.1 and 48.0.2")
                .says("poolcfg.toml:2:10")
                .says("write `version = \"43\"` or `version = \"48\"`");
        }
        assert_eq!(project.read("poolcfg.toml"), WASMTIME);
        // Without a file to say it in, the flag does.
        fs::remove_file(project.path("poolcfg.toml")).unwrap();
        project
            .run(&["check", "--engine", "wasmtime"])
            .ends(101)
            .says("43.0.1 and 48.0.2")
            .says("`--engine-version 48`");
        for version in ["43", "48", "48.0.2"] {
            project.write("poolcfg.toml", &said(version));
            project.run(&["check"]).ends(0).says("43.0.1 and 48.0.2");
            project.run(&["sync", "--check"]).ends(0);
        }
        project.write("poolcfg.toml", &said("47"));
        for command in [&["check"][..], &["sync", "--check"], &["sync"]] {
            project
                .run(command)
                .ends(100)
                .says("error[PC0032]: the file names Wasmtime 47")
                .says("43.0.1 and 48.0.2");
        }
        assert_eq!(project.read("poolcfg.toml"), said("47"));
    }
}

/// Two pools of one program, each of the version that its code is of.
#[test]
fn each_pool_may_be_of_another_version() {
    let project = Project::new(
        &format!(
            "[dependencies]\n{W48}\
             other = {{ package = \"wasmtime\", path = \"crates/wasmtime43\", default-features = false }}\n"
        ),
        "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 5\nwasmtime.version = \"48\"\n\
         [pool.new]\n[pool.old]\nwasmtime.version = \"43\"\n",
    );
    project.run(&["sync"]).ends(0);
    let file = project.read("poolcfg.toml");
    assert!(
        file.contains("wasmtime.version = \"43\"\nwasmtime.features = []\n"),
        "{file}"
    );
    project.run(&["sync", "--check"]).ends(0);
    project.run(&["check"]).ends(0);
}

/// What a table lacks, one of another layer may say: `sync --check` sees what `check` sees.
#[test]
fn a_version_may_stand_in_another_layer_than_the_engine() {
    let wasmtime = "version = \"48\"\nfeatures = [\"async\", \"gc\", \"component-model\"]\n";
    let engine = "engine = \"wasmtime\"\nmax_instances = 5\n";
    let of_pool = format!("[pool.a]\n[pool.a.wasmtime]\n{wasmtime}");
    for file in [
        format!(
            "[target.{RISCV64}.pooling_allocator]\n{engine}\
             [target.'cfg(unix)'.pooling_allocator.wasmtime]\n{wasmtime}"
        ),
        format!(
            "[target.'cfg(unix)'.pooling_allocator.wasmtime]\n{wasmtime}\
             [target.'cfg(target_os = \"linux\")'.pooling_allocator]\n{engine}"
        ),
        // Every pool has its own.
        format!("[pooling_allocator]\n{engine}{of_pool}"),
    ] {
        let project = Project::with(&file);
        for target in [&["--target", RISCV64][..], &[]] {
            let run = |command: &[&str]| project.run(&[command, target].concat());
            run(&["sync", "--check"]).ends(0).says_nothing_of("PC0032");
        }
        project.run(&["check", "--target", RISCV64]).ends(0);
        project.run(&["sync"]).ends(0);
        assert_eq!(project.read("poolcfg.toml"), file);
    }
    // On this target it is there, on others it is not.
    let file = format!(
        "[pooling_allocator]\n{engine}[target.{RISCV64}.pooling_allocator.wasmtime]\n{wasmtime}"
    );
    let project = Project::with(&file);
    project
        .run(&["sync", "--check", "--target", RISCV64])
        .ends(0);
    project
        .run(&["sync", "--check"])
        .ends(100)
        .says("names no version");
    // One pool of two has none.
    let file = format!("[pooling_allocator]\n{engine}{of_pool}[pool.b]\n{engine}");
    Project::with(&file)
        .run(&["sync", "--check"])
        .ends(100)
        .says("`[pool.b.wasmtime]` names no version");
}

#[test]
fn a_package_without_wasmtime_is_told_so() {
    let project = Project::new("", WASMTIME);
    for command in [
        &["check"][..],
        &["explain"],
        &[],
        &["sync"],
        &["sync", "--check"],
    ] {
        project
            .run(command)
            .ends(101)
            .says("error[PC0033]: `project` does not depend on `wasmtime`")
            .says("poolcfg.toml:2:10")
            .says("help: ");
    }
    project
        .run(&["check"])
        .says("write `version = \"48\"`")
        .says("`--engine-version 48`");
    project.run(&["check", "--engine-version", "48"]).ends(0);
    // The file's own word is enough to look and to write, and nothing to be in line with.
    project.write("poolcfg.toml", &said("48"));
    for command in [&["check"][..], &["explain"], &[]] {
        project
            .run(command)
            .ends(0)
            .says("warning[PC0033]: `project` does not depend on `wasmtime`");
    }
    for command in [&["sync"][..], &["sync", "--check"]] {
        project.run(command).ends(101).says("PC0033");
    }
    assert_eq!(project.read("poolcfg.toml"), said("48"));
}

/// Counts are of the version that the file names, which needs no dependency.
#[test]
fn a_package_without_wasmtime_has_its_counts_written() {
    let file = format!(
        "{WASMTIME}[pooling_allocator.wasmtime]\nversion = \"48\"\ntables_per_instance = 1\nworkload = [\"app.wasm\"]\n"
    );
    let project = Project::new("", &file);
    let module = "(module (table 1 funcref) (table 1 funcref))";
    fs::write(project.path("app.wasm"), wat::parse_str(module).unwrap()).unwrap();
    let keeps = "warning[PC0033]: `project` does not depend on `wasmtime`";
    project
        .run(&["check"])
        .ends(100)
        .says("`cargo poolcfg sync` writes");
    let check = project.run(&["sync", "--check", "--message-format", "json"]);
    assert_eq!(check.ends(100).json()["results"][0]["state"], "stale");
    project.run(&["sync"]).ends(0).says(keeps);
    let synced = project.read("poolcfg.toml");
    assert!(synced.contains("\ntables_per_instance = 2\n"), "{synced}");
    assert!(synced.contains("\nversion = \"48\"\n"), "{synced}");
    project.run(&["sync", "--check"]).ends(0).says(keeps);
    project.run(&["check"]).ends(0);
    // Without a version there is none to count for.
    project.write("poolcfg.toml", &file.replace("version = \"48\"\n", ""));
    project.run(&["sync"]).ends(101).says("error[PC0033]");
}

/// Whoever cannot ask cargo passes the version that the file has.
#[test]
fn the_version_that_is_advised_is_that_of_the_file() {
    for version in ["26", "36", "43.0.0"] {
        let project = Project::unresolved(&format!("[dependencies]\n{W48}"), &said(version));
        let flag = format!("`--engine-version {version}`");
        project.run(&["check"]).ends(101).says(&flag);
    }
}

#[test]
fn without_a_lock_file_that_fits_nothing_is_known() {
    let missing = Project::unresolved(&format!("[dependencies]\n{W48}"), &said("48"));
    let other = Project::new("", &said("48"));
    let manifest = other.read("Cargo.toml");
    other.write("Cargo.toml", &format!("{manifest}[dependencies]\n{W48}"));
    for (project, says, help) in [
        (&missing, "no Cargo.lock", "`cargo generate-lockfile`"),
        (
            &other,
            "Cargo.lock is out of date",
            "`cargo update --workspace`",
        ),
    ] {
        let lock = fs::read(project.path("Cargo.lock")).ok();
        for command in [&["check"][..], &[], &["sync"], &["sync", "--check"]] {
            project
                .run(command)
                .ends(101)
                .says("error[PC0033]")
                .says(says)
                .says("poolcfg.toml:5:11")
                .says(help);
        }
        project
            .run(&["explain"])
            .ends(0)
            .says("warning[PC0033]: ")
            .says(says);
        project.write("poolcfg.toml", WASMTIME);
        project
            .run(&["explain"])
            .ends(101)
            .says(says)
            .says("poolcfg.toml:2:10")
            .says(help);
        for command in [&["check"][..], &["explain"], &[]] {
            project
                .run(&[command, &["--engine-version", "48"]].concat())
                .ends(0);
        }
        // Who reads writes nothing.
        assert_eq!(fs::read(project.path("Cargo.lock")).ok(), lock);
    }
    // The help helps.
    missing.resolve();
    missing.run(&["check"]).ends(0);
    other.write("Cargo.lock", "no lock file\n");
    other
        .run(&["check"])
        .ends(101)
        .says("error[PC0025]")
        .says("failed to parse lock file");
}

#[test]
fn sync_puts_the_file_right_and_leaves_the_rest() {
    let before = "# What may be pooled.\n[pooling_allocator]\nmax_instances = 7   # asked\n\
                  engine = 'wasmtime'\n\n\
                  [pooling_allocator.wasmtime] # from Cargo.lock\ntable_elements = 10_000\n\
                  version  = '47' # the major version\nfeatures = [\n  \"gc\",  # heaps\n]\n\n\
                  # The board.\n[address_space]\naslr = \"minimum\"\n";
    let after = before.replace("'47'", "'48'").replace(
        "# heaps\n",
        "# heaps\n  \"async\",\n  \"component-model\",\n",
    );
    let project = Project::with(before);
    for command in [&["sync", "--check"][..], &["check"], &[], &["explain"]] {
        project
            .run(command)
            .ends(100)
            .says("error[PC0032]: the file names Wasmtime 47, but the project uses 48.0.2")
            .says("poolcfg.toml:8:12")
            .says("^^^^ Cargo.lock has 48.0.2")
            .says("poolcfg.toml:9:12")
            .says("help: `cargo poolcfg sync`");
    }
    assert_eq!(project.read("poolcfg.toml"), before);
    assert!(!project.path("src/pool_limits.rs").exists());
    project
        .run(&["sync"])
        .ends(0)
        .says("version = \"48\", was \"47\"")
        .says("wrote poolcfg.toml");
    assert_eq!(project.read("poolcfg.toml"), after);
    for command in [&["sync"][..], &["sync", "--check"], &["check"], &[]] {
        project.run(command).ends(0);
    }
    assert_eq!(project.read("poolcfg.toml"), after);
    // As on Windows.
    project.write("poolcfg.toml", &before.replace('\n', "\r\n"));
    project.run(&["sync"]).ends(0);
    assert_eq!(project.read("poolcfg.toml"), after.replace('\n', "\r\n"));
}

/// What is written is right, and what else is wrong with the file is told after it, as `sync --check` and `check` tell it.
#[test]
fn what_sync_cannot_put_right_is_told_after_it_has_written() {
    let counts = |file: &str| {
        file.replace(
            WASMTIME,
            &format!("{WASMTIME}max_instances = 5\nmin_instances = 9\n"),
        )
    };
    let project = Project::with(&counts(&said("47")));
    let ran = project.run(&["sync"]);
    let fault =
        "error[PC0010]: `min_instances = 9` is above `max_instances = 5`\n --> poolcfg.toml:4:17\n";
    ran.ends(101).says("wrote poolcfg.toml").says(fault);
    assert!(
        ran.stderr.find("wrote") < ran.stderr.find("error"),
        "{ran:#?}"
    );
    assert_eq!(project.read("poolcfg.toml"), counts(&said("48")));
    for command in [&["sync"][..], &["sync", "--check"], &["check"]] {
        project.run(command).ends(101).says(fault);
    }
    // Whether a pool fits is for `check` to judge.
    let large = "max_instances = 1000\non_misfit = \"error\"\n";
    let file = said("47").replace(WASMTIME, &format!("{WASMTIME}{large}"));
    project.write("poolcfg.toml", &file);
    let large = ["sync", "--target", RISCV64];
    project
        .run(&large)
        .ends(0)
        .says("wrote poolcfg.toml")
        .says("warning[PC0001]: pool needs 3.94 TiB")
        .says(" on `riscv64gc-unknown-linux-gnu`: `cargo poolcfg check` says more");
    project.run(&["check", "--target", RISCV64]).ends(100);
}

#[test]
fn the_precision_of_a_version_stays() {
    let project = Project::with("");
    for (before, after) in [
        ("48", "48"),
        ("48.0", "48.0"),
        ("48.0.2", "48.0.2"),
        ("47", "48"),
        ("47.1", "48.0"),
        ("48.0.1", "48.0.2"),
        ("43.0.1", "48.0.2"),
        ("49", "48"),
    ] {
        project.write("poolcfg.toml", &said(before));
        let status = if before == after { 0 } else { 100 };
        project.run(&["sync", "--check"]).ends(status);
        project.run(&["check"]).ends(status);
        project.run(&["sync"]).ends(0);
        assert_eq!(project.read("poolcfg.toml"), said(after), "{before}");
    }
}

/// Which tables say it, in files that have several.
#[test]
fn every_pool_of_wasmtimes_has_its_facts() {
    let version = "version = \"48\"\n";
    let features = "features = [\"async\", \"gc\", \"component-model\"]\n";
    let facts = format!("{version}{features}");
    for (before, after) in [
        // The base speaks for all.
        (
            format!("{WASMTIME}\n[pool.a]\npools = 2\n\n[pool.b]\nengine = \"wasmtime\"\n"),
            format!(
                "{WASMTIME}\n[pooling_allocator.wasmtime]\n{facts}\n[pool.a]\npools = 2\n\n\
                 [pool.b]\nengine = \"wasmtime\"\n"
            ),
        ),
        // A pool beside native ones speaks for itself.
        (
            "[pool.a]\npools = 2\n\n[pool.b]\nengine = \"wasmtime\"\n\n[pool.c]\nengine = \"native\"\n"
                .to_owned(),
            format!(
                "[pool.a]\npools = 2\n\n[pool.b]\nengine = \"wasmtime\"\n\n[pool.b.wasmtime]\n{facts}\n\
                 [pool.c]\nengine = \"native\"\n"
            ),
        ),
        // So does a target; what it says against the base is put right too.
        (
            format!("[target.{RISCV64}.pooling_allocator]\nengine = \"wasmtime\"\n"),
            format!(
                "[target.{RISCV64}.pooling_allocator]\nengine = \"wasmtime\"\n\n\
                 [target.{RISCV64}.pooling_allocator.wasmtime]\n{facts}"
            ),
        ),
        (
            format!(
                "{WASMTIME}wasmtime.version = \"48\"\n\
                 [target.'cfg(unix)'.pooling_allocator.wasmtime]\nversion = \"43.0.1\"\n\
                 [target.{RISCV64}.pooling_allocator.wasmtime]\nfeatures = []\n"
            ),
            format!(
                "{WASMTIME}wasmtime.version = \"48\"\nwasmtime.{features}\
                 [target.'cfg(unix)'.pooling_allocator.wasmtime]\nversion = \"48.0.2\"\n\
                 [target.{RISCV64}.pooling_allocator.wasmtime]\n{features}"
            ),
        ),
        // What a flag makes a pool of Wasmtime's may be said before.
        (
            "[pooling_allocator]\nengine = \"native\"\n[pooling_allocator.wasmtime]\nversion = \"47\"\n"
                .to_owned(),
            format!(
                "[pooling_allocator]\nengine = \"native\"\n[pooling_allocator.wasmtime]\n{facts}"
            ),
        ),
    ] {
        let project = Project::with(&before);
        project.run(&["sync", "--check"]).ends(100);
        project.run(&["sync"]).ends(0);
        assert_eq!(project.read("poolcfg.toml"), after);
        project.run(&["sync", "--check"]).ends(0);
        project.run(&["check"]).ends(0);
    }
}

#[test]
fn sync_has_nothing_to_do_where_no_pool_is_wasmtimes() {
    for file in [
        "",
        "# nothing\n",
        "[pooling_allocator]\nengine = \"native\"\n",
    ] {
        // Not even a project that cargo can resolve.
        let project = Project::unresolved(&format!("[dependencies]\n{W48}"), file);
        for command in [&["sync"][..], &["sync", "--check"]] {
            project.run(command).ends(0).says("nothing to do");
        }
        assert_eq!(project.read("poolcfg.toml"), file);
        assert!(!project.path("Cargo.lock").exists());
    }
    let project = Project::with("");
    fs::remove_file(project.path("poolcfg.toml")).unwrap();
    project.run(&["sync"]).ends(101).says("PC0021");
}

#[test]
fn a_faulty_file_is_never_rewritten() {
    for file in [
        "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.version = \"47\"\nwasmtime.version = \"46\"\n",
        "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instance = 3\nwasmtime.version = \"47\"\n",
        "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.version = \"forty-seven\"\n",
        "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.version = 47\n",
    ] {
        let project = Project::with(file);
        for command in [&["sync"][..], &["sync", "--check"]] {
            project.run(command).ends(101).says("poolcfg.toml:");
        }
        assert_eq!(project.read("poolcfg.toml"), file);
    }
}

#[cfg(unix)]
#[test]
fn what_is_rewritten_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::with(&said("47"));
    let path = project.path("poolcfg.toml");
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    set(0o400);
    project.run(&["sync"]).ends(101).says("PC0022");
    set(0o600);
    project.run(&["sync"]).ends(0);
    assert_eq!(project.read("poolcfg.toml"), said("48"));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn packages_of_a_workspace_have_each_their_own() {
    let project = Project::unresolved("", "");
    project.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"a\", \"b\", \"c\"]\nexclude = [\"crates\"]\nresolver = \"3\"\n",
    );
    let pointer = "[package.metadata.poolcfg]\nconfig = \"../poolcfg.toml\"\n";
    for (name, lines) in [
        ("a", "wasmtime = { path = \"../crates/wasmtime48\" }\n"),
        ("b", "wasmtime = { path = \"../crates/wasmtime43\" }\n"),
        ("c", ""),
    ] {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nedition = \"2024\"\n{pointer}[dependencies]\n{lines}"
        );
        project.write(&format!("{name}/Cargo.toml"), &manifest);
        project.write(&format!("{name}/src/lib.rs"), "");
    }
    project.write("poolcfg.toml", WASMTIME);
    project.resolve();
    assert_eq!(project.reckoned(&["-p", "a"]).0, "48.0.2");
    assert_eq!(project.reckoned(&["-p", "b"]).0, "43.0.1");
    project
        .run(&["check", "-p", "c"])
        .ends(101)
        .says("`-p a`, `-p b`");
    // One file cannot say both, and then says what it said.
    project
        .run(&["sync", "-p", "a", "-p", "b"])
        .ends(100)
        .says("different versions or features")
        .says_nothing_of("wrote");
    assert_eq!(project.read("poolcfg.toml"), WASMTIME);
    project.run(&["sync", "-p", "a"]).ends(0);
    project.run(&["check", "-p", "a"]).ends(0);
    project
        .run(&["check", "-p", "b"])
        .ends(100)
        .says("`cargo poolcfg sync -p b`");
}

/// A workspace of a, b and c that share one file, where b uses Wasmtime 48.0.2.
fn sharing(poolcfg_toml: &str) -> Project {
    let project = Project::unresolved("", poolcfg_toml);
    project.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"a\", \"b\", \"c\"]\nexclude = [\"crates\"]\nresolver = \"3\"\n\
         [workspace.metadata.poolcfg]\nconfig = \"poolcfg.toml\"\n",
    );
    for (name, lines) in [
        ("a", ""),
        ("b", "wasmtime = { path = \"../crates/wasmtime48\" }\n"),
        ("c", ""),
    ] {
        let manifest =
            format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n[dependencies]\n{lines}");
        project.write(&format!("{name}/Cargo.toml"), &manifest);
        project.write(&format!("{name}/src/lib.rs"), "");
    }
    project.resolve();
    project
}

/// The pools of a shared file are those of the packages that depend on Wasmtime.
#[test]
fn who_shares_a_file_and_has_no_wasmtime_is_passed_over() {
    let project = sharing(WASMTIME);
    for command in [&["sync", "--check"][..], &["sync"]] {
        let status = if command.len() > 1 { 100 } else { 0 };
        project
            .run(command)
            .ends(status)
            .says_nothing_of("does not depend");
    }
    assert!(project.read("poolcfg.toml").contains("version = \"48\""));
    for poolcfg_toml in [WASMTIME.to_owned(), project.read("poolcfg.toml")] {
        project.write("poolcfg.toml", &poolcfg_toml);
        for command in [&["check"][..], &["explain"], &["--workspace"]] {
            project
                .run(command)
                .ends(0)
                .says_nothing_of("package `a`")
                .says_nothing_of("package `c`")
                .says_nothing_of("does not depend");
        }
        for name in ["a", "c"] {
            project.run(&["check", "-v"]).says(&format!(
                "package `{name}`: does not depend on `wasmtime`: skipped, because the file belongs to `b`"
            ));
            assert!(!project.path(&format!("{name}/src/pool_limits.rs")).exists());
        }
        assert!(project.path("b/src/pool_limits.rs").exists());
    }
    project.run(&["sync", "--check"]).ends(0);
    // Who is chosen alone is told.
    project.write("poolcfg.toml", WASMTIME);
    project
        .run(&["check", "-p", "a"])
        .ends(101)
        .says("`a` does not depend on `wasmtime`")
        .says("select a package that does: `-p b`");
}

/// A package without Wasmtime keeps no other from being brought in line.
#[test]
fn who_has_a_file_and_no_wasmtime_is_a_warning_beside_others() {
    let project = sharing(WASMTIME);
    project.write("a/poolcfg.toml", &said("43"));
    let says = "`a` does not depend on `wasmtime`: its file stays as it is";
    let check = ["sync", "--check", "--workspace"];
    project.run(&check).ends(100).says(says);
    project.run(&["sync", "--workspace"]).ends(0).says(says);
    assert_eq!(project.read("a/poolcfg.toml"), said("43"));
    assert!(project.read("poolcfg.toml").contains("version = \"48\""));
    project.run(&check).ends(0).says(says);
    // Alone it is an error.
    project.run(&["sync", "-p", "a"]).ends(101);
}

/// A run that fails has written nothing, whatever it fails for.
#[test]
fn sync_writes_all_or_nothing() {
    let file = format!("{WASMTIME}[pooling_allocator.wasmtime]\nworkload = [\"app.wasm\"]\n");
    let project = Project::with(&file);
    let ran = project.run(&["sync", "--message-format", "json"]);
    assert_eq!(ran.ends(101).json()["results"][0]["state"], "stale");
    assert_eq!(project.read("poolcfg.toml"), file);
    project
        .run(&["sync"])
        .ends(101)
        .says("`app.wasm` of the workload is not there");
    assert_eq!(project.read("poolcfg.toml"), file);
    let module = wat::parse_str("(module (memory 1) (memory 1))").unwrap();
    fs::write(project.path("app.wasm"), module).unwrap();
    let ran = project.run(&["sync"]);
    ran.ends(0)
        .says("version = \"48\"")
        .says("memories_per_instance = 2");
    let said = [ran.stdout.as_str(), ran.stderr.as_str()].concat();
    assert_eq!(said.matches("wrote").count(), 1);
    project.run(&["sync", "--check"]).ends(0);
}

/// What is said of a file that several share is said once, and the version of an example is one of the workspace.
#[test]
fn a_shared_file_has_each_mistake_once() {
    let once = |ran: &Ran, text: &str| assert_eq!(ran.stderr.matches(text).count(), 1, "{ran:#?}");
    let project = sharing("[pooling_allocator]\nmax_instances = 1000000\n");
    let ran = project.run(&["check", "--target", RISCV64]);
    once(ran.ends(100), "error[");
    ran.says("error[PC0001]: pool needs ");
    let named = "[pool.native]\nmax_instances = 1\nmemory_reservation = \"1MiB\"\n\
                 [pool.other]\nengine = \"wasmtime\"\nmax_instances = 2\n\
                 memory_reservation = \"1MiB\"\n";
    // A package with pools of its own beside Wasmtime's keeps them.
    project.write("poolcfg.toml", named);
    project
        .run(&["check", "--target", RISCV64])
        .ends(0)
        .says(&format!("package `a`: {RISCV64}, pool `native`: ok"))
        .says(&format!("package `b`: {RISCV64}, pool `other`: ok"));
    fs::remove_file(project.path("Cargo.lock")).unwrap();
    project.write("poolcfg.toml", &said("48"));
    let ran = project.run(&["explain", "--target", RISCV64]);
    once(ran.ends(0), "warning[PC0033]");
    // The example is what the workspace uses.
    let project = sharing(WASMTIME);
    let manifest = project.read("b/Cargo.toml");
    project.write(
        "b/Cargo.toml",
        &manifest.replace("wasmtime48", "wasmtime43"),
    );
    project.resolve();
    project
        .run(&["check", "-p", "a"])
        .ends(101)
        .says("write `version = \"43\"`")
        .says("`--engine-version 43`");
}

/// Packages of one workspace have one Cargo.lock, and whoever lacks it is told once.
#[test]
fn a_lock_file_that_is_not_there_is_told_once() {
    let project = Project::unresolved("", "");
    project.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"a\", \"b\", \"c\"]\nexclude = [\"crates\"]\nresolver = \"3\"\n",
    );
    for (name, file) in [
        ("a", said("48")),
        ("b", WASMTIME.to_owned()),
        ("c", said("47")),
    ] {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nedition = \"2024\"\n[dependencies]\n\
             wasmtime = {{ path = \"../crates/wasmtime48\" }}\n"
        );
        project.write(&format!("{name}/Cargo.toml"), &manifest);
        project.write(&format!("{name}/src/lib.rs"), "");
        project.write(&format!("{name}/poolcfg.toml"), &file);
    }
    for command in ["check", "explain"] {
        let ran = project.run(&[command, "--workspace", "--target", RISCV64]);
        let said =
            "no Cargo.lock, which says which Wasmtime version `a` uses (likewise for `b`, `c`)";
        ran.ends(101).says("`cargo generate-lockfile` writes it");
        assert_eq!(
            ran.stderr
                .matches(&format!("error[PC0033]: {said}\n"))
                .count(),
            1,
            "{ran:#?}"
        );
        assert_eq!(ran.stderr.matches("error[").count(), 1, "{ran:#?}");
    }
}

/// A requirement that nothing meets stands in a Cargo.toml.
#[test]
fn what_cargo_cannot_resolve_is_told_in_its_words() {
    let lines = "[dependencies]\nwasmtime = { path = \"crates/wasmtime48\", version = \"7\" }\n";
    let unlocked = Project::unresolved(lines, &said("48"));
    let locked = Project::with(&said("48"));
    let manifest = locked.read("Cargo.toml");
    locked.write(
        "Cargo.toml",
        &manifest.replace("wasmtime48\"", "wasmtime48\", version = \"7\""),
    );
    for project in [&unlocked, &locked] {
        for command in [&["check"][..], &[], &["sync"], &["sync", "--check"]] {
            project
                .run(command)
                .ends(101)
                .says("error[PC0025]: cargo cannot resolve the dependencies of `project`")
                .says("wasmtime = \"^7\"")
                .says_nothing_of("poolcfg.toml");
        }
    }
}

/// A dependency of one platform counts for the target that is asked.
#[test]
fn what_is_resolved_for_the_only_target_counts() {
    let project = Project::new(
        &format!(
            "[target.'cfg(target_arch = \"riscv64\")'.dependencies]\n{W48}\
             [target.'cfg(target_arch = \"x86_64\")'.dependencies]\n{OTHER_W43}"
        ),
        WASMTIME,
    );
    assert_eq!(project.reckoned(&["--target", RISCV64]).0, "48.0.2");
    assert_eq!(project.reckoned(&["--target", X86_64]).0, "43.0.1");
    let mut command = project.command(&["check", "-v"]);
    command.env("CARGO_BUILD_TARGET", RISCV64);
    ran(&mut command).ends(0).says("uses Wasmtime 48.0.2");
    project
        .run(&["check", "--target", AARCH64_MUSL])
        .ends(101)
        .says(&format!(
            "does not depend on `wasmtime` on `{AARCH64_MUSL}`"
        ));
    project.run(&["sync"]).ends(101).says("43.0.1 and 48.0.2");
    // Each may be said where it holds, and is held to what is resolved there.
    project.run(&["sync", "--target", X86_64]).ends(0);
    let file = project.read("poolcfg.toml");
    assert!(file.contains("version = \"43\""), "{file}");
    let table = "[target.'cfg(target_arch = \"riscv64\")'.pooling_allocator.wasmtime]\n";
    project.write("poolcfg.toml", &format!("{file}{table}version = \"47\"\n"));
    project.run(&["check", "--target", X86_64]).ends(0);
    project.run(&["check", "--target", RISCV64]).ends(100);
    project.run(&["sync", "--target", RISCV64]).ends(0);
    let file = project.read("poolcfg.toml");
    assert!(file.contains("version = \"43\""), "{file}");
    assert!(
        file.contains(&format!("{table}version = \"48\"\n")),
        "{file}"
    );
    for target in [X86_64, RISCV64] {
        project.run(&["check", "--target", target]).ends(0);
        project
            .run(&["sync", "--check", "--target", target])
            .ends(0);
    }
    project.run(&["sync", "--check"]).ends(0);
}

#[test]
fn flags_are_over_every_table() {
    let project = Project::with(&said("47"));
    let flags = ["--engine-version", "43.0.1"];
    let (version, features) = project.reckoned(&flags);
    assert_eq!((version.as_str(), features.len()), ("43.0.1", 3));
    project.run(&flags).ends(0).says("wrote src/pool_limits.rs");
    let file = project.read("src/pool_limits.rs");
    assert!(
        file.lines()
            .next()
            .unwrap()
            .contains("--engine-version 43.0.1`"),
        "{file}"
    );
    // The recorded flags are repeated, and nothing is looked up.
    project.run(&["--check"]).ends(0);
    fs::remove_file(project.path("src/pool_limits.rs")).unwrap();

    project.write(
        "poolcfg.toml",
        &format!("[pooling_allocator]\nmax_instances = 7\n[target.{X86_64}.pooling_allocator]\nengine = \"native\"\n"),
    );
    let flags = ["--target", X86_64, "--engine", "wasmtime"];
    assert_eq!(project.reckoned(&flags).0, "48.0.2");
    project.run(&flags).ends(0);
    let file = project.read("src/pool_limits.rs");
    assert!(
        file.lines().next().unwrap().contains("--engine wasmtime`"),
        "{file}"
    );
    project.run(&["--check"]).ends(0);

    project.write("poolcfg.toml", &said("47"));
    project.run(&["check", "--engine", "native"]).ends(0);
}

#[test]
fn mistakes_in_the_flags() {
    let project = Project::with("");
    for (version, says) in [
        ("forty-eight", "expected a version such as"),
        ("48.x", "expected a version such as"),
        ("12", "older than `13`"),
        ("", "expected a version such as"),
    ] {
        project
            .run(&["--engine", "wasmtime", "--engine-version", version])
            .ends(2)
            .says(says);
    }
    project
        .run(&["--engine", "wasmer"])
        .ends(2)
        .says("native, wasmtime");
    for flags in [&[][..], &["--engine", "native"]] {
        project
            .run(&[flags, &["--engine-version", "48"]].concat())
            .ends(2)
            .says("`--engine wasmtime`");
    }
}

#[test]
fn a_version_that_is_too_old_is_told() {
    let project = Project::with(WASMTIME);
    let manifest = project.read("crates/wasmtime48/Cargo.toml");
    project.write(
        "crates/wasmtime48/Cargo.toml",
        &manifest.replace("48.0.2", "12.0.2"),
    );
    project.resolve();
    for command in ["check", "sync"] {
        project
            .run(&[command])
            .ends(101)
            .says("error[PC0027]: `project` uses Wasmtime 12.0.2")
            .says("help: ");
    }
}

/// On the machine that runs a host there is one file, or none.
#[test]
fn poolcfg_needs_no_project_where_the_version_is_said() {
    let folder = Folder::new();
    let nothing = Folder::new();
    let run = |arguments: &[&str]| {
        let mut command = program("poolcfg", folder.root());
        command
            .args(arguments)
            .env("PATH", "")
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env("CARGO_HOME", nothing.root());
        ran(&mut command)
    };
    let flags = ["--engine", "wasmtime", "--engine-version", "48"];
    for target in [&["--target", RISCV64][..], &["--here"]] {
        let ran = run(&[&["--emit", "json"], target, &flags].concat());
        let result = ran.ends(0).only_result();
        assert_eq!(result["engine"], "wasmtime");
        assert_eq!(result["limits"]["wasmtime"]["version"], "48");
    }
    run(&["check", "--engine", "wasmtime"])
        .ends(101)
        .says("PC0027")
        .says("`--engine-version 48`")
        .says_nothing_of("sync");
    fs::write(folder.root().join("poolcfg.toml"), WASMTIME).unwrap();
    run(&["check"])
        .ends(101)
        .says("poolcfg.toml:2:10")
        .says("`poolcfg sync`")
        .says("`version = \"48\"`")
        .says("`--engine-version 48`");
    run(&["sync"]).ends(101).says("no package");
    fs::write(folder.root().join("poolcfg.toml"), said("48")).unwrap();
    run(&["check"]).ends(0);
    // A manifest alone changes nothing.
    fs::write(
        folder.root().join("Cargo.toml"),
        "[package]\nname = \"host\"\nedition = \"2024\"\n",
    )
    .unwrap();
    run(&["check"]).ends(0);
}

#[test]
fn a_program_that_is_loaded_elsewhere_is_told() {
    let project = Project::with(&said("48"));
    let check = |variable: Option<(&str, &str)>, arguments: &[&str]| {
        let mut command = project.command(&[&["check"], arguments].concat());
        if let Some((name, value)) = variable {
            command.env(name, value);
        }
        ran(&mut command)
    };
    let fixed = "makes a program with a fixed address";
    let both = ["--target", RISCV64, "--target", X86_64];

    check(None, &both).ends(0).says_nothing_of("address_space");
    // The compiler sees by a cfg whether the C library is linked statically, and so does the command.
    check(Some(("RUSTFLAGS", "-C target-feature=+crt-static")), &both)
        .ends(0)
        .says("guaranteed (worst kernel: sv39, static, ")
        // A static PIE is one as well.
        .says("guaranteed (worst kernel: va47, pie, ")
        .says_nothing_of("warning");
    let encoded = ("CARGO_ENCODED_RUSTFLAGS", "-C\u{1f}relocation-model=static");
    for command in [&["check"][..], &["explain"], &["--target", X86_64]] {
        let mut command = project.command(command);
        command.env(encoded.0, encoded.1);
        ran(&mut command)
            .ends(0)
            .says("warning[PC0043]: on `")
            .says("`-C relocation-model=static`")
            .says(fixed);
    }
    // The limits are for what is built, or for this very process.
    check(Some(encoded), &["--relocation-model", "static"]).says_nothing_of("warning");
    check(Some(encoded), &["--here"]).says_nothing_of("warning");
    check(Some(encoded), &["-q"]).says_nothing_of("warning");
    check(None, &["--relocation-model", "static"])
        .ends(0)
        .says("makes a position-independent program");
    // Some targets link so by themselves; others know no such address.
    let musl = ["--target", AARCH64_MUSL];
    check(None, &musl)
        .ends(0)
        .says("110 of 1000 instances × 4 GiB guaranteed (worst kernel: va39, static, measured")
        .says_nothing_of("warning");
    check(Some(("RUSTFLAGS", "-C target-feature=-crt-static")), &musl)
        .ends(0)
        .says("84 of 1000 instances × 4 GiB guaranteed (worst kernel: va39, pie, measured");
    check(None, &[&musl[..], &["--relocation-model", "pie"]].concat())
        .ends(0)
        .says(&format!("[target.{AARCH64_MUSL}.address_space]"));
    check(Some(encoded), &["--target", "x86_64-pc-windows-msvc"]).says_nothing_of(fixed);

    project.write(
        ".cargo/config.toml",
        &format!(
            "[target.{RISCV64}]\nrustflags = [\"-C\", \"link-arg=-no-pie\"]\n\
             [target.'cfg(target_arch = \"x86_64\")']\nrustflags = \"-Crelocation-model=static\"\n"
        ),
    );
    check(None, &both)
        .says("`-C link-arg=-no-pie`")
        .says("`-C relocation-model=static`");
    project.write(
        ".cargo/config.toml",
        "[build]\nrustflags = [\"--codegen=relocation-model=static\"]\n",
    );
    check(None, &both)
        .says(&format!("on `{RISCV64}`: `-C relocation-model=static`"))
        .says(&format!("on `{X86_64}`: `-C relocation-model=static`"));
    let file = said("48") + "[address_space]\nrelocation_model = \"static\"\n";
    project.write("poolcfg.toml", &file);
    check(None, &both).ends(0).says_nothing_of("warning");
}

/// What `sync` changes is told to programs key by key, and what was done with each file.
#[test]
fn sync_tells_programs_what_it_changes() {
    let project = Project::with(&said("45").replace(", \"component-model\"", ""));
    let changes = json!([
        {
            "table": "[pooling_allocator.wasmtime]",
            "key": "version",
            "was": "45",
            "now": "48",
        },
        {
            "table": "[pooling_allocator.wasmtime]",
            "key": "features",
            "was": ["async", "gc"],
            "now": ["async", "gc", "component-model"],
        },
    ]);
    let json = ["--message-format", "json"];
    for (arguments, status, state, changes, mistakes) in [
        (&["sync", "--check"][..], 100, "stale", &changes, 2),
        (&["sync"], 0, "written", &changes, 0),
        (&["sync"], 0, "current", &json!([]), 0),
    ] {
        let ran = project.run(&[arguments, &json].concat());
        let result = ran.ends(status).only_result();
        assert_eq!(result["file"], "poolcfg.toml");
        assert_eq!(result["package"], "project");
        assert_eq!(result["state"], state);
        assert_eq!(&result["changes"], changes);
        let diagnostics = ran.json()["diagnostics"].take();
        let diagnostics = diagnostics.as_array().unwrap();
        assert_eq!(diagnostics.len(), mistakes);
        assert!(diagnostics.iter().all(|one| one["code"] == "PC0032"));
    }
}

/// The counts of a workload need no Cargo.lock, and are written without one.
#[test]
fn counts_are_written_without_a_lock_file() {
    let file = format!("{}workload = [\"app.wasm\"]\n", said("48"));
    let project = Project::unresolved(&format!("[dependencies]\n{W48}"), &file);
    let app = wat::parse_str("(module (memory 1) (memory 1))").unwrap();
    fs::write(project.path("app.wasm"), app).unwrap();
    project
        .run(&["sync", "--check"])
        .ends(101)
        .says("`cargo poolcfg sync` writes what it needs");
    project
        .run(&["sync"])
        .ends(101)
        .says("error[PC0033]: no Cargo.lock")
        .says("memories_per_instance = 2: `app.wasm` needs it")
        .says_nothing_of("--engine-version");
    assert!(
        project
            .read("poolcfg.toml")
            .contains("memories_per_instance = 2")
    );
    let ran = project.run(&["sync", "--check"]);
    ran.ends(101)
        .says("error[PC0033]")
        .says_nothing_of("PC0041");
}
