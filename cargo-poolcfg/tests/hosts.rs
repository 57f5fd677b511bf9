//! The texts for hosts of Wasmtime: what they say, version by version, and what a host cannot be told.
//!
//! The texts stand in `hosts/`. `POOLCFG_BLESS=1 cargo test -p cargo-poolcfg --test hosts` writes them
//! anew; read the difference before it is committed.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

mod common;

use common::{Folder, Ran, program, ran};
use poolcfg_core::{Pooling, pooling};
use serde_json::Value;
use toml_edit::Document;

const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
const VA39: &str = "aarch64-unknown-linux-gnu";
const X86_64: &str = "x86_64-unknown-linux-gnu";

/// A folder with a poolcfg.toml and nothing else, as on a machine that runs a host and builds nothing.
struct Machine(Folder);

impl Machine {
    fn with(poolcfg_toml: &str) -> Self {
        let folder = Folder::new();
        folder.write("poolcfg.toml", poolcfg_toml);
        Self(folder)
    }

    /// A pool of a version of Wasmtime's, with lines for its table and for its `wasmtime` table.
    fn of(version: &str, pool: &str, wasmtime: &str) -> Self {
        Self::with(&format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\n{pool}\n\
             [pooling_allocator.wasmtime]\nversion = \"{version}\"\n{wasmtime}\n"
        ))
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path(file)
    }

    fn write(&self, file: &str, text: &str) {
        self.0.write(file, text);
    }

    fn read(&self, file: &str) -> String {
        self.0.read(file)
    }

    /// `poolcfg …` where there is neither cargo nor rustc.
    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = program("poolcfg", self.0.root());
        command
            .args(arguments)
            .env("PATH", "")
            .env_remove("CARGO")
            .env_remove("RUSTC");
        ran(&mut command)
    }

    fn emit(&self, kind: &str, target: &str) -> Ran {
        self.run(&["--emit", kind, "--target", target])
    }

    /// The text for a host, and the one result that it is made of.
    fn text_and_result(&self, kind: &str, target: &str) -> (String, Value) {
        let ran = self.run(&[
            "--emit",
            kind,
            "--target",
            target,
            "-o",
            kind,
            "--message-format",
            "json",
        ]);
        (self.read(kind), ran.ends(0).only_result())
    }

    /// The one result of the JSON.
    fn result(&self, target: &str) -> Value {
        self.emit("json", target).ends(0).only_result()
    }
}

/// The variables of an EnvironmentFile, as systemd reads them: comments are whole lines.
fn variables(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('=').unwrap())
        .collect()
}

#[test]
fn texts_are_as_they_were_read() {
    let of = |kind: &'static str, versions: &[u32], flags: &'static [&'static str]| {
        let all = versions.iter().map(move |version| (kind, *version, flags));
        all.collect::<Vec<_>>()
    };
    let sv48 = &["--va-profile", "sv48"];
    let texts = [
        of("wasmtime-toml", &[30, 36, 43, 48, 50], &[]),
        of(
            "wasmtime-flags",
            &[19, 22, 25, 26, 27, 28, 30, 36, 43, 48, 50],
            &[],
        ),
        of("spin-env", &[36, 43, 48], &[]),
        of("wasmcloud-env", &[43], &[]),
        of("wasmcloud-env", &[44, 48], sv48),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts");
    for (kind, version, flags) in texts.into_iter().flatten() {
        let ran = Machine::of(&version.to_string(), "", "")
            .run(&[&["--emit", kind, "--target", RISCV64], flags].concat());
        ran.ends(0);
        let golden = folder.join(format!("{kind}-{version}.txt"));
        if env::var_os("POOLCFG_BLESS").is_some() {
            fs::write(&golden, &ran.stdout).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(expected, ran.stdout, "{}", golden.display());
    }
}

/// The keys of one table of a generated TOML.
fn section_of(toml: &Document<String>, section: &str) -> BTreeMap<String, Value> {
    let table = toml[section].as_table_like().unwrap();
    let value = |item: &toml_edit::Item| match (item.as_bool(), item.as_integer()) {
        (Some(flag), _) => Value::from(flag),
        (_, number) => Value::from(number.unwrap()),
    };
    let lines = table.iter();
    lines
        .map(|(key, item)| (key.to_owned(), value(item)))
        .collect()
}

fn expected(pairs: &[(&str, &Value)]) -> BTreeMap<String, Value> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).clone()))
        .collect()
}

/// Every number of the file is that of the JSON, and no total or size of the JSON is missing.
#[test]
fn the_toml_says_what_the_json_says() {
    let folder = Machine::of(
        "48",
        "max_instances = 30\nmemory_reservation = \"1GiB\"\nmax_memory_size = \"512MiB\"\n\
         guard_size = \"64KiB\"\nstack_reservation = \"1MiB\"",
        "memories_per_instance = 2\ntables_per_instance = 3\ncore_instances_per_instance = 4\n\
         gc_heaps_per_instance = 1\ntable_elements = 5000\nguard_before_linear_memory = false\n\
         max_wasm_stack = \"256KiB\"\nmax_core_instance_size = \"2MiB\"\n\
         max_component_instance_size = \"3MiB\"",
    );
    let limits = &folder.result(RISCV64)["limits"];
    let own = &limits["wasmtime"];
    let text = folder.emit("wasmtime-toml", RISCV64).ends(0).stdout.clone();
    let toml: Document<String> = text.parse().unwrap();
    let said = |section: &str| section_of(&toml, section);
    assert_eq!(
        said("optimize"),
        expected(&[
            ("pooling-allocator", &Value::from(true)),
            ("pooling-total-memories", &limits["total_memories"]),
            ("pooling-total-tables", &limits["total_tables"]),
            ("pooling-total-stacks", &limits["total_stacks"]),
            (
                "pooling-total-core-instances",
                &limits["total_core_instances"]
            ),
            (
                "pooling-total-component-instances",
                &limits["total_component_instances"]
            ),
            ("pooling-total-gc-heaps", &limits["total_gc_heaps"]),
            ("pooling-max-memory-size", &limits["max_memory_size"]),
            ("pooling-table-elements", &own["table_elements"]),
            (
                "pooling-max-core-instance-size",
                &own["max_core_instance_size"]
            ),
            (
                "pooling-max-component-instance-size",
                &own["max_component_instance_size"]
            ),
            (
                "pooling-max-memories-per-module",
                &own["max_memories_per_module"]
            ),
            (
                "pooling-max-tables-per-module",
                &own["max_tables_per_module"]
            ),
            ("memory-reservation", &limits["memory_reservation"]),
            ("memory-guard-size", &limits["guard_size"]),
            ("memory-may-move", &Value::from(false)),
            (
                "guard-before-linear-memory",
                &own["guard_before_linear_memory"]
            ),
        ])
    );
    assert_eq!(
        said("wasm"),
        expected(&[
            ("async-stack-size", &limits["stack_reservation"]),
            ("max-wasm-stack", &own["max_wasm_stack"]),
        ])
    );
    assert_eq!(limits["total_memories"], 30 * 3);
    assert_eq!(own["memory_may_move"], false);
}

/// No text ever sets one of the numbers that beside a pool have to be those of memories, and none
/// misses the allocator itself.
#[test]
fn every_version_is_told_of_the_pool_and_not_of_heaps() {
    for version in 19..=51 {
        let folder = Machine::of(&version.to_string(), "", "");
        let flags = folder
            .emit("wasmtime-flags", RISCV64)
            .ends(0)
            .stdout
            .clone();
        assert_eq!(flags.lines().count(), 1, "{flags}");
        assert!(
            flags.starts_with("-O pooling-allocator=y,pooling-total-memories="),
            "{flags}"
        );
        assert!(!flags.contains("gc-heap-"), "{flags}");
        let toml = folder.emit("wasmtime-toml", RISCV64);
        if version < 30 {
            toml.ends(101);
            continue;
        }
        // The same in both.
        let file: Document<String> = toml.ends(0).stdout.parse().unwrap();
        let mut said = Vec::new();
        for (section, flag) in [("optimize", "-O"), ("wasm", "-W")] {
            let table = file[section].as_table_like().unwrap();
            let pairs = table.iter().map(|(key, item)| match item.as_bool() {
                Some(true) => format!("{key}=y"),
                Some(false) => format!("{key}=n"),
                None => format!("{key}={}", item.as_integer().unwrap()),
            });
            said.push(format!("{flag} {}", pairs.collect::<Vec<_>>().join(",")));
        }
        assert_eq!(said.join(" "), flags.trim_end());
    }
}

/// The scan for written pages is told where it is safe and pages stay, or where somebody wants it, and
/// then with a warning from 37 to 49.
#[test]
fn the_scan_is_told_where_it_is_safe() {
    let keeps = "memory_keep_resident = \"2MiB\"\ntable_keep_resident = \"512KiB\"";
    for version in ["36.0.7", "37", "43", "48", "48.0.8", "49", "50", "51"] {
        let major: u32 = version.split('.').next().unwrap().parse().unwrap();
        for said in [
            "",
            "pagemap_scan = \"auto\"",
            "pagemap_scan = true",
            "pagemap_scan = false",
        ] {
            let folder = Machine::of(version, "", &format!("{keeps}\n{said}"));
            let flags = folder.emit("wasmtime-flags", X86_64);
            let toml = folder.emit("wasmtime-toml", X86_64);
            if said == "pagemap_scan = true" && major < 37 {
                for ran in [&flags, &toml] {
                    ran.ends(101)
                        .says("error[PC0029]: `pagemap_scan = true` needs Wasmtime 37, but the version is `36`");
                }
                continue;
            }
            let on = match said {
                "pagemap_scan = true" => true,
                "pagemap_scan = false" => false,
                _ => major >= 50,
            };
            let flags_say = flags.ends(0).stdout.contains("pooling-pagemap-scan=auto");
            assert_eq!(flags_say, on, "{version} {said}: {}", flags.stdout);
            let file: Document<String> = toml.ends(0).stdout.parse().unwrap();
            let told = file["optimize"].get("pooling-pagemap-scan");
            assert_eq!(told.and_then(|item| item.as_str()), on.then_some("auto"));
            assert_eq!(
                folder.result(X86_64)["limits"]["wasmtime"]["pagemap_scan"],
                on
            );
            let warned = toml.stderr.contains("warning[PC0035]");
            assert_eq!(
                warned,
                on && major < 50,
                "{version} {said}: {}",
                toml.stderr
            );
            if warned {
                toml.says("misses pages that were swapped out")
                    .says("50.0.0 or later");
            }
        }
    }
}

/// Spin and wasmCloud have no variable for the scan and leave it off: where somebody wants it, that is said.
#[test]
fn hosts_that_never_scan_say_so() {
    for (kind, version) in [("spin-env", "43"), ("wasmcloud-env", "43")] {
        for (said, noted) in [("pagemap_scan = true", true), ("", false)] {
            let folder = Machine::of(
                version,
                "",
                &format!("memory_keep_resident = \"2MiB\"\n{said}"),
            );
            let ran = folder.emit(kind, X86_64);
            assert!(!ran.ends(0).stdout.to_lowercase().contains("pagemap_scan="));
            let note = "has no setting for `pagemap_scan`: it uses no instead of auto";
            assert_eq!(
                ran.stdout.contains(note),
                noted,
                "{kind} {said}: {}",
                ran.stdout
            );
        }
    }
}

/// What a host with these variables maps: the formula on them, and on Wasmtime's own numbers for what
/// no variable says.
fn mapped(said: &BTreeMap<&str, &str>, names: [&str; 4], own: &Value) -> Vec<u64> {
    let number = |name: &str| said[name].parse::<u64>().unwrap();
    let [memories, tables, stacks, elements] = names;
    let limits = &own["limits"];
    let size = |name: &str| limits[name].as_u64().unwrap();
    let settings = Pooling {
        major: limits["wasmtime"]["major"].as_u64().unwrap(),
        memories: number(memories),
        tables: number(tables),
        stacks: number(stacks),
        heaps: 0,
        reservation: size("memory_reservation"),
        max_memory_size: size("max_memory_size"),
        guard_size: size("guard_size"),
        guard_before: true,
        keys: 0,
        keys_auto: false,
        table: number(elements) * 8,
        stack: size("stack_reservation"),
        pools: 1,
    };
    pooling(&settings, 4096).unwrap().sizes.to_vec()
}

fn footprint(result: &Value) -> Vec<u64> {
    let mappings = result["footprint"]["mappings"].as_array().unwrap();
    let bytes = mappings.iter().map(|one| one["bytes"].as_u64().unwrap());
    bytes.collect()
}

#[test]
fn a_host_with_the_variables_maps_the_footprint() {
    let spin = [
        "SPIN_WASMTIME_TOTAL_MEMORIES",
        "SPIN_WASMTIME_TOTAL_TABLES",
        "SPIN_WASMTIME_TOTAL_STACKS",
        "SPIN_WASMTIME_INSTANCE_TABLE_ELEMENTS",
    ];
    let wasmcloud = [
        "WASMTIME_POOLING_TOTAL_MEMORIES",
        "WASMTIME_POOLING_TOTAL_TABLES",
        "WASMTIME_POOLING_TOTAL_STACKS",
        "WASMTIME_POOLING_TABLE_ELEMENTS",
    ];
    for version in ["43", "47"] {
        let own = Machine::of(version, "", "").result(X86_64);
        for (pool, wasmtime) in [
            ("", ""),
            (
                "max_instances = 20",
                "memories_per_instance = 3\ntables_per_instance = 2",
            ),
            (
                "max_instances = 7",
                "table_elements = 12345\ngc_heaps_per_instance = 2",
            ),
        ] {
            for (kind, names, pools) in [
                ("spin-env", spin, ("SPIN_WASMTIME_POOLING", "1")),
                ("wasmcloud-env", wasmcloud, ("WASMTIME_POOLING", "true")),
            ] {
                let folder = Machine::of(version, pool, wasmtime);
                let (text, result) = folder.text_and_result(kind, X86_64);
                let said = variables(&text);
                // What is fitted is what the host maps, with what it has by default.
                assert_eq!(mapped(&said, names, &own), footprint(&result), "{text}");
                assert_eq!(said[pools.0], pools.1);
            }
        }
    }
}

/// Spin's own factors and elements are kept, and what they map is what is fitted.
#[test]
fn what_spin_has_of_itself_is_kept() {
    for (target, instances) in [(X86_64, 1000), (VA39, 84), (RISCV64, 42)] {
        let folder = Machine::of("44", "", "");
        let ran = folder.emit("spin-env", target);
        ran.ends(0);
        assert!(!ran.stderr.contains("warning"), "{ran:#?}");
        let said = variables(&ran.stdout);
        let number = |name: &str| said[name].parse::<u64>().unwrap();
        assert_eq!(number("SPIN_WASMTIME_INSTANCE_COUNT"), instances);
        assert_eq!(number("SPIN_WASMTIME_TOTAL_MEMORIES"), instances);
        assert_eq!(number("SPIN_WASMTIME_TOTAL_TABLES"), 2 * instances);
        assert_eq!(number("SPIN_WASMTIME_TOTAL_CORE_INSTANCES"), 4 * instances);
        assert_eq!(number("SPIN_WASMTIME_INSTANCE_TABLE_ELEMENTS"), 100_000);
    }
}

/// A machine that holds two instances, and little beside them.
fn small(window: &str) -> Machine {
    Machine::of(
        "44",
        "max_instances = 2",
        &format!(
            "[address_space]\nva_profile = \"board\"\nheadroom = \"64MiB\"\n\
             [va_profile.board]\narch = \"riscv64\"\nwindow = \"{window}\"\npage_size = \"4KiB\"\n\
             pie_base = \"64KiB\"\naslr_bits = 1\naslr_bits_max = 1"
        ),
    )
}

/// What Spin has by default and does not fit is lowered, before an instance is given up, and with a warning that
/// says from what to what and why.
#[test]
fn what_spin_has_of_itself_is_lowered_only_with_a_warning() {
    let elements = "`table_elements` is lowered from Spin's default of 100000 to";
    let tables = "`total_tables` is lowered from Spin's default of 4 to 2";
    for (window, total, each, lowered) in [
        ("10790344KiB", "2", "23552", &[tables, elements][..]),
        ("10790744KiB", "4", "24576", &[elements]),
        ("10802944KiB", "4", "100000", &[]),
    ] {
        let folder = small(window);
        let ran = folder.emit("spin-env", RISCV64);
        ran.ends(0).says("2 of 2 instances × 4 GiB guaranteed");
        let said = variables(&ran.stdout);
        assert_eq!(said["SPIN_WASMTIME_TOTAL_TABLES"], total, "{window}");
        assert_eq!(said["SPIN_WASMTIME_INSTANCE_TABLE_ELEMENTS"], each);
        // Those that take no address space are never lowered.
        assert_eq!(said["SPIN_WASMTIME_TOTAL_CORE_INSTANCES"], "8");
        assert_eq!(
            ran.stderr.matches("warning[PC0034]: ").count(),
            lowered.len()
        );
        assert_eq!(ran.stdout.matches("# Warning: ").count(), lowered.len());
        for text in lowered {
            ran.says(text)
                .says("no more fit beside 2 instances on board (pie, unconfirmed profile)");
        }
    }
}

/// What poolcfg.toml says is told to Spin, with a note where that is less than it has by default.
#[test]
fn what_the_file_says_outranks_what_spin_has_of_itself() {
    let folder = Machine::of(
        "44",
        "max_instances = 10",
        "tables_per_instance = 1\ncore_instances_per_instance = 3\ntable_elements = 20000",
    );
    let ran = folder.emit("spin-env", X86_64);
    ran.ends(0)
        .says("`total_tables` is lowered from Spin's default of 20 to 10, as the file or a flag says")
        .says("`total_core_instances` is lowered from Spin's default of 40 to 30, as the file or a flag says")
        .says("`table_elements` is lowered from Spin's default of 100000 to 20000, as the file or a flag says");
    assert!(!ran.stderr.contains("warning"), "{ran:#?}");
    let said = variables(&ran.stdout);
    assert_eq!(said["SPIN_WASMTIME_TOTAL_TABLES"], "10");
    assert_eq!(said["SPIN_WASMTIME_TOTAL_CORE_INSTANCES"], "30");
    assert_eq!(said["SPIN_WASMTIME_INSTANCE_TABLE_ELEMENTS"], "20000");
}

/// A total of zero is accepted, and the verdict says what is impossible with it, in the text for the host as well.
#[test]
fn the_verdict_says_what_a_total_of_zero_makes_impossible() {
    for (total, impossible) in [
        ("total_tables", "no instance can have a table"),
        (
            "total_component_instances",
            "no component can be instantiated",
        ),
        (
            "total_gc_heaps",
            "no instance can have a garbage-collected heap",
        ),
    ] {
        let said = format!("; `{total} = 0`: {impossible}");
        let folder = Machine::of("43", "", &format!("{total} = 0\n"));
        let ran = folder.emit("wasmtime-toml", X86_64);
        ran.ends(0).says(&said);
        assert!(ran.stdout.contains(&said), "{ran:#?}");
        let key = total.replace('_', "-");
        assert!(ran.stdout.contains(&format!("\npooling-{key} = 0\n")));
        let picture = folder.run(&["explain", "--target", X86_64]);
        assert!(picture.ends(0).stdout.contains(&format!("`{total} = 0`")));
    }
    let folder = Machine::of("43", "", "total_stacks = 0\n");
    let host = folder.emit("wasmtime-toml", X86_64);
    host.ends(101)
        .says("runs every instance on a stack of the pool, but this pool has no stacks")
        .says("total_stacks = 0\n");
    folder
        .run(&["check", "--target", X86_64])
        .ends(0)
        .says("; `total_stacks = 0`: no call can be asynchronous");
    // Where the feature is not there, nothing is missing.
    let folder = Machine::of("43", "", "features = []\ntotal_gc_heaps = 0\n");
    let ran = folder.run(&["check", "--target", X86_64]);
    assert!(!ran.ends(0).stderr.contains("total_gc_heaps"), "{ran:#?}");
}

/// The verdict says how many tables an instance may have where fewer fit than it would have.
#[test]
fn the_verdict_says_what_one_instance_may_have() {
    let each = "each of up to 5 core instances, 1 memory, 3 tables";
    for kind in ["wasmtime-toml", "wasmcloud-env"] {
        let folder = Machine::of("43", "", "");
        let ran = folder.emit(kind, RISCV64);
        ran.ends(0).says(&format!(
            "ok: Wasmtime 43 pool, 42 of 1000 instances × 4 GiB guaranteed (worst kernel: sv39, pie, measured; limited by \
             address space), {each}"
        ));
        assert!(ran.stdout.contains(each), "{ran:#?}");
    }
    let folder = small("10790344KiB");
    let ran = folder.emit("wasmtime-toml", RISCV64);
    let each = "each of up to 5 core instances, 1 memory, 1 table (3 tables do not fit)";
    ran.ends(0).says(each);
    assert!(ran.stdout.contains(each), "{ran:#?}");
    assert!(ran.stdout.contains("\npooling-total-tables = 2\n"));
    assert!(ran.stdout.contains("\npooling-max-tables-per-module = 1\n"));
    let picture = folder
        .run(&["explain", "-v", "--target", RISCV64])
        .ends(0)
        .stdout
        .clone();
    let row =
        "each instance                    up to 5 core instances, 1 memory, 1 table (3 tables";
    assert!(picture.contains(row), "{picture}");
    let file = folder.run(&["--target", RISCV64]).ends(0).stdout.clone();
    let doc = "guaranteed, each of up to 5 core instances, 1 memory, 1 table.";
    assert!(file.contains(doc), "{file}");
    assert!(
        file.contains("TOTAL_TABLES: u32 = MAX_INSTANCES;"),
        "{file}"
    );
    assert!(file.contains("TOTAL_CORE_INSTANCES: u32 = MAX_INSTANCES * 5;"));
    let result = folder.result(RISCV64);
    assert_eq!(result["limits"]["wasmtime"]["tables_per_instance"], 1);
    assert_eq!(result["asked"]["wasmtime"]["tables_per_instance"], 3);
    assert_eq!(result["limits"]["total_core_instances"], 10);
}

/// wash derives what it admits from the core instances, at five of them for a message.
#[test]
fn wasmcloud_admits_no_more_than_the_pool_holds() {
    let folder = Machine::of("43", "", "");
    let text = folder.emit("wasmcloud-env", VA39).ends(0).stdout.clone();
    let said = variables(&text);
    assert_eq!(said["WASMTIME_POOLING_TOTAL_MEMORIES"], "84");
    assert_eq!(said["WASMTIME_POOLING_TOTAL_CORE_INSTANCES"], "420");
    assert_eq!(said["WASMTIME_POOLING_TOTAL_TABLES"], "252");
    assert!(!text.contains("WASH_"), "{text}");

    for version in ["47", "48"] {
        let folder = Machine::of(
            version,
            "max_instances = 84\nmax_memory_size = \"1GiB\"",
            "core_instances_per_instance = 34\nmemories_per_instance = 2",
        );
        let text = folder.emit("wasmcloud-env", X86_64).ends(0).stdout.clone();
        let said = variables(&text);
        assert_eq!(said["WASMTIME_POOLING_TOTAL_CORE_INSTANCES"], "2856");
        // By itself wash would admit 2856 / 5 * 2 / 3 = 380.
        assert_eq!(said["WASH_WASMCLOUD_MESSAGING_MAX_IN_FLIGHT"], "56");
        assert_eq!(said["WASH_CORE_INSTANCES"], "168");
        assert_eq!(said["WASH_DEFAULT_HEAP_MEMORY"], "1073741824");
        // How much RAM there is nobody has said.
        assert!(!said.contains_key("WASH_HOST_MAX_GUEST_MEMORY"), "{text}");
        assert!(text.contains("To bound RAM as well"), "{text}");
    }
}

/// What Spin lets a module or a component have is not lowered, and is raised where more is asked.
#[test]
fn spin_keeps_what_it_allows() {
    let folder = Machine::of(
        "44",
        "max_instances = 2",
        "memories_per_instance = 40\ntables_per_instance = 3\ncore_instances_per_instance = 300",
    );
    let text = folder.emit("spin-env", X86_64).ends(0).stdout.clone();
    let said = variables(&text);
    assert_eq!(said["SPIN_WASMTIME_INSTANCE_MEMORIES"], "40");
    assert_eq!(said["SPIN_WASMTIME_INSTANCE_TABLES"], "64");
    assert_eq!(said["SPIN_WASMTIME_CORE_INSTANCE_COUNT"], "300");
    assert_eq!(said["SPIN_WASMTIME_MAX_TABLES_PER_MODULE"], "3");
    assert_eq!(said["SPIN_WASMTIME_TOTAL_CORE_INSTANCES"], "600");
}

/// Spin's own pool lets memories grow to 4 GiB; what bounds them is another variable.
#[test]
fn spin_bounds_memories() {
    let folder = Machine::of("44", "max_memory_size = \"256MiB\"", "");
    let text = folder.emit("spin-env", X86_64).ends(0).stdout.clone();
    assert_eq!(variables(&text)["SPIN_MAX_INSTANCE_MEMORY"], "268435456");
}

#[cfg(unix)]
#[test]
fn a_shell_can_source_the_variables() {
    let folder = Machine::of("44", "", "");
    for kind in ["spin-env", "wasmcloud-env"] {
        folder
            .run(&["--emit", kind, "--target", X86_64, "-o", "host.env"])
            .ends(0)
            .says("wrote host.env");
        let output = Command::new("/bin/sh")
            .args(["-euc", "set -a; . ./host.env; set +a; exec env"])
            .current_dir(folder.0.root())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap())
            .output()
            .unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let exported: BTreeMap<&str, &str> = text
            .lines()
            .filter(|line| line.contains("POOLING") || line.starts_with("SPIN_"))
            .map(|line| line.split_once('=').unwrap())
            .collect();
        let file = folder.read("host.env");
        assert_eq!(exported, variables(&file));
        fs::remove_file(folder.path("host.env")).unwrap();
    }
}

/// One pool that a host cannot be told of, and what is said of it.
struct Case {
    kind: &'static str,
    version: &'static str,
    pool: &'static str,
    wasmtime: &'static str,
    message: &'static str,
    help: &'static str,
}

const fn case(
    kind: &'static str,
    version: &'static str,
    [pool, wasmtime]: [&'static str; 2],
    message: &'static str,
    help: &'static str,
) -> Case {
    Case {
        kind,
        version,
        pool,
        wasmtime,
        message,
        help,
    }
}

const PLAIN: [&str; 2] = ["", ""];

const CANNOT: [Case; 23] = [
    // Versions that cannot be told at all.
    case(
        "wasmtime-toml",
        "29.0.1",
        PLAIN,
        "`wasmtime` 29 has no option `--config`",
        "use `--emit wasmtime-flags` with version 19 or later",
    ),
    case(
        "wasmtime-flags",
        "18",
        PLAIN,
        "`wasmtime` 18 has no options for the numbers of a pool",
        "use 19 or later",
    ),
    case(
        "spin-env",
        "33",
        PLAIN,
        "Spin on Wasmtime 33 always has 1000 stacks and 1000 core instances",
        "use Spin 3.4 or later",
    ),
    case(
        "wasmcloud-env",
        "38",
        PLAIN,
        "wasmCloud on Wasmtime 38 has no variables for pools",
        "42 or later",
    ),
    // A program that has no stacks to call on.
    case(
        "wasmtime-flags",
        "48",
        ["", "features = [\"component-model\"]"],
        "`wasmtime` 48 runs every instance on a stack of the pool, but this pool has no stacks",
        "add `\"async\"` to `features`",
    ),
    case(
        "spin-env",
        "44",
        ["stack_reservation = 0", ""],
        "Spin on Wasmtime 44 runs every instance on a stack of the pool, but this pool has no stacks",
        "set neither `stack_reservation` nor `total_stacks` to 0",
    ),
    // Keys that only later versions know.
    case(
        "wasmtime-flags",
        "21",
        ["max_memory_size = \"1GiB\"", ""],
        "`wasmtime` 21 has no setting for `max_memory_size`: expected \"1GiB\", but it uses \"10MiB\"",
        "set `max_memory_size` to \"10MiB\", or use `wasmtime` 22 or later",
    ),
    case(
        "wasmtime-flags",
        "20",
        ["", "table_elements = 20000"],
        "`wasmtime` 20 has no setting for `table_elements`: expected 20000, but it uses 10000",
        "set `table_elements` to 10000, or use `wasmtime` 25 or later",
    ),
    case(
        "wasmtime-flags",
        "25",
        ["stack_reservation = \"4MiB\"", ""],
        "`wasmtime` 25 has no setting for `stack_reservation`: expected \"4MiB\", but it uses \"2MiB\"",
        "set `stack_reservation` to \"2MiB\", or use `wasmtime` 26 or later",
    ),
    case(
        "wasmtime-flags",
        "25",
        ["", "max_wasm_stack = \"1MiB\""],
        "`wasmtime` 25 has no setting for `max_wasm_stack`: expected \"1MiB\", but it uses \"512KiB\"",
        "set `max_wasm_stack` to \"512KiB\", or use `wasmtime` 26 or later",
    ),
    case(
        "wasmtime-flags",
        "24",
        ["", "max_core_instance_size = \"2MiB\""],
        "`wasmtime` 24 has no setting for `max_core_instance_size`: expected \"2MiB\", but it uses \"1MiB\"",
        "or use `wasmtime` 25 or later",
    ),
    case(
        "wasmtime-flags",
        "26",
        ["", "max_component_instance_size = \"2MiB\""],
        "`wasmtime` 26 has no setting for `max_component_instance_size`",
        "or use `wasmtime` 27 or later",
    ),
    case(
        "wasmtime-flags",
        "26",
        ["max_instances = 600", "gc_heaps_per_instance = 2"],
        "`wasmtime` 26 has no setting for `total_gc_heaps`: expected 1200, but it uses 1000",
        "lower `max_instances`, so that `total_gc_heaps` is 1000, or use `wasmtime` 27 or later",
    ),
    case(
        "wasmtime-flags",
        "25",
        [
            "max_memory_size = \"128MiB\"",
            "features = [\"async\", \"memory-protection-keys\"]\nmemory_protection_keys = 4",
        ],
        "`wasmtime` 25 has no setting for `memory_protection_keys`: expected 4, but it uses 0",
        "remove `memory_protection_keys`, or use `wasmtime` 27 or later",
    ),
    // Keys that no variable says.
    case(
        "spin-env",
        "44",
        ["memory_reservation = \"8GiB\"", ""],
        "Spin on Wasmtime 44 has no setting for `memory_reservation`: expected \"8GiB\", but it uses \"4GiB\"",
        "set `memory_reservation` to \"4GiB\"",
    ),
    case(
        "spin-env",
        "44",
        ["guard_size = \"64KiB\"", ""],
        "has no setting for `guard_size`: expected \"64KiB\", but it uses \"32MiB\"",
        "set `guard_size` to \"32MiB\"",
    ),
    case(
        "spin-env",
        "44",
        ["", "guard_before_linear_memory = false"],
        "has no setting for `guard_before_linear_memory`: expected false, but it uses true",
        "set `guard_before_linear_memory` to true",
    ),
    case(
        "spin-env",
        "44",
        ["stack_reservation = \"1MiB\"", ""],
        "has no setting for `stack_reservation`: expected \"1MiB\", but it uses \"2MiB\"",
        "set `stack_reservation` to \"2MiB\"",
    ),
    case(
        "spin-env",
        "44",
        ["", "max_wasm_stack = \"1MiB\""],
        "has no setting for `max_wasm_stack`: expected \"1MiB\", but it uses \"512KiB\"",
        "set `max_wasm_stack` to \"512KiB\"",
    ),
    case(
        "spin-env",
        "44",
        [
            "max_memory_size = \"128MiB\"",
            "features = [\"async\", \"memory-protection-keys\"]\nmemory_protection_keys = 15",
        ],
        "has no setting for `memory_protection_keys`: expected 15, but it uses 0",
        "remove `memory_protection_keys`",
    ),
    case(
        "spin-env",
        "44",
        ["max_instances = 1200", "gc_heaps_per_instance = 1"],
        "has no setting for `total_gc_heaps`: expected 1200, but it uses 1000",
        "lower `max_instances`",
    ),
    case(
        "wasmcloud-env",
        "47",
        ["guard_size = \"64MiB\"", ""],
        "wasmCloud on Wasmtime 47 has no setting for `guard_size`: expected \"64MiB\", but it uses \"32MiB\"",
        "set `guard_size` to \"32MiB\"",
    ),
    case(
        "wasmcloud-env",
        "47",
        ["stack_reservation = \"4MiB\"", ""],
        "wasmCloud on Wasmtime 47 has no setting for `stack_reservation`",
        "set `stack_reservation` to \"2MiB\"",
    ),
];

#[test]
fn what_a_host_cannot_be_told_is_an_error() {
    for case in &CANNOT {
        let folder = Machine::of(case.version, case.pool, case.wasmtime);
        let ran = folder.emit(case.kind, X86_64);
        ran.ends(101)
            .says("error[PC0034]: ")
            .says(case.message)
            .says("poolcfg.toml:")
            .says("help: ")
            .says(case.help);
        assert_eq!(ran.stdout, "");
    }
}

/// Each with its own message, in one run.
#[test]
fn all_that_a_host_cannot_be_told_is_told_at_once() {
    let folder = Machine::of(
        "44",
        "guard_size = \"64KiB\"\nstack_reservation = \"1MiB\"",
        "max_wasm_stack = \"256KiB\"",
    );
    let ran = folder.emit("spin-env", X86_64);
    ran.ends(101);
    assert_eq!(ran.stderr.matches("error[PC0034]").count(), 3, "{ran:#?}");
}

/// The host's own numbers may be written out, and a bound that is wider at the host does no harm.
#[test]
fn what_a_host_has_anyway_need_not_be_told() {
    let folder = Machine::of(
        "44",
        "max_instances = 100\nmemory_reservation = \"4GiB\"\nguard_size = \"32MiB\"\n\
         stack_reservation = \"2MiB\"",
        "guard_before_linear_memory = true\nmax_wasm_stack = \"512KiB\"\nmemory_protection_keys = 0",
    );
    folder
        .emit("spin-env", X86_64)
        .ends(0)
        .says("it uses 1000 instead of 100");
    let ran = folder.emit("wasmcloud-env", X86_64);
    ran.ends(0);
    assert!(!ran.stderr.contains("note: "), "{ran:#?}");

    let folder = Machine::of(
        "19",
        "max_memory_size = \"10MiB\"",
        "table_elements = 10000\ntables_per_instance = 1",
    );
    let ran = folder.emit("wasmtime-flags", X86_64);
    ran.ends(0);
    assert!(!ran.stderr.contains("note: "), "{ran:#?}");
    // As many heaps as instances follow from nothing that is asked for.
    let folder = Machine::of("44", "max_instances = 1200", "");
    folder.emit("spin-env", X86_64).ends(0).says("it uses 1000");
    let folder = Machine::of("25", "max_instances = 2", "memories_per_instance = 2");
    folder
        .emit("wasmtime-flags", X86_64)
        .ends(0)
        .says("`max_memories_per_module`: it uses 1")
        .says("`max_tables_per_module`: it uses 1 instead of 3");
}

/// A total that a host does not read is what the host has, in its text, in the verdict, and in the sum.
#[test]
fn a_total_that_a_host_does_not_read_is_its_own() {
    let none = "no instance can have a garbage-collected heap";
    let folder = Machine::of("44", "max_instances = 10", "total_gc_heaps = 0");
    folder.emit("wasmtime-toml", X86_64).ends(0).says(none);
    let ran = folder.emit("spin-env", X86_64);
    ran.ends(0).says(
        "no setting for `total_gc_heaps`: it uses 1000 instead of 0 (this takes no address space)",
    );
    assert!(!ran.stderr.contains(none), "{ran:#?}");
    assert!(!ran.stdout.contains(none), "{ran:#?}");
    assert!(ran.stdout.contains("it uses 1000 instead of 0"), "{ran:#?}");
    // A total that gives few instances does not where the host has more.
    let folder = Machine::of("44", "", "total_gc_heaps = 5\ngc_heaps_per_instance = 1");
    folder
        .emit("wasmtime-toml", X86_64)
        .ends(0)
        .says("ok: Wasmtime 44 pool, 5 of 5 instances");
    folder
        .emit("spin-env", X86_64)
        .ends(0)
        .says("ok: Wasmtime 44 pool, 250 of 250 instances");
    // Before 33 a heap is mapped by itself, and `wasmtime` 24 is not told how many there are.
    let folder = Machine::of("24", "max_instances = 10", "total_gc_heaps = 0");
    let ran = folder.emit("wasmtime-flags", X86_64);
    ran.ends(0)
        .says("no setting for `total_gc_heaps`: it uses 1000 instead of 0 (the sum counts them)");
    assert!(!ran.stderr.contains(none), "{ran:#?}");
    let folder = Machine::of("24", "max_instances = 1200", "");
    folder
        .emit("wasmtime-flags", X86_64)
        .ends(101)
        .says("has no setting for `total_gc_heaps`: expected 1200, but it uses 1000");
    let windows = "x86_64-pc-windows-msvc";
    let folder = Machine::of("43", "max_instances = 10", "total_gc_heaps = 0");
    folder.emit("wasmcloud-env", X86_64).ends(0).says(none);
    let ran = folder.emit("wasmcloud-env", windows);
    ran.ends(0).says("it uses 1000 instead of 0");
    assert!(!ran.stdout.contains("TOTAL_GC_HEAPS"), "{ran:#?}");
}

/// Where `wasmtime` knows both sizes of a stack, one that is said alone changes the other.
#[test]
fn both_sizes_of_a_stack_are_told_or_none() {
    for (version, both) in [
        ("19", false),
        ("24", false),
        ("25", false),
        ("26", true),
        ("48", true),
    ] {
        let folder = Machine::of(version, "", "");
        let flags = folder.emit("wasmtime-flags", X86_64).ends(0).stdout.clone();
        assert_eq!(flags.contains("async-stack-size=2097152"), both, "{flags}");
        assert_eq!(
            flags.contains("max-wasm-stack=524288"),
            version != "25",
            "{flags}"
        );
    }
}

/// wasmCloud takes no pool where it cannot reserve 2^42 bytes first; before it tried, it always took one.
#[test]
fn wasmcloud_pools_only_where_its_probe_fits() {
    for version in ["44", "47", "48"] {
        Machine::of(version, "", "")
            .emit("wasmcloud-env", RISCV64)
            .ends(100)
            .says("uses a pool only if it can reserve 4.01 TiB in one piece")
            .says("170.66 GiB")
            .says("runs without a pool on such a machine");
    }
    Machine::of("43", "", "")
        .emit("wasmcloud-env", RISCV64)
        .ends(0);
}

#[test]
fn memory_protection_keys_are_told_where_there_are_any() {
    let keys = "features = [\"async\", \"memory-protection-keys\"]\nmemory_protection_keys = ";
    let pool = "max_memory_size = \"128MiB\"";
    let of = |version: &str, count: u32| {
        let folder = Machine::of(version, pool, &format!("{keys}{count}"));
        folder.emit("wasmtime-flags", X86_64).ends(0).stdout.clone()
    };
    assert!(
        of("48", 7)
            .contains(",pooling-memory-protection-keys=y,pooling-max-memory-protection-keys=7,")
    );
    assert!(of("26", 15).contains(",memory-protection-keys=y,"));
    assert!(!of("48", 0).contains("protection-keys"));
    let folder = Machine::of("48", pool, &format!("{keys}7"));
    let text = folder.emit("wasmtime-toml", X86_64).ends(0).stdout.clone();
    // Wasmtime reads the switch as a word.
    assert!(
        text.contains("\npooling-memory-protection-keys = \"y\"\n"),
        "{text}"
    );
    assert!(
        text.contains("\npooling-max-memory-protection-keys = 7\n"),
        "{text}"
    );
}

/// With `"auto"` Wasmtime decides at start; a host that cannot be told has no keys, with which the same pool fits.
#[test]
fn auto_keys_are_told_as_a_word() {
    let keys =
        "features = [\"async\", \"memory-protection-keys\"]\nmemory_protection_keys = \"auto\"";
    let pool = "max_memory_size = \"128MiB\"";
    let note = "has no setting for `memory_protection_keys`: it uses no instead of auto";
    for (version, told) in [("26", false), ("27", true), ("36", true), ("50", true)] {
        let folder = Machine::of(version, pool, keys);
        let ran = folder.emit("wasmtime-flags", X86_64);
        let said = ran
            .ends(0)
            .stdout
            .contains("pooling-memory-protection-keys=auto");
        assert_eq!(said, told, "{version}: {}", ran.stdout);
        assert!(!ran.stdout.contains("max-memory-protection-keys"));
        assert!(!ran.stdout.contains("memory-protection-keys=y"));
        assert_eq!(
            ran.stderr.contains(note),
            !told,
            "{version}: {}",
            ran.stderr
        );
        let auto = folder.result(X86_64);
        assert_eq!(auto["limits"]["wasmtime"]["memory_protection_keys"], 15);
        assert_eq!(
            auto["limits"]["wasmtime"]["memory_protection_keys_auto"],
            true
        );
        let without = Machine::of(version, pool, "features = [\"async\"]").result(X86_64);
        assert_eq!(footprint(&auto), footprint(&without));
        assert_eq!(
            auto["limits"]["max_instances"],
            without["limits"]["max_instances"]
        );
        // No machine of another target has keys.
        let other = folder.emit("wasmtime-flags", RISCV64);
        assert!(!other.ends(0).stdout.contains("protection-keys"));
        assert!(!other.stderr.contains(note), "{}", other.stderr);
    }
    let toml = Machine::of("48", pool, keys).emit("wasmtime-toml", X86_64);
    let file: Document<String> = toml.ends(0).stdout.parse().unwrap();
    let told = file["optimize"].get("pooling-memory-protection-keys");
    assert_eq!(told.and_then(|item| item.as_str()), Some("auto"));
    let spin = Machine::of("44", "", keys).emit("spin-env", X86_64);
    assert!(spin.ends(0).stdout.contains(note), "{}", spin.stdout);
}

#[test]
fn a_native_pool_is_told_to_nobody() {
    let folder = Machine::with("[pooling_allocator]\nengine = \"native\"\n");
    folder
        .emit("spin-env", X86_64)
        .ends(101)
        .says("PC0034")
        .says("poolcfg.toml:2:")
        .says("`engine = \"wasmtime\"`");
    let folder = Machine::with("");
    folder
        .emit("wasmtime-toml", X86_64)
        .ends(101)
        .says("native");
}

const TWO_POOLS: &str = "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 10\n\
    [pooling_allocator.wasmtime]\nversion = \"48\"\n\
    [pool.requests]\n[pool.plugins]\nmax_instances = 5\n";

#[test]
fn of_several_one_is_chosen() {
    let folder = Machine::with(TWO_POOLS);
    folder
        .emit("wasmtime-toml", RISCV64)
        .ends(2)
        .says("`wasmtime-toml` holds one pool, but there are 2: `requests`, `plugins`")
        .says("choose one with `--pool NAME`");
    let of = |pool: &str| {
        folder.run(&[
            "--emit",
            "wasmtime-flags",
            "--target",
            RISCV64,
            "--pool",
            pool,
        ])
    };
    assert!(
        of("plugins")
            .ends(0)
            .stdout
            .contains("pooling-total-memories=5,")
    );
    assert!(
        of("requests")
            .ends(0)
            .stdout
            .contains("pooling-total-memories=10,")
    );
    of("plugin")
        .ends(101)
        .says("PC0016")
        .says("did you mean `plugins`?");

    folder
        .run(&[
            "--emit",
            "wasmtime-toml",
            "--target",
            RISCV64,
            "--target",
            X86_64,
            "--pool",
            "plugins",
        ])
        .ends(2)
        .says("holds one target, but there are 2")
        .says("choose one with `--target TRIPLE`");
    folder
        .run(&["--emit", "json", "--pool", "plugins"])
        .ends(2)
        .says("`--pool` selects the pool for a host's text");
}

/// A target that is named stands alone, whichever others the file has tables for.
#[test]
fn the_named_target_stands_alone() {
    let folder = Machine::of(
        "48",
        "",
        &format!(
            "[target.{RISCV64}.pooling_allocator]\nmax_instances = 7\n[target.{X86_64}.pooling_allocator]\nmax_instances = 9"
        ),
    );
    folder
        .run(&["--emit", "wasmtime-flags"])
        .ends(2)
        .says("holds one target, but there are 2");
    let text = folder.emit("wasmtime-flags", X86_64).ends(0).stdout.clone();
    assert!(text.contains("pooling-total-memories=9,"), "{text}");
}

#[test]
fn nothing_is_written_of_what_does_not_fit() {
    let folder = Machine::of("48", "max_instances = 43", "");
    let write = [
        "--emit",
        "wasmtime-toml",
        "--target",
        RISCV64,
        "-o",
        "wasmtime.toml",
    ];
    let ran = folder.run(&write);
    ran.ends(100).says("PC0001");
    assert_eq!(ran.stdout, "");
    assert!(!folder.path("wasmtime.toml").exists());
}

#[test]
fn a_text_is_checked_like_the_rust_file() {
    let folder = Machine::of("48", "", "");
    let write = [
        "--emit",
        "wasmtime-toml",
        "--target",
        RISCV64,
        "-o",
        "wasmtime.toml",
    ];
    let check = ["--emit", "wasmtime-toml", "-o", "wasmtime.toml", "--check"];
    folder
        .run(&[&write[..], &["--check"]].concat())
        .ends(100)
        .says("does not exist");
    folder.run(&write).ends(0).says("wrote wasmtime.toml");
    folder.run(&write).ends(0).says("wasmtime.toml is current");
    // The target is the one of the file's first line.
    folder.run(&check).ends(0);
    let text = folder.read("wasmtime.toml");
    folder.write(
        "wasmtime.toml",
        &text.replace("memories = 42", "memories = 60"),
    );
    folder
        .run(&check)
        .ends(100)
        .says("PC0024")
        .says("is not current");
    folder.run(&write).ends(0);
    assert_eq!(folder.read("wasmtime.toml"), text);

    // What is no file of ours stays.
    folder.write("wasmtime.toml", "[optimize]\n");
    folder.run(&write).ends(101).says("PC0023");
    assert_eq!(folder.read("wasmtime.toml"), "[optimize]\n");
    folder
        .run(&["--emit", "spin-env", "--target", X86_64, "--check"])
        .ends(2)
        .says("no file to check: the output goes to stdout");
}

/// The first line is a command that writes the same again.
#[test]
fn the_recorded_command_writes_the_same() {
    let folder = Machine::with(TWO_POOLS);
    let flags = [
        "--va-profile",
        "sv48",
        "--stack-limit",
        "unlimited",
        "--pool",
        "plugins",
    ];
    let text = folder
        .run(&[&["--emit", "spin-env", "--target", RISCV64], &flags[..]].concat())
        .ends(0)
        .stdout
        .clone();
    let command = text.split('`').nth(1).unwrap();
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(words[0], "poolcfg");
    assert_eq!(folder.run(&words[1..]).ends(0).stdout.clone(), text);
    // For this machine no target is named: it is the one.
    let text = folder
        .run(&["--emit", "spin-env", "--here", "--pool", "plugins"])
        .ends(0)
        .stdout
        .clone();
    assert!(
        text.starts_with("# @generated by `poolcfg --emit spin-env --pool plugins --here`."),
        "{text}"
    );
    assert!(text.contains("this machine, "), "{text}");
}

/// A file says by which command it was written, and so of which kind it is.
#[test]
fn a_file_is_written_again_without_saying_its_kind() {
    let folder = Folder::new();
    let run = |arguments: &[&str]| ran(program("poolcfg", folder.root()).args(arguments));
    let machine = [
        "--target",
        RISCV64,
        "--engine",
        "wasmtime",
        "--engine-version",
    ];
    let emit = [
        &machine[..],
        &["48", "--emit", "wasmtime-toml", "-o", "w.toml"],
    ]
    .concat();
    run(&emit).ends(0).says("wrote w.toml");
    let text = folder.read("w.toml");
    run(&["--check", "w.toml"])
        .ends(0)
        .says("w.toml is current");
    folder.write("w.toml", &text.replace("= 42", "= 41"));
    run(&["--check", "w.toml"]).ends(100).says("error[PC0024]");
    run(&["-o", "w.toml"]).ends(0).says("wrote w.toml");
    assert_eq!(folder.read("w.toml"), text);
    // With flags of its own it is another command, which writes another kind.
    let other = [&machine[..], &["48"]].concat();
    for (flag, status) in [("-o", 101), ("--check", 100)] {
        run(&[&other[..], &[flag, "w.toml"]].concat())
            .ends(status)
            .says("error[PC0023]: `w.toml` holds what `poolcfg --emit wasmtime-toml --target")
            .says("help: add `--emit wasmtime-toml`, or write to another file");
    }
    assert_eq!(folder.read("w.toml"), text);
}
