//! `completions`: the script by which a shell completes the command line of `poolcfg`, or of `cargo poolcfg`.

mod cargo;
#[cfg(test)]
mod tests;
mod values;

use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use poolcfg_core::{Aslr, Code, StackLimit, VaProfile, WasmtimeVersion};

use crate::cli::args::Completions;
use crate::cli::args::{NAME, alone};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::invoked_as::InvokedAs;
use crate::cli::wrap::unglued;
use crate::context::Context;
use crate::project::package_names;

/// Prints it.
///
/// # Errors
/// When stdout takes nothing.
pub(crate) fn run(context: &Context<'_>, arguments: &Completions) -> Result<Exit, Error> {
    let Some(shell) = arguments.shell else {
        let names = package_names(context.program, context.shared);
        let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
        context.shell.print(&lines)?;
        return Ok(Exit::Fits);
    };
    let script = whole(shell, context.program).ok_or_else(|| {
        let message = format!("`{shell}` cannot complete what is behind `cargo`");
        let help = format!("`{NAME} completions {shell}` prints the script for `{NAME}`");
        Error::new(Code::UnknownWord, message, help).exiting(Exit::Usage)
    })?;
    context.shell.print(&script)?;
    Ok(Exit::Fits)
}

/// The script for the command as it is called; `None` if the shell cannot complete what is behind `cargo`.
fn whole(shell: Shell, program: InvokedAs) -> Option<String> {
    let script = values::with_values(shell, &script(shell), program);
    match program {
        InvokedAs::Alone => Some(script),
        InvokedAs::Subcommand => cargo::behind_cargo(shell, &script),
    }
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut with_words(alone()), NAME, &mut script);
    let script = unglued(&String::from_utf8_lossy(&script));
    match shell {
        Shell::Bash => FILES
            .iter()
            .fold(script, |script, command| with_files(&script, command))
            .replacen(BASH_WORD, BASH_WORD_OR_VALUE, 1),
        Shell::Fish => script.replacen(FISH_PARSE, FISH_PARSE_OR_PART, 1) + FISH_COMMANDS,
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

/// What `why` runs is a command.
const FISH_COMMANDS: &str = r#"
function _poolcfg_runs
    set -l words (commandline -opc)
    contains -- why $words; and test "$words[-1]" = --
end

complete -c poolcfg -n _poolcfg_runs -f -a '(complete -C (commandline -ct))'
"#;
