//! Limits of the process beside its holes: what is guaranteed under them, which one is named, and what is wrong with
//! those that are said.
#![cfg(feature = "file")]

use poolcfg_core::file::{ConfigFile, Diagnostic, SetFlags, TargetFacts};
use poolcfg_core::{
    AddressSpaceKeys, Arch, Budget, Demand, Engine, Keep, Limit, Limits, OnMisfit, Os, Plan,
    PoolKeys, ProcessLimits, ResolvedProcess, Setting, Settings, Shape, Size, Target, VaProfile,
    WasmtimeKeys, WasmtimeVersion,
};
use proptest::prelude::*;

const X86_64: Target = Target::new(Arch::X86_64, Os::Linux, 64);
const FACTS: &str = "x86_64-unknown-linux-gnu";

/// The plan of a file on x86_64.
fn planned<T>(source: &str, look: impl FnOnce(&ResolvedProcess<'_>, &Plan) -> T) -> T {
    let file = ConfigFile::parse(source).unwrap();
    let settings = file.settings(&TargetFacts::builtin(FACTS).unwrap());
    let case = settings.resolve(X86_64).unwrap();
    look(&case, &Plan::new(&case))
}

fn pool(instances: u32, on_misfit: &str, reservation: &str) -> String {
    format!(
        "max_instances = {instances}\nmemory_reservation = \"{reservation}\"\non_misfit = \"{on_misfit}\"\n"
    )
}

/// Everything that is said of the faults of a file.
fn faults(source: &str) -> String {
    let file = ConfigFile::parse(source).unwrap();
    let settings = file.settings(&TargetFacts::builtin(FACTS).unwrap());
    let faults = settings.resolve(X86_64).unwrap_err();
    let texts = faults.iter().map(|fault| {
        let diagnostic = Diagnostic::from_fault(&fault, &file);
        diagnostic.text(source, "poolcfg.toml")
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Three mappings for each memory, two for each table and each stack, one for each of the three, and seven more
/// since the memories may lie in eight pieces: 9067 slots take 63,479 of the 63,482 that are left to pools.
#[test]
fn as_many_slots_are_guaranteed_as_may_have_their_mappings() {
    let source = format!("[pooling_allocator]\n{}", pool(20_000, "shrink", "1GiB"));
    planned(&source, |case, plan| {
        assert_eq!(plan.guaranteed()[0].max_instances, 9067);
        assert_eq!(plan.guaranteed()[0].demand(Size::kib(4)).maps, 63_479);
        assert_eq!(plan.bound(case, 0).unwrap().limit, Limit::MaxMapCount);
    });
}

/// Where one of several pools fits in no case, it is named, and not one that would fit without it.
#[test]
fn the_pool_that_fits_in_no_case_is_named() {
    let [small, large] = [pool(10, "error", "6TiB"), pool(1, "error", "60TiB")];
    for (first, second, named) in [(&small, &large, 1), (&large, &small, 0)] {
        let source = format!(
            "[address_space]\nstack_limit = \"unlimited\"\n[pool.a]\n{first}[pool.b]\n{second}"
        );
        planned(&source, |_, plan| {
            let misfit = plan.misfit.unwrap();
            assert_eq!((misfit.limit, misfit.pool), (Limit::Hole, named));
        });
    }
}

/// 200,000 slots fit no hole either, but the number of mappings decides what does.
#[test]
fn a_misfit_names_the_limit_that_decides() {
    let source = format!("[pooling_allocator]\n{}", pool(200_000, "error", "1GiB"));
    planned(&source, |case, plan| {
        let misfit = plan.misfit.unwrap();
        assert_eq!(misfit.limit, Limit::MaxMapCount);
        assert_eq!(
            misfit.sentence(case, "poolcfg.toml").as_str(),
            "PC0002: pool needs 1400010 maps when every slot is in use; `vm.max_map_count` of 65530 leaves 63482 after \
             the 2048 reserved for the rest of the process: max_instances = 9067 fits (poolcfg.toml:2:17)\n\
             note: `cargo poolcfg --explain PC0002` says more"
        );
        let fit = plan.largest_fit(case, 0);
        assert_eq!(
            plan.decided(case, 0, &fit),
            [Some(Limit::MaxMapCount), None]
        );
    });
    // With as many mappings as it takes, the holes decide, and nothing is said of mappings.
    let source = format!("{source}[address_space]\nmax_map_count = 2000000\n");
    planned(&source, |case, plan| {
        let misfit = plan.misfit.unwrap();
        assert_eq!(misfit.limit, Limit::Hole);
        let said = misfit.sentence(case, "poolcfg.toml");
        assert!(!said.as_str().contains("map"), "{said}");
    });
}

/// What the sentence says would fit does.
#[test]
fn what_is_asked_fits_under_the_limit_that_is_suggested() {
    // The last ones have a headroom that grows with the limit, and one that does not.
    for (asked, reservation, limit, pools, said) in [
        (20_000, "1GiB", "", 1, ""),
        (1000, "1GiB", "rlimit_as = \"64GiB\"", 1, ""),
        (1000, "1GiB", "rlimit_data = \"100GiB\"", 1, ""),
        (20, "1GiB", "rlimit_as = \"64GiB\"", 10, ""),
        (5, "4GiB", "rlimit_as = \"1GiB\"", 1, ""),
        (5, "4GiB", "rlimit_data = \"1GiB\"", 1, ""),
        (5, "256MiB", "rlimit_as = \"1GiB\"", 1, ""),
        (
            5,
            "4GiB",
            "rlimit_as = \"1GiB\"",
            1,
            "headroom = \"256MiB\"",
        ),
    ] {
        let file = |limits: &str| {
            format!(
                "[pooling_allocator]\n{}pools = {pools}\n[address_space]\n{limits}\n{said}\n",
                pool(asked, "error", reservation)
            )
        };
        let advice = planned(&file(limit), |case, plan| {
            plan.misfit.unwrap().advice(case).as_str().to_owned()
        });
        let suggested = advice.split_once("what is asked fits with `");
        let (_, suggested) = suggested.unwrap_or_else(|| panic!("{advice}"));
        let suggested = suggested.strip_suffix('`').unwrap();
        planned(&file(suggested), |_, plan| assert_eq!(plan.misfit, None));
    }
}

/// The key that decides is pointed at, where the file has no number of the pool.
#[test]
fn a_limit_that_leaves_nothing_is_pointed_at() {
    for limit in [
        "rlimit_as = \"300MiB\"",
        "rlimit_data = \"257MiB\"",
        "max_map_count = 2049",
    ] {
        let source =
            format!("[pooling_allocator]\non_misfit = \"shrink\"\n[address_space]\n{limit}\n");
        planned(&source, |case, plan| {
            assert_eq!(plan.misfit.unwrap().place(case).line, 4, "{limit}");
        });
    }
}

#[test]
fn limits_of_bytes_are_charged_with_the_headroom() {
    let file = |limits: &str| {
        format!(
            "[pooling_allocator]\n{}[address_space]\n{limits}\n",
            pool(1000, "error", "4GiB")
        )
    };
    let said = |limits: &str| {
        planned(&file(limits), |case, plan| {
            let misfit = plan.misfit.unwrap();
            (
                misfit.limit.word(),
                misfit.message(case).as_str().to_owned(),
                misfit.largest_fit.max_instances,
            )
        })
    };
    assert_eq!(
        said("rlimit_as = \"64GiB\""),
        (
            "rlimit_as",
            "pool needs 3.94 TiB of address space; `RLIMIT_AS` of 64 GiB leaves 63 GiB after the headroom of 1 GiB"
                .to_owned(),
            Some(15)
        )
    );
    assert_eq!(
        said("rlimit_data = \"64GiB\"\nheadroom = \"4GiB\""),
        (
            "rlimit_data",
            "pool needs 3.91 TiB of writable memory when every slot is in use; `RLIMIT_DATA` of 64 GiB leaves 60 GiB \
             after the headroom of 4 GiB"
                .to_owned(),
            Some(14)
        )
    );
}

/// Tables and stacks of Wasmtime 26 are charged when they are mapped; of 27 they are not.
#[test]
fn memory_bounds_what_is_charged_at_once() {
    let file = |version: u32| {
        format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 1000\n\
             [pooling_allocator.wasmtime]\nversion = \"{version}\"\nfeatures = [\"async\"]\n\
             [address_space]\nmemory = \"1GiB\"\n"
        )
    };
    planned(&file(26), |case, plan| {
        let misfit = plan.misfit.unwrap();
        assert_eq!(misfit.limit, Limit::RamAndSwap);
        let said = misfit.message(case);
        assert!(
            said.as_str().ends_with(
                "charged at once for its stacks; x86_64 va47 (pie, measured profile) has 1 GiB of RAM and swap"
            ),
            "{said}"
        );
    });
    planned(&file(27), |_, plan| assert_eq!(plan.misfit, None));
}

/// When neither number helps alone, the fewest instances with the largest reservation are told.
#[test]
fn no_size_fits_is_said_only_where_that_is_so() {
    let file = |limit: &str| {
        format!(
            "[pooling_allocator]\n{}[address_space]\nrlimit_as = \"{limit}\"\n",
            pool(1000, "error", "4GiB")
        )
    };
    let advice = |limit: &str| {
        planned(&file(limit), |case, plan| {
            plan.misfit.unwrap().advice(case).as_str().to_owned()
        })
    };
    let said = advice("1GiB");
    assert!(
        said.starts_with(
            "max_instances = 1 with memory_reservation = \"717632KiB\" (700.81 MiB) fits"
        ),
        "{said}"
    );
    let fits = file("1GiB")
        .replace("1000", "1")
        .replace("4GiB", "717632KiB");
    planned(&fits, |_, plan| assert_eq!(plan.misfit, None));
    // A limit of data that is used up holds no memory of any size.
    let said = planned("[pooling_allocator]\n", |case, _| {
        let limits = ProcessLimits {
            rlimit_data: Some(Size::mib(64)),
            ..ProcessLimits::NONE
        };
        let case = case.with_budget(case.budget.with_limits(limits));
        let misfit = Plan::new(&case).misfit.expect("nothing is left");
        misfit.advice(&case).as_str().to_owned()
    });
    assert!(!said.contains("max_memory_size"), "{said}");
    let said = advice("300MiB");
    assert!(
        said.starts_with(
            "no size of this pool fits with a headroom of 256 MiB and a guard_size of 32 MiB; `headroom` in [address_space] or \
             `--set address_space.headroom=SIZE` changes it"
        ),
        "{said}"
    );
}

/// Where one pool alone does not help, what is advised is of all that may have fewer, and fits as it is written.
#[test]
fn what_is_advised_of_several_pools_fits_together() {
    let names = ["a", "b", "c"];
    let file = |instances: &[u32], engine: &str| {
        let tables = instances.iter().zip(names);
        let tables =
            tables.map(|(instances, name)| format!("[pool.{name}]\nmax_instances = {instances}\n"));
        format!(
            "[pooling_allocator]\n{engine}memory_reservation = \"4GiB\"\n{}",
            tables.collect::<String>()
        )
    };
    let wasmtime = "engine = \"wasmtime\"\nwasmtime.version = \"48\"\n";
    for (asked, engine) in [
        (&[40_000, 40_000][..], ""),
        (&[40_000, 35_000], wasmtime),
        (&[40_000, 20_000, 20_000], wasmtime),
        (&[100_000, 45_000, 3], ""),
    ] {
        let said = planned(&file(asked, engine), |case, plan| {
            plan.misfit.unwrap().advice(case).as_str().to_owned()
        });
        let alone = "no size of this pool alone fits next to the others; ";
        assert!(
            said.starts_with(alone) && said.contains("fit together"),
            "{said}"
        );
        let instances = asked.iter().zip(names).map(|(asked, name)| {
            let before = said
                .split_once(&format!(" of `{name}`"))
                .map(|(before, _)| before);
            let number = before.and_then(|before| before.rsplit(' ').next());
            number.map_or(*asked, |number| number.parse().unwrap())
        });
        let instances: Vec<u32> = instances.collect();
        assert_ne!(instances, asked);
        planned(&file(&instances, engine), |_, plan| {
            assert_eq!(plan.misfit, None, "{said}");
        });
    }
}

/// How many tables an instance may have is judged beside what the others then have, and not beside what they ask for.
#[test]
fn the_counts_that_are_advised_are_those_that_are_then_had() {
    let file = |instances: u32| {
        format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.version = \"48\"\non_misfit = \"shrink\"\n\
             [pool.a]\nmax_instances = 30000\n[pool.b]\nmax_instances = {instances}\non_misfit = \"error\"\n"
        )
    };
    let (said, instances) = planned(&file(100_000), |case, plan| {
        let misfit = plan.misfit.unwrap();
        let instances = misfit.largest_fit.max_instances.unwrap();
        (misfit.advice(case).as_str().to_owned(), instances)
    });
    planned(&file(instances), |_, plan| {
        assert_eq!(plan.misfit, None);
        let counts = plan.guaranteed()[1].wasmtime.unwrap().counts();
        let expected = format!("max_instances = {instances} fits, each of {counts}");
        assert_eq!(said, expected);
    });
}

/// What there is, in the sentence, is the number that programs get, less than what is needed, and not less than what is said
/// to fit.
#[test]
fn what_there_is_holds_what_is_said_to_fit() {
    let riscv64 = "riscv64gc-unknown-linux-gnu";
    let pool = |text: &str| format!("[pooling_allocator]\n{text}[address_space]\n");
    let few = pool("max_instances = 3\nmemory_reservation = \"4GiB\"\n");
    let large = pool("max_instances = 2\nmemory_reservation = \"50GiB\"\n");
    let many = pool("max_instances = 3000\nmemory_reservation = \"1GiB\"\n");
    let nearly = pool("max_instances = 61\nmemory_reservation = \"4GiB\"\n");
    for (pool, headroom, triple, has) in [
        (&few, "253GiB", riscv64, "has 894.93 MiB in three holes"),
        (&many, "0", riscv64, "has 253.87 GiB in three holes"),
        (
            &nearly,
            "0",
            riscv64,
            "has 241.90 GiB for 60 slots in three holes",
        ),
        (&large, "150GiB", riscv64, "has 39.87 GiB in one piece"),
        (
            &String::from("[address_space]\n"),
            "131040GiB",
            "x86_64-unknown-linux-gnu",
            "has 14.87 GiB in three holes",
        ),
    ] {
        let file = ConfigFile::parse(&format!("{pool}headroom = \"{headroom}\"\n"));
        let file = file.unwrap();
        let facts = TargetFacts::builtin(triple).unwrap();
        let case = file.settings(&facts).resolve(facts.target()).unwrap();
        let misfit = Plan::new(&case).misfit.unwrap();
        let message = misfit.message(&case);
        assert!(message.as_str().ends_with(has), "{}", message.as_str());
        let have = Size::bytes(misfit.have).available().to_string();
        assert!(has.contains(&have), "{has}, and {have} for programs");
        assert!(misfit.have < misfit.need, "{misfit:?}");
    }
}

/// A value that is suggested for a key which several pools take fits for all of them, and the next one does not.
#[test]
fn a_shared_key_is_told_what_fits_for_all_pools() {
    let facts = TargetFacts::builtin("x86_64-unknown-linux-gnu").unwrap();
    let file = |key: &str| {
        let text = format!("[pooling_allocator]\n{key}\n[pool.a]\n[pool.b]\n[pool.c]\n");
        ConfigFile::parse(&text).unwrap()
    };
    let misfit = |key: &str| {
        let file = file(key);
        let case = file.settings(&facts).resolve(facts.target()).unwrap();
        let misfit = Plan::new(&case).misfit?;
        Some(misfit.fitting(&case).as_str().to_owned())
    };
    let shrink = "on_misfit = \"shrink\"\n";
    let keeps = "3021 fits; `keep` is `max_instances`, its default where no reservation is written";
    for (before, asked, after, fits) in [
        (format!("{shrink}max_instances = "), "4000", "", keeps),
        (format!("{shrink}max_instances = "), "8000", "", keeps),
        ("max_instances = ".to_owned(), "8000", "", "3021 fits"),
    ] {
        let said = misfit(&format!("{before}{asked}{after}")).unwrap();
        assert!(
            said.starts_with(&format!("max_instances = {fits}")),
            "{said}"
        );
        assert_eq!(misfit(&format!("{before}3021{after}")), None);
        assert!(misfit(&format!("{before}3022{after}")).is_some());
    }
    let all = "on_misfit = \"error\"\nmax_instances = 3000\nkeep = \"max_instances\"\nmemory_reservation = ";
    let said = misfit(&format!("{all}\"40GiB\"")).unwrap();
    let suggested = said.split_once(" (").unwrap().0;
    let suggested = suggested.strip_prefix("memory_reservation = ").unwrap();
    assert_eq!(misfit(&format!("{all}{suggested}")), None);
}

/// Each of them has less left than the one before; that is not told of the first.
#[test]
fn what_several_equal_pools_have_is_what_all_of_them_have() {
    let file = ConfigFile::parse(
        "[pooling_allocator]\nmax_instances = 1100\nmemory_reservation = \"64GiB\"\npools = 3\n",
    );
    let file = file.unwrap();
    for (triple, has) in [
        ("aarch64-apple-darwin", "has 26.21 TiB left"),
        (
            "x86_64-unknown-linux-gnu",
            "has 42.58 TiB for 681 slots of each in three holes",
        ),
    ] {
        let facts = TargetFacts::builtin(triple).unwrap();
        let case = file.settings(&facts).resolve(facts.target()).unwrap();
        let misfit = Plan::new(&case).misfit.unwrap();
        let message = misfit.message(&case);
        assert!(message.as_str().contains(has), "{}", message.as_str());
    }
}

/// Where pools that shrink do not fit, they do not at their least: what they ask for is not what is in the way.
#[test]
fn pools_that_shrink_are_judged_at_their_least() {
    let file = |instances: u32, on_misfit: &str, limits: &str| {
        let (a, b) = (
            pool(instances, on_misfit, "4GiB"),
            pool(instances, "shrink", "4GiB"),
        );
        format!("[pool.a]\n{a}[pool.b]\n{b}[address_space]\n{limits}\n")
    };
    let maps = "max_map_count = 1000000";
    // Not even one instance of each fits, and that is not for lack of holes.
    let source = file(40_000, "shrink", &format!("rlimit_data = \"2GiB\"\n{maps}"));
    planned(&source, |case, plan| {
        let misfit = plan.misfit.unwrap();
        assert_eq!(misfit.limit, Limit::RlimitData, "{}", misfit.message(case));
    });
    // One that does not shrink has what the others leave to it at their least.
    planned(&file(40_000, "error", maps), |case, plan| {
        let misfit = plan.misfit.unwrap();
        assert_eq!(misfit.limit, Limit::Hole, "{}", misfit.message(case));
        let instances = misfit.largest_fit.max_instances.expect("some fit");
        let fits = file(40_000, "error", maps).replacen("40000", &instances.to_string(), 1);
        planned(&fits, |_, plan| {
            assert_eq!(plan.misfit, None);
            assert!(plan.guaranteed()[1].max_instances < 40_000);
        });
    });
}

/// Of a small limit a part is left to the process itself, and never more than usual.
#[test]
fn the_headroom_follows_a_small_limit() {
    let headroom = |limits: &str| {
        planned(&format!("[address_space]\n{limits}\n"), |case, _| {
            case.budget.headroom
        })
    };
    assert_eq!(headroom(""), Size::gib(1));
    assert_eq!(headroom("rlimit_as = \"64GiB\""), Size::gib(1));
    assert_eq!(headroom("rlimit_as = \"2GiB\""), Size::mib(512));
    assert_eq!(headroom("rlimit_data = \"2GiB\""), Size::mib(512));
    assert_eq!(headroom("rlimit_as = \"512MiB\""), Size::mib(256));
    assert_eq!(
        headroom("rlimit_as = \"512MiB\"\nheadroom = \"16MiB\""),
        Size::mib(16)
    );
}

#[test]
fn limits_that_leave_nothing_are_faults() {
    let said = faults(
        "[address_space]\nmax_map_count = 2048\nrlimit_as = \"3MiB\"\nrlimit_data = \"200MiB\"\nmemory = 0\n",
    );
    assert_eq!(
        said,
        "\
PC0036: `max_map_count = 2048` leaves nothing for pools after the 2048 maps reserved for the rest of the process (poolcfg.toml:2:17)
  |
2 | max_map_count = 2048
  |                 ^^^^ too few
help: raise `max_map_count`, or omit it to use the kernel's default of 65530
note: `cargo poolcfg --explain PC0036` says more
PC0036: `rlimit_as` of 3 MiB is below the 4 MiB that any process needs (poolcfg.toml:3:13)
  |
3 | rlimit_as = \"3MiB\"
  |             ^^^^^^ below 4 MiB
help: raise the limit, or omit it if there is none
note: `cargo poolcfg --explain PC0036` says more
PC0036: `rlimit_data` of 200 MiB leaves nothing for pools after the headroom of 256 MiB (poolcfg.toml:4:15)
  |
4 | rlimit_data = \"200MiB\"
  |               ^^^^^^^^ not above 256 MiB
help: raise the limit, or set `headroom` to what the process uses without its pools: `VmSize` and `VmData` in /proc/PID/status
note: `cargo poolcfg --explain PC0036` says more
PC0036: `memory` of 0 bytes is below the 1 MiB that any process needs (poolcfg.toml:5:10)
  |
5 | memory = 0
  |          ^ below 1 MiB
help: raise the limit, or omit it if there is none
note: `cargo poolcfg --explain PC0036` says more"
    );
}

/// What nobody can mean is at fault; none at all, a page and the largest size are not, or for another reason.
#[test]
fn sizes_too_small_to_be_of_use_are_faults() {
    let space = |key: &str, value: &str| faults(&format!("[address_space]\n{key} = \"{value}\"\n"));
    for value in ["0", "1B", "4KiB", "12287B"] {
        let said = space("stack_limit", value);
        assert!(
            said.contains("below the 12 KiB that any process needs (poolcfg.toml:2:15)"),
            "{said}"
        );
        assert!(
            said.contains(
                "help: raise `stack_limit`, or omit it: all small stack limits leave the same holes"
            ),
            "{said}"
        );
    }
    for value in ["1B", "4KiB", "65535B"] {
        let said = space("headroom", value);
        assert!(
            said.contains("below the 64 KiB that any process needs (poolcfg.toml:2:12)"),
            "{said}"
        );
        assert!(
            said.contains("or set it to 0 to give all of the holes to pools"),
            "{said}"
        );
    }
    assert!(space("stack_limit", "128PiB").contains("is not below the window"));
    assert!(space("headroom", "128PiB").contains("leaves nothing for pools"));
    let pool = |text: &str| faults(&format!("[pooling_allocator]\n{text}\n"));
    let said = pool("guard_size = 1\nstack_reservation = 4095");
    assert!(
        said.contains("PC0008: `guard_size` of 1 byte is less than a page (poolcfg.toml:2:14)"),
        "{said}"
    );
    assert!(
        said.contains("help: set `guard_size` to \"4KiB\" or more, or to 0 for no guard"),
        "{said}"
    );
    assert!(
        said.contains("`stack_reservation` of 4095 bytes is less than a page"),
        "{said}"
    );
    assert!(said.contains("or to 0 for no stacks"), "{said}");
    let said = pool(
        "engine = \"wasmtime\"\nwasmtime = { version = \"48\", max_core_instance_size = 0, max_component_instance_size = 0 }",
    );
    for key in ["max_core_instance_size", "max_component_instance_size"] {
        assert!(said.contains(&format!("PC0011: `{key}` is zero")), "{said}");
    }
    for good in [
        "[address_space]\nheadroom = 0\n",
        "[address_space]\nheadroom = \"64KiB\"\nstack_limit = \"12KiB\"\n",
        "[pooling_allocator]\nguard_size = 0\nstack_reservation = 0\n",
        "[pooling_allocator]\nguard_size = \"4KiB\"\nstack_reservation = \"4KiB\"\n",
        // Wasmtime rounds them up itself.
        "[pooling_allocator]\nengine = \"wasmtime\"\nguard_size = 1\nwasmtime = { version = \"48\", max_wasm_stack = 1 }\n",
    ] {
        planned(good, |_, _| {});
    }
}

/// A later layer may take a limit away, and other systems have none of Linux.
#[test]
fn limits_are_laid_over_each_other() {
    let source = "\
[address_space]
rlimit_as = \"64GiB\"
max_map_count = 100000
[target.x86_64-unknown-linux-gnu.address_space]
rlimit_as = \"unlimited\"
";
    planned(source, |case, _| {
        assert_eq!(case.budget.limits.rlimit_as, None);
        assert_eq!(case.budget.limits.max_map_count, Some(100_000));
    });
    let file = ConfigFile::parse(source).unwrap();
    for (triple, limits) in [
        (
            "aarch64-apple-darwin",
            ProcessLimits {
                rlimit_as: Some(Size::gib(64)),
                ..ProcessLimits::NONE
            },
        ),
        ("x86_64-pc-windows-msvc", ProcessLimits::NONE),
    ] {
        let facts = TargetFacts::builtin(triple).unwrap();
        let case = file.settings(&facts).resolve(facts.target()).unwrap();
        assert_eq!(case.budget.limits, limits, "{triple}");
    }
}

#[test]
fn values_of_flags_are_read_as_the_file_is() {
    let flags = [
        "address_space.rlimit_as=64GiB",
        "address_space.rlimit_as=\"1GiB\"",
        "address_space.max_map_count = 1_000_000",
        "address_space.va_profile=my-board",
        "address_space.headroom=0",
        "va_profile.my-board.arch=riscv64",
        "va_profile.my-board.window=256GiB",
        "va_profile.my-board.page_size=4KiB",
        "pooling_allocator.engine=wasmtime",
        "pooling_allocator.wasmtime={version = \"48.0.2\", features = [\"gc\"]}",
    ];
    let flags = SetFlags::parse(flags).unwrap();
    assert!(
        flags.sets("address_space.rlimit_as") && flags.sets("pooling_allocator.wasmtime.version")
    );
    assert!(!flags.sets("address_space.aslr") && !flags.sets("pooling_allocator.version"));
    let file = ConfigFile::empty().with_flags(&flags).unwrap();
    let board = TargetFacts::builtin("riscv64gc-unknown-linux-gnu").unwrap();
    let settings = file.settings(&board);
    let keys = settings.space();
    assert_eq!(keys.rlimit_as.unwrap().value, Some(Size::gib(1)));
    assert_eq!(keys.max_map_count.unwrap().value, 1_000_000);
    assert_eq!(keys.va_profile.unwrap().value, "my-board");
    assert_eq!(keys.headroom.unwrap().value, Size::ZERO);
    let place = keys.rlimit_as.unwrap().place;
    assert_eq!((place.line, place.as_flag()), (0, Some(2)));
    assert_eq!(
        flags.text(place),
        Some("address_space.rlimit_as = \"1GiB\"")
    );
    assert_eq!(flags.span(place), Some(26..32));
    let own: Vec<_> = file.own_profiles().collect();
    assert_eq!((own[0].name, own[0].window), ("my-board", Size::gib(256)));
    let wasmtime = settings.pools()[0].wasmtime;
    assert_eq!(wasmtime.version.unwrap().value.to_string(), "48.0.2");
    assert_eq!(wasmtime.features.unwrap().place.as_flag(), Some(10));
    let case = settings.resolve(board.target()).unwrap();
    assert_eq!(case.profile.name, "my-board");
}

/// A flag outranks every table of the file, and a later one the earlier.
#[test]
fn flags_outrank_the_file() {
    let file = ConfigFile::parse(
        "[pool.a]\nmax_instances = 1\n[pool.b]\nmax_instances = 2\n\
         [target.riscv64gc-unknown-linux-gnu.pool.b]\nmax_instances = 3\n",
    )
    .unwrap();
    let board = TargetFacts::builtin("riscv64gc-unknown-linux-gnu").unwrap();
    let counts = |flags: &[&str]| {
        let flags = SetFlags::parse(flags.iter().copied()).unwrap();
        let file = file.clone().with_flags(&flags).unwrap();
        let settings = file.settings(&board);
        let pools = settings.pools().iter();
        pools
            .map(|keys| keys.max_instances.unwrap().value)
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&[]), [1, 3]);
    assert_eq!(counts(&["pool.b.max_instances=7"]), [1, 7]);
    assert_eq!(counts(&["pooling_allocator.max_instances=5"]), [5, 5]);
    // Within the flags, as within a table of the file, what is said of one pool outranks what is said of all.
    let both = [
        "pool.a.max_instances=9",
        "pooling_allocator.max_instances=5",
    ];
    assert_eq!(counts(&both), [9, 5]);
    let twice = ["pool.a.max_instances=9", "pool.a.max_instances=8"];
    assert_eq!(counts(&twice), [8, 3]);
}

/// Flags name the pools of a file that names none.
#[test]
fn flags_may_name_pools() {
    let flags = ["pool.a.max_instances=3", "pool.b.max_instances=4"];
    let flags = SetFlags::parse(flags).unwrap();
    let file = ConfigFile::empty().with_flags(&flags).unwrap();
    assert_eq!(file.pool_names(), ["a", "b"]);
}

/// Keys may be quoted and have spaces around them as in the file, and be of some targets only.
#[test]
fn flags_may_be_of_some_targets() {
    let flags = [
        "pooling_allocator.max_instances=1",
        "\"pooling_allocator\" . 'min_instances' = 1",
        "target.'cfg(target_arch = \"riscv64\")'.pooling_allocator.max_instances = 2",
        "target.aarch64-unknown-linux-gnu.address_space.va_profile=va48",
        "target.aarch64-unknown-linux-gnu.\"pooling_allocator\".max_instances=4",
        "target.\"aarch64-unknown-linux-gnu\".pooling_allocator.max_instances=3",
    ];
    let flags = SetFlags::parse(flags).unwrap();
    assert!(flags.sets("address_space.va_profile") && !flags.sets("address_space.aslr"));
    let file = ConfigFile::empty().with_flags(&flags).unwrap();
    for (triple, instances, profile) in [
        ("x86_64-unknown-linux-gnu", 1, None),
        ("riscv64gc-unknown-linux-gnu", 2, None),
        ("aarch64-unknown-linux-gnu", 3, Some("va48")),
    ] {
        let facts = TargetFacts::builtin(triple).unwrap();
        let settings = file.settings(&facts);
        let keys = settings.pools()[0];
        assert_eq!(keys.max_instances.unwrap().value, instances, "{triple}");
        assert_eq!(keys.min_instances.unwrap().place.as_flag(), Some(2));
        let said = settings.space().va_profile.map(|key| key.value);
        assert_eq!(said, profile, "{triple}");
    }
    // A flag makes no target one that the file names.
    assert_eq!(file.triples().count(), 0);
}

/// Flags, and what the message begins with and the help says.
const MISTAKES: &[(&[&str], &str, &str)] = &[
    (
        &["address_space.rlimit_as"],
        "`--set address_space.rlimit_as` has no value",
        "write `--set KEY=VALUE`",
    ),
    (&["=3"], "`--set =3` has no key", "write"),
    (&["a b=3"], "`--set a b=3` has an invalid key", "write"),
    (&["a.'b=3"], "`--set a.'b=3` has an invalid key", "write"),
    (
        &["address_space.aslr="],
        "`--set address_space.aslr=` has no value",
        "write `--set KEY=VALUE`",
    ),
    (
        &["pool.plugin.max_instances=3"],
        "unknown pool `plugin`",
        "did you mean `plugins`?",
    ),
    (
        &["pool.plugins.max_instance=3"],
        "unknown key `max_instance` in `[pool.plugins]`",
        "did you mean `max_instances`?",
    ),
    (
        &["rlimit_as=3"],
        "unknown key `rlimit_as` in `--set`",
        "did you mean `address_space.rlimit_as`?",
    ),
    (
        &["max_instances=3"],
        "unknown key `max_instances` in `--set`",
        "did you mean `pooling_allocator.max_instances`?",
    ),
    (
        &["total_memorie=3"],
        "unknown key `total_memorie` in `--set`",
        "did you mean `pooling_allocator.wasmtime.total_memories`?",
    ),
    (
        &["pooling_alocator.max_instances=3"],
        "unknown key `pooling_alocator` in `--set`",
        "did you mean `pooling_allocator`?",
    ),
    (
        &["target.riscv64.pooling_allocator.max_instances=3"],
        "unknown target `riscv64`",
        "for an architecture write `[target.'cfg(target_arch = \"riscv64\")'.…]`",
    ),
    (
        &["target.x86_64-unknown-linux-gnu=3"],
        "invalid type for `x86_64-unknown-linux-gnu`: expected a table, found an integer",
        "write `[target.x86_64-unknown-linux-gnu.pooling_allocator]`",
    ),
    (
        &["target.'cfg(unix)'.pooling_allocator.wasmtime.workload=[]"],
        "`--set` cannot set `workload`: only `sync` and `check` read it, and only in poolcfg.toml",
        "name the files with `--workload FILE`",
    ),
    (
        &["address_space.rlimit=3"],
        "unknown key `rlimit` in `[address_space]`",
        "did you mean `rlimit_as`?",
    ),
    (
        &["address_space.aslr=\u{1b}"],
        "invalid value `\"\\u{1b}\"` for `aslr`",
        "expected",
    ),
    (
        &["pooling_allocator.guard_size=32MB"],
        "invalid size `32MB` for `guard_size`: decimal units are not supported; write `MiB`",
        "write `\"32MiB\"`",
    ),
    (
        &["pooling_allocator=3"],
        "invalid type for `pooling_allocator`: expected a table, found an integer",
        "write",
    ),
    (
        &["va_profile.board.arch=riscv64"],
        "VA profile `board` is missing `window`, `page_size`",
        "",
    ),
    (
        &["pooling_allocator={}", "pooling_allocator.max_instances=3"],
        "two `--set` flags contradict each other:",
        "set each key by one flag",
    ),
    (
        &["pooling_allocator.wasmtime.workload=[\"a.wasm\"]"],
        "`--set` cannot set `workload`: only `sync` and `check` read it, and only in poolcfg.toml",
        "name the files with `--workload FILE`",
    ),
];

#[test]
fn mistakes_of_flags_are_those_of_the_file() {
    let file = ConfigFile::parse("[pool.plugins]\nmax_instances = 1\n").unwrap();
    for (flags, message, help) in MISTAKES {
        let read = SetFlags::parse(flags.iter().copied());
        let read = read.and_then(|flags| file.clone().with_flags(&flags));
        let mistakes = read.unwrap_err();
        let (text, mistake) = &mistakes[0];
        assert!(mistake.message.starts_with(message), "{mistake:#?}");
        assert!(
            mistake.help.as_ref().unwrap().contains(help),
            "{mistake:#?}"
        );
        assert!(
            mistake.span.as_ref().unwrap().end <= text.len(),
            "{mistake:#?} {text}"
        );
    }
}

/// Keys of one random pool.
fn keys() -> impl Strategy<Value = PoolKeys> {
    (
        1u32..30_000,
        1u64..1 << 14,
        0u64..600,
        [0u64..300, 0u64..3000],
        1u32..5,
        any::<(bool, bool, bool)>(),
    )
        .prop_map(|(instances, grains, guard, [table, stack], pools, flags)| {
            let (is_wasmtime, shrinks, keeps) = flags;
            let kib = |kib| Some(Setting::given(Size::kib(kib)));
            let engine = if is_wasmtime {
                Engine::Wasmtime
            } else {
                Engine::Native
            };
            PoolKeys {
                engine: Some(Setting::given(engine)),
                max_instances: Some(Setting::given(instances)),
                memory_reservation: kib(64 * grains),
                guard_size: kib(64 * guard + 64),
                table_reservation: kib(table).filter(|_| !is_wasmtime),
                stack_reservation: kib(stack + 1024),
                pools: Some(Setting::given(pools)),
                on_misfit: Some(Setting::given(if shrinks {
                    OnMisfit::Shrink
                } else {
                    OnMisfit::Error
                })),
                keep: Some(Setting::given(if keeps {
                    Keep::MaxInstances
                } else {
                    Keep::MemoryReservation
                })),
                wasmtime: WasmtimeKeys {
                    version: is_wasmtime.then_some(Setting::given(WasmtimeVersion::major(48))),
                    ..WasmtimeKeys::EMPTY
                },
                ..PoolKeys::EMPTY
            }
        })
}

fn limit() -> impl Strategy<Value = Option<Size>> {
    prop::option::of((1u64..1 << 20).prop_map(|mib| Size::mib(256 + mib)))
}

proptest! {
    #![proptest_config(crate::cases(400))]

    /// What is guaranteed stays within every limit together with what the process itself is left, and the limit that
    /// is named is exceeded by what is asked.
    #[test]
    fn what_is_guaranteed_stays_within_every_limit(
        pools in prop::collection::vec(keys(), 1..5),
        rlimit_as in limit(),
        rlimit_data in limit(),
        max_map_count in prop::option::of(3000u32..1 << 20),
    ) {
        let names = ["a", "b", "c", "d"];
        let mut settings = Settings::new(&names[..pools.len()], &[]).address_space(AddressSpaceKeys {
            rlimit_as: rlimit_as.map(|limit| Setting::given(Some(limit))),
            rlimit_data: rlimit_data.map(|limit| Setting::given(Some(limit))),
            max_map_count: max_map_count.map(Setting::given),
            ..AddressSpaceKeys::EMPTY
        });
        for (index, keys) in pools.iter().enumerate() {
            settings = settings.pool(index, *keys);
        }
        let Ok(case) = settings.resolve(X86_64) else {
            return Ok(());
        };
        let plan = Plan::new(&case);
        let sum = |limits: &[Limits]| {
            limits.iter().fold(case.budget.own(), |sum: Demand, limits| {
                sum.and(limits.demand(case.budget.page_size))
            })
        };
        let exceeded = sum(plan.guaranteed()).exceeds(&case.budget.limits.most());
        match &plan.misfit {
            None => prop_assert_eq!(exceeded, None),
            Some(misfit) if misfit.limit == Limit::Hole => {}
            Some(misfit) => prop_assert!(misfit.need > misfit.have, "{:?}", misfit),
        }
        for pool in 0..plan.guaranteed().len() {
            if let Some(bound) = plan.bound(&case, pool) {
                prop_assert!(bound.need > bound.have || bound.limit == Limit::Hole);
            }
        }
    }
}

/// Nothing else bounds the budget of a profile.
#[test]
fn a_budget_has_the_limits_of_its_system() {
    let budget = |target| Budget::new(&VaProfile::floor(target).unwrap(), Shape::DEFAULT, None);
    assert_eq!(budget(X86_64).limits, ProcessLimits::LINUX);
    assert_eq!(budget(X86_64).maps_for_pools(), Some(63_482));
    let mac = Target::new(Arch::Aarch64, Os::Macos, 64);
    assert_eq!(budget(mac).limits, ProcessLimits::NONE);
}

/// 36 faults: 16 are listed, and the rest are counted, in the list and in the text of the compiler.
#[test]
fn faults_that_are_not_listed_are_counted() {
    let pools =
        |name: u32| format!("[pool.p{name}]\nmax_instances = 0\nmin_instances = 0\npools = 0\n");
    let source: String = (0..12).map(pools).collect();
    let file = ConfigFile::parse(&source).unwrap();
    let settings = file.settings(&TargetFacts::builtin(FACTS).unwrap());
    let faults = settings.resolve(X86_64).unwrap_err();
    assert_eq!((faults.iter().count(), faults.unlisted()), (16, 20));
    let message = faults.message("poolcfg.toml");
    let lines: Vec<&str> = message.as_str().lines().collect();
    let [listed @ .., more, note] = &lines[..] else {
        panic!("{lines:#?}");
    };
    assert!(
        listed
            .iter()
            .all(|line| line.starts_with("PC0011: ") && line.contains("; help: "))
    );
    assert_eq!(*more, format!("and {} more faults", 36 - listed.len()));
    assert_eq!(*note, "note: `cargo poolcfg --explain PC0011` says more");
}

/// One limit that is wrong hides no other key that is.
#[test]
fn every_key_of_the_address_space_that_is_wrong_is_told() {
    let said = faults("[address_space]\naslr = 50\nstack_limit = \"1KiB\"\nrlimit_as = \"1MiB\"\n");
    for key in ["`aslr = 50`", "`stack_limit`", "`rlimit_as`"] {
        assert!(said.contains(key), "{said}");
    }
    // What an unknown profile takes is not known.
    let said = faults(
        "[va_profile.x]\narch = \"x86_64\"\nwindow = \"1TiB\"\npage_size = \"4KiB\"\n[target.x86_64-unknown-linux-gnu.address_space]\nva_profile = \"sv39\"\naslr = 50\n",
    );
    assert!(!said.contains("`aslr = 50`"), "{said}");
}

/// `keep` is called a default only where nobody wrote it.
#[test]
fn a_keep_that_is_written_is_no_default() {
    let pool = "[pooling_allocator]\nmax_instances = 400000\non_misfit = \"shrink\"\n";
    let helps = |more: &str| {
        planned(&format!("{pool}{more}"), |case, plan| {
            plan.misfit.unwrap().fitting(case).as_str().to_owned()
        })
    };
    assert!(helps("").contains("its default"));
    for written in ["", "memory_reservation = \"4GiB\"\n"] {
        let help = helps(&format!("keep = \"max_instances\"\n{written}"));
        assert!(
            help.contains("`keep` is `max_instances`, so that"),
            "{help}"
        );
    }
}

/// Only what the pool's engine has is advised.
#[test]
fn a_pool_of_wasmtimes_is_not_told_to_have_no_memories() {
    let native = faults("[pooling_allocator]\nmemory_reservation = 0\n");
    assert!(native.contains("`table_reservation`"), "{native}");
    let wasmtime = faults(
        "[pooling_allocator]\nengine = \"wasmtime\"\nmemory_reservation = 0\nwasmtime.version = \"48\"\n",
    );
    assert!(
        wasmtime.contains("`memory_reservation` is zero"),
        "{wasmtime}"
    );
    assert!(!wasmtime.contains("table_reservation"), "{wasmtime}");
}
