//! What shells complete that have the scripts.

use std::process::Command;

use clap::ValueEnum as _;

use super::*;

/// The answer of a shell that has the script of this program, to a line of its own language, in which `poolcfg` and
/// `cargo` are functions; `None` if there is no such shell.
fn asked(shell: Shell, program: InvokedAs, line: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script");
    std::fs::write(&file, whole(shell, program).unwrap()).unwrap();
    let text = format!("source '{}'\n{line}", file.display());
    let output = Command::new(shell.to_string())
        .args(["-c", &text])
        .output()
        .ok()?;
    assert!(output.stderr.is_empty(), "{output:?}");
    let answer = String::from_utf8(output.stdout).unwrap();
    Some(answer.lines().map(str::to_owned).collect())
}

fn bash(words: &[&str]) -> Vec<String> {
    bash_of(InvokedAs::Alone, "_poolcfg", words)
}

fn bash_of(program: InvokedAs, function: &str, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!(
        "poolcfg() {{ [[ \"$*\" == 'completions --packages' ]] && printf 'a\\nbee\\n'; }}\n\
         cargo() {{ poolcfg \"${{@:2}}\"; }}\n\
         COMP_WORDS=({})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         {function} \"${{COMP_WORDS[0]}}\" \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" ")
    );
    asked(Shell::Bash, program, &line).expect("bash is there")
}

#[test]
fn bash_completes_targets_and_packages() {
    for command in [&["poolcfg"][..], &["poolcfg", "check"]] {
        let complete = |words: &[&str]| bash(&[command, words].concat());
        assert_eq!(
            complete(&["--target", "riscv64gc-unknown-linux-g"]),
            ["riscv64gc-unknown-linux-gnu"]
        );
        assert_eq!(complete(&["--target", "=", "host"]), ["host-tuple"]);
        // A file, which bash offers by default.
        assert_eq!(complete(&["--target", "./"]), [""]);
        assert_eq!(complete(&["--package", ""]), ["a", "bee"]);
        assert_eq!(complete(&["-p", "b"]), ["bee"]);
        assert_eq!(complete(&["--workspace", "--exclude", "b"]), ["bee"]);
    }
}

#[test]
fn bash_completes_what_is_behind_cargo() {
    let behind = |words: &[&str]| bash_of(InvokedAs::Subcommand, "_cargo_poolcfg", words);
    assert_eq!(
        behind(&["cargo", "poolcfg", "check", "--fit", "s"]),
        ["smaller"]
    );
    assert_eq!(
        behind(&["cargo", "+nightly", "poolcfg", "--emit", "w"]).len(),
        3
    );
    assert_eq!(behind(&["cargo", "poolcfg", "-p", "b"]), ["bee"]);
    assert!(behind(&["cargo", "poolcfg", "ex"]).contains(&"explain".to_owned()));
    // Other words are for what completed cargo before.
    assert_eq!(behind(&["cargo", "bui"]), [""]);
    let before = "_cargo() { COMPREPLY=(build); }; complete -F _cargo cargo; source \"$0\"";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script");
    std::fs::write(&file, whole(Shell::Bash, InvokedAs::Subcommand).unwrap()).unwrap();
    let line = format!(
        "{before}; source \"$0\"; complete -p cargo; COMP_WORDS=(cargo bui); COMP_CWORD=1; _cargo_poolcfg cargo bui cargo; \
         echo \"${{COMPREPLY[@]}}\""
    );
    let output = Command::new("bash")
        .arg("-c")
        .arg(line)
        .arg(&file)
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.contains("-F _cargo_poolcfg cargo\n"), "{answer}");
    assert!(answer.ends_with("\nbuild\n"), "{answer}");
}

/// Zsh shows what it offers on a terminal alone, so that what is asked for is only that it takes the script, and
/// offers it to cargo's own.
#[test]
fn zsh_has_the_function_that_cargo_calls() {
    let line = "autoload -Uz compinit; compinit -D -u";
    for (program, function) in [
        (InvokedAs::Alone, "_poolcfg"),
        (InvokedAs::Subcommand, "_cargo-poolcfg"),
    ] {
        let script = whole(Shell::Zsh, program).unwrap();
        for value in [":TRIPLE:_poolcfg_targets", ":SPEC:_poolcfg_packages"] {
            assert!(script.contains(value), "{value}");
        }
        assert!(!script.contains(":SPEC:_default"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(function), script).unwrap();
        let text = format!(
            "fpath=('{}' $fpath); {line}; echo $+functions[{function}]; autoload +X {function} && echo loaded",
            folder.path().display()
        );
        let Ok(output) = Command::new("zsh").args(["-f", "-c", &text]).output() else {
            return;
        };
        let answer = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            answer,
            "1\nloaded\n",
            "{:?}",
            String::from_utf8(output.stderr)
        );
    }
}

/// The others have no place for it.
#[test]
fn only_some_shells_complete_what_is_behind_cargo() {
    for shell in Shell::value_variants() {
        let is_completed = matches!(shell, Shell::Bash | Shell::Fish | Shell::Zsh);
        assert_eq!(whole(*shell, InvokedAs::Subcommand).is_some(), is_completed);
    }
}

#[test]
fn bash_completes_values_in_the_same_word_and_in_the_next() {
    for words in [
        &["poolcfg", "--emit", "w"][..],
        &["poolcfg", "--emit", "=", "w"],
        &["poolcfg", "generate", "--emit", "=", "w"],
        &["poolcfg", "-q", "generate", "--emit", "w"],
    ] {
        let found = bash(words);
        assert_eq!(
            found,
            ["wasmtime-toml", "wasmtime-flags", "wasmcloud-env"],
            "{words:?}"
        );
    }
    assert_eq!(bash(&["poolcfg", "--emit", "="])[0], "rust");
    assert_eq!(
        bash(&["poolcfg", "--message-format", ""]),
        ["human", "json"]
    );
    assert_eq!(bash(&["poolcfg", "check", "--fit", "s"]), ["smaller"]);
    let profiles = bash(&["poolcfg", "check", "--va-profile", "sv"]);
    assert_eq!(profiles, ["sv32", "sv39", "sv48", "sv57"]);
    assert_eq!(bash(&["poolcfg", "--stack-limit", "u"]), ["unlimited"]);
    assert!(bash(&["poolcfg", "--explain", "PC000"]).contains(&"PC0001".to_owned()));
}

/// Where nothing is offered, bash offers files of itself.
#[test]
fn bash_completes_files_and_the_commands_of_why() {
    for words in [
        &["poolcfg", "inspect", ""][..],
        &["poolcfg", "inspect", "a.wasm", "b"],
        &["poolcfg", "-q", "inspect", "--engine-version", "48", ""],
        &["poolcfg", "inspect", "--", ""],
        &["poolcfg", "man", ""],
        &["poolcfg", "why", "--", "sh", "-"],
    ] {
        assert_eq!(bash(words), [""], "{words:?}");
    }
    let flags = bash(&["poolcfg", "inspect", "--eng"]);
    assert_eq!(flags, ["--engine-version"]);
    let versions = bash(&["poolcfg", "inspect", "--engine-version", "48"]);
    assert_eq!(versions, ["48"]);
    assert!(bash(&["poolcfg", "why", "--ret"]).contains(&"--retry".to_owned()));
    let commands = bash(&["poolcfg", "why", "--retry", "--", "ech"]);
    assert!(commands.contains(&"echo".to_owned()), "{commands:?}");
}

/// What clap_complete writes is changed in one place for each shell: a later version may write it otherwise.
#[test]
fn the_scripts_are_as_they_are_expected() {
    assert!(script(Shell::Bash).contains(BASH_WORD_OR_VALUE));
    assert!(script(Shell::Fish).contains(FISH_PARSE_OR_PART));
}

/// What fish offers first.
fn fish(program: InvokedAs, line: &str) -> Option<String> {
    let functions =
        "function poolcfg; printf 'a\\nbee\\n'; end; function cargo; printf 'a\\nbee\\n'; end";
    let found = asked(
        Shell::Fish,
        program,
        &format!("{functions}\ncomplete -C '{line}'"),
    )?;
    let first = found.first().and_then(|line| line.split('\t').next());
    Some(first.unwrap_or_default().to_owned())
}

#[test]
fn fish_completes_values_of_flags_before_any_subcommand() {
    for (line, first) in [
        ("poolcfg --emit w", "wasmcloud-env"),
        ("poolcfg --va-profile sv3", "sv32"),
        ("poolcfg --message-format ", "human"),
        ("poolcfg -q --fit s", "smaller"),
        ("poolcfg check --fit s", "smaller"),
        ("poolcfg --target x --em", "--emit"),
        ("poolcfg --check --em", "--emit"),
        (
            "poolcfg check --target riscv64gc-unknown-linux-m",
            "riscv64gc-unknown-linux-musl",
        ),
        ("poolcfg why -- prlimi", "prlimit"),
        ("poolcfg check -p b", "bee"),
        ("poolcfg sync --workspace --exclude b", "bee"),
    ] {
        let Some(found) = fish(InvokedAs::Alone, line) else {
            return;
        };
        assert_eq!(found, first, "{line}");
        let behind = line.replacen("poolcfg", "cargo poolcfg", 1);
        let found = fish(InvokedAs::Subcommand, &behind).unwrap();
        assert_eq!(found, first, "{behind}");
    }
}
