//! The file that is generated, held to what a person who reviews it and a project that builds it expect: it is short,
//! it compiles as it is and stops compiling when a number is raised past the fit, and neither rustfmt, clippy nor git
//! makes it stale.

mod common;

use std::process::Command;

use common::generated::{
    HOLES, INSTANCES, Modules, Project, RESERVATION, WASMTIME, code, code_of, host, in_window,
    place, value, with,
};
use common::ran;
use poolcfg_core::Plan;
use poolcfg_core::file::{ConfigFile, TargetFacts};

const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
const AARCH64: &str = "aarch64-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-msvc";

const FILE: &str = "src/pool_limits.rs";

#[test]
fn a_person_can_review_it() {
    let one_pool = |engine: &str| format!("[pooling_allocator]\n{INSTANCES}{engine}[pool.one]\n");
    let two_pools = |engine: &str| format!("{}[pool.two]\n", one_pool(engine));
    for project in [Project::new(), Project::with_runtime("2024")] {
        for engine in ["", WASMTIME] {
            let mut lines = Vec::new();
            for file in [one_pool(engine), two_pools(engine)] {
                project.folder.write("poolcfg.toml", &file);
                for targets in [
                    &["--target", RISCV64][..],
                    &["--target", RISCV64, "--target", AARCH64],
                ] {
                    let version: &[&str] = match engine {
                        "" => &[],
                        _ => &["--engine-version", "48"],
                    };
                    project.run(&[targets, version].concat()).ends(0);
                    lines.push(project.folder.read(FILE).lines().count());
                }
            }
            let one = lines[0];
            assert!(one <= 120, "{lines:?}");
            assert!(
                lines[1] <= 2 * one && lines[2] <= 2 * one && lines[3] <= 4 * one,
                "{lines:?}"
            );
        }
    }
}

/// The compiler's own error leads to its text.
#[test]
fn a_target_that_it_has_nothing_for_is_told_what_to_run() {
    let project = Project::new();
    let file = format!("[pooling_allocator]\n{INSTANCES}");
    project.folder.write("poolcfg.toml", &file);
    project.run(&["--target", WINDOWS]).ends(0);
    let output = Command::new("rustc")
        .args(["--crate-type", "lib", "--emit", "metadata", "-o"])
        .args([project.folder.path("none"), project.folder.path(FILE)])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("error: PC0052: this file has no limits for this target"),
        "{text}"
    );
    assert!(text.contains("`cargo poolcfg --explain PC0052`"), "{text}");
    let explained = project.run(&["--explain", "PC0052"]);
    assert!(
        explained.ends(0).stdout.contains("--target"),
        "{explained:?}"
    );
}

/// Of targets on which the package does not depend on poolcfg-runtime, it names nothing of it.
#[test]
fn a_runtime_of_other_targets_is_not_used() {
    let project = Project::with_runtime("2024");
    let manifest = project.folder.read("Cargo.toml");
    let manifest = manifest.replace("[dependencies]", "[target.'cfg(windows)'.dependencies]");
    project.folder.write("Cargo.toml", &manifest);
    let file = format!("[pooling_allocator]\n{INSTANCES}");
    project.folder.write("poolcfg.toml", &file);
    for (targets, is_used) in [
        (&[RISCV64][..], false),
        (&[WINDOWS], true),
        (&[WINDOWS, RISCV64], false),
    ] {
        let flags = targets.iter().flat_map(|target| ["--target", *target]);
        project.run(&flags.collect::<Vec<_>>()).ends(0);
        let text = project.folder.read(FILE);
        assert_eq!(text.contains("poolcfg_runtime"), is_used, "{targets:?}");
    }
}

/// The recheck keeps each pool its place. A program without it keeps to the order that the build has placed them in.
#[test]
fn without_the_runtime_several_pools_are_told_their_order() {
    let several = format!("[pooling_allocator]\n{INSTANCES}[pool.one]\n[pool.two]\n");
    let single = format!("[pooling_allocator]\n{INSTANCES}");
    for (project, file, is_told) in [
        (Project::new(), &several, true),
        (Project::new(), &single, false),
        (Project::with_runtime("2024"), &several, false),
    ] {
        project.folder.write("poolcfg.toml", file);
        project.run(&["--target", RISCV64]).ends(0);
        let told = project
            .folder
            .read(FILE)
            .contains("in the order of this module");
        assert_eq!(told, is_told, "{file}");
    }
}

/// Whatever a pool may be called, its module has a name of its own.
#[test]
fn every_name_of_a_pool_is_a_module() {
    let mut modules = Modules::default();
    for names in [
        ["self", "pool_self", "pool-pool-self"],
        ["1x", "pool_1x", "POOL_POOL_1X"],
        ["pool_", "_", "pool_this_target"],
        ["this_target", "Type", "pool-type"],
    ] {
        let pools = names.map(|name| format!("[pool.{name}]\nmax_instances = 4\n"));
        modules.add(names.join(" "), code(&pools.concat(), None));
    }
    let refused = modules.refused_alone("2024");
    assert!(refused.is_empty(), "{refused:?}");
}

/// Both engines, in one hole and in several, with the runtime and without.
#[test]
fn it_compiles_as_it_is_and_no_number_past_the_fit_does() {
    for runtime in [None, Some("poolcfg_runtime")] {
        let (mut fitting, mut raised) = (Modules::default(), Modules::default());
        for (how, address_space) in HOLES {
            for (engine, pools) in [
                ("native", ""),
                ("wasmtime", WASMTIME),
                ("two of wasmtime", WASMTIME),
            ] {
                // What Wasmtime maps lies in one piece, so that several holes are of use to several pools only.
                let pools = match engine {
                    "two of wasmtime" => format!("{pools}pools = 2\n"),
                    _ => pools.to_owned(),
                };
                for (shrinks, name, step) in [
                    (INSTANCES, "MAX_INSTANCES", 1),
                    (RESERVATION, "MEMORY_RESERVATION", 1 << 16),
                ] {
                    let pools = format!("[pooling_allocator]\n{shrinks}{pools}");
                    let file = in_window(&pools, address_space, "window = \"256GiB\"");
                    let code = code(&file, runtime);
                    if runtime.is_none() && pools == format!("[pooling_allocator]\n{INSTANCES}") {
                        assert!(code.contains(how), "{how}: {code}");
                    }
                    let more = value(&code, name) + step;
                    let case = format!("{how}, {engine}: {name}");
                    raised.add(case.clone(), with(&code, 0, name, more));
                    fitting.add(case, code);
                }
            }
        }
        let (refused, left) = match runtime {
            None => (fitting.refused_alone("2024"), raised.refused_alone("2024")),
            Some(_) => (
                fitting.refused_with_runtime("2024"),
                raised.refused_with_runtime("2024"),
            ),
        };
        assert!(refused.is_empty(), "{refused:?}");
        assert_eq!(left, raised.names(), "{runtime:?}");
    }
}

/// A pool whose numbers are all said, with a table of an engine.
fn pool_of_sizes(engine: &str) -> String {
    format!(
        "[pooling_allocator]\nmax_instances = 9\nmin_instances = 2\nmemory_reservation = \"1GiB\"\n\
         max_memory_size = \"512MiB\"\n{engine}"
    )
}

/// The instances lie between the fewest that are of use and those that are asked for, and no size is above what is asked,
/// with the runtime and without, whether a sum tells what fits or not.
#[test]
fn no_number_leaves_what_is_asked() {
    for runtime in [None, Some("poolcfg_runtime")] {
        let (mut fitting, mut edited) = (Modules::default(), Modules::default());
        for (how, address_space) in HOLES {
            for engine in ["", WASMTIME] {
                let pool = pool_of_sizes(engine);
                let code = code(
                    &in_window(&pool, address_space, "window = \"256GiB\""),
                    runtime,
                );
                let asked = value(&code, "ASKED_MAX_INSTANCES");
                assert_eq!(value(&code, "MAX_INSTANCES"), asked);
                let (reservation, size) = (1 << 30, 512 << 20);
                for (name, to) in [
                    ("MIN_INSTANCES", asked + 1),
                    ("MAX_INSTANCES", 1),
                    ("MAX_INSTANCES", asked + 1),
                    ("ASKED_MAX_INSTANCES", asked - 1),
                    ("ASKED_MEMORY_RESERVATION", reservation - 65536),
                    ("ASKED_MAX_MEMORY_SIZE", size - 65536),
                    ("ASKED_MAX_MEMORY_SIZE", reservation + 65536),
                    // What poolcfg.toml does not take, whatever the other numbers are.
                    ("ASKED_MEMORY_RESERVATION", reservation + 4096),
                    ("MIN_INSTANCES", 0),
                    ("POOLS", 0),
                ] {
                    let case = format!("{how}, {engine}: {name} = {to}");
                    edited.add(case, with(&code, 0, name, to));
                }
                if engine == WASMTIME {
                    let case = format!("{how}: TABLE_ELEMENTS");
                    edited.add(case, with(&code, 0, "TABLE_ELEMENTS", 1 << 32));
                }
                fitting.add(format!("{how}, {engine}"), code);
            }
        }
        let (refused, left) = match runtime {
            None => (fitting.refused_alone("2024"), edited.refused_alone("2024")),
            Some(_) => (
                fitting.refused_with_runtime("2024"),
                edited.refused_with_runtime("2024"),
            ),
        };
        assert!(refused.is_empty(), "{refused:?}");
        assert_eq!(left, edited.names(), "{runtime:?}");
    }
}

/// What nothing shrinks stays as poolcfg.toml says it, also in one hole that has room for more.
#[test]
fn no_number_of_the_file_is_raised_by_hand_where_a_sum_tells() {
    let mut modules = Modules::default();
    let mut fitting = Modules::default();
    for (how, address_space) in [HOLES[0], HOLES[2]] {
        for engine in ["", WASMTIME] {
            let pool = pool_of_sizes(engine);
            let code = code(
                &in_window(&pool, address_space, "window = \"256GiB\""),
                None,
            );
            assert!(
                code.contains("holds all mappings") || code.contains(how),
                "{code}"
            );
            fitting.add(format!("{how}, {engine}"), code.clone());
            let stack = match engine {
                "" => "STACK_RESERVATION",
                _ => "ASYNC_STACK_SIZE",
            };
            for (name, step) in [
                ("MIN_INSTANCES", 1),
                ("ASKED_MAX_INSTANCES", 1),
                ("ASKED_MEMORY_RESERVATION", 65536),
                ("ASKED_MAX_MEMORY_SIZE", 65536),
                (stack, 4096),
            ] {
                let more = value(&code, name) + step;
                modules.add(
                    format!("{how}, {engine}: {name}"),
                    with(&code, 0, name, more),
                );
            }
        }
    }
    let refused = fitting.refused_alone("2024");
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(modules.refused_alone("2024"), modules.names());
}

/// A total is that of its instances, with the runtime, which makes it of them at each start.
#[test]
fn a_total_of_its_own_is_refused_by_the_runtime() {
    let code = code(
        &format!("[pooling_allocator]\nmax_instances = 7\n{WASMTIME}"),
        Some("poolcfg_runtime"),
    );
    let mut modules = Modules::default();
    for total in [
        "MEMORIES",
        "TABLES",
        "STACKS",
        "CORE_INSTANCES",
        "COMPONENT_INSTANCES",
        "GC_HEAPS",
    ] {
        let name = format!("TOTAL_{total}");
        let mut raised = code.clone();
        raised.insert_str(place(&code, 0, &name).end, " + 1");
        modules.add(name, raised);
    }
    assert_eq!(modules.refused_with_runtime("2024").len(), 6);
}

/// Totals that poolcfg.toml writes stay what they are, whatever the instances: one instance more than they give is
/// refused, and more memories than fit are.
#[test]
fn written_totals_are_held_with_the_rest() {
    let totals = "wasmtime.total_memories = 30\nwasmtime.total_component_instances = 20\n";
    let file = in_window(
        &format!("[pooling_allocator]\n{WASMTIME}{totals}"),
        HOLES[0].1,
        "window = \"256GiB\"",
    );
    for runtime in [None, Some("poolcfg_runtime")] {
        let code = code(&file, runtime);
        assert_eq!(value(&code, "MAX_INSTANCES"), 20);
        assert_eq!(value(&code, "TOTAL_MEMORIES"), 30);
        let mut modules = Modules::default();
        modules.add("instances".to_owned(), with(&code, 0, "MAX_INSTANCES", 21));
        modules.add("memories".to_owned(), with(&code, 0, "TOTAL_MEMORIES", 60));
        modules.add("as it is".to_owned(), code.to_owned());
        let refused = match runtime {
            None => modules.refused_alone("2024"),
            Some(_) => modules.refused_with_runtime("2024"),
        };
        assert_eq!(
            refused.into_iter().collect::<Vec<_>>(),
            ["instances", "memories"],
            "{runtime:?}"
        );
    }
}

/// Where no sum proves the fit, no number is another one than the one that was worked out.
#[test]
fn where_no_sum_tells_any_raised_number_is_refused() {
    let mut modules = Modules::default();
    let (how, address_space) = HOLES[1];
    for (engine, pools) in [
        ("native", String::new()),
        ("wasmtime", format!("{WASMTIME}pools = 2\n")),
    ] {
        let pools = format!("[pooling_allocator]\n{RESERVATION}{pools}");
        let code = code(
            &in_window(&pools, address_space, "window = \"256GiB\""),
            None,
        );
        assert!(code.contains(how), "{code}");
        let numbers: Vec<&str> = code
            .lines()
            .filter_map(|line| line.split_once("pub const ")?.1.split_once(": u"))
            .map(|(name, _)| name)
            .collect();
        assert!(numbers.len() > 10, "{code}");
        for name in numbers {
            let place = place(&code, 0, name);
            let mut raised = code.clone();
            raised.insert_str(place.end, " + 1");
            modules.add(format!("{engine}: {name}"), raised);
        }
    }
    assert_eq!(modules.refused_alone("2024"), modules.names());
}

/// Whatever a target's pages, pointers and holes are, its numbers hold as they are, of one pool and of as many as a file
/// may have.
#[test]
fn the_numbers_of_every_target_hold() {
    let host = host();
    let many: String = (0..16)
        .map(|index| {
            format!(
                "[pool.p{index}]\nengine = \"{}\"\n",
                ["native", "wasmtime"][index % 2]
            )
        })
        .collect();
    let files = [
        "[pooling_allocator]\n".to_owned(),
        format!("[pooling_allocator]\n{WASMTIME}"),
        format!(
            "[pooling_allocator]\nwasmtime.version = \"26\"\nwasmtime.features = []\non_misfit = \"shrink\"\n{many}"
        ),
    ];
    for runtime in [None, Some("poolcfg_runtime")] {
        let mut modules = Modules::default();
        for triple in [
            "aarch64-apple-darwin",
            "aarch64-linux-android",
            "aarch64-unknown-linux-gnu",
            "armv7-unknown-linux-gnueabihf",
            "i686-unknown-linux-gnu",
            "loongarch64-unknown-linux-gnu",
            "powerpc64le-unknown-linux-gnu",
            "riscv64gc-unknown-linux-gnu",
            "s390x-unknown-linux-gnu",
            "x86_64-pc-windows-msvc",
            "x86_64-unknown-freebsd",
        ] {
            for (index, file) in files.iter().enumerate() {
                let facts = TargetFacts::builtin(triple).unwrap();
                let file = ConfigFile::parse(file).unwrap();
                let case = file.settings(&facts).resolve(facts.target()).unwrap();
                let plan = Plan::new(&case);
                assert!(plan.misfit.is_none(), "{triple}: {file:?}");
                // As if it were the target that is compiled for here.
                modules.add(
                    format!("{triple} {index}"),
                    code_of(&host, &case, &plan, runtime),
                );
            }
        }
        let refused = match runtime {
            None => modules.refused_alone("2024"),
            Some(_) => modules.refused_with_runtime("2024"),
        };
        assert!(refused.is_empty(), "{refused:?}");
    }
}

/// What the file says is what every edition understands.
#[test]
fn every_edition_takes_it() {
    let both = "[pool.a]\nmax_instances = 3\n[pool.async]\nengine = \"wasmtime\"\nmax_instances = 5\n\
                wasmtime.version = \"48\"\n";
    for edition in ["2015", "2018", "2021", "2024"] {
        for runtime in [None, Some("poolcfg_runtime")] {
            let mut modules = Modules::default();
            modules.add("both".to_owned(), code(both, runtime));
            let refused = match runtime {
                None => modules.refused_alone(edition),
                Some(_) => modules.refused_with_runtime(edition),
            };
            assert!(refused.is_empty(), "{edition}: {refused:?}");
        }
    }
}

/// rustfmt leaves it as it is, whatever the project's rustfmt.toml says, and clippy has nothing to say of it, whether
/// the program uses it or not.
#[test]
fn rustfmt_and_clippy_take_it() {
    let [one, two, three] = HOLES.map(|(_, space)| space);
    for project in [Project::new(), Project::with_runtime("2024")] {
        for (pools, space) in [
            (format!("[pooling_allocator]\n{INSTANCES}"), one),
            (format!("[pooling_allocator]\n{INSTANCES}"), two),
            (
                format!("[pooling_allocator]\n{RESERVATION}{WASMTIME}"),
                three,
            ),
            (
                format!("[pool.a-b]\n{INSTANCES}[pool.type]\n{RESERVATION}{WASMTIME}pools = 2\n"),
                three,
            ),
            // Nothing of a memory, or as many instances as can be counted.
            (
                "[pooling_allocator]\nmax_instances = 10\nmemory_reservation = 0\nstack_reservation = \"64KiB\"\n"
                    .to_owned(),
                one,
            ),
            (
                format!("[pooling_allocator]\n{INSTANCES}max_memory_size = 0\n"),
                two,
            ),
            (
                format!("[pooling_allocator]\n{INSTANCES}max_memory_size = 0\n{WASMTIME}"),
                one,
            ),
            (
                "[pooling_allocator]\nmax_instances = 4294967295\nmemory_reservation = \"64KiB\"\non_misfit = \"shrink\"\n"
                    .to_owned(),
                one,
            ),
        ] {
            let limits = "\nrlimit_as = \"200GiB\"\nrlimit_data = \"150GiB\"\nmemory = \"1GiB\"";
            let file = in_window(&pools, &format!("{space}{limits}"), "window = \"256GiB\"");
            project.folder.write("poolcfg.toml", &file);
            let version: &[&str] = match file.contains("wasmtime") {
                true => &["--engine-version", "26"],
                false => &[],
            };
            let flags = [
                &["--target", "host-tuple", "--target", RISCV64][..],
                version,
            ]
            .concat();
            // The other target has a profile of its own.
            let file = format!(
                "{file}[target.{RISCV64}.address_space]\nva_profile = \"sv48\"\naslr = 0\n"
            );
            project.folder.write("poolcfg.toml", &file);
            project.run(&flags).ends(0);
            for rustfmt in [
                "",
                "max_width = 60\nhard_tabs = true\nuse_small_heuristics = \"Max\"\n",
            ] {
                project.folder.write("rustfmt.toml", rustfmt);
                ran(&mut project.cargo(&["fmt", "--check"])).ends(0);
            }
            for root in [
                "//! A.\npub mod pool_limits;\n",
                "//! A.\nmod pool_limits;\n",
            ] {
                project.folder.write("src/lib.rs", root);
                let mut clippy = project.cargo(&["clippy", "--quiet", "--"]);
                clippy.args([
                    "-Dwarnings",
                    "-Wclippy::pedantic",
                    "-Wmissing_docs",
                    "-Wunreachable_pub",
                    "-Wunused",
                ]);
                ran(&mut clippy).ends(0);
            }
        }
    }
}

/// It is current as long as no number has changed.
#[test]
fn what_changes_no_number_makes_nothing_stale() {
    let project = Project::with_runtime("2024");
    let file = format!("[pooling_allocator]\n{INSTANCES}");
    project.folder.write("poolcfg.toml", &file);
    project.run(&["--target", RISCV64]).ends(0);
    let current = project.folder.read(FILE);
    for same in [
        file.replace('\n', "\r\n"),
        format!("# a comment\n\n{file}# another one\n"),
        file.replace("4GiB", "4096MiB"),
        format!("{file}min_instances = 1\n"),
    ] {
        project.folder.write("poolcfg.toml", &same);
        project.run(&["--check"]).ends(0).says("is current");
        project
            .run(&["--target", RISCV64])
            .ends(0)
            .says("is current");
        assert_eq!(project.folder.read(FILE), current, "{same}");
    }
    ran(&mut project.cargo(&["fmt"])).ends(0);
    assert_eq!(project.folder.read(FILE), current);
    // As git checks it out elsewhere, and as a tool lays it out.
    for copy in [
        current.replace('\n', "\r\n"),
        format!("\u{feff}{current}"),
        current.replace(", target_os", ",\n    target_os"),
        current.replace("\",\n)", "\"\n)"),
    ] {
        assert_ne!(copy, current);
        project.folder.write(FILE, &copy);
        project.run(&["--check"]).ends(0).says("is current");
        project
            .run(&["--target", RISCV64])
            .ends(0)
            .says("is current");
        assert_eq!(project.folder.read(FILE), copy);
        let edited = copy.replace(" MAX_INSTANCES: u32 = 60;", " MAX_INSTANCES: u32 = 59;");
        assert_ne!(edited, copy);
        project.folder.write(FILE, &edited);
        project.run(&["--check"]).ends(100).says("is not current");
    }
    project.folder.write(FILE, &current);
    for other in [
        file.replace("1000", "999"),
        file.replace("4GiB", "2GiB"),
        format!("{file}min_instances = 2\n"),
        format!("{file}[address_space]\nheadroom = \"2GiB\"\n"),
        format!("{file}[address_space]\naslr = \"minimum\"\n"),
    ] {
        project.folder.write("poolcfg.toml", &other);
        project.run(&["--check"]).ends(100).says("is not current");
    }
}

/// A text for a host is ours behind a byte order mark, too. But the host may not read that one, so it is written again.
#[test]
fn a_text_of_ours_behind_a_byte_order_mark_is_ours() {
    let project = Project::new();
    let file = format!("[pooling_allocator]\nmax_instances = 4\n{WASMTIME}");
    project.folder.write("poolcfg.toml", &file);
    for (emit, name) in [("wasmtime-toml", "w.toml"), ("json", "w.json")] {
        let of = [
            "--target",
            RISCV64,
            "--engine-version",
            "48",
            "--emit",
            emit,
        ];
        let write = [&of[..], &["-o", name]].concat();
        let check = [&of[..], &["--check", name]].concat();
        project.run(&write).ends(0);
        let text = project.folder.read(name);
        project.folder.write(name, &format!("\u{feff}{text}"));
        project
            .run(&check)
            .ends(100)
            .says("error[PC0024]: ")
            .says("is not current");
        project.run(&write).ends(0).says("wrote");
        assert_eq!(project.folder.read(name), text);
        project.run(&check).ends(0);
    }
}

/// Targets with tables of their own are written without being said, and in the order that was asked for.
#[test]
fn the_recorded_command_keeps_the_order_of_targets() {
    let project = Project::new();
    let file = format!("[target.{RISCV64}.pooling_allocator]\nmax_instances = 3\n");
    project.folder.write("poolcfg.toml", &file);
    for (first, second, recorded) in [
        (
            RISCV64,
            AARCH64,
            format!(" --target {RISCV64} --target {AARCH64}`"),
        ),
        (AARCH64, RISCV64, format!(" --target {AARCH64}`")),
    ] {
        project
            .run(&["--target", first, "--target", second])
            .ends(0);
        assert!(project.folder.read(FILE).contains(&recorded), "{recorded}");
        project.run(&["--check"]).ends(0).says("is current");
    }
}
