//! `init` and the verdicts of a package that depends on Wasmtime: the file that is written is for its pools, and who
//! says nothing of an engine is told. The crates called `wasmtime` here are empty ones.

use std::fs;
use std::process::Command;

mod common;

use common::{Folder, Ran, program, ran};

const X86_64: &str = "x86_64-unknown-linux-gnu";
const PACKAGE: &str =
    "[package]\nname = \"project\"\nedition = \"2024\"\n[workspace]\nexclude = [\"crates\"]\n";

/// A package that depends on `host`, and through that on each of these versions of Wasmtime.
struct Project(Folder);

impl Project {
    fn new(versions: &[&str]) -> Self {
        let project = Self(Folder::new());
        let mut host =
            "[package]\nname = \"host\"\nversion = \"1.0.0\"\n[dependencies]\n".to_owned();
        for version in versions {
            let manifest = format!(
                "[package]\nname = \"wasmtime\"\nversion = \"{version}\"\n[features]\n\
                 default = [\"async\"]\nasync = []\ngc = []\ncomponent-model = []\n"
            );
            project.write_crate(version, &manifest);
            host += &format!(
                "\"w{0}\" = {{ path = \"../{version}\", package = \"wasmtime\" }}\n",
                &version[..2]
            );
        }
        project.write_crate("host", &host);
        let dependencies = "[dependencies]\nhost = { path = \"crates/host\" }\n";
        project
            .0
            .write("Cargo.toml", &format!("{PACKAGE}{dependencies}"));
        project.0.write("src/lib.rs", "");
        project.lock();
        project
    }

    /// A virtual workspace of packages that share a file, of which `c` and `d` depend on `host`.
    fn shared(versions: &[&str]) -> Self {
        let project = Self::new(versions);
        let host = "[dependencies]\nhost = { path = \"../crates/host\" }\n";
        for (name, dependencies) in [("a", ""), ("b", ""), ("c", host), ("d", host)] {
            let manifest =
                format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n{dependencies}");
            project.0.write(&format!("{name}/Cargo.toml"), &manifest);
            project.0.write(&format!("{name}/src/lib.rs"), "");
        }
        project.0.write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"a\", \"b\", \"c\", \"d\"]\nexclude = [\"crates\"]\nresolver = \"3\"\n\
             [workspace.metadata.poolcfg]\nconfig = \"pools/poolcfg.toml\"\n",
        );
        project.lock();
        project
    }

    fn lock(&self) {
        let mut lock = Command::new(env!("CARGO"));
        lock.args(["generate-lockfile", "--offline"]);
        ran(lock.current_dir(self.0.root())).ends(0);
    }

    fn write_crate(&self, name: &str, manifest: &str) {
        self.0.write(&format!("crates/{name}/Cargo.toml"), manifest);
        self.0.write(&format!("crates/{name}/src/lib.rs"), "");
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = program("cargo-poolcfg", self.0.root());
        ran(command.arg("poolcfg").args(arguments))
    }
}

#[test]
fn init_writes_what_the_graph_says() {
    let project = Project::new(&["45.0.2"]);
    project
        .run(&["init"])
        .ends(0)
        .says("wrote poolcfg.toml, for the pools of the package's Wasmtime");
    let file = project.0.read("poolcfg.toml");
    for line in [
        "engine = \"wasmtime\"              # Wasmtime's pooling allocator; or \"native\", poolcfg-runtime's own pool\n",
        "\n[pooling_allocator.wasmtime]\nversion = \"45\"                   # `cargo poolcfg sync` sets both from Cargo.lock\n",
        "\nfeatures = [\"async\"]\n",
    ] {
        assert!(file.contains(line), "{line}\n{file}");
    }
    project.run(&["sync", "--check"]).ends(0);
    project
        .run(&["check", "--target", X86_64])
        .ends(0)
        .says("ok: Wasmtime 45 pool")
        .says_nothing_of("note:");
}

/// Which of several counts is for people to say.
#[test]
fn init_leaves_a_choice_to_people() {
    let project = Project::new(&["45.0.2", "46.0.1"]);
    project
        .run(&["init"])
        .ends(0)
        .says("`project` uses Wasmtime 45.0.2 and 46.0.1; poolcfg.toml says which one counts");
    let file = project.0.read("poolcfg.toml");
    assert!(file.contains("\nengine = \"wasmtime\" "), "{file}");
    assert!(file.contains("\n# version = \"48\" "), "{file}");
}

#[test]
fn init_of_another_package_is_the_template() {
    let project = Project::new(&[]);
    project.run(&["init"]).ends(0).says_nothing_of("Wasmtime");
    let template = include_str!("../templates/poolcfg.toml");
    assert_eq!(project.0.read("poolcfg.toml"), template);
    // Without a Cargo.lock nobody can tell.
    let project = Project::new(&["45.0.2"]);
    fs::remove_file(project.0.path("Cargo.lock")).unwrap();
    project.run(&["init"]).ends(0);
    assert_eq!(project.0.read("poolcfg.toml"), template);
}

/// Who has just added `wasmtime` to Cargo.toml, and built nothing yet, gets its pool all the same.
#[test]
fn init_takes_cargo_toml_at_its_word_where_cargo_lock_is_late() {
    let project = Project::new(&["45.0.2"]);
    let named = "[dependencies]\nwasmtime = { path = \"crates/45.0.2\" }\n";
    project.0.write("Cargo.toml", &format!("{PACKAGE}{named}"));
    fs::remove_file(project.0.path("Cargo.lock")).unwrap();
    let note = "`cargo generate-lockfile` writes it, then `sync` writes version and features into poolcfg.toml";
    project.run(&["init"]).ends(0).says(note);
    let file = project.0.read("poolcfg.toml");
    assert!(file.contains("\nengine = \"wasmtime\" "), "{file}");
    project.lock();
    project.run(&["sync"]).ends(0);
    project
        .run(&["check", "--target", X86_64])
        .ends(0)
        .says("ok: Wasmtime 45 pool");
}

/// A native pool that nobody asked for is told beside the verdict.
#[test]
fn a_native_pool_beside_wasmtime_is_noted() {
    let project = Project::new(&["45.0.2"]);
    let check = ["check", "--target", X86_64];
    let depends = "note: `project` depends on Wasmtime 45.0.2, but its pools are native ones: ";
    project
        .run(&check)
        .ends(0)
        .says("ok: native pool")
        .says(&format!(
            "{depends}`cargo poolcfg init` writes a poolcfg.toml for Wasmtime's"
        ));
    let set =
        "set `engine = \"wasmtime\"` in poolcfg.toml, or `engine = \"native\"` if that is meant";
    project
        .0
        .write("poolcfg.toml", "[pooling_allocator]\nmax_instances = 3\n");
    project.run(&check).ends(0).says(&format!("{depends}{set}"));
    project
        .run(&["--target", X86_64])
        .ends(0)
        .says(&format!("{depends}{set}"));
    for engine in ["native", "wasmtime"] {
        let file = format!("[pooling_allocator]\nengine = \"{engine}\"\nmax_instances = 3\n");
        project.0.write("poolcfg.toml", &file);
        project.run(&check).ends(0).says_nothing_of("depends on");
    }
    // What does not depend on it is not told of others.
    let other = Project::new(&[]);
    other.run(&check).ends(0).says_nothing_of("depends on");
}

/// The file that packages share is for the pools of those that depend on Wasmtime, whichever of them it is written for.
#[test]
fn init_of_a_shared_file_looks_at_all_who_share_it() {
    for command in [&["init"][..], &["init", "-p", "a"], &["init", "-p", "*"]] {
        let project = Project::shared(&["45.0.2"]);
        project
            .run(command)
            .ends(0)
            .says("wrote pools/poolcfg.toml, for the pools of the Wasmtime of `c`\n");
        let file = project.0.read("pools/poolcfg.toml");
        assert!(file.contains("\nversion = \"45\" "), "{file}");
        project.run(&["sync", "--check"]).ends(0);
        project
            .run(&["check", "--target", X86_64])
            .ends(0)
            .says("ok: Wasmtime 45 pool")
            .says_nothing_of("note:");
    }
    let json = Project::shared(&["45.0.2"]);
    let json = json
        .run(&["init", "--message-format", "json"])
        .only_result();
    assert_eq!(json["package"], "c");
    // None of them may.
    let project = Project::shared(&[]);
    project
        .run(&["init"])
        .ends(0)
        .says("wrote pools/poolcfg.toml\n");
}

/// Who has written the file before there was a Wasmtime has said nothing of an engine, and of a file that is shared it is
/// told once.
#[test]
fn a_native_pool_of_a_shared_file_is_noted_once() {
    let once = |ran: &Ran, text: &str| assert_eq!(ran.stderr.matches(text).count(), 1, "{ran:#?}");
    let project = Project::shared(&["45.0.2"]);
    let template = include_str!("../templates/poolcfg.toml");
    project.0.write("pools/poolcfg.toml", template);
    let ran = project.run(&["check", "--target", X86_64]);
    once(ran.ends(0), "note: ");
    ran.says("note: `c` depends on Wasmtime 45.0.2, but its pools are native ones: set ");
    let ran = project.run(&["sync"]);
    once(ran.ends(0), "nothing to do");
    once(&ran, "Cargo.lock has Wasmtime");
    let results = project.run(&["sync", "--message-format", "json"]).json();
    assert_eq!(results["results"].as_array().unwrap().len(), 4);
}
