//! Generated files for the host, and projects that compile them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use poolcfg_core::codegen::{Arm, generated};
use poolcfg_core::file::{ConfigFile, TargetFacts};
use poolcfg_core::{Plan, ResolvedProcess};

use super::{Folder, Ran, program, ran};

/// The target that rustc compiles for here.
pub(crate) fn host() -> TargetFacts {
    let rustc = |arguments: &[&str]| {
        let output = Command::new("rustc").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let version = rustc(&["-vV"]);
    let triple = version.lines().find_map(|line| line.strip_prefix("host: "));
    TargetFacts::from_rustc(triple.unwrap(), &rustc(&["--print", "cfg"]))
}

/// A poolcfg.toml whose pools have a window of their own, which no host is needed for.
pub(crate) fn in_window(pools: &str, address_space: &str, profile: &str) -> String {
    format!(
        "{pools}\n[address_space]\nva_profile = \"small\"\n{address_space}\n[va_profile.small]\narch = \"{}\"\n\
         page_size = \"4KiB\"\n{profile}\n",
        std::env::consts::ARCH
    )
}

pub(crate) const INSTANCES: &str =
    "max_instances = 1000\nmemory_reservation = \"4GiB\"\non_misfit = \"shrink\"\n";
pub(crate) const RESERVATION: &str = "max_instances = 20\nmemory_reservation = \"100GiB\"\nkeep = \"max_instances\"\n\
                           on_misfit = \"shrink\"\n";
pub(crate) const WASMTIME: &str = "engine = \"wasmtime\"\nwasmtime.version = \"48\"\n";

/// Where the holes are: one; two, which are filled exactly; three of which only the sum is known.
pub(crate) const HOLES: [(&str, &str); 3] = [
    ("one hole", "aslr = 0\nrelocation_model = \"static\""),
    ("no sum tells", "aslr = 0"),
    ("3 holes", "aslr = 24"),
];

/// The code of a file for the host, as it is without header.
pub(crate) fn code(file: &str, runtime: Option<&str>) -> String {
    let facts = host();
    let file = ConfigFile::parse(file).unwrap();
    let settings = file.settings(&facts);
    let case = settings.resolve(facts.target()).unwrap();
    let plan = Plan::new(&case);
    assert!(plan.misfit.is_none(), "{file:?}");
    code_of(&facts, &case, &plan, runtime)
}

pub(crate) fn code_of(
    facts: &TargetFacts,
    case: &ResolvedProcess<'_>,
    plan: &Plan,
    runtime: Option<&str>,
) -> String {
    generated(&[Arm { facts, case, plan }], "cargo poolcfg", runtime)
}

/// Where the value of a const stands, of the pool whose module begins at `from`.
pub(crate) fn place(code: &str, from: usize, name: &str) -> std::ops::Range<usize> {
    let begin = code[from..].find(&format!("pub const {name}: ")).unwrap() + from;
    let begin = begin + code[begin..].find('=').unwrap() + 2;
    begin..begin + code[begin..].find(';').unwrap()
}

/// A const of the first pool.
pub(crate) fn value(code: &str, name: &str) -> u64 {
    code[place(code, 0, name)].replace('_', "").parse().unwrap()
}

/// The same code with another value.
pub(crate) fn with(code: &str, from: usize, name: &str, value: u64) -> String {
    let mut edited = code.to_owned();
    edited.replace_range(place(code, from, name), &value.to_string());
    edited
}

/// Files that are compiled together, each a module of one library.
#[derive(Default)]
pub(crate) struct Modules(pub(crate) Vec<(String, String)>);

impl Modules {
    pub(crate) fn add(&mut self, name: String, code: String) {
        self.0.push((name, code));
    }

    fn write(&self, folder: &Folder) {
        let mut root = "#![deny(warnings)]\n".to_owned();
        for (index, (_, code)) in self.0.iter().enumerate() {
            let _ = writeln!(root, "pub mod v{index};");
            folder.write(&format!("src/v{index}.rs"), code);
        }
        folder.write("src/lib.rs", &root);
    }

    /// All of them.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The names of the modules that do not compile, each of which leads to the command.
    fn failing(&self, output: &Output) -> BTreeSet<&str> {
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        let failing: BTreeSet<&str> = said
            .lines()
            .filter(|line| line.contains(": error"))
            .map(|line| {
                let (_, behind) = line.split_once("src/v").unwrap_or_else(|| panic!("{line}"));
                let (index, _) = behind.split_once(".rs:").unwrap();
                let (name, _) = &self.0[index.parse::<usize>().unwrap()];
                assert!(line.contains("`cargo poolcfg"), "{name}: {line}");
                name.as_str()
            })
            .collect();
        assert_eq!(output.status.success(), failing.is_empty(), "{said}");
        failing
    }

    /// Those that rustc refuses, without any dependency.
    pub(crate) fn refused_alone(&self, edition: &str) -> BTreeSet<&str> {
        let folder = Folder::new();
        self.write(&folder);
        let output = Command::new("rustc")
            .current_dir(folder.root())
            .args([
                "--edition",
                edition,
                "--crate-type",
                "lib",
                "--emit",
                "metadata",
            ])
            .args([
                "--error-format",
                "short",
                "--crate-name",
                "alone",
                "src/lib.rs",
            ])
            .args(["--out-dir", "out"])
            .output()
            .unwrap();
        self.failing(&output)
    }

    /// Those that cargo refuses, beside the runtime.
    pub(crate) fn refused_with_runtime(&self, edition: &str) -> BTreeSet<&str> {
        let project = Project::with_runtime(edition);
        self.write(&project.folder);
        if edition == "2015" {
            let root = project.folder.read("src/lib.rs");
            let root = format!("{root}extern crate poolcfg_runtime;\n");
            project.folder.write("src/lib.rs", &root);
        }
        let mut check = project.cargo(&["check", "--quiet", "--message-format", "short"]);
        self.failing(&check.output().unwrap())
    }
}

/// A scratch project.
pub(crate) struct Project {
    pub(crate) folder: Folder,
}

impl Project {
    pub(crate) fn new() -> Self {
        let project = Self {
            folder: Folder::new(),
        };
        project.write_manifest("2024", "");
        project.folder.write("src/lib.rs", "pub mod pool_limits;\n");
        project
    }

    /// The projects share a target folder, in which cargo tells packages apart by name and version, and not by where
    /// they lie: what one test has built would be another's, which is no older than it.
    fn write_manifest(&self, edition: &str, dependencies: &str) {
        static BUILT: AtomicU32 = AtomicU32::new(0);
        let number = BUILT.fetch_add(1, Ordering::Relaxed);
        self.folder.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"project\"\nversion = \"0.0.{number}\"\nedition = \"{edition}\"\n\
                 [workspace]\n{dependencies}"
            ),
        );
    }

    /// One that depends on the runtime, with the crates of our own lock file.
    pub(crate) fn with_runtime(edition: &str) -> Self {
        let project = Self::new();
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let runtime = own.join("poolcfg-runtime");
        project.write_manifest(
            edition,
            &format!(
                "[dependencies]\npoolcfg-runtime = {{ path = {runtime:?}, default-features = false }}\n"
            ),
        );
        fs::copy(own.join("Cargo.lock"), project.folder.path("Cargo.lock")).unwrap();
        ran(&mut project.cargo(&["update", "--workspace", "--offline"])).ends(0);
        project
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("typed");
        cargo
            .current_dir(self.folder.root())
            .args(arguments)
            .env("CARGO_TARGET_DIR", target);
        cargo
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = program("cargo-poolcfg", self.folder.root());
        ran(command.arg("poolcfg").args(arguments))
    }
}
