//! `--here`: what this machine gives a process under the limits that it runs with, the record of it, and its check.
//! Limits are real ones, which a process may put on itself without being root.

#![cfg(target_os = "linux")]

mod common;

use std::process::Command;

use common::{Folder, Ran, program, ran};
use serde_json::Value;

/// The operator's flags.
const WASMTIME: [&str; 4] = ["--engine", "wasmtime", "--engine-version", "48"];

/// Slots of 64 MiB, which go into little address space.
const SMALL: &str = "\
[pooling_allocator]
engine = \"wasmtime\"
memory_reservation = \"64MiB\"
guard_size = \"64KiB\"
on_misfit = \"shrink\"
[pooling_allocator.wasmtime]
version = \"48\"
";

/// A folder that is no project.
struct Machine(Folder);

impl Machine {
    fn new(poolcfg_toml: &str) -> Self {
        let folder = Folder::new();
        if !poolcfg_toml.is_empty() {
            folder.write("poolcfg.toml", poolcfg_toml);
        }
        Self(folder)
    }

    /// The command under limits such as `ulimit -v 4194304`.
    fn under(&self, limits: &str, arguments: &[&str]) -> Ran {
        let bare = program("poolcfg", self.0.root());
        let mut command = Command::new("bash");
        command
            .args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")])
            .arg(bare.get_program())
            .args(arguments)
            .current_dir(self.0.root())
            .env_clear()
            .env("LC_ALL", "C.UTF-8");
        ran(&mut command)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.under(":", arguments)
    }

    /// The only result of `--here --emit json`.
    fn result(&self, limits: &str, arguments: &[&str]) -> Value {
        let json = ["--here", "--emit", "json"];
        self.under(limits, &[&json[..], arguments].concat())
            .ends(0)
            .only_result()
    }
}

/// What was found by ASLR in one process is no promise for the next one.
#[test]
fn every_process_is_promised_the_same_and_no_more_than_the_profile() {
    let machine = Machine::new(
        "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 4000\non_misfit = \"shrink\"\n\
         memory_reservation = \"64GiB\"\n[pooling_allocator.wasmtime]\nversion = \"48\"\n",
    );
    let instances = |result: &Value| result["limits"]["max_instances"].as_u64().unwrap();
    let first = machine.result(":", &[]);
    for _ in 0..20 {
        assert_eq!(instances(&machine.result(":", &[])), instances(&first));
    }
    assert!(
        instances(&first) < 4000,
        "the hole has to cut the pool: {first}"
    );
    let profile = first["va_profile"].as_str().unwrap();
    if profile == "here" {
        return;
    }
    let aslr = match first["shape"]["aslr"].as_u64() {
        Some(bits) => bits.to_string(),
        None => "maximum".to_owned(),
    };
    let said = machine
        .run(&["--emit", "json", "--va-profile", profile, "--aslr", &aslr])
        .ends(0)
        .json();
    assert!(
        instances(&first) <= instances(&said["results"][0]),
        "{first}"
    );
}

#[test]
fn the_limit_that_decides_is_named_with_its_numbers() {
    const LIMIT: &str = "ulimit -v 67108864";
    let machine = Machine::new("");
    let sentence = "`RLIMIT_AS` of 64 GiB leaves 63 GiB after the headroom of 1 GiB";
    let ran = machine.under(LIMIT, &[&["check", "--here"], &WASMTIME[..]].concat());
    ran.ends(0).says("15 of 1000 instances").says(sentence);
    let result = machine.result(LIMIT, &WASMTIME);
    assert_eq!(result["limits"]["max_instances"], 15);
    assert_eq!(result["bound"]["limit"], "rlimit_as");
    assert_eq!(result["bound"]["have"], 63_u64 << 30);
    let explained = machine.under(LIMIT, &[&["explain", "--here"], &WASMTIME[..]].concat());
    let picture = &explained.ends(0).stdout;
    assert!(picture.contains("beyond RLIMIT_AS"), "{picture}");
    assert!(picture.contains("pool: 15 of 1000 instances"), "{picture}");
    assert!(picture.contains(sentence), "{picture}");
}

#[test]
fn a_picture_of_what_does_not_fit_maps_nothing() {
    let machine = Machine::new("");
    let limit = "ulimit -v 4194304";
    let explained = machine.under(limit, &[&["explain", "--here"], &WASMTIME[..]].concat());
    explained
        .ends(100)
        .says("`RLIMIT_AS` of 4 GiB leaves 3 GiB");
    let picture = &explained.stdout;
    assert!(!picture.contains('█'), "{picture}");
    assert!(picture.contains("pool does not fit"), "{picture}");
    assert!(picture.contains("beyond RLIMIT_AS"), "{picture}");
}

/// Where a smaller slot fits, it is not said that nothing does; and the headroom is named.
#[test]
fn what_fits_in_little_address_space_is_said() {
    for (limit, instances) in [("ulimit -v 1048576", 5), ("ulimit -v 4194304", 30)] {
        let large = Machine::new("");
        large
            .under(limit, &[&["check", "--here"], &WASMTIME[..]].concat())
            .ends(100)
            .says_nothing_of("has 0 bytes")
            .says_nothing_of("no size of this pool fits")
            .says("headroom");
        let small = Machine::new(SMALL).result(limit, &[]);
        assert!(
            small["limits"]["max_instances"].as_u64().unwrap() >= instances,
            "{small}"
        );
    }
}

#[test]
fn rlimit_data_counts_for_wasmtime_too() {
    let small = format!("{SMALL}[address_space]\nheadroom = \"128MiB\"\n");
    let small = small.replace("on_misfit", "max_memory_size = \"1MiB\"\non_misfit");
    let machine = Machine::new(&small);
    let free = machine.result(":", &[]);
    assert_eq!(free["limits"]["max_instances"], 1000);
    assert_eq!(free["bound"], Value::Null);
    let bound = machine.result("ulimit -d 1048576", &[]);
    assert_eq!(bound["bound"]["limit"], "rlimit_data");
    let instances = bound["limits"]["max_instances"].as_u64().unwrap();
    // A memory of 1 MiB and a stack of 2 MiB for each; tables are lowered to what fits.
    assert!((200..300).contains(&instances), "{bound}");
}

/// A text records the numbers and the limits; a check judges them without generating anything.
#[test]
fn what_was_recorded_is_judged_again_under_other_limits() {
    const LIMIT: &str = "ulimit -v 67108864";
    let machine = Machine::new("");
    for (kind, file) in [
        ("wasmtime-toml", "wasmtime.toml"),
        ("spin-env", "spin.env"),
        ("json", "limits.json"),
        ("rust", "limits.rs"),
    ] {
        let write = ["--here", "--emit", kind, "-o", file];
        machine
            .under(LIMIT, &[&write[..], &WASMTIME].concat())
            .ends(0);
        let text = machine.0.read(file);
        let limit = match kind {
            "json" => "\"rlimit_as\": 68719476736",
            _ => "RLIMIT_AS 64 GiB",
        };
        assert!(text.contains(limit), "{text}");
        let check = |limits: &str| machine.under(limits, &["--here", "--check", file]);
        check(LIMIT).ends(0).says("15 instances");
        check(":").ends(0);
        check("ulimit -v 33554432")
            .ends(100)
            .says("`RLIMIT_AS` of 32 GiB leaves 31 GiB")
            .says("max_instances = 7 fits");
        assert_eq!(machine.0.read(file), text, "a check writes nothing");
        // Where the text is repeated, what it records is judged as well.
        machine.under(":", &["--emit", kind, "--check", file]);
        machine.0.write(file, &text.replace("15", "16"));
        check(":").ends(100).says("was edited");
    }
    machine.0.write("other.toml", "[optimize]\n");
    machine
        .run(&["--here", "--check", "other.toml"])
        .ends(101)
        .says("does not contain a record");
    machine.run(&["--here", "--check"]).ends(2);
    // What the file records is judged, and nothing else.
    for flags in [
        ["--set", "address_space.headroom=1GiB"],
        ["--engine-version", "13"],
        ["--template", "absent"],
    ] {
        machine
            .run(&["--here", "--check", "absent.toml", flags[0], flags[1]])
            .ends(2)
            .says("which no other flag changes");
    }
    machine.run(&["--here", "--check", "absent.toml"]).ends(101);
}

/// The headroom that nobody said is that under the limits of the moment.
#[test]
fn a_record_is_judged_with_the_headroom_of_the_moment() {
    let machine = Machine::new("");
    let numbers = [
        ["--set", "pooling_allocator.max_instances=5"],
        ["--set", "pooling_allocator.memory_reservation=64MiB"],
    ];
    let write = ["--here", "--emit", "wasmtime-toml", "-o"];
    let five = [&write[..], &["five.toml"], &WASMTIME].concat();
    machine.run(&[five, numbers.concat()].concat()).ends(0);
    let check = ["--here", "--check", "five.toml"];
    machine.under("ulimit -v 1048576", &check).ends(0);
    // What was said is kept, and no flag is named that is refused.
    let said = ["--set", "address_space.headroom=1GiB"];
    let said = [&write[..], &["said.toml"], &WASMTIME, &said].concat();
    machine.run(&[said, numbers.concat()].concat()).ends(0);
    let check = ["--here", "--check", "said.toml"];
    machine
        .under("ulimit -v 1048576", &check)
        .ends(100)
        .says(" --set address_space.headroom=SIZE` writes the file for what there is here with another headroom")
        .says_nothing_of("changes it");
}

/// What is measured decides, and a file that says it otherwise is told so.
#[test]
fn keys_that_are_measured_are_named() {
    let said =
        "[address_space]\nstack_limit = \"unlimited\"\naslr = \"minimum\"\nrlimit_as = \"64GiB\"\n";
    let machine = Machine::new(&format!("{SMALL}{said}"));
    machine
        .run(&["check", "--here"])
        .ends(0)
        .says("`stack_limit` in poolcfg.toml is not used: `--here` measures it")
        .says("`aslr` in poolcfg.toml is not used: `--here` measures it")
        .says_nothing_of("`layout` in")
        .says_nothing_of("`rlimit_as` in");
    Machine::new(SMALL)
        .run(&["check", "--here"])
        .ends(0)
        .says_nothing_of("is not used");
}

/// A headroom under a limit that counts it is accepted with a warning where the program may not live with it.
#[test]
fn a_headroom_that_no_host_lives_with_is_warned_of() {
    let machine = Machine::new("");
    for (headroom, limit, is_small) in [
        ("0", "ulimit -v 10485760", true),
        ("64KiB", "ulimit -v 10485760", true),
        ("16MiB", "ulimit -v 10485760", true),
        ("16MiB", "ulimit -d 10485760", true),
        ("256MiB", "ulimit -v 10485760", false),
        ("16MiB", ":", false),
    ] {
        let said = format!("address_space.headroom={headroom}");
        let flags = [&["check", "--here", "--set", &said], &WASMTIME[..]].concat();
        let ran = machine.under(limit, &flags);
        let ran = ran.ends(0);
        let sentence = "less than the 256 MiB that `wasmtime serve` uses";
        match is_small {
            true => ran.says(sentence),
            false => ran.says_nothing_of(sentence),
        };
    }
}

/// What is measured cannot be said as well; limits can, and the smaller one counts.
#[test]
fn what_is_measured_cannot_be_said() {
    let machine = Machine::new("");
    for key in [
        "va_profile=sv48",
        "aslr=maximum",
        "stack_limit=1GiB",
        "layout=legacy",
    ] {
        let said = format!("address_space.{key}");
        machine
            .run(&["check", "--here", "--set", &said])
            .ends(2)
            .says("remove one of them");
    }
    let said = ["--set", "address_space.rlimit_as=32GiB"];
    let result = machine.result("ulimit -v 67108864", &[&said[..], &WASMTIME].concat());
    assert_eq!(result["limits"]["max_instances"], 7);
    let said = ["--set", "address_space.rlimit_as=128GiB"];
    let result = machine.result("ulimit -v 67108864", &[&said[..], &WASMTIME].concat());
    assert_eq!(result["limits"]["max_instances"], 15);
}

/// A line of flags has no room for a record: what was measured is said beside it.
#[test]
fn a_line_of_flags_says_its_limits_beside_it() {
    let machine = Machine::new("");
    let flags = [&["--here", "--emit", "wasmtime-flags"], &WASMTIME[..]].concat();
    let ran = machine.under("ulimit -v 67108864", &flags);
    ran.ends(0).says("RLIMIT_AS 64 GiB");
    assert_eq!(ran.stdout.lines().count(), 1);
}

/// Under a small limit rustc may never end: `poolcfg` does not ask it what this machine is.
#[test]
fn rustc_is_not_asked_what_this_machine_is() {
    let machine = Machine::new("");
    let rustc = "#!/bin/sh\necho > \"$0.asked\"\nexec sleep 100000\n";
    machine.0.write("bin/rustc", rustc);
    for limit in ["ulimit -d unlimited", "ulimit -d 2000"] {
        for arguments in [&["check", "--here"][..], &["--here", "-o", "-"]] {
            let limit =
                format!("PATH=$PWD/bin:/usr/bin:/bin; chmod +x bin/rustc; export PATH; {limit}");
            let ran = machine.under(&limit, &[arguments, &WASMTIME].concat());
            match limit.ends_with("2000") {
                true => ran
                    .ends(100)
                    .says("no size of this pool fits with a headroom of")
                    .says("`--set address_space.headroom=SIZE` changes it"),
                false => ran.ends(0),
            };
            assert!(!machine.0.path("bin/rustc.asked").exists(), "{ran:#?}");
        }
    }
}

/// The stack limit decides the layout, and is part of the shape that is measured.
#[test]
fn the_stack_limit_is_seen() {
    let machine = Machine::new("");
    let stack = |limit: &str| machine.result(limit, &WASMTIME)["shape"]["stack_limit"].clone();
    assert_eq!(stack("ulimit -s unlimited"), "unlimited");
    assert_eq!(stack("ulimit -s 8192"), "finite");
    assert_eq!(stack("ulimit -s 1048576"), "1GiB");
}

/// A limit as large as the window makes the layout that no limit makes, and is still a limit.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_stack_limit_of_the_whole_window_is_no_unlimited_one() {
    let machine = Machine::new("");
    let whole = "ulimit -s 137438953472";
    for arguments in [&["probe"][..], &["--here", "-o", "-"], &["check", "--here"]] {
        let ran = machine.under(whole, arguments);
        let text = format!("{}{}", ran.ends(0).stdout, ran.stderr);
        assert!(
            text.contains("(pie, stack limit 128 TiB,")
                || text.contains(" pie, stack limit 128 TiB,"),
            "{text}"
        );
        assert!(!text.contains("unlimited stack"), "{text}");
    }
    let holes = |limit: &str| machine.result(limit, &WASMTIME)["budget"]["holes"].clone();
    assert_eq!(holes(whole), holes("ulimit -s unlimited"));
    let said = machine.result(whole, &WASMTIME)["shape"]["stack_limit"].clone();
    assert_eq!(said, "128TiB");
}

/// A limit ends what the holes guarantee, and both are told.
#[test]
fn the_probe_says_which_limit_is_in_force_and_what_it_leaves() {
    let machine = Machine::new("");
    let guaranteed = |limit: &str| {
        let ran = machine.under(limit, &["probe"]);
        let text = ran.ends(0).stdout.clone();
        let line = text.lines().find(|line| line.starts_with("guaranteed"));
        (line.expect("it is told").to_owned(), text)
    };
    let (line, text) = guaranteed("ulimit -v 67108864");
    let by_limit = "guaranteed           63 GiB in every process like this one, by RLIMIT_AS";
    assert_eq!(line, by_limit);
    let leaves =
        "RLIMIT_AS            64 GiB, which leaves 63 GiB to pools after 1 GiB of headroom";
    assert!(text.contains(leaves), "{text}");
    // Without the limit the holes decide.
    let (line, _) = guaranteed("true");
    let holes = line.strip_prefix("guaranteed           ").unwrap();
    let holes = holes.strip_suffix(" in every process like this one");
    let without = format!("without RLIMIT_AS    {}\n", holes.expect("there are two"));
    assert!(text.contains(&without), "{without}{text}");
    // A small limit has a smaller headroom, as where pools are judged by it.
    let (_, text) = guaranteed("ulimit -d 2097152");
    let leaves =
        "RLIMIT_DATA          2 GiB, which leaves 1.50 GiB to pools after 512 MiB of headroom";
    assert!(text.contains(leaves), "{text}");
}

#[test]
fn the_probe_prints_what_bounds_a_process_and_the_tables_for_it() {
    let machine = Machine::new("");
    let text = machine
        .under("ulimit -v 67108864", &["probe"])
        .ends(0)
        .stdout
        .clone();
    for name in [
        "aslr",
        "RAM",
        "swap",
        "memory cgroup",
        "RLIMIT_AS            64 GiB",
        "vm.max_map_count",
    ] {
        assert!(text.contains(name), "{name}\n{text}");
    }
    // The last limit is 2^60 bytes, more than any address space has.
    for limit in ["true", "ulimit -v 67108864", "ulimit -v 1125899906842624"] {
        let tables = machine.under(limit, &["probe", "--emit", "toml"]);
        // What is printed is read back, on this machine and without it.
        let pasted = Machine::new(&tables.ends(0).stdout);
        pasted.run(&["check"]).ends(0).says(": ok: ");
    }
}

/// What is reserved on demand is judged as that, and not as pools.
#[test]
fn a_file_without_a_pool_is_judged_without_one() {
    let machine = Machine::new("");
    let write = [
        "--here",
        "--emit",
        "wasmtime-toml",
        "--fit",
        "no-pool",
        "-o",
        "wasmtime.toml",
    ];
    let limit = "ulimit -v 4194304";
    machine
        .under(limit, &[&write[..], &WASMTIME].concat())
        .ends(0);
    let judge = |limit: &str| machine.under(limit, &["--here", "--check", "wasmtime.toml"]);
    judge(limit)
        .ends(0)
        .says("ok: no pool, 45 instances × 64 MiB on demand fit at once (")
        .says_nothing_of("45 pools");
    let json = [
        "--here",
        "--check",
        "wasmtime.toml",
        "--message-format",
        "json",
    ];
    for (limit, status) in [(limit, 0), ("ulimit -v 2097152", 100)] {
        let result = machine.under(limit, &json).ends(status).only_result();
        assert_eq!(result["fit"], "no-pool", "{result}");
        // What was asked before is not known.
        assert_eq!(result["ways"], serde_json::json!([]), "{result}");
        for numbers in ["asked", "limits"] {
            assert_eq!(result[numbers]["max_instances"], 45, "{result}");
            assert_eq!(result[numbers]["pools"], 1, "{result}");
        }
    }
    judge("ulimit -v 2097152")
        .ends(100)
        .says("45 instances on demand need ")
        .says(" of address space in all\n")
        .says("# pools = 45\n")
        .says(": 22 instances on demand fit at once")
        .says_nothing_of("45 pools");
}

/// What does not fit any more is written anew by the command that the message names, run once and as it stands in a shell
/// that has not the limits of the service, in whatever folder; and then it fits.
#[test]
fn a_record_that_does_not_fit_is_written_anew_as_advised() {
    let machine = Machine::new("");
    let file = machine.0.path("the file");
    let place = file.to_str().unwrap();
    let write = [
        &["--emit", "wasmtime-toml", "--here", "-o", place][..],
        &WASMTIME,
    ]
    .concat();
    for (limit, fits) in [
        ("ulimit -v 33554432", "ok: 7 instances"),
        ("ulimit -v 33554432; ulimit -d 8388608", "ok: "),
        ("ulimit -v 4194304", "ok: 46 instances"),
        ("ulimit -v 1048576", "ok: "),
    ] {
        machine.under("ulimit -v 67108864", &write).ends(0);
        // As a unit without a directory of its own.
        let unit = format!("cd /; {limit}");
        let judge = || machine.under(&unit, &["--here", "--check", place]);
        let said = judge();
        said.ends(100)
            .says("` writes the file for what there is here: ");
        let mut words = said.stderr.split('`');
        let advised = words.find(|word| word.contains("poolcfg --emit "));
        let path = program("poolcfg", machine.0.root());
        let path = format!("'{}' ", path.get_program().display());
        let advised = advised.expect("a command").replacen("poolcfg ", &path, 1);
        let mut shell = Command::new("sh");
        ran(shell.args(["-c", &advised]).current_dir("/tmp")).ends(0);
        judge().ends(0).says(fits);
    }
}

/// A text for another machine, which records nothing, is written for this one as its help says.
#[test]
fn a_text_for_another_machine_is_written_for_this_one_as_advised() {
    let machine = Machine::new("");
    let write = [
        "--emit",
        "wasmtime-toml",
        "--target",
        "riscv64gc-unknown-linux-gnu",
        "-o",
        "w.toml",
    ];
    machine.run(&[&write[..], &WASMTIME].concat()).ends(0);
    let said = machine.run(&["--here", "--check", "w.toml"]);
    said.ends(101).says("does not contain a record");
    let mut words = said.stderr.split('`');
    let advised = words.find(|word| word.starts_with("poolcfg --emit "));
    let advised = shlex::split(advised.expect("a command")).unwrap();
    let flags: Vec<&str> = advised[1..].iter().map(String::as_str).collect();
    machine.run(&flags).ends(0);
    machine.run(&["--here", "--check", "w.toml"]).ends(0);
}

/// Where a host has no setting for smaller slots, none are advised, and what is in the way is the limit.
#[test]
fn what_a_host_cannot_have_is_not_advised() {
    let machine = Machine::new("");
    for (kind, version, limit) in [
        ("spin-env", "43", 4_194_304),
        ("wasmcloud-env", "43", 4_194_304),
        ("wasmcloud-env", "48", 67_108_864),
    ] {
        let emit = ["--here", "--emit", kind, "--engine", "wasmtime"];
        let emit = [&emit[..], &["--engine-version", version]].concat();
        machine
            .under(&format!("ulimit -v {limit}"), &emit)
            .ends(100)
            .says("`RLIMIT_AS` of ")
            .says("raise the limit with `ulimit -v unlimited` or `LimitAS=infinity`")
            .says_nothing_of("memory_reservation =")
            .says_nothing_of("hole");
        machine.run(&emit).ends(0);
    }
}

/// Nothing is recorded that the check refuses, such as a total of components where there are none.
#[test]
fn whatever_is_recorded_can_be_judged() {
    for features in [
        "[\"async\"]",
        "[\"async\", \"gc\"]",
        "[\"async\", \"component-model\"]",
    ] {
        let machine = Machine::new("");
        let features = format!("pooling_allocator.wasmtime.features={features}");
        let totals = "pooling_allocator.wasmtime.total_memories=4";
        let set = ["--set", &features, "--set", totals];
        let write = ["--emit", "wasmtime-toml", "--here", "-o", "the file"];
        let write = [&write[..], &WASMTIME, &set].concat();
        machine.run(&write).ends(0);
        machine.run(&["--here", "--check", "the file"]).ends(0);
    }
}

/// What a flag says is not called measured.
#[test]
fn a_limit_that_was_set_stands_beside_the_one_in_force() {
    let machine = Machine::new("");
    let set = [
        "--here",
        "--emit",
        "wasmtime-toml",
        "--set",
        "address_space.rlimit_as=64GiB",
    ];
    let said = machine.under("true", &[&set[..], &WASMTIME].concat());
    said.ends(0);
    assert!(
        said.stdout
            .contains("RLIMIT_AS 64 GiB as set (unlimited in force)"),
        "{said:?}"
    );
}
