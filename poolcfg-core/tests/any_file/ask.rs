//! What holds of any text that stands in poolcfg.toml. The fuzz target of the file asks the same.

use poolcfg_core::file::{ConfigFile, Diagnostic, TargetFacts};
use poolcfg_core::{
    Budget, Engine, FilePlace, Mappings, OnMisfit, Plan, PoolKeys, ResolvedProcess, Setting,
    Settings, Shape, Size, Verdict, codegen, fit,
};

/// Targets of every kind the model tells apart, and one that rustc does not know.
pub(crate) fn targets() -> Vec<TargetFacts> {
    let builtin = [
        "aarch64-apple-darwin",
        "aarch64-linux-android",
        "aarch64-unknown-linux-gnu",
        "armv7-unknown-linux-gnueabihf",
        "avr-none",
        "i686-unknown-linux-gnu",
        "mips64-unknown-linux-gnuabi64",
        "powerpc64le-unknown-linux-gnu",
        "riscv32gc-unknown-linux-gnu",
        "riscv64gc-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
        "wasm32-wasip1",
        "x86_64-pc-windows-msvc",
        "x86_64-unknown-linux-gnu",
    ];
    let mut targets: Vec<_> = builtin
        .iter()
        .filter_map(|triple| TargetFacts::builtin(triple))
        .collect();
    assert_eq!(targets.len(), builtin.len());
    targets.push(TargetFacts::new("made-up.json", Vec::new()));
    targets
}

/// What is said of a mistake is in the file.
fn is_in(source: &str, mistake: &Diagnostic) {
    assert!(!mistake.message.is_empty());
    if let Some(span) = &mistake.span {
        assert!(source.get(span.clone()).is_some(), "{mistake:?}");
        let place = mistake.place(source);
        let text = mistake.text(source, "poolcfg.toml");
        let said = format!("poolcfg.toml:{}:{}", place.line, place.column);
        assert!(text.contains(&said), "{text}");
    }
}

/// Reads a file and, when it can be read, asks for everything there is to know of it.
///
/// # Panics
/// When something does not hold that holds of every file.
pub(crate) fn ask(source: &str, targets: &[TargetFacts], variables: &[Option<&str>]) {
    let read = ConfigFile::parse(source);
    let again = ConfigFile::parse(source);
    let file = match read {
        Ok(file) => file,
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            assert_eq!(again.err().as_ref(), Some(&mistakes));
            mistakes.iter().for_each(|mistake| is_in(source, mistake));
            return;
        }
    };
    let krate = "poolcfg_core".parse().expect("a path");
    let code = codegen::settings(&file, &krate).to_string();
    assert!(!code.is_empty());
    let again = again.expect("a text is read the same way twice");
    assert_eq!(codegen::settings(&again, &krate).to_string(), code);
    for facts in targets {
        let settings = file.settings(facts);
        for variable in variables {
            answer(source, &file, facts, settings.va_profile(*variable));
        }
    }
}

/// What holds of a file's settings for one target.
fn answer(source: &str, file: &ConfigFile, facts: &TargetFacts, settings: Settings<'_>) {
    // What stands in const code has a value for either engine, whatever is asserted beside it.
    let answer = settings.answer(facts.target());
    for pool in 0..settings.names().len() {
        for engine in Engine::ALL {
            let promise = answer.promise(pool, *engine);
            assert_eq!(promise.guaranteed.engine(), *engine);
        }
    }
    let case = match settings.resolve(facts.target()) {
        Ok(case) => case,
        Err(faults) => {
            for fault in faults.iter() {
                let mistake = Diagnostic::from_fault(&fault, file);
                is_in(source, &mistake);
                assert!(fault.place() == FilePlace::NOWHERE || mistake.span.is_some());
            }
            assert!(!faults.message("poolcfg.toml").is_empty());
            return;
        }
    };
    for shape in Shape::NAMED {
        let budget = Budget::new(&case.profile, shape, Some(case.budget.headroom));
        let [first, second] = budget.holes().map(Size::get);
        assert!(first + second <= case.profile.window.get());
    }
    let plan = Plan::new(&case);
    match &plan.misfit {
        Some(misfit) => {
            is_in(source, &Diagnostic::from_misfit(misfit, &case, file));
            assert!(!misfit.sentence(&case, "poolcfg.toml").is_empty());
        }
        None => fits_again(settings, &case, &plan),
    }
    for warning in plan.warnings(&case) {
        assert!(!warning.to_string().is_empty());
    }
    for pool in 0..case.pools().len() {
        let promise = plan.promise(&case, pool);
        assert_eq!(promise.name, case.pools()[pool].name);
        assert_eq!(promise.process.pools().count(), case.pools().len());
    }
    let arm = codegen::Arm {
        facts,
        case: &case,
        plan: &plan,
    };
    for runtime in [None, Some("poolcfg_runtime")] {
        let code = codegen::generated(&[arm], "cargo poolcfg", runtime);
        let [_, code] = [
            codegen::cfg_predicate(facts),
            code.parse().expect("what is generated is Rust"),
        ];
        assert!(!code.is_empty());
    }
}

/// What is guaranteed is at most what is asked, fits in plain numbers, and fits when it is asked.
fn fits_again(settings: Settings<'_>, case: &ResolvedProcess<'_>, plan: &Plan) {
    let mut again = settings;
    let mut mappings = Vec::new();
    for (index, (pool, limits)) in case.pools().iter().zip(plan.guaranteed()).enumerate() {
        let asked = &pool.asked;
        assert!(limits.max_instances <= asked.max_instances);
        assert!(limits.max_instances >= pool.min_instances);
        assert!(limits.memory_reservation <= asked.memory_reservation);
        assert!(limits.max_memory_size <= limits.memory_reservation);
        let footprint = limits
            .footprint(case.budget.page_size)
            .expect("what fits has a sum");
        // Our own pool's memories may lie in pieces, cut between one slot and the next.
        let whole = |size: Size| size.round_up(case.budget.page_size).unwrap_or(Size::ZERO);
        let guard = whole(limits.guard_size).get();
        let slot = whole(limits.memory_reservation).get() + guard;
        let native = limits.wasmtime.is_none();
        mappings.push(Mappings {
            slot: if native { slot } else { 0 },
            guard: if native && limits.guard_before {
                guard
            } else {
                0
            },
            sizes: footprint.mappings.map(|mapping| mapping.bytes.get()),
            pools: u64::from(footprint.pools),
            maps_at_start: footprint.maps_at_start,
            maps_at_worst: footprint.maps_at_worst,
            writable: footprint.writable.get(),
            bookkeeping: footprint.bookkeeping.get(),
            ..Mappings::NONE
        });
        again = again.pool(
            index,
            PoolKeys {
                max_instances: Some(Setting::given(limits.max_instances)),
                memory_reservation: Some(Setting::given(limits.memory_reservation)),
                max_memory_size: Some(Setting::given(limits.max_memory_size)),
                on_misfit: Some(Setting::given(OnMisfit::Error)),
                ..PoolKeys::EMPTY
            },
        );
    }
    let verdict = fit(
        &case.budget.room,
        &mappings,
        case.budget.huge_page.get(),
        &case.budget.own(),
        &case.budget.limits.most(),
    );
    assert_eq!(verdict, Verdict::Fits);
    let again = again.resolve(case.target).expect("what fits has no fault");
    let again = Plan::new(&again);
    assert_eq!(again.misfit, None);
    assert_eq!(again.guaranteed(), plan.guaranteed());
}
