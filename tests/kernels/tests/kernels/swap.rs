//! Pages in swap: an owner writes to all of its slot, its pages are swapped out, and the next owner of the same slot
//! finds it as new; in our own pool with each reset, and in Wasmtime's with each setting that poolcfg emits or
//! hands over without a warning. The setting that it warns of leaves pages, so the bench is known to see them.
//!
//! The programs are those that a machine of x86_64 runs itself; the kernel is emulated, and has its swap in memory.

use std::fs;
use std::path::Path;

use poolcfg_tests::variable;
use poolcfg_tests_kernels::Program;
use poolcfg_tests_swapped::Found;
use poolcfg_tests_wasmtime::command::{Folder, HOST, operators};
use poolcfg_tests_wasmtime::embedder::Embedder;
use poolcfg_tests_wasmtime::library::Library;

use crate::commands::{self, Outcome};
use crate::initramfs::Image;
use crate::kernel::WITH_SWAP;
use crate::programs;

/// How pages come into swap: the kernel is asked for it, or needs memory for others.
const WAYS: [&str; 2] = ["page-out", "pressure"];

/// MiB of the swap, and of the memory that a process has while others take more.
const SWAP: u32 = 256;
const CONFINED: u32 = 48;

/// How much stays resident, as poolcfg.toml says it: nothing, less than an owner writes, and all of it.
const KEPT: [(&str, &str); 3] = [
    ("none", ""),
    (
        "some",
        "memory_keep_resident = \"256KiB\"\ntable_keep_resident = \"16KiB\"\n",
    ),
    (
        "all",
        "memory_keep_resident = \"4MiB\"\ntable_keep_resident = \"1MiB\"\n",
    ),
];

/// The modules: one with nothing but zeros, and one with an image among them.
const MODULES: [(&str, &str); 2] = [
    ("plain", include_str!("../../swap/plain.wat")),
    ("image", include_str!("../../swap/image.wat")),
];

/// One row of the table: a program with settings, and what is to come of it.
struct Case {
    /// What is judged.
    about: String,
    /// The program and its arguments but for the way into swap.
    command: String,
    /// Behind the way.
    more: String,
    /// Whether the program has to say that Wasmtime scans for written pages; `None` if it says nothing of it.
    scans: Option<bool>,
    leaves: Leaves,
}

/// What the next owner may find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    Nothing,
    /// Pages of the owner before.
    Pages,
}

/// The release of Wasmtime's C library that is always there, and those that are there when everything is tested.
const LIBRARY: &str = "50.0.1";
const OLDER_LIBRARIES: [&str; 3] = ["37.0.0", "43.0.0", "49.0.0"];

/// Our own pool with each reset, and with less and more than an owner writes.
fn of_pool() -> Vec<Case> {
    let resets = [
        ("scan", 256),
        ("scan", 4096),
        ("zero", 256),
        ("discard", 256),
    ];
    let case = |(reset, kib)| Case {
        about: format!("poolcfg-runtime, {reset}, keeps {kib} KiB"),
        command: format!("/stale-pool {reset} {kib}"),
        more: String::new(),
        scans: None,
        leaves: Leaves::Nothing,
    };
    resets.into_iter().map(case).collect()
}

/// A C library with what the command emits for its version.
fn of_library(version: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, kept) in KEPT {
        let settings = emitted(version, kept);
        for (module, _) in MODULES {
            cases.push(Case {
                about: format!("Wasmtime {version}, C library, keeps {name}, {module}"),
                command: format!("/stale-library /{version}.so /{module}.wat"),
                more: settings.clone(),
                scans: None,
                leaves: Leaves::Nothing,
            });
        }
    }
    cases
}

/// What the command emits, without a warning, for one slot: so every owner has the same memory and the same table.
fn emitted(version: &str, kept: &str) -> String {
    let major: u32 = version.split('.').next().unwrap().parse().unwrap();
    // The C library has no setter for the scan, which is on by default from 50.
    let scan = if major < 50 {
        ""
    } else {
        "pagemap_scan = false\n"
    };
    let file = format!(
        "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 1\n\
         [pooling_allocator.wasmtime]\ntables_per_instance = 1\n{kept}{scan}"
    );
    let folder = Folder::new(&file, &operators(HOST, version)).unwrap();
    let emitted = folder.emitting("wasmtime-flags").output().unwrap();
    let said = String::from_utf8(emitted.stderr).unwrap();
    assert!(
        emitted.status.success() && !said.contains("warning"),
        "{said}"
    );
    let text = String::from_utf8(emitted.stdout).unwrap();
    assert_eq!(text.contains("keep-resident"), !kept.is_empty(), "{text}");
    text.trim_end().to_owned()
}

/// An embedder of a version, which takes its limits by `configure_wasmtime!`.
fn of_embedder(program: &str, version: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for settings in ["none", "some", "all", "scan"] {
        let (kept, scans) = match (settings, version) {
            // `all`, and the scan is asked for.
            ("scan", _) => ("all", true),
            // By itself it is on where it is safe and of use.
            (kept, "48") => (kept, false),
            (kept, _) => (kept, kept != "none"),
        };
        let scanning = match (settings, scans) {
            ("scan", _) => ", scans as it is told",
            (_, true) => ", scans by itself",
            (_, false) => "",
        };
        for (module, _) in MODULES {
            cases.push(Case {
                about: format!("Wasmtime {version}, embedder, keeps {kept}{scanning}, {module}"),
                command: format!("/{program} {settings}"),
                more: format!("/{program}-{module}.cwasm"),
                scans: Some(scans),
                leaves: match (scans, version) {
                    (true, "48") => Leaves::Pages,
                    _ => Leaves::Nothing,
                },
            });
        }
    }
    cases
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("`{}`: {error}", file.display()))
}

/// The modules for the embedder with Wasmtime 50, of which there is no command: its C library compiles them.
fn compiled_by_library() -> Vec<Vec<u8>> {
    let library = Library::of_version(LIBRARY);
    let folder = Folder::new("", &[]).unwrap();
    let compile = |(name, text): (&str, &str)| {
        let compiled = folder.write(&format!("{name}.cwasm"), "").unwrap();
        library.compile(HOST, text, &compiled).unwrap();
        read(&compiled)
    };
    MODULES.into_iter().map(compile).collect()
}

#[test]
#[ignore = "needs an emulator, a kernel and real Wasmtimes: cargo xtask test"]
fn what_was_swapped_out_is_not_there_for_the_next_owner() {
    let architecture = WITH_SWAP.architecture;
    let built = |name: &str, how| programs::build(architecture, name, how);
    let mut image = Image::new(architecture)
        .file("swap", &built("swap", Program::Static))
        .file("stale-pool", &built("stale-pool", Program::Static))
        .file("stale-library", &built("stale-library", Program::Pie));
    let mut cases = of_pool();

    let modules = WITH_SWAP.file().with_added_extension("modules");
    image = image.folder("modules");
    for module in fs::read_dir(modules).unwrap() {
        let path = module.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        image = image.file(&format!("modules/{name}"), &read(&path));
    }

    for (name, text) in MODULES {
        image = image.file(&format!("{name}.wat"), text.as_bytes());
    }
    let libraries = variable("POOLCFG_WASMTIME_LIBRARY");
    let library = |version: &str| {
        let architecture = std::env::consts::ARCH;
        let folder = libraries.join(format!("{version}/wasmtime/linux-{architecture}"));
        folder.join("_libwasmtime.so")
    };
    // `cargo xtask test` says which of them are left out.
    let older = OLDER_LIBRARIES.into_iter();
    for version in older
        .filter(|version| library(version).is_file())
        .chain([LIBRARY])
    {
        image = image.file(&format!("{version}.so"), &read(&library(version)));
        cases.extend(of_library(version));
    }

    let embedder = Embedder::with(&["async", "component-model", "gc"]).unwrap();
    let program = embedder.build("stale", "dev").unwrap();
    image = image.file("stale-48", &read(&program));
    for (name, text) in MODULES {
        let compiled = embedder
            .compile_for(HOST, &format!("stale-{name}"), text)
            .unwrap();
        image = image.file(&format!("stale-48-{name}.cwasm"), &read(&compiled));
    }
    cases.extend(of_embedder("stale-48", "48"));

    let program = variable("POOLCFG_EMBEDDER_50");
    if !program.as_os_str().is_empty() {
        image = image.file("stale-50", &read(&program));
        for ((name, _), compiled) in MODULES.into_iter().zip(compiled_by_library()) {
            image = image.file(&format!("stale-50-{name}.cwasm"), &compiled);
        }
        cases.extend(of_embedder("stale-50", "50"));
    }
    judge(image, &cases);
}

/// Runs every case both ways, and writes the table.
fn judge(image: Image, cases: &[Case]) {
    let both = || {
        let ways = move |case| WAYS.into_iter().map(move |way| (case, way));
        cases.iter().flat_map(ways)
    };
    let set_up = format!("/swap set-up {SWAP}");
    let commands: Vec<String> = [set_up]
        .into_iter()
        .chain(both().map(|(Case { command, more, .. }, way)| {
            let line = format!("/swap confined {CONFINED} {command} {way} {more}");
            line.trim_end().to_owned()
        }))
        .collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let outcomes = commands::run(&WITH_SWAP, "swap", image, &commands).unwrap();
    let (set_up, outcomes) = outcomes.split_first().unwrap();
    assert!(set_up.succeeded().unwrap().contains("zram0"));

    let mut table = format!("| pool | {} |\n|---|---|---|\n", WAYS.join(" | "));
    let mut wrong = Vec::new();
    for (case, outcomes) in cases.iter().zip(outcomes.chunks(WAYS.len())) {
        let mut row = format!("| {} |", case.about);
        let mut whole = true;
        for (way, outcome) in WAYS.into_iter().zip(outcomes) {
            match found(way, case, outcome) {
                Ok(found) => row += &format!(" {} |", cell(&found)),
                Err(error) => {
                    wrong.push(format!("{}, {way}: {error}", case.about));
                    whole = false;
                }
            }
        }
        // How much of what is left was in swap, the kernel decides.
        let recorded = case.leaves == Leaves::Pages || RECORDED.lines().any(|line| line == row);
        if whole && !recorded {
            wrong.push(format!("tests/kernels/swap.md has no row `{row}`"));
        }
        table += &format!("{row}\n");
    }
    let file = poolcfg_tests::root().join("target/kernels-swap.md");
    fs::write(&file, &table).unwrap();
    assert!(wrong.is_empty(), "{}\n{table}", wrong.join("\n"));
}

/// What is known from a run with everything there.
const RECORDED: &str = include_str!("../../swap.md");

fn cell(found: &Found) -> String {
    let Found {
        written,
        stale,
        elements,
        ..
    } = found;
    let pages = format!("{stale} of {written}");
    match elements {
        0 => pages,
        _ => format!("{pages}, and {elements} elements"),
    }
}

/// What a program found, if it is what is to come of it.
fn found(way: &str, case: &Case, outcome: &Outcome) -> Result<Found, String> {
    let found: Found = outcome.succeeded()?.parse()?;
    let said = |scans| {
        outcome
            .stderr
            .lines()
            .any(|line| line == format!("scans: {scans}"))
    };
    if !case.scans.is_none_or(said) {
        return Err(format!("scans is not {:?}: {}", case.scans, outcome.stderr));
    }
    let leaves = case.leaves;
    let enough = match way {
        "page-out" => found.swapped == found.written,
        // The kernel chooses what goes.
        _ => found.swapped >= found.written / 2,
    };
    if !enough {
        return Err(format!("too little was swapped out: {found}"));
    }
    let left = found.stale > 0 || found.elements > 0;
    if left != (leaves == Leaves::Pages) {
        return Err(format!("{found}, and {leaves:?} was expected"));
    }
    let warned = outcome
        .stderr
        .contains("of swap, but with `pagemap_scan = true` Wasmtime 48 misses pages");
    if warned != (leaves == Leaves::Pages) {
        return Err(format!(
            "{leaves:?}, and the recheck says: {}",
            outcome.stderr
        ));
    }
    Ok(found)
}
