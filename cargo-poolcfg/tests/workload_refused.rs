//! Files that have the counts of their workload, and that are refused for another number.

mod common;

use std::fs;

use common::{Folder, Ran, program, ran};

struct Board(Folder);

impl Board {
    fn new(poolcfg_toml: &str) -> Self {
        let board = Self(Folder::new());
        board.0.write("poolcfg.toml", poolcfg_toml);
        board
    }

    fn wasm(&self, file: &str, text: &str) {
        fs::write(self.0.path(file), wat::parse_str(text).unwrap()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(program("poolcfg", self.0.root()).args(arguments))
    }

    fn check(&self, flags: &[&str]) -> Ran {
        let target = ["check", "--target", "x86_64-unknown-linux-gnu"];
        self.run(&[&target, flags].concat())
    }
}

/// A file with a total that no instance goes with, though it has what its workload needs.
#[test]
fn sync_check_fails_where_check_refuses_the_file() {
    let refused = |file: &str, total: &str| {
        let board = Board::new(file);
        board.wasm("one.wasm", "(module (memory 1))");
        board.wasm("two.wasm", "(module (memory 1) (memory 1))");
        assert_ne!(board.check(&[]).status, 0, "{file}");
        let target = ["--target", "x86_64-unknown-linux-gnu"];
        for flags in [&[][..], &target] {
            let ran = board.run(&[&["sync", "--check"][..], flags].concat());
            assert_ne!(ran.status, 0, "{ran:?}");
            ran.says(total).says_nothing_of("agrees with");
        }
    };
    let file = |version: &str, counts: &str| {
        format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 8\n[pooling_allocator.wasmtime]\n\
             version = \"{version}\"\ntables_per_instance = 1\ncore_instances_per_instance = 1\n{counts}"
        )
    };
    // Up to 31 every store takes a heap.
    let heaps = "workload = [\"one.wasm\"]\nmemories_per_instance = 1\ntotal_gc_heaps = 0\n";
    refused(&file("31", heaps), "total_gc_heaps = 0");
    // Numbers that have nothing to do with the workload are refused as well, and totals for one target alone.
    let base = "workload = [\"two.wasm\"]\nmemories_per_instance = 2\n";
    let stack = format!("{base}max_wasm_stack = \"4MiB\"\n");
    refused(&file("48", &stack), "max_wasm_stack");
    let other =
        "[target.x86_64-unknown-linux-gnu.pooling_allocator.wasmtime]\ntotal_memories = 1\n";
    refused(&file("48", &format!("{base}{other}")), "total_memories");
}

/// From 33 on, a collected heap lies in a memory, and grows by pages.
#[test]
fn a_collected_heap_needs_a_page_where_it_lies_in_a_memory() {
    let file = |version: &str, size: &str| {
        format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 8\nmax_memory_size = \"{size}\"\n\
             [pooling_allocator.wasmtime]\nversion = \"{version}\"\nmemories_per_instance = 1\n\
             tables_per_instance = 1\ncore_instances_per_instance = 1\ngc_heaps_per_instance = 1\n\
             workload = [\"gc.wasm\"]\n"
        )
    };
    let board = |version, size| {
        let board = Board::new(&file(version, size));
        board.wasm("gc.wasm", "(module (table 1 externref))");
        board
    };
    for size in ["4KiB", "32KiB"] {
        let ran = board("33", size).check(&[]);
        assert_ne!(ran.status, 0, "{ran:?}");
        ran.says("max_memory_size").says("64KiB");
        board("32", size).check(&[]).ends(0);
        // Whatever the counts are.
        let file = file("48", size).replace("gc_heaps_per_instance = 1\n", "");
        let file = file.replace("workload = [\"gc.wasm\"]\n", "");
        let of_flag = Board::new(&file);
        of_flag.wasm("gc.wasm", "(module (table 1 externref))");
        let ran = of_flag.check(&["--workload", of_flag.0.path("gc.wasm").to_str().unwrap()]);
        ran.says("max_memory_size").says("64KiB");
        assert_ne!(ran.status, 0, "{ran:?}");
    }
    board("33", "64KiB").check(&[]).ends(0);
}

/// Any instance takes more than nothing.
#[test]
fn a_core_instance_that_no_module_has_is_refused() {
    let file = |size: &str| {
        format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\n[pooling_allocator.wasmtime]\nversion = \"48\"\n\
             max_core_instance_size = \"{size}\"\n"
        )
    };
    let ran = Board::new(&file("100")).check(&[]);
    ran.ends(101)
        .says("error[PC0030]")
        .says("max_core_instance_size");
    Board::new(&file("1KiB")).check(&[]).ends(0);
}
