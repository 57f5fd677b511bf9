//! The configurations of published programs, written down as poolcfg.toml: what is said of the file is what real
//! Wasmtime maps for the program's own code, and what fits a small target is what starts in so much address space.

use std::process::Command;

use poolcfg_tests_wasmtime::command::{BOARD, Folder, HOST, LARGER_BOARD, operators};
use poolcfg_tests_wasmtime::embedder::Embedder;
use poolcfg_tests_wasmtime::setup::output;
use poolcfg_tests_wasmtime::space::{hole, within};
use poolcfg_tests_wasmtime::trace::{Trace, trace_of};

/// A published program.
struct Published {
    /// The package, whose configuration the embedder's program `published` has, with its source.
    package: &'static str,
    /// The features of Wasmtime that matter to a pool.
    features: &'static [&'static str],
    /// The same configuration as we write it down.
    poolcfg_toml: &'static str,
    /// The instances that are guaranteed on x86_64.
    instances: u64,
    /// The small targets that hold it.
    fits: &'static [&'static str],
}

const PUBLISHED: [Published; 4] = [
    Published {
        package: "near-vm-runner",
        features: &[],
        poolcfg_toml: r#"
            [pooling_allocator]
            engine = "wasmtime"
            memory_reservation = "128MiB"
            guard_size = 0
            [pooling_allocator.wasmtime]
            version = "48"
            features = []
            total_core_instances = 1000
            total_memories = 1000
            total_tables = 1000
            table_elements = 10000
            table_keep_resident = 10000
            guard_before_linear_memory = false
            max_wasm_stack = "1GiB"
            "#,
        instances: 1000,
        fits: &[BOARD, LARGER_BOARD],
    },
    Published {
        package: "sc-executor-wasmtime",
        features: &["gc"],
        poolcfg_toml: r#"
            [pooling_allocator]
            engine = "wasmtime"
            [pooling_allocator.wasmtime]
            version = "48"
            features = ["gc"]
            total_core_instances = 64
            total_memories = 64
            total_tables = 64
            table_elements = 8192
            max_core_instance_size = "512KiB"
            max_wasm_stack = "1MiB"
            "#,
        instances: 64,
        fits: &[LARGER_BOARD],
    },
    Published {
        package: "fvm",
        features: &[],
        poolcfg_toml: r#"
            [pooling_allocator]
            engine = "wasmtime"
            max_memory_size = "512MiB"
            [pooling_allocator.wasmtime]
            version = "48"
            features = []
            total_core_instances = 1044
            total_memories = 1044
            total_tables = 1044
            max_wasm_stack = "4MiB"
            "#,
        instances: 1044,
        fits: &[],
    },
    Published {
        package: "yara-x",
        features: &[],
        // It has no pool: each memory is mapped as the only slot of one.
        poolcfg_toml: r#"
            [pooling_allocator]
            engine = "wasmtime"
            memory_reservation = "16MiB"
            [pooling_allocator.wasmtime]
            version = "48"
            features = []
            total_core_instances = 1
            total_memories = 1
            total_tables = 0
            "#,
        instances: 1,
        fits: &[BOARD, LARGER_BOARD],
    },
];

impl Published {
    fn program(&self) -> Command {
        let embedder = Embedder::with(self.features).unwrap();
        let mut program = Command::new(embedder.build("published", "dev").unwrap());
        program.arg(self.package);
        program
    }

    fn folder(&self, target: &str) -> Folder {
        Folder::new(self.poolcfg_toml, &["--target", target]).unwrap()
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn published_configurations_map_what_is_said_of_their_files() {
    for published in &PUBLISHED {
        let result = published.folder(HOST).result().unwrap();
        assert_eq!(
            result["limits"]["max_instances"], published.instances,
            "{}",
            published.package
        );
        let mut said = Trace::said(&result).unwrap();
        // A pool without tables maps none.
        said.pools.retain(|pool| pool.bytes > 0);
        let made = trace_of(&published.program()).unwrap();
        assert_eq!(said.pools, made.pools, "{}", published.package);
    }
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn published_configurations_start_where_their_files_fit() {
    for target in [BOARD, LARGER_BOARD] {
        let whole = Folder::new("", &operators(target, "48")).unwrap();
        let space = hole(&whole.result().unwrap()).unwrap();
        for published in &PUBLISHED {
            let fits = published.folder(target).result().is_ok();
            let mut program = published.program();
            let starts = output(&mut within(space, program.arg("/dev/null")));
            let name = format!("{} on {target}", published.package);
            assert_eq!(fits, published.fits.contains(&target), "{name}");
            assert_eq!(starts.is_ok(), fits, "{name}: {starts:?}");
        }
    }
}
