//! The benchmarks of docs/figures.md: every figure is a ratio of things that run side by side, or a time
//! with the machine's own floor beside it.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::run::{cargo, output, root, run};
use crate::test;

/// Runs every benchmark and prints the table.
pub(crate) fn bench() -> Result<(), String> {
    for (package, bench) in [("poolcfg-core", "plan"), ("poolcfg-runtime", "recheck")] {
        run(cargo()
            .current_dir(root())
            .args(["bench", "--package", package, "--bench", bench]))?;
    }
    let pool = output(cargo().current_dir(root()).args([
        "bench",
        "--package",
        "poolcfg-runtime",
        "--bench",
        "pool",
    ]))?;
    let work = env::temp_dir().join(format!("poolcfg-bench-{}", std::process::id()));
    let rows = [command(&work)?, macros(&work)?, crates()?];
    let _ = fs::remove_dir_all(&work);
    println!("| measure | against | ratio |");
    println!("|---|---|---|");
    for row in rows {
        println!("{row}");
    }
    // Its table has the same head.
    let rows = pool.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.for_each(|row| println!("{row}"));
    Ok(())
}

/// Real Wasmtime: its pool's cycle beside that of our own, then a small address space with and without our
/// limits.
pub(crate) fn wasmtime() -> Result<(), String> {
    of_wasmtime(&["memory-cycle", "side-by-side"])
}

/// Runs benchmarks that need real `wasmtime` commands.
fn of_wasmtime(programs: &[&str]) -> Result<(), String> {
    let variables = test::wasmtime()?;
    for program in programs {
        run(cargo()
            .current_dir(root())
            .args(["run", "--release", "--package", "poolcfg-tests-wasmtime"])
            .args(["--bin", program])
            .envs(variables.iter().cloned()))?;
    }
    Ok(())
}

/// What programs cost under `poolcfg why`, and without it.
pub(crate) fn why() -> Result<(), String> {
    of_wasmtime(&["why-cost"])
}

/// The whole command against the two programs that it has to ask.
fn command(work: &Path) -> Result<String, String> {
    const RUNS: usize = 41;
    const TARGET: &str = "riscv64gc-unknown-linux-gnu";
    run(cargo()
        .current_dir(root())
        .args(["build", "--release", "--package", "cargo-poolcfg"]))?;
    let program = root().join("target/release/cargo-poolcfg");
    let project = work.join("project");
    write(
        &project.join("Cargo.toml"),
        "[package]\nname = \"project\"\nedition = \"2024\"\n[workspace]\n",
    )?;
    write(&project.join("src/lib.rs"), "")?;
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..RUNS {
        let mut poolcfg = Command::new(&program);
        poolcfg.args(["poolcfg", "--target", TARGET, "-o", "-"]);
        ours.push(time(poolcfg.current_dir(&project))?);
        let mut metadata = cargo();
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
        let mut cfg = Command::new("rustc");
        cfg.args(["--print", "cfg", "--target", TARGET]);
        theirs.push(time(metadata.current_dir(&project))? + time(cfg.current_dir(&project))?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    Ok(format!(
        "| `cargo-poolcfg poolcfg --target {TARGET}`, whole process: {ours:.1?} | \
         `cargo metadata --no-deps`, then `rustc --print cfg`: {theirs:.1?} | {:.2} |",
        ours.as_secs_f64() / theirs.as_secs_f64()
    ))
}

/// A clean build of the macro and its tree against that of toml-cfg.
fn macros(work: &Path) -> Result<String, String> {
    const RUNS: usize = 3;
    let build = |name: &str, dependency: &str| -> Result<_, String> {
        let project = work.join(name);
        write(
            &project.join("Cargo.toml"),
            &format!(
                "[package]\nname = \"build-{name}\"\nedition = \"2024\"\n[workspace]\n\
                 [dependencies]\n{dependency}\n"
            ),
        )?;
        write(&project.join("src/lib.rs"), "")?;
        run(cargo().current_dir(&project).arg("fetch"))?;
        Ok(project)
    };
    let ours = build(
        "poolcfg-macros",
        &format!(
            "poolcfg-macros = {{ path = {:?} }}",
            root().join("poolcfg-macros")
        ),
    )?;
    let theirs = build("toml-cfg", "toml-cfg = \"=0.2.0\"")?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (project, times) in [&ours, &theirs].into_iter().zip(&mut times) {
            let _ = fs::remove_dir_all(project.join("target"));
            times.push(time(
                cargo().current_dir(project).args(["build", "--offline"]),
            )?);
        }
    }
    let [ours, theirs] = times.map(median);
    Ok(format!(
        "| clean build of poolcfg-macros with its tree: {ours:.1?} | of toml-cfg 0.2.0: {theirs:.1?} | {:.2} |",
        ours.as_secs_f64() / theirs.as_secs_f64()
    ))
}

/// How many crates a user of the runtime compiles.
fn crates() -> Result<String, String> {
    let count = |arguments: &[&str]| -> Result<usize, String> {
        let tree = output(
            cargo()
                .current_dir(root())
                .args(["tree", "--package", "poolcfg-runtime", "--prefix", "none"])
                .args(["--edges", "normal", "--no-dedupe"])
                .args(arguments),
        )?;
        let mut names: Vec<_> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names.len())
    };
    Ok(format!(
        "| crates that a user of poolcfg-runtime compiles: {} with the attribute | without it: {} | |",
        count(&[])?,
        count(&["--no-default-features"])?
    ))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    }
    fs::write(path, text).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn time(command: &mut Command) -> Result<Duration, String> {
    let start = Instant::now();
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let elapsed = start.elapsed();
    if status.success() {
        Ok(elapsed)
    } else {
        Err(format!("{command:?}: {status}"))
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
