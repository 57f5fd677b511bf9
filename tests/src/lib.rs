//! What the end-to-end tests share: the checkout, packages of their own that use it, and the crates' own
//! tests built for other machines.
//!
//! - `arrows`: which file of a crate names which other one
//! - `console`: blocks of documents, and commands that print what they show
//! - `machine`, `program`: for what they are built, and how
//! - `verdict`: what such a program says that it did
//! - `walk`: what a new user types
#![forbid(unsafe_code)]

pub mod arrows;
pub mod console;
pub mod machine;
pub mod program;
pub mod verdict;
pub mod walk;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::thread;

use tempfile::TempDir;

/// The root of the checkout.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// A folder or file that `cargo xtask test` names.
///
/// # Panics
/// When it is not named: then there is no test.
#[must_use]
#[expect(clippy::panic, reason = "a test without its files ends here")]
pub fn variable(name: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(value) => value.into(),
        None => panic!("`{name}` is set by `cargo xtask test`"),
    }
}

/// How many fresh processes a test starts of each kind, since ASLR places each anew: `FRESH_PROCESSES`, or a few.
///
/// # Panics
/// When that is no number.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "a test that was told nonsense ends here"
)]
pub fn processes() -> usize {
    const FEW: usize = 6;
    std::env::var("FRESH_PROCESSES").map_or(FEW, |number| {
        number.parse().expect("`FRESH_PROCESSES` is a number")
    })
}

/// Does something with each item, with as many at a time as there are processors; in the order in which they
/// are done.
///
/// # Panics
/// When that panics for an item.
#[expect(clippy::unwrap_used, reason = "a panic of one thread ends the test")]
pub fn in_parallel<T: Send, R: Send>(
    items: impl Iterator<Item = T> + Send,
    run: impl Fn(&T) -> R + Sync,
) -> Vec<(T, R)> {
    let next = Mutex::new(items);
    let done = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let item = next.lock().unwrap().next();
                    let Some(item) = item else { break };
                    let result = run(&item);
                    done.lock().unwrap().push((item, result));
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// Builds the two names of the command and the example, and names the folder of their programs: a test of this package
/// finds no `CARGO_BIN_EXE_…` of another one.
///
/// Cargo is asked for them among all packages and beside a test, so that what they depend on has the features that it
/// has in `cargo test --workspace`, and is not built again. A test program asks once.
///
/// # Panics
/// When they cannot be built: then there is no test.
#[must_use]
pub fn programs() -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(build_programs);
    BUILT.clone()
}

#[expect(clippy::expect_used, reason = "a test without programs ends here")]
fn build_programs() -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["build", "--quiet", "--workspace", "--test", "self_test"])
        .args(["cargo-poolcfg", "poolcfg", "slot-server"].map(|name| format!("--bin={name}")))
        .status()
        .expect("cargo");
    assert!(status.success(), "the programs cannot be built");
    root().join("target/debug")
}

/// Cargo's target folder for the packages that tests check: what these depend on is checked once for all of them.
#[must_use]
pub fn checks() -> PathBuf {
    root().join("target/checks")
}

/// A package outside the checkout's workspace, with the workspace's locked versions. It is removed when
/// it is dropped.
#[derive(Debug)]
pub struct Package {
    folder: TempDir,
}

impl Package {
    /// A package with `src/lib.rs` and, unless it is empty, a poolcfg.toml. `dependencies` is the table
    /// of Cargo.toml.
    ///
    /// # Panics
    /// When the machine does not let files be written: then there is no test.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without files ends here")]
    pub fn new(name: &str, dependencies: &str, poolcfg_toml: &str, source: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let package = Self { folder };
        package.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"{name}\"\nedition = \"2024\"\n[workspace]\n\
                 [dependencies]\n{dependencies}\n"
            ),
        );
        if !poolcfg_toml.is_empty() {
            package.write("poolcfg.toml", poolcfg_toml);
        }
        package.write("src/lib.rs", source);
        fs::copy(root().join("Cargo.lock"), package.path("Cargo.lock")).expect("the lock file");
        package
    }

    /// The dependency on the checkout's poolcfg-runtime.
    #[must_use]
    pub fn runtime() -> String {
        let path = root().join("poolcfg-runtime");
        format!("poolcfg-runtime = {{ path = {path:?} }}")
    }

    /// The package's folder, or a file in it.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a file of the package.
    ///
    /// # Panics
    /// When it cannot be written.
    #[expect(clippy::expect_used, reason = "a test without files ends here")]
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder");
        }
        fs::write(path, text).expect("a file");
    }
}
