//! Pipelines: what docs/ci.md, the action, the hooks of pre-commit and the container say can be run, is run here. What
//! they install is the command of this checkout.

#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use poolcfg_tests::console::{blocks, run_console_blocks};
use poolcfg_tests::{Package, programs, root};
use yaml_rust2::{Yaml, YamlLoader};

/// Fits every target.
const FITS: &str = "[pooling_allocator]\nmax_instances = 6\n";

/// Fits none.
const MISFIT: &str = "[pooling_allocator]\nmax_instances = 600000\nmemory_reservation = \"4GiB\"\n";

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The only document of a text of YAML.
fn yaml(text: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn text(yaml: &Yaml) -> &str {
    yaml.as_str().unwrap_or_else(|| panic!("no text: {yaml:?}"))
}

/// A package with this poolcfg.toml, which no compiler sees.
fn package(poolcfg_toml: &str) -> Package {
    Package::new("project", "", poolcfg_toml, "")
}

/// Runs a script in a folder, with the command on its path.
fn run(shell: &str, script: &str, folder: &Path, variables: &[(&str, &str)]) -> Output {
    let mut path = vec![programs()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    Command::new(shell)
        .args(["-e", "-c", script])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(path).unwrap())
        .envs(variables.iter().copied())
        .env_remove("POOLCFG_VA_PROFILE")
        .output()
        .unwrap()
}

#[track_caller]
fn ends(output: &Output, status: i32) {
    assert_eq!(output.status.code(), Some(status), "{output:#?}");
}

#[test]
fn the_lines_of_the_shell_print_what_they_show() {
    assert_eq!(run_console_blocks(&read("docs/ci.md")), 4);
}

/// Every piece of YAML of the page, by the comment in its first line.
fn page(file: &str) -> Yaml {
    let found = blocks(&read("docs/ci.md"))
        .into_iter()
        .find(|(kind, block)| kind == "yaml" && block.starts_with(&format!("# {file}\n")));
    let (_, block) = found.unwrap_or_else(|| panic!("no block of {file}"));
    yaml(&block)
}

#[test]
fn the_action_runs_each_command_and_ends_with_what_failed() {
    let action = yaml(&read("action.yml"));
    let steps = action["runs"]["steps"].as_vec().unwrap();
    assert_eq!(text(&action["runs"]["using"]), "composite");
    let [install, check] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    // What it installs is there.
    let path = text(&install["run"]).split('"').nth(1).unwrap();
    let path = path.replace("$GITHUB_ACTION_PATH", root().to_str().unwrap());
    assert!(Path::new(&path).join("Cargo.toml").exists(), "{path}");

    assert_eq!(text(&check["env"]["COMMANDS"]), "${{ inputs.commands }}");
    let script = text(&check["run"]);
    let with = |package: &Package, commands: &str| {
        run(
            text(&check["shell"]),
            script,
            &package.path(""),
            &[("COMMANDS", commands)],
        )
    };
    // What the page says, and the default.
    let page = page(".github/workflows/pools.yml");
    let steps = page["jobs"]["pools"]["steps"].as_vec().unwrap();
    let used = steps
        .iter()
        .find(|step| text(&step["uses"]).starts_with("poolcfg/"));
    let said = text(&used.unwrap()["with"]["commands"]);
    let default = text(&action["inputs"]["commands"]["default"]);
    for commands in [said, default] {
        ends(&with(&package(FITS), commands), 0);
        ends(&with(&package(MISFIT), commands), 100);
    }
    // A later command hides no earlier failure, whether it passes or fails otherwise.
    for later in ["profiles", "profiles\ncheck --target nonsense"] {
        let output = with(&package(MISFIT), &format!("check\n\n{later}\n"));
        ends(&output, 100);
        assert!(String::from_utf8_lossy(&output.stdout).contains("sv39"));
    }
    // Quotes keep blanks together, and nothing is expanded or run.
    let good = package(FITS);
    for (commands, status) in [
        ("check --set 'pooling_allocator.max_instances = 6'\r", 0),
        (
            "check --set \"pooling_allocator.max_instances = 600000\"",
            100,
        ),
        ("  --emit json -o 'a file.json'  ", 0),
        ("--emit json -o '$(touch ran).json'", 0),
        ("check --set 'pooling_allocator", 2),
        ("check\ncheck --no-such-flag\nprofiles", 2),
        ("check; touch ran", 2),
    ] {
        let output = with(&good, commands);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{commands}: {output:#?}"
        );
    }
    assert!(good.path("a file.json").exists() && good.path("$(touch ran).json").exists());
    assert!(!good.path("ran").exists());
}

#[test]
fn the_script_of_gitlab_is_red_and_green() {
    let page = page(".gitlab-ci.yml");
    let script = page["pools"]["script"].as_vec().unwrap();
    let (install, check) = script.split_first().unwrap();
    assert!(text(install).starts_with("cargo install --locked --git "));
    let check: Vec<_> = check.iter().map(text).collect();
    for (file, status) in [(FITS, 0), (MISFIT, 100)] {
        ends(
            &run("bash", &check.join("\n"), &package(file).path(""), &[]),
            status,
        );
    }
}

#[test]
fn the_hooks_run_and_the_page_names_them() {
    let hooks = yaml(&read(".pre-commit-hooks.yaml"));
    let hooks = hooks.as_vec().unwrap();
    let ids: Vec<_> = hooks.iter().map(|hook| text(&hook["id"])).collect();
    let page = page(".pre-commit-config.yaml");
    for hook in page["repos"][0]["hooks"].as_vec().unwrap() {
        assert!(ids.contains(&text(&hook["id"])), "{hook:?}");
    }
    for hook in hooks {
        for key in ["name", "language", "files"] {
            assert!(!text(&hook[key]).is_empty());
        }
        for (file, is_read) in [
            ("poolcfg.toml", true),
            ("a/Cargo.toml", true),
            ("Cargo.lock", true),
            (".cargo/config.toml", true),
            ("a/.cargo/config", true),
            ("plugins/app.wasm", true),
            ("src/config.toml", false),
            ("src/lib.rs", false),
            ("a/pool_limits.rs", text(&hook["id"]) == "poolcfg-current"),
        ] {
            let script = "printf '%s\\n' \"$FILE\" | grep -qE \"$FILES\"";
            let variables = [("FILE", file), ("FILES", text(&hook["files"]))];
            let found = run("sh", script, root(), &variables);
            assert_eq!(found.status.success(), is_read, "{file}: {hook:?}");
        }
        let entry = text(&hook["entry"]);
        let good = package(FITS);
        ends(&run("sh", "cargo poolcfg", &good.path(""), &[]), 0);
        ends(&run("sh", entry, &good.path(""), &[]), 0);
        // No pool of Wasmtime, no Cargo.lock to differ from.
        if !entry.contains("sync") {
            good.write("poolcfg.toml", MISFIT);
            ends(&run("sh", entry, &good.path(""), &[]), 100);
        }
    }
}

/// Where the pool does not fit any more, the host is not started.
#[cfg(target_os = "linux")]
#[test]
fn the_container_starts_its_host_only_if_the_pool_fits() {
    let start = root().join("examples/container/start.sh");
    let file = read("examples/container/Containerfile");
    assert!(
        file.contains(" start.sh /usr/local/bin/\n") && file.contains("ENTRYPOINT [\"start.sh\"]")
    );
    let folder = package("");
    folder.write("bin/wasmtime", "#!/bin/sh\necho \"started $*\"\n");
    let told = "poolcfg --here --engine wasmtime --engine-version 48 --emit wasmtime-toml -o wasmtime.toml";
    ends(
        &run(
            "sh",
            &format!("chmod +x bin/wasmtime; {told}"),
            &folder.path(""),
            &[],
        ),
        0,
    );
    let script = format!("PATH=$PWD/bin:$PATH; {} --addr x app.wasm", start.display());
    let started = run("bash", &script, &folder.path(""), &[]);
    ends(&started, 0);
    let stdout = String::from_utf8_lossy(&started.stdout);
    let line = "started serve --config wasmtime.toml --addr x app.wasm\n";
    assert!(stdout.ends_with(line), "{started:#?}");
    let refused = run(
        "bash",
        &format!("ulimit -v 67108864; {script}"),
        &folder.path(""),
        &[],
    );
    ends(&refused, 100);
    assert!(
        !String::from_utf8_lossy(&refused.stdout).contains("started"),
        "{refused:#?}"
    );
    // The page shows the same two lines.
    let shown = blocks(&read("docs/ci.md"));
    let (_, shown) = shown.iter().find(|(kind, _)| kind == "sh").unwrap();
    assert!(read("examples/container/start.sh").ends_with(&format!("{shown}\n")));
}
