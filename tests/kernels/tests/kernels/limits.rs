//! The limits beside the holes, injected on purpose: in real kernels each is named by the recheck that meets
//! it, and what the recheck suggests starts.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use poolcfg_core::{Aslr, Engine, Size};
use poolcfg_runtime::probe;
use poolcfg_tests::root;
use poolcfg_tests_kernels::{Injected, LimitReport, Obstacle, Oddity, Program};

use crate::commands;
use crate::initramfs::Image;
use crate::kernel::{Kernel, kernel};
use crate::programs;

/// The floors of riscv64 and aarch64, and one with larger pages.
fn kernels() -> [&'static Kernel; 3] {
    let floor = kernel("va39");
    let aarch64 = if floor.held() { floor } else { kernel("va48") };
    [kernel("sv39"), aarch64, kernel("va47-16k")]
}

/// What one kernel meets.
fn met(kernel: &Kernel) -> Vec<Injected> {
    let obstacles = Obstacle::ALL.into_iter().map(Injected::Obstacle);
    match kernel.profile {
        // Pages of 16 KiB under a plan for pages of 4 KiB.
        "va47-16k" => vec![Injected::Oddity(Oddity::PageSize)],
        _ => obstacles
            .chain([Injected::Oddity(Oddity::MemoryCgroup)])
            .collect(),
    }
}

/// Whether the limit does not hinder this pool. On sv39 the legacy layout leaves all that is below the program,
/// 2/3 of the window, and a native pool takes it by address.
fn is_no_obstacle(profile: &str, injected: Injected, engine: Engine) -> bool {
    let stack = injected == Injected::Obstacle(Obstacle::UnlimitedStack);
    stack && profile == "sv39" && engine == Engine::Native
}

/// What has to be suggested and started, in so many lines.
fn suggestions(profile: &str, injected: Injected, engine: Engine) -> usize {
    match (injected, engine) {
        (Injected::Oddity(_), _) => 0,
        _ if is_no_obstacle(profile, injected, engine) => 0,
        // Only to allow mmap.
        (Injected::Obstacle(Obstacle::Seccomp), _) => 1,
        // Both numbers, what the message says, and to raise the limit. Of one slot there are not fewer; of
        // smaller slots there are as many mappings; and a pool that is there stays.
        (Injected::Obstacle(Obstacle::UnlimitedStack), Engine::Native)
        | (Injected::Obstacle(Obstacle::MaxMapCount | Obstacle::SecondPool), _) => 3,
        _ => 4,
    }
}

/// Judges one report; what is wrong with it.
fn wrong(profile: &str, injected: Injected, engine: Engine, report: &LimitReport) -> Vec<String> {
    let mut wrong = report.broken.clone();
    let mut expect = |kept: bool, text: &str| {
        if !kept {
            wrong.push(text.to_owned());
        }
    };
    expect(
        (report.injected, report.engine) == (injected, engine),
        "the report is of another limit",
    );
    let all = report.suggestions.len() == suggestions(profile, injected, engine);
    expect(all, "not all was suggested");
    let started = report.suggestions.iter().all(|of| of.starts > 0);
    expect(started, "what is suggested does not start");
    match injected {
        _ if is_no_obstacle(profile, injected, engine) => {
            expect(report.limit == "none", "a limit is named");
        }
        Injected::Obstacle(obstacle) => {
            expect(
                report.limit == obstacle.limit().name(),
                "another limit is named",
            );
            expect(
                report.need > report.have,
                "what is needed is not above what there is",
            );
        }
        Injected::Oddity(_) => expect(report.limit == "warning", "no warning"),
    }
    wrong
}

const TABLE: &str = "target/kernels-limits.md";

fn row(text: &mut String, profile: &str, aslr: &str, report: &LimitReport) {
    let number = |number: u64, rounded: fn(Size) -> String| match report.injected {
        Injected::Oddity(_) => String::new(),
        _ if report.limit == "none" => String::new(),
        Injected::Obstacle(Obstacle::MaxMapCount) => number.to_string(),
        Injected::Obstacle(_) => rounded(Size::bytes(number)),
    };
    let starts: Vec<String> = report
        .suggestions
        .iter()
        .map(|of| format!("`{}` {} times", of.what, of.starts))
        .collect();
    let refused: Vec<String> = report
        .suggestions
        .iter()
        .filter_map(|of| Some(format!("`{}`", of.refused.as_ref()?)))
        .collect();
    let columns = [
        profile.to_owned(),
        aslr.to_owned(),
        report.injected.word().to_owned(),
        report.engine.word().to_owned(),
        report.limit.clone(),
        number(report.need, |size| size.needed().to_string()),
        number(report.have, |size| size.available().to_string()),
        starts.join(", "),
        refused.join(", "),
    ];
    let _ = writeln!(text, "| {} |", columns.join(" | "));
}

#[test]
#[ignore = "needs compilers, emulators and kernels: cargo xtask kernels"]
fn each_limit_is_named_by_the_recheck_that_meets_it_and_what_is_suggested_starts() {
    let mut text = String::from(
        "| profile | ASLR | injected | engine | named | need | have | starts | refused |\n\
         |---|---|---|---|---|--:|--:|---|---|\n",
    );
    let mut failures = Vec::new();
    for kernel in kernels() {
        let program = programs::build(kernel.architecture, "limits", Program::Pie);
        let image = Image::new(kernel.architecture).file("limits", &program);
        let cases: Vec<(Aslr, Injected, Engine)> = [Aslr::Minimum, Aslr::Maximum]
            .into_iter()
            .flat_map(|aslr| met(kernel).into_iter().map(move |of| (aslr, of)))
            // What is planned for another kernel's pages does not know this one's most bits.
            .filter(|(aslr, of)| {
                *aslr == Aslr::Minimum || *of != Injected::Oddity(Oddity::PageSize)
            })
            .flat_map(|(aslr, of)| Engine::ALL.iter().map(move |engine| (aslr, of, *engine)))
            .collect();
        let commands: Vec<String> = cases
            .iter()
            .map(|(aslr, injected, engine)| {
                let bits = kernel.aslr_bits(*aslr);
                let (injected, engine) = (injected.word(), engine.word());
                format!("/limits as {bits} {} {injected} {engine}", kernel.profile)
            })
            .collect();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        let outcomes = commands::run(kernel, "limits", image, &commands).unwrap();
        for ((aslr, injected, engine), outcome) in cases.into_iter().zip(&outcomes) {
            let named = aslr.text();
            let what = format!(
                "{} {} {} {engine}",
                kernel.profile,
                named.as_str(),
                injected.word()
            );
            let said = match outcome.succeeded() {
                Ok(said) => said,
                Err(error) => {
                    failures.push(format!("{what}: {error}"));
                    continue;
                }
            };
            let Some(report) = LimitReport::read(said) else {
                failures.push(format!("{what}: report `{said}`"));
                continue;
            };
            row(&mut text, kernel.profile, named.as_str(), &report);
            let wrong = wrong(kernel.profile, injected, engine, &report);
            failures.extend(wrong.iter().map(|wrong| format!("{what}: {wrong}")));
        }
    }
    fs::write(root().join(TABLE), text).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The limits that are no setting of the machine and that anyone may put on a process; `RLIMIT_MEMLOCK` may
/// not be raised by everyone.
#[test]
fn this_machine_names_the_limits_of_a_process_too() {
    let probe = probe();
    let Some(profile) = probe.va_profiles.first() else {
        panic!("no profile matches this machine: {probe:?}");
    };
    let mut judged = 0;
    for obstacle in Obstacle::ALL {
        match obstacle {
            Obstacle::RlimitMemlock | Obstacle::MaxMapCount | Obstacle::Overcommit => continue,
            _ => {}
        }
        for engine in Engine::ALL {
            let injected = Injected::Obstacle(obstacle);
            let output = Command::new(env!("CARGO_BIN_EXE_limits"))
                .args([profile.name, injected.word(), engine.word()])
                // Variables of this test look like an operator's.
                .env_clear()
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let report = LimitReport::read(&said);
            let Some(report) = report.filter(|_| output.status.success()) else {
                panic!("{output:?}");
            };
            let wrong = wrong(profile.name, injected, *engine, &report);
            assert!(wrong.is_empty(), "{} {engine}: {wrong:#?}", injected.word());
            judged += 1;
        }
    }
    assert_eq!(judged, 10);
}
