//! `completions`: the script by which a shell completes the command line of `poolcfg`.

use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use poolcfg_core::{Aslr, Code, StackLimit, VaProfile, WasmtimeVersion};

use crate::cli::args::Completions;
use crate::cli::args::{NAME, alone};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::context::Context;

/// Prints it.
///
/// # Errors
/// When stdout takes nothing.
pub(crate) fn run(context: &Context<'_>, arguments: &Completions) -> Result<Exit, Error> {
    context.shell.print(&script(arguments.shell))?;
    Ok(Exit::Fits)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut with_words(alone()), NAME, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Bash => FILES
            .iter()
            .fold(script, |script, command| with_files(&script, command))
            .replacen(BASH_WORD, BASH_WORD_OR_VALUE, 1),
        Shell::Fish => script.replacen(FISH_PARSE, FISH_PARSE_OR_PART, 1),
        _ => script,
    }
}

/// The command, in which flags that take more than words of a list offer the words that are known.
fn with_words(command: clap::Command) -> clap::Command {
    let offer = |arg: clap::Arg| {
        let words = match arg.get_id().as_str() {
            "va_profile" => profiles(),
            "engine_version" => (WasmtimeVersion::OLDEST..=WasmtimeVersion::NEWEST)
                .map(|version| version.to_string())
                .collect(),
            "stack_limit" => [StackLimit::Finite, StackLimit::Unlimited]
                .map(|limit| limit.to_string())
                .into(),
            "aslr" => [Aslr::Maximum, Aslr::Minimum]
                .map(|aslr| aslr.to_string())
                .into(),
            "explain" => Code::all().map(|code| code.as_str().to_owned()).collect(),
            _ => return arg,
        };
        arg.value_parser(PossibleValuesParser::new(words))
    };
    command.mut_args(offer).mut_subcommands(with_words)
}

fn profiles() -> Vec<String> {
    let all = VaProfile::ALL.concat();
    let mut names: Vec<String> = all.iter().map(|profile| profile.name.to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// How the script of bash takes the words at the cursor.
const BASH_WORD: &str = "    prev=\"$3\"\n";

/// Bash makes three words of `--emit=json`.
const BASH_WORD_OR_VALUE: &str = r#"    prev="$3"
    if [[ "${cur}" == "=" ]]; then
        cur=""
        prev="${COMP_WORDS[COMP_CWORD-1]}"
    elif [[ "${prev}" == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    for i in "${COMP_WORDS[@]:1:COMP_CWORD-1}"
    do
        if [[ "${i}" == "--" ]]; then
            if [[ "${prev}" == "--" && " ${COMP_WORDS[*]:1:COMP_CWORD-2} " == *" why "* ]]; then
                COMPREPLY=( $(compgen -c -- "${cur}") )
            fi
            return 0
        fi
    done
"#;

/// The commands that take files.
const FILES: [&str; 2] = ["inspect", "man"];

/// How a branch of the script of bash ends.
const BASH_END: &str = "\n            ;;\n";

/// How such a branch offers flags where none has begun: for the first word, and for every other.
const BASH_FLAGS: [&str; 2] = [
    " || ${COMP_CWORD} -eq 2",
    "\n            COMPREPLY=( $(compgen -W \"${opts}\" -- \"${cur}\") )",
];

/// The script of bash in which a word of this command that is no flag is a file: where nothing is offered, bash offers
/// files.
fn with_files(script: &str, command: &str) -> String {
    let begin = format!("\n        poolcfg__subcmd__{command})\n");
    let parts = script.split_once(&begin);
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(BASH_END)?)));
    let Some((before, (branch, after))) = parts else {
        return script.to_owned();
    };
    let branch = BASH_FLAGS
        .iter()
        .fold(branch.to_owned(), |branch, flags| branch.replace(flags, ""));
    [before, &begin, &branch, BASH_END, after].concat()
}

/// How the script of fish looks for a subcommand before the cursor.
const FISH_PARSE: &str = "-- $cmd 2>/dev/null\n    or return\n";

/// A flag whose value comes next is no mistake, but argparse takes it for one.
const FISH_PARSE_OR_PART: &str = "-- $cmd 2>/dev/null
    or argparse -s (__fish_poolcfg_global_optspecs) -- $cmd[1..-2] 2>/dev/null
    or return
";

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The answer of a shell that has the script, to a line of its own language; `None` if there is no such shell.
    fn asked(shell: Shell, program: &str, line: &str) -> Option<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        std::fs::write(&file, script(shell)).unwrap();
        let text = format!("source '{}'\n{line}", file.display());
        let output = Command::new(program).args(["-c", &text]).output().ok()?;
        assert!(output.stderr.is_empty(), "{output:?}");
        let answer = String::from_utf8(output.stdout).unwrap();
        Some(answer.lines().map(str::to_owned).collect())
    }

    fn bash(words: &[&str]) -> Vec<String> {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let line = format!(
            "COMP_WORDS=({})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _poolcfg poolcfg \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            quoted.join(" ")
        );
        asked(Shell::Bash, "bash", &line).expect("bash is there")
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
        ] {
            let Some(found) = asked(Shell::Fish, "fish", &format!("complete -C '{line}'")) else {
                return;
            };
            let words: Vec<&str> = found
                .iter()
                .filter_map(|line| line.split('\t').next())
                .collect();
            assert_eq!(words.first(), Some(&first), "{line}: {found:?}");
        }
    }
}
