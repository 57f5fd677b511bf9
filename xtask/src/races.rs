//! Races: the pool's tests under ThreadSanitizer, which sees every access of each owner to its memory and
//! whether something orders it after those of the owner before.

use crate::cache;
use crate::run::{cargo, root, run};
use crate::rust_src;

/// Builds the runtime and the standard library with the sanitizer, and runs the tests in which threads share
/// a pool.
pub(crate) fn races() -> Result<(), String> {
    run(cargo()
        .current_dir(root())
        .args(["test", "--quiet", "--locked", "--release"])
        // What is not built for the sanitizer orders nothing in its eyes.
        .args([
            "-Zbuild-std=std,panic_unwind,test",
            "--target",
            "host-tuple",
        ])
        .args(["--package", "poolcfg-runtime", "--lib", "--test", "pool"])
        .args(["--test", "load", "--test", "soak", "--"])
        .args(LEFT_OUT.iter().flat_map(|test| ["--skip", test]))
        // Other flags are another build of everything.
        .env("CARGO_TARGET_DIR", cache::folder()?.join("target-races"))
        // The sanitizer sees mappings come and go in libc only.
        .env("RUSTFLAGS", "-Zsanitizer=thread --cfg rustix_use_libc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", rust_src::library()?)
        // Children die of a guard as they do without it.
        .env("TSAN_OPTIONS", "handle_segv=0"))
}

/// What says nothing here: the faults, which take minutes on one thread, the number of mappings and their
/// bytes, of which the sanitizer makes more, a limit on data that leaves it none for its own, and pools of tens of TiB, whose
/// address space it has for itself.
const LEFT_OUT: [&str; 5] = [
    "sys::tests::faults",
    "order::tests::",
    "live_slots_make_no_more_mappings_than_were_reckoned_with",
    "memory_that_idle_slots_hold_is_no_obstacle_to_others",
    "of_a_pool_that_is_gone_only_the_slots_that_live_are_left",
];
