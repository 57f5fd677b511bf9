//! The attribute in use: the numbers of the file, whichever way it is written, and a build that notices
//! what has changed.

use std::process::{Command, Output};

use poolcfg_tests::{Package, checks, root};

/// `cargo check` of a package; all of them share what they depend on.
fn check(package: &Package, va_profile: Option<&str>) -> Output {
    let mut command = checking(package, "Cargo.toml");
    if let Some(va_profile) = va_profile {
        command.env("POOLCFG_VA_PROFILE", va_profile);
    }
    command.output().unwrap()
}

/// The same of the package with this manifest in its folder.
fn check_manifest(package: &Package, manifest: &str) -> Output {
    checking(package, manifest).output().unwrap()
}

fn checking(package: &Package, manifest: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    let manifest = package.path(manifest);
    match manifest.with_file_name("target").exists() {
        true => command.env_remove("CARGO_TARGET_DIR"),
        false => command.env("CARGO_TARGET_DIR", checks()),
    };
    command
        .args(["check", "--manifest-path"])
        .arg(manifest)
        .env_remove("POOLCFG_VA_PROFILE");
    command
}

/// Puts what is built of the package in a folder where cargo does of itself, and yet where all share it.
fn into_own_target(package: &Package, folder: &str) {
    std::fs::create_dir_all(checks()).unwrap();
    std::os::unix::fs::symlink(checks(), package.path(folder).join("target")).unwrap();
}

fn passes(package: &Package) {
    let output = check(package, None);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn fails(package: &Package, va_profile: Option<&str>, with: &str) {
    let output = check(package, va_profile);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{with} was to be said");
    assert!(said.contains(with), "{said}");
}

fn pooling_allocator(keys: &str) -> String {
    format!("[pooling_allocator]\n{keys}\n")
}

#[test]
fn an_edit_of_the_file_is_noticed() {
    let source = "
        use poolcfg_runtime::{PoolLimits, pool_limits};
        #[pool_limits]
        pub const POOL: PoolLimits;
        const _: () = assert!(POOL.asked().max_instances == 12, \"other numbers\");
    ";
    let file = pooling_allocator("max_instances = 12");
    let package = Package::new("edited", &Package::runtime(), &file, source);
    passes(&package);
    package.write("poolcfg.toml", &pooling_allocator("max_instances = 13"));
    fails(&package, None, "other numbers");
    package.write("poolcfg.toml", &file);
    passes(&package);
    // A pointer in the manifest, to another file.
    package.write("limits/pool.toml", &pooling_allocator("max_instances = 14"));
    let manifest = std::fs::read_to_string(package.path("Cargo.toml")).unwrap();
    let pointer = "[package.metadata.poolcfg]\nconfig = \"limits/pool.toml\"\n";
    package.write("Cargo.toml", &format!("{manifest}\n{pointer}"));
    fails(&package, None, "other numbers");
}

#[test]
fn a_change_of_the_variable_is_noticed() {
    let source = "
        use poolcfg_runtime::{PoolLimits, pool_limits};
        #[pool_limits]
        pub const POOL: PoolLimits;
    ";
    let file = "[pooling_allocator]\nmax_instances = 100\nmemory_reservation = \"1GiB\"\n\
                [va_profile.small]\narch = \"x86_64\"\nwindow = \"64GiB\"\npage_size = \"4KiB\"\n\
                aslr_bits = 12\naslr_bits_max = 12\n";
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let package = Package::new("variable", &Package::runtime(), file, source);
    passes(&package);
    fails(
        &package,
        Some("small"),
        "x86_64 small (pie, unconfirmed profile) has ",
    );
    passes(&package);
    fails(&package, Some("smal"), "unknown VA profile `smal`");
}

#[test]
fn every_way_to_write_it() {
    let source = "
        use pooling::{PoolLimits, pool_limits};

        /// With a doc comment and an attribute.
        #[pool_limits(pool = \"plugins\", crate = pooling)]
        #[allow(dead_code)]
        const PLUGINS: PoolLimits;

        #[pool_limits(crate = ::pooling, pool = \"requests\",)]
        pub(crate) static REQUESTS: PoolLimits;

        pub mod inner {
            #[::pooling::pool_limits(crate = ::pooling, pool = \"requests\")]
            pub(super) const AGAIN: ::pooling::PoolLimits;
        }

        pub fn instances() -> u32 {
            const { assert!(PLUGINS.asked().max_instances == 64) };
            const { assert!(inner::AGAIN.asked().max_instances == 8) };
            const { assert!(inner::AGAIN.asked().guard_size.get() == 1 << 20) };
            REQUESTS.asked().max_instances
        }
    ";
    let file = "
        [pooling_allocator]
        max_instances = 32
        guard_size = \"1MiB\"
        [pool.plugins]
        [pool.requests]
        max_instances = 7
        [target.'cfg(unix)'.pool.plugins]
        max_instances = 64
        [target.'cfg(any(unix, windows))'.pool.requests]
        max_instances = 8
        [target.'cfg(not(any(unix, windows)))'.pool.requests]
        max_instances = 9
    ";
    let path = root().join("poolcfg-runtime");
    let renamed = format!("pooling = {{ package = \"poolcfg-runtime\", path = {path:?} }}");
    passes(&Package::new("ways", &renamed, file, source));
}

/// Limits of Wasmtime's beside those of the native engine, for a program that depends on no Wasmtime.
#[test]
fn wasmtime_limits_are_those_of_the_file() {
    let source = "
        use poolcfg_runtime::{PoolLimits, Tunables, WasmtimeLimits, pool_limits};

        #[pool_limits(pool = \"requests\")]
        pub static REQUESTS: WasmtimeLimits;

        #[pool_limits(pool = \"requests\")]
        pub const SAME: poolcfg_runtime::WasmtimeLimits;

        #[pool_limits(pool = \"plugins\")]
        pub const PLUGINS: PoolLimits;

        /// What a step that precompiles needs is a const too.
        pub const TUNABLES: Tunables = SAME.tunables();

        const _: () = {
            let settings = SAME.settings();
            assert!(settings.total_memories == 14 && settings.total_tables == 21);
            assert!(settings.total_stacks == 7 && settings.total_gc_heaps == 7);
            assert!(settings.total_core_instances == 28);
            assert!(settings.total_component_instances == 7);
            assert!(settings.max_tables_per_module == 3);
            assert!(settings.table_elements == 5000);
            assert!(settings.async_stack_size == 1 << 20 && settings.max_wasm_stack == 1 << 18);
            assert!(TUNABLES.memory_reservation == 1 << 30);
            assert!(TUNABLES.memory_guard_size == 1 << 16);
            assert!(!TUNABLES.memory_may_move && !TUNABLES.guard_before_linear_memory);
            assert!(PLUGINS.asked().max_instances == 3);
        };
    ";
    let file = "
        [pool.requests]
        engine = \"wasmtime\"
        max_instances = 7
        memory_reservation = \"1GiB\"
        guard_size = \"64KiB\"
        stack_reservation = \"1MiB\"
        [pool.requests.wasmtime]
        version = \"48\"
        features = [\"async\", \"gc\"]
        tables_per_instance = 3
        core_instances_per_instance = 4
        gc_heaps_per_instance = 1
        table_elements = 5000
        guard_before_linear_memory = false
        max_wasm_stack = \"256KiB\"
        [pool.plugins]
        max_instances = 3
    ";
    passes(&Package::new("wasmtime", &Package::runtime(), file, source));
}

/// The compiler works for the target, so what it evaluates has to stay cheap whatever the numbers are.
#[test]
fn huge_numbers_are_cheap_for_the_compiler() {
    let source = "
        use poolcfg_runtime::{PoolLimits, pool_limits};
        #[pool_limits(pool = \"p0\")]
        pub const POOL: PoolLimits;
    ";
    let mut file = pooling_allocator(
        "max_instances = 4294967295\nmemory_reservation = \"64KiB\"\nguard_size = 4096\n\
         table_reservation = 0\nstack_reservation = 0\non_misfit = \"shrink\"\npools = 1000",
    );
    for pool in 0..2 {
        file += &format!("[pool.p{pool}]\n");
    }
    passes(&Package::new("huge", &Package::runtime(), &file, source));
    // Sixteen pools that share the holes, each asking for all of them.
    let mut file = pooling_allocator(
        "max_instances = 100000\nmemory_reservation = \"1GiB\"\non_misfit = \"shrink\"",
    );
    for pool in 0..16 {
        file += &format!("[pool.p{pool}]\n");
    }
    passes(&Package::new("sixteen", &Package::runtime(), &file, source));
    // Three holes with boundaries that move far, and pools that shrink until they touch all of them.
    let file = "
        [address_space]
        stack_limit = \"unlimited\"
        aslr = \"maximum\"
        [pool.p0]
        max_instances = 1000
        memory_reservation = \"1000GiB\"
        stack_reservation = \"32MiB\"
        pools = 3
        on_misfit = \"shrink\"
        keep = \"max_instances\"
        [pool.p1]
        memory_reservation = \"7GiB\"
        guard_size = \"4KiB\"
        on_misfit = \"shrink\"
        [pool.p2]
        memory_reservation = \"5GiB\"
        guard_size = 0
        stack_reservation = \"4KiB\"
        pools = 2
        on_misfit = \"shrink\"
    ";
    passes(&Package::new("three", &Package::runtime(), file, source));
}

/// Guaranteed is what the floor holds, taken is what the machine gives: one program shows both.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn a_small_guarantee_takes_all_that_is_asked_where_it_is_there() {
    let file = "
        [pooling_allocator]
        max_instances = 1000
        memory_reservation = \"4GiB\"
        guard_size = \"32MiB\"
        on_misfit = \"shrink\"
        [address_space]
        va_profile = \"like-sv39\"
        aslr = \"minimum\"
        [va_profile.like-sv39]
        arch = \"x86_64\"
        window = \"256GiB\"
        page_size = \"4KiB\"
        aslr_bits = 18
        aslr_bits_max = 24
    ";
    let package = Package::new("takes", &Package::runtime(), file, "");
    package.write(
        "src/main.rs",
        "use poolcfg_runtime::{PoolLimits, pool_limits};
        #[pool_limits]
        const POOL: PoolLimits;
        fn main() {
            let reserved = POOL.recheck().unwrap();
            println!(\"{} {}\", POOL.guaranteed().max_instances, reserved.instances());
        }",
    );
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(package.path("Cargo.toml"))
        .env("CARGO_TARGET_DIR", checks())
        .env_remove("POOLCFG_VA_PROFILE")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "58 1000\n");
}

/// What poolcfg-runtime's README shows is a program, with the file that it shows.
#[test]
fn the_readme_of_the_runtime_compiles() {
    let readme = std::fs::read_to_string(root().join("poolcfg-runtime/README.md")).unwrap();
    let block = |kind: &str| {
        let (_, rest) = readme.split_once(&format!("```{kind}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    let package = Package::new("readme", &Package::runtime(), block("toml"), block("rust"));
    passes(&package);
    package.write("poolcfg.toml", "[pooling_allocator]\nmax_instances = 0\n");
    fails(&package, None, "max_instances");
}

/// A package that depends on these Wasmtimes.
fn with_wasmtime(name: &str, versions: &[&str], file: &str) -> Package {
    let source = "
        use poolcfg_runtime::{WasmtimeLimits, pool_limits};
        #[pool_limits]
        pub const POOL: WasmtimeLimits;
    ";
    let mut dependencies = Package::runtime() + "\n";
    for (index, _) in versions.iter().enumerate() {
        let path = format!("wasmtime-{index}");
        dependencies += &format!("w{index} = {{ path = \"{path}\", package = \"wasmtime\" }}\n");
    }
    let package = Package::new(name, &dependencies, file, source);
    // No members, since two members cannot have one name.
    let manifest = std::fs::read_to_string(package.path("Cargo.toml")).unwrap();
    let workspace = "[workspace]\nexclude = [\"wasmtime-0\", \"wasmtime-1\"]\n";
    package.write("Cargo.toml", &manifest.replace("[workspace]\n", workspace));
    for (index, version) in versions.iter().enumerate() {
        set_wasmtime(&package, index, version);
    }
    package
}

fn set_wasmtime(package: &Package, index: usize, version: &str) {
    let folder = format!("wasmtime-{index}");
    let manifest = format!("[package]\nname = \"wasmtime\"\nversion = \"{version}\"\n");
    package.write(&format!("{folder}/Cargo.toml"), &manifest);
    package.write(&format!("{folder}/src/lib.rs"), "");
}

fn of_wasmtime(version: &str) -> String {
    format!(
        "[pooling_allocator]\nengine = \"wasmtime\"\non_misfit = \"shrink\"\n\
         [pooling_allocator.wasmtime]\nversion = \"{version}\"\n"
    )
}

/// The compiler notices that the file names another Wasmtime than Cargo.lock, and a Cargo.lock that has changed since.
#[test]
fn another_wasmtime_than_that_of_the_lock_file_is_noticed() {
    let package = with_wasmtime("locked", &["45.0.2"], &of_wasmtime("48"));
    let wrong =
        "PC0032: the file names Wasmtime 48, but the project uses 45.0.2 (poolcfg.toml:5:11)";
    fails(&package, None, wrong);
    fails(&package, None, "^^^^ Cargo.lock has 45.0.2");
    fails(
        &package,
        None,
        "`cargo poolcfg sync` writes what the project uses",
    );
    package.write("poolcfg.toml", &of_wasmtime("45"));
    passes(&package);
    set_wasmtime(&package, 0, "46.0.1");
    fails(
        &package,
        None,
        "names Wasmtime 45, but the project uses 46.0.1",
    );
    set_wasmtime(&package, 0, "45.0.3");
    passes(&package);
    package.write("poolcfg.toml", &of_wasmtime("45.0.2"));
    fails(
        &package,
        None,
        "names Wasmtime 45.0.2, but the project uses 45.0.3",
    );
    // What holds for other targets only is of the same Cargo.lock.
    let other = "[target.x86_64-pc-windows-msvc.pooling_allocator.wasmtime]\nversion = \"44\"\n";
    package.write("poolcfg.toml", &(of_wasmtime("45") + other));
    fails(
        &package,
        None,
        "names Wasmtime 44, but the project uses 45.0.3",
    );
}

/// With none or several the compiler cannot tell which one counts, and `check` decides.
#[test]
fn several_wasmtimes_and_none_are_left_to_the_command() {
    for (name, versions) in [("unlocked", &[][..]), ("several", &["45.0.2", "46.0.1"])] {
        passes(&with_wasmtime(name, versions, &of_wasmtime("48")));
    }
    // A pool of another engine has nothing to do with it.
    let source = "
        use poolcfg_runtime::{PoolLimits, pool_limits};
        #[pool_limits]
        pub const POOL: PoolLimits;
    ";
    let package = with_wasmtime(
        "beside",
        &["45.0.2"],
        &pooling_allocator("max_instances = 12"),
    );
    package.write("src/lib.rs", source);
    passes(&package);
}

/// One that only other targets have, or that only a procedural macro uses, is in no build.
#[test]
fn a_wasmtime_that_is_not_built_is_left_to_the_command() {
    let package = with_wasmtime("elsewhere", &["45.0.2"], &of_wasmtime("48"));
    let manifest = std::fs::read_to_string(package.path("Cargo.toml")).unwrap();
    let (before, own) = manifest.split_once("w0 = ").unwrap();
    let other = if cfg!(windows) { "unix" } else { "windows" };
    package.write(
        "Cargo.toml",
        &format!("{before}[target.'cfg({other})'.dependencies]\nw0 = {own}"),
    );
    passes(&package);
    let below = "[package]\nname = \"below\"\n[lib]\nproc-macro = true\n[dependencies]\nwasmtime.path = \"../wasmtime-0\"\n";
    package.write("below/Cargo.toml", below);
    package.write("below/src/lib.rs", "");
    package.write("Cargo.toml", &format!("{before}below.path = \"below\"\n"));
    passes(&package);
}

/// The Cargo.lock is that of the workspace above the package.
#[test]
fn the_lock_file_of_a_workspace_counts() {
    let package = with_wasmtime("root", &["45.0.2"], &of_wasmtime("45"));
    let manifest = std::fs::read_to_string(package.path("Cargo.toml")).unwrap();
    package.write(
        "Cargo.toml",
        &manifest.replace("[workspace]", "[workspace]\nmembers = [\"deep/member\"]"),
    );
    let member = format!(
        "[package]\nname = \"member\"\nedition = \"2024\"\n[dependencies]\n{}\n",
        Package::runtime()
    );
    let with_wasmtime = "wasmtime.path = \"../../wasmtime-0\"\n";
    package.write("deep/member/Cargo.toml", &(member.clone() + with_wasmtime));
    let source = std::fs::read_to_string(package.path("src/lib.rs")).unwrap();
    package.write("deep/member/src/lib.rs", &source);
    package.write("deep/member/poolcfg.toml", &of_wasmtime("48"));
    let check_member = || {
        let output = check_manifest(&package, "deep/member/Cargo.toml");
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said)
    };
    let (is_good, said) = check_member();
    let wrong = "names Wasmtime 48, but the project uses 45.0.2";
    assert!(!is_good && said.contains(wrong), "{said}");
    package.write("deep/member/poolcfg.toml", &of_wasmtime("45"));
    let (is_good, said) = check_member();
    assert!(is_good, "{said}");
    // Nothing of the member has changed.
    set_wasmtime(&package, 0, "46.0.1");
    let (is_good, said) = check_member();
    assert!(!is_good && said.contains("uses 46.0.1"), "{said}");
    // Only another member reaches a Wasmtime.
    package.write("deep/member/Cargo.toml", &member);
    let (is_good, said) = check_member();
    assert!(is_good, "{said}");
}

/// The workspace points to the file for a member that has none of its own.
#[test]
fn the_file_of_a_workspace_is_read_and_noticed() {
    let source = "
        use poolcfg_runtime::{PoolLimits, pool_limits};
        #[pool_limits]
        pub const POOL: PoolLimits;
        const _: () = assert!(POOL.asked().max_instances == 12, \"other numbers\");
    ";
    let package = Package::new("shared", &Package::runtime(), "", "");
    let manifest = std::fs::read_to_string(package.path("Cargo.toml")).unwrap();
    let root = |file: &str| {
        let workspace =
            format!("[workspace]\nmembers = [\"member\"]\nmetadata.poolcfg.config = \"{file}\"");
        package.write("Cargo.toml", &manifest.replace("[workspace]", &workspace));
    };
    let member = format!(
        "[package]\nname = \"shared-member\"\nedition = \"2024\"\n[dependencies]\n{}\n",
        Package::runtime()
    );
    package.write("member/Cargo.toml", &member);
    package.write("member/src/lib.rs", source);
    package.write("twelve.toml", &pooling_allocator("max_instances = 12"));
    package.write("thirteen.toml", &pooling_allocator("max_instances = 13"));
    let check_member = || {
        let output = check_manifest(&package, "member/Cargo.toml");
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said)
    };
    root("twelve.toml");
    let (is_good, said) = check_member();
    assert!(is_good, "{said}");
    // Nothing of the member has changed.
    root("thirteen.toml");
    let (is_good, said) = check_member();
    assert!(!is_good && said.contains("other numbers"), "{said}");
}

/// A path dependency outside of the workspace that is built has a Cargo.lock of its own, which cargo passes over: the
/// Wasmtime in it is not used.
#[test]
fn the_lock_file_of_a_path_dependency_does_not_count() {
    let outside = with_wasmtime("outside", &["45.0.2"], &of_wasmtime("48"));
    // Alone, it is what is built, and has a Cargo.lock.
    fails(&outside, None, "names Wasmtime 48, but the project uses");
    let path = outside.path("");
    let inside = Package::new("inside", &format!("outside.path = {path:?}"), "", "");
    passes(&inside);
    // cargo may be asked for the dependency, and for one around the workspace that is built.
    let asked = |manifest: &str| {
        let source = std::fs::read_to_string(outside.path("src/lib.rs")).unwrap();
        outside.write("src/lib.rs", &(source + "\n"));
        let package = if manifest.is_empty() {
            &inside
        } else {
            &outside
        };
        let mut command = checking(package, &format!("{manifest}Cargo.toml"));
        let output = command.args(["-p", "outside"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
    };
    into_own_target(&inside, "");
    asked("");
    let app = "[package]\nname = \"app\"\n[workspace]\n[dependencies]\noutside.path = \"..\"\n";
    outside.write("app/Cargo.toml", app);
    outside.write("app/src/lib.rs", "");
    let lock = std::fs::read_to_string(inside.path("Cargo.lock")).unwrap();
    outside.write("app/Cargo.lock", &lock.replace("\"inside\"", "\"app\""));
    into_own_target(&outside, "app");
    asked("app/");
    // The same within the folder of the workspace, which leaves it out.
    let around = Package::new("around", "outside.path = \"outside\"", "", "");
    let manifest = std::fs::read_to_string(around.path("Cargo.toml")).unwrap();
    let excluding = "[workspace]\nexclude = [\"outside\"]\n";
    around.write("Cargo.toml", &manifest.replace("[workspace]\n", excluding));
    for file in ["Cargo.toml", "Cargo.lock", "poolcfg.toml", "src/lib.rs"] {
        let text = std::fs::read_to_string(outside.path(file)).unwrap();
        around.write(&format!("outside/{file}"), &text);
    }
    for file in ["Cargo.toml", "src/lib.rs"] {
        let text = std::fs::read_to_string(outside.path(&format!("wasmtime-0/{file}"))).unwrap();
        around.write(&format!("outside/wasmtime-0/{file}"), &text);
    }
    passes(&around);
    into_own_target(&around, "outside");
    let output = check_manifest(&around, "outside/Cargo.toml");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("but the project uses 45.0.2"), "{said}");
    // What is within the workspace is held to its Cargo.lock, be it a dependency only.
    around.write("Cargo.toml", &manifest);
    let member = outside.path("Cargo.toml");
    let member = std::fs::read_to_string(member).unwrap();
    let (before, rest) = member.split_once("[workspace]").unwrap();
    let (_, after) = rest.split_once("[dependencies]").unwrap();
    around.write(
        "outside/Cargo.toml",
        &format!("{before}[dependencies]{after}"),
    );
    fails(&around, None, "but the project uses 45.0.2");
}
