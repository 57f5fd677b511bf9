//! Skips: what cannot hold in an emulator of programs.

use poolcfg_tests::machine::{Confined, Machine};

/// A test that cannot hold in an emulator of programs, whose layout is its own and whose kernel is the host's.
#[derive(Debug)]
pub(crate) struct Skip {
    /// The test program, such as `poolcfg-runtime/pool`.
    pub program: &'static str,
    /// The test in it.
    pub test: &'static str,
    /// Where it cannot hold.
    pub applies: fn(&Machine, Option<&Confined>) -> bool,
    /// Why.
    pub reason: &'static str,
}

/// What is left out, all of it. The host's kernel and those that are booted run the same tests, or hold the
/// same promises.
pub(crate) static SKIPS: [Skip; 42] = [
    of_text(
        "poolcfg-core/model",
        "config_file::the_predicate_of_a_triple_holds_for_no_other",
    ),
    of_text(
        "poolcfg-core/poolcfg_core",
        "file::pool_table::tests::the_order_is_that_of_the_settings",
    ),
    made_up(
        "recheck::tests::suggestions::what_is_suggested_starts_wherever_aslr_puts_things_and_little_more_does",
    ),
    made_up("recheck::tests::suggestions::so_does_what_is_suggested_beside_a_pool_of_another_file"),
    made_up(
        "recheck::tests::suggestions::so_does_what_is_suggested_of_one_slot_in_the_legacy_layout",
    ),
    made_up(
        "recheck::tests::other_layout::what_is_suggested_in_another_layout_starts_in_every_process_that_has_it",
    ),
    made_up("recheck::tests::order::every_order_gives_each_pool_its_guarantee"),
    made_up(
        "recheck::tests::suggestions::nothing_is_suggested_beside_a_pool_of_another_file_that_takes_what_there_is",
    ),
    made_up("recheck::tests::order::engines_may_be_made_after_all_rechecks"),
    made_up("recheck::tests::unplanned::an_engine_that_was_rechecked_finds_its_place"),
    made_up("recheck::tests::promises::every_pool_gets_its_guarantee_in_any_order"),
    made_up("recheck::tests::promises::every_pool_gets_its_guarantee_while_other_threads_map"),
    made_up(
        "recheck::tests::promises::every_pool_gets_its_guarantee_while_another_thread_maps_and_unmaps",
    ),
    made_up("recheck::tests::margin::the_headroom_lies_before_the_places_of_forty_pools"),
    made_up(
        "recheck::tests::other_layout::what_a_pool_leaves_by_chance_is_not_suggested_to_the_next_one",
    ),
    Skip {
        program: "poolcfg-runtime/large",
        test: "the_largest_memory_that_is_promised_starts",
        applies: |machine, _| machine.pointer_width == 32,
        reason: "the emulator puts the stack into the middle; programs of i686 run it on this kernel",
    },
    Skip {
        program: "poolcfg-runtime/large",
        test: "one_memory_above_2_gib_starts",
        applies: |machine, _| machine.pointer_width == 32,
        reason: "the emulator puts the stack into the middle; programs of i686 run it on this kernel",
    },
    Skip {
        program: "poolcfg-runtime/large",
        test: "many_memories_above_2_gib_in_one_mapping_start",
        applies: |machine, _| machine.triple.starts_with("arm"),
        reason: "the emulator puts the stack into the middle; programs of i686 run it on this kernel",
    },
    Skip {
        program: "poolcfg-runtime/pool",
        test: "live_slots_make_no_more_mappings_than_were_reckoned_with",
        applies: |_, _| true,
        reason: "the list of mappings is the emulator's own, not a kernel's",
    },
    Skip {
        program: "poolcfg-runtime/pool",
        test: "a_slot_that_cannot_be_opened_goes_back",
        applies: |_, _| true,
        reason: "a program cannot lower RLIMIT_DATA of the emulator that it shares a process with",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "names_of_variables_are_escaped_in_messages",
        applies: |machine, _| machine.pointer_width == 64,
        reason: "a shell starts the emulator, and passes on no variable of such a name",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "rlimit_data_is_named_before_a_slot_is_used",
        applies: |machine, _| machine.pointer_width == 64,
        reason: "the data that the kernel counts are mostly the emulator's",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "what_is_guaranteed_under_a_limit_starts_under_it",
        applies: |machine, _| machine.pointer_width == 64,
        reason: "what the kernel counts are mostly the emulator's mappings",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "rlimit_as_is_named_and_a_smaller_pool_starts",
        applies: |_, confined| confined.is_some(),
        reason: "under a lower RLIMIT_AS the emulator does not start",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "what_the_message_suggests_starts",
        applies: |_, confined| confined.is_some(),
        reason: "under a lower RLIMIT_AS the emulator does not start",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "a_pool_that_is_dropped_leaves_room_for_the_next",
        applies: |_, confined| confined.is_some(),
        reason: "60 TiB do not fit",
    },
    Skip {
        program: "poolcfg-runtime/poolcfg_runtime",
        test: "sys::tests::a_slot_that_cannot_be_cleared_is_never_handed_out_again",
        applies: |_, _| true,
        reason: "the emulator's madvise does not say that pages are missing",
    },
    Skip {
        program: "poolcfg-runtime/poolcfg_runtime",
        test: "sys::tests::pagemap::the_kernel_that_can_scan_is_found",
        applies: |_, _| true,
        reason: "the emulator does not pass PAGEMAP_SCAN on to the kernel that it tells the version of",
    },
    Skip {
        program: "poolcfg-runtime/poolcfg_runtime",
        test: "sys::tests::pages::one_touched_byte_costs_one_page_also_with_huge_pages_always_on",
        applies: |_, _| true,
        reason: "the list of mappings is the emulator's own, and has no pages",
    },
    Skip {
        program: "poolcfg-runtime/pool",
        test: "memory_that_idle_slots_hold_is_no_obstacle_to_others",
        applies: |_, _| true,
        reason: "a program cannot lower RLIMIT_DATA of the emulator that it shares a process with",
    },
    Skip {
        program: "poolcfg-runtime/poolcfg_runtime",
        test: "sys::tests::faults::whatever_call_fails_no_slot_is_lost_no_byte_is_stale_and_nothing_leaks",
        applies: |machine, confined| machine.pointer_width == 64 || confined.is_some(),
        reason: "minutes, which the machines of 32 bits spend: what fails is injected, not the emulator's",
    },
    Skip {
        program: "poolcfg-runtime/poolcfg_runtime",
        test: "sys::tests::pages::page_tables_go_back_where_the_kernel_leaves_them_too",
        applies: |_, _| true,
        reason: "the page tables that the kernel counts are the emulator's",
    },
    Skip {
        program: "poolcfg-runtime/region_reuse",
        test: "page_tables_of_readers_go_back",
        applies: |_, _| true,
        reason: "the page tables that the kernel counts are the emulator's",
    },
    Skip {
        program: "poolcfg-runtime/region_reuse",
        test: "statistics_never_say_less_than_what_is_there",
        applies: |_, _| true,
        reason: "the list of mappings is the emulator's own, and has no pages",
    },
    Skip {
        program: "poolcfg-runtime/region_reuse",
        test: "a_process_that_locks_everything_keeps_no_more_than_what_is_kept",
        applies: |_, _| true,
        reason: "it would lock what the emulator maps",
    },
    Skip {
        program: "poolcfg-runtime/region_reuse",
        test: "what_an_owner_locks_is_locked_no_more_when_its_slot_is_closed",
        applies: |_, _| true,
        reason: "what is locked is counted with what the emulator has locked",
    },
    Skip {
        program: "poolcfg-runtime/region_reuse",
        test: "what_is_kept_is_whole_pages",
        applies: |_, _| true,
        reason: "which pages there are is told of the emulator's own addresses",
    },
    Skip {
        program: "poolcfg-runtime/region_reuse",
        test: "a_process_without_maps_for_a_moment_keeps_its_slots",
        applies: |_, _| true,
        reason: "it would use up the maps of the emulator, too",
    },
    Skip {
        program: "poolcfg-runtime/process_limits",
        test: "a_process_with_many_maps_gets_what_it_can_use",
        applies: |machine, _| machine.pointer_width == 64,
        reason: "it would use up the maps of the emulator, too",
    },
    Skip {
        program: "poolcfg-runtime/region_reuse",
        test: "locks_that_an_owner_forgets_are_gone_for_the_next",
        applies: |_, _| true,
        reason: "what is locked is counted with what the emulator has locked",
    },
    Skip {
        program: "poolcfg-runtime/region_reuse",
        test: "a_process_that_locks_what_it_maps_within_a_limit_loses_no_slot_and_no_lock",
        applies: |_, _| true,
        reason: "it would lock what the emulator maps",
    },
    Skip {
        program: "poolcfg-runtime/region_reuse",
        test: "what_a_process_locks_that_nobody_touches_is_told_and_given_back",
        applies: |_, _| true,
        reason: "it would lock what the emulator maps",
    },
];

/// A test in an address space of its own, which there is on 64 bits only.
const fn made_up(test: &'static str) -> Skip {
    Skip {
        program: "poolcfg-runtime/poolcfg_runtime",
        test,
        applies: |machine, _| machine.pointer_width == 64,
        reason: "minutes with addresses that are made up, the same on every processor",
    }
}

/// A test of each pair of many tables or triples.
const fn of_text(program: &'static str, test: &'static str) -> Skip {
    Skip {
        program,
        test,
        applies: |_, _| true,
        reason: "half a minute of texts, which say the same on every processor",
    }
}
