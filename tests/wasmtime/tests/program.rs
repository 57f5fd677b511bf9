//! `--program` on the real `wasmtime` commands: what each tells of itself by its file is what it says when it is run,
//! and it starts with what is emitted for it. Nothing else is there: no project, no rustc, no variable.

use std::fs;
use std::path::Path;
use std::process::Command;

use poolcfg_tests_wasmtime::command::HOST;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::setup::{output, refusal};

const MODULE: &str =
    "(module (table 1 funcref) (table 1 funcref) (memory 1) (func (export \"_start\")))";

/// The command in a folder, with no variable.
fn poolcfg(folder: &Path) -> Command {
    let mut command = Command::new(poolcfg_tests::programs().join("poolcfg"));
    command.current_dir(folder).env_clear();
    command
}

/// What poolcfg emits for a command and the module in a folder with nothing else.
fn emitted(folder: &Path, release: &Release, flags: &[&str]) -> String {
    let mut command = poolcfg(folder);
    command
        .arg("--program")
        .arg(&release.program)
        .args([
            "--workload",
            "app.wasm",
            "--emit",
            "wasmtime-toml",
            "--here",
        ])
        .args(flags);
    output(&mut command).unwrap()
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn every_real_command_tells_all_that_its_pool_needs() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("app.wasm");
    fs::write(&module, wat::parse_str(MODULE).unwrap()).unwrap();
    let run = |release: &Release, config: &str| {
        let file = folder.path().join("wasmtime.toml");
        fs::write(&file, config).unwrap();
        let mut command = release.command("run");
        command.arg("--config").arg(file).arg(&module);
        command
    };
    let releases = Release::all();
    assert!(releases.len() >= 5, "{releases:?}");
    for release in &releases {
        let said = output(Command::new(&release.program).arg("--version")).unwrap();
        let version = said.split_whitespace().nth(1).unwrap();
        let config = emitted(folder.path(), release, &[]);
        let about = format!("\n# For Wasmtime {version} on {HOST}, this machine,");
        assert!(config.contains(&about), "{config}");
        assert!(config.contains(", 2 tables.\n"), "{config}");
        // What it says of itself is what its file says, but for the first line and the seal.
        let asked = emitted(folder.path(), release, &["--run-version"]);
        let settings = |text: &str| {
            let lines = text
                .lines()
                .filter(|line| !line.starts_with("# @generated"));
            let lines = lines.filter(|line| !line.contains("record ends"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(settings(&config), settings(&asked), "{version}");
        output(&mut run(release, &config)).unwrap();
        // The small one that comes with it tells the same.
        let small = release.program.with_file_name("wasmtime-min");
        let said = output(poolcfg(folder.path()).arg("inspect").arg(&small)).unwrap();
        let line = said.lines().find(|line| line.contains("Wasmtime")).unwrap();
        assert!(line.trim_end().ends_with(version), "{line}");
        // With one table less it does not start.
        let line = "pooling-max-tables-per-module = ";
        let config = config.replace(&format!("{line}2\n"), &format!("{line}1\n"));
        assert!(config.contains(&format!("{line}1\n")), "{config}");
        let refused = refusal(&mut run(release, &config)).unwrap();
        assert!(refused.contains("tables"), "{refused}");
    }
}
