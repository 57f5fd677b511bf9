//! The runtime's own tests in real kernels: guards that children die of, resets by what the kernel tells of its
//! pages, huge pages, and every system call failing; on pages of 4, 16 and 64 KiB.

use std::fs;

use poolcfg_tests::in_parallel;
use poolcfg_tests::machine::MACHINES;
use poolcfg_tests::program::{self, Program};
use poolcfg_tests::verdict;

use crate::commands::{self, Outcome};
use crate::initramfs::Image;
use crate::kernel::{Kernel, kernel};

/// The kernels whose pages, huge pages and windows differ most.
const JUDGES: [&str; 4] = ["sv39", "va48", "va47-16k", "va48-64k"];

/// What must have passed in every kernel that does not leave it out, among all the others.
const PROMISES: [(&str, &str); 8] = [
    (
        "poolcfg-runtime/poolcfg_runtime",
        "sys::tests::a_byte_beyond_a_region_on_either_side_ends_the_process",
    ),
    ("poolcfg-runtime/poolcfg_runtime", FAULTS),
    (
        "poolcfg-runtime/poolcfg_runtime",
        "sys::tests::pagemap::the_kernel_that_can_scan_is_found",
    ),
    (
        "poolcfg-runtime/poolcfg_runtime",
        "sys::tests::pages::one_touched_byte_costs_one_page_also_with_huge_pages_always_on",
    ),
    (
        "poolcfg-runtime/pool",
        "whatever_owners_do_the_next_one_reads_zeros",
    ),
    (
        "poolcfg-runtime/pool",
        "live_slots_make_no_more_mappings_than_were_reckoned_with",
    ),
    (
        "poolcfg-runtime/region_reuse",
        "page_tables_of_readers_go_back",
    ),
    (
        "poolcfg-runtime/region_reuse",
        "a_number_that_shows_another_process_is_not_believed",
    ),
];

/// A test that is left out.
struct Skip {
    program: &'static str,
    test: &'static str,
    /// In which of the judges.
    kernels: &'static [&'static str],
    reason: &'static str,
}

/// What is left out, all of it.
const SKIPS: [Skip; 19] = [
    made_up(
        "recheck::tests::suggestions::what_is_suggested_starts_wherever_aslr_puts_things_and_little_more_does",
    ),
    made_up("recheck::tests::suggestions::so_does_what_is_suggested_beside_a_pool_of_another_file"),
    made_up(
        "recheck::tests::suggestions::so_does_what_is_suggested_of_one_slot_in_the_legacy_layout",
    ),
    made_up(
        "recheck::tests::suggestions::nothing_is_suggested_beside_a_pool_of_another_file_that_takes_what_there_is",
    ),
    made_up(
        "recheck::tests::other_layout::what_is_suggested_in_another_layout_starts_in_every_process_that_has_it",
    ),
    made_up("recheck::tests::order::every_order_gives_each_pool_its_guarantee"),
    made_up("recheck::tests::order::engines_may_be_made_after_all_rechecks"),
    made_up("recheck::tests::promises::every_pool_gets_its_guarantee_in_any_order"),
    made_up("recheck::tests::promises::every_pool_gets_its_guarantee_while_other_threads_map"),
    made_up(
        "recheck::tests::promises::every_pool_gets_its_guarantee_while_another_thread_maps_and_unmaps",
    ),
    made_up("recheck::tests::margin::the_headroom_lies_before_the_places_of_forty_pools"),
    made_up(
        "recheck::tests::other_layout::what_a_pool_leaves_by_chance_is_not_suggested_to_the_next_one",
    ),
    by_shell("rlimit_as_is_named_and_a_smaller_pool_starts"),
    by_shell("what_is_guaranteed_under_a_limit_starts_under_it"),
    by_shell("what_the_message_suggests_starts"),
    by_shell("rlimit_data_is_named_before_a_slot_is_used"),
    by_shell("rlimit_memlock_is_named_when_everything_is_locked"),
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "a_pool_that_is_dropped_leaves_room_for_the_next",
        kernels: &["sv39"],
        reason: "60 TiB do not fit",
    },
    Skip {
        program: "poolcfg-runtime/poolcfg_runtime",
        test: FAULTS,
        kernels: &["va48"],
        reason: "what fails is injected: sv39 has such pages, and va47-16k such a processor",
    },
];

/// A test of the model in address spaces of its own.
const fn made_up(test: &'static str) -> Skip {
    Skip {
        program: "poolcfg-runtime/poolcfg_runtime",
        test,
        kernels: &JUDGES,
        reason: "the addresses are made up, the same on every kernel; `limits` and `promises` start real processes",
    }
}

const fn by_shell(test: &'static str) -> Skip {
    Skip {
        program: "poolcfg-runtime/process_limits",
        test,
        kernels: &JUDGES,
        reason: "it sets limits by a shell, of which there is none; `limits` injects them",
    }
}

const FAULTS: &str =
    "sys::tests::faults::whatever_call_fails_no_slot_is_lost_no_byte_is_stale_and_nothing_leaks";

/// What is left out of a program in a kernel.
fn skips(program: &Program, kernel: &Kernel) -> Vec<&'static Skip> {
    SKIPS
        .iter()
        .filter(|skip| skip.program == program.name && skip.kernels.contains(&kernel.profile))
        .collect()
}

/// A program's place in the image.
fn place(program: &Program) -> &str {
    program.name.rsplit('/').next().unwrap()
}

fn command(program: &Program, kernel: &Kernel) -> String {
    let skipped: String = skips(program, kernel)
        .iter()
        .map(|skip| format!(" --skip {}", skip.test))
        .collect();
    format!(
        "POOLCFG_TEST_EMULATED=1 PROPTEST_CASES=8 PROPTEST_DISABLE_FAILURE_PERSISTENCE=true RUST_BACKTRACE=0 /{} --exact{skipped}",
        place(program)
    )
}

/// The tests of a program that passed in a kernel.
fn passed(program: &Program, kernel: &Kernel, outcome: &Outcome) -> Result<Vec<String>, String> {
    let fails = |error: String| format!("{} in {}: {error}", program.name, kernel.profile);
    let said = outcome.succeeded().map_err(fails)?;
    let verdict = verdict::read(said).map_err(|error| fails(format!("{error}\n{said}")))?;
    let skips = skips(program, kernel);
    if verdict.filtered != skips.len() {
        let error = format!("{} tests are to be left out\n{said}", skips.len());
        return Err(fails(error));
    }
    for skip in skips {
        eprintln!(
            "left out in {}: {} `{}`: {}",
            kernel.profile, skip.program, skip.test, skip.reason
        );
    }
    Ok(verdict.passed)
}

/// Runs all programs in a kernel, and tells what is wrong.
fn judge(kernel: &'static Kernel, programs: &[&Program]) -> Vec<String> {
    let mut image = Image::new(kernel.architecture);
    let mut commands = Vec::new();
    for program in programs {
        image = image.file(place(program), &fs::read(&program.file).unwrap());
        commands.push(command(program, kernel));
    }
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let outcomes = match commands::run(kernel, "pool", image, &commands) {
        Ok(outcomes) => outcomes,
        Err(error) => return vec![format!("{}: {error}", kernel.profile)],
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for (program, outcome) in programs.iter().zip(&outcomes) {
        match passed(program, kernel, outcome) {
            Ok(passed) => {
                count += passed.len();
                let promised = PROMISES.iter().filter(|(name, _)| *name == program.name);
                for (_, promise) in promised {
                    let left_out = skips(program, kernel)
                        .iter()
                        .any(|skip| skip.test == *promise);
                    if !left_out && !passed.iter().any(|test| test == promise) {
                        wrong.push(format!("{}: `{promise}` has not run", kernel.profile));
                    }
                }
            }
            Err(error) => wrong.push(error),
        }
    }
    for (name, promise) in PROMISES {
        if !programs.iter().any(|program| program.name == name) {
            wrong.push(format!("`{promise}`: there is no program {name}"));
        }
    }
    eprintln!(
        "{}: {count} tests of poolcfg-runtime passed",
        kernel.profile
    );
    wrong
}

#[test]
#[ignore = "needs emulators, kernels and C libraries: cargo xtask kernels"]
fn guards_resets_and_faults_are_as_promised_on_every_size_of_page() {
    let kernels: Vec<&'static Kernel> = JUDGES
        .into_iter()
        .map(kernel)
        .filter(|kernel| kernel.held())
        .collect();
    let judged = |target: &str| {
        kernels
            .iter()
            .any(|kernel| kernel.architecture.target == target)
    };
    let machines: Vec<_> = MACHINES
        .iter()
        .filter(|machine| judged(machine.triple))
        .collect();
    let programs = program::build(&machines);
    let judged = in_parallel(kernels.into_iter(), |kernel| {
        let of_this = |program: &&Program| {
            program.package == "poolcfg-runtime"
                && program.machine.triple == kernel.architecture.target
        };
        let programs: Vec<_> = programs.iter().filter(of_this).collect();
        judge(kernel, &programs)
    });
    let wrong: Vec<String> = judged.into_iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
