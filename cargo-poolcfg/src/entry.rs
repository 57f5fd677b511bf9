//! The entry: which program was called, what its command line says, and the command that it runs.

use std::cell::RefCell;
use std::ffi::OsString;
use std::panic::resume_unwind;
use std::process::ExitCode;

use clap::Args as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches as _};

use poolcfg_core::file::nearest;
use poolcfg_core::{Code, escaped};

use crate::cli::args::{
    Cargo, Command, NAME, Poolcfg, SharedFlags, alone, for_terminal, subcommand,
};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::invoked_as::InvokedAs;
use crate::cli::shell::{Shell, Verbosity, print};
use crate::cli::terminal::columns;
use crate::cli::wrap::{unglued, wrapped};
use crate::cli::{color, elsewhere};
use crate::command::{
    check, codes, completions, explain, generate, init, inspect, man, overview, probe, profiles,
    sync, why,
};
use crate::context::Context;
use crate::render::envelope::Envelope;
use crate::target::here::record::seal;

/// The stack that the command has enough of.
const STACK: usize = 8 << 20;

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main(program: InvokedAs) -> ExitCode {
    if has_small_stack() {
        let thread = std::thread::Builder::new().stack_size(STACK);
        // Where there is no memory for it, the stack that is there has to do.
        if let Ok(thread) = thread.spawn(move || start(program)) {
            // What panics has run already, and ends as any panic does.
            return thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    }
    start(program)
}

/// Whether there is a Cargo.toml here or above, so that the program writes its file as the subcommand does.
fn is_in_project() -> bool {
    let here = std::env::current_dir();
    here.is_ok_and(|here| here.ancestors().any(|dir| dir.join("Cargo.toml").is_file()))
}

/// Whether `ulimit -s` is below what the command needs. Only then does it take a thread of its own, since that would be
/// among what `--here` measures.
fn has_small_stack() -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let least = u64::try_from(STACK / 8).unwrap_or(u64::MAX);
        getrlimit(Resource::Stack)
            .current
            .is_some_and(|limit| limit < least)
    }
    #[cfg(not(unix))]
    false
}

fn start(program: InvokedAs) -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.is_empty() {
        arguments.push(NAME.into());
    }
    let command = match program {
        InvokedAs::Subcommand => {
            // Cargo passes its subcommand's name; without cargo, as in `cargo run`, it is missing.
            if arguments.get(1).is_none_or(|first| first != NAME) {
                arguments.insert(1, NAME.into());
            }
            for_terminal(subcommand())
        }
        InvokedAs::Alone => for_terminal(alone()),
    };
    // A configuration that cannot be read is cargo's to complain about.
    let config = cargo_config2::Config::load().ok();
    color::choose(&arguments, config.as_ref());
    let mut shell = Shell::new(program, Verbosity::Normal, asks_for_json(&arguments));
    let envelope = RefCell::new(Envelope::default());
    let is_overview =
        program == InvokedAs::Alone && asks_for_nothing(&arguments) && !is_in_project();
    if is_overview {
        arguments.extend(overview::ARGUMENTS.map(OsString::from));
    }
    let exit = match parse(program, command, arguments) {
        // Help and version are answers and no mistakes.
        Err(Error::Usage(outcome)) if !outcome.use_stderr() => {
            let text = outcome.render().ansi().to_string();
            let _ = print(&unglued(&wrapped(&text, columns())));
            return Exit::Fits.into();
        }
        Err(error) => shell.fail(&error),
        Ok(arguments) => {
            shell.verbosity = match (arguments.shared.quiet, arguments.shared.verbose) {
                (true, _) => Verbosity::Quiet,
                (false, 0) => Verbosity::Normal,
                (false, _) => Verbosity::Verbose,
            };
            shell.is_json = arguments.wants_json();
            envelope.borrow_mut().command = Some(arguments.name());
            let ended = run(program, &shell, &envelope, config, &arguments);
            if is_overview && shell.verbosity != Verbosity::Quiet {
                overview::lead_on(&shell);
            }
            ended.unwrap_or_else(|error| {
                if matches!(error, Error::Usage(_)) {
                    envelope.borrow_mut().command = None;
                }
                shell.fail(&error)
            })
        }
    };
    shell.lead_on(exit);
    let object = match shell.is_json {
        true => print_object(&shell, &envelope),
        false => Ok(()),
    };
    match object {
        Ok(()) => exit.end(),
        Err(error) => match (shell.fail(&error), exit) {
            (_, Exit::Command(_) | Exit::Interrupted) => Exit::OWN_FAILURE.into(),
            (failed, _) => failed.into(),
        },
    }
}

/// Prints the JSON object, unless it lies in a file already.
fn print_object(shell: &Shell, envelope: &RefCell<Envelope>) -> Result<(), Error> {
    let mut envelope = envelope.borrow_mut();
    if envelope.is_written {
        return Ok(());
    }
    envelope.diagnostics = shell.diagnostics();
    print(&match envelope.is_behind_output {
        true => envelope.line()?,
        false => seal(envelope.text()?),
    })
}

/// Whether the arguments say at most how much is printed, and in which colors.
fn asks_for_nothing(arguments: &[OsString]) -> bool {
    let Ok(matches) = alone().try_get_matches_from(arguments) else {
        return false;
    };
    let flags = matches.ids().map(clap::Id::as_str);
    let mut said = flags
        .filter(|id| !is_group(id) && matches.value_source(id) == Some(ValueSource::CommandLine));
    matches.subcommand().is_none() && said.all(|id| ["quiet", "verbose", "color"].contains(&id))
}

/// Whether the arguments ask for JSON, before anything is parsed: a usage error is JSON, too.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let words: Vec<&str> = arguments
        .iter()
        .map(|word| word.to_str().unwrap_or_default())
        .take_while(|word| *word != "--")
        .collect();
    let flags = ["--message-format", "--emit"];
    let beside = |pair: &[&str]| flags.contains(&pair[0]) && pair[1] == "json";
    let joined = |word: &&str| {
        let value = word.split_once('=');
        value.is_some_and(|(flag, value)| flags.contains(&flag) && value == "json")
    };
    words.windows(2).any(beside) || words.iter().any(joined)
}

fn parse(
    program: InvokedAs,
    mut command: clap::Command,
    arguments: Vec<OsString>,
) -> Result<Poolcfg, Error> {
    let split = split_set(&arguments);
    let mut matches = match (command.try_get_matches_from_mut(&arguments), split) {
        (Err(error), Some(text)) if error.use_stderr() => return Err(Error::usage(&text)),
        (Err(error), _) => return Err(explained(error, &arguments)),
        (Ok(matches), _) => matches,
    };
    let parsed = match program {
        InvokedAs::Subcommand => {
            if let Some((name, matches)) = matches.subcommand()
                && let Some(command) = command.find_subcommand_mut(name)
            {
                misplaced(command, matches)?;
            }
            let Cargo::Poolcfg(parsed) = Cargo::from_arg_matches_mut(&mut matches)?;
            parsed
        }
        InvokedAs::Alone => {
            misplaced(&mut command, &matches)?;
            Poolcfg::from_arg_matches_mut(&mut matches)?
        }
    };
    Ok(parsed)
}

/// What clap says of arguments, and where we know more, what was probably meant.
fn explained(error: clap::Error, arguments: &[OsString]) -> Error {
    match elsewhere::explained(&error, arguments) {
        Some(text) => Error::usage(&text),
        None => with_suggestion(error, arguments.last().and_then(|word| word.to_str())),
    }
}

/// The same error with the command that was probably meant: clap says a subcommand everywhere but behind `help`.
fn with_suggestion(mut error: clap::Error, word: Option<&str>) -> Error {
    let code = word.and_then(Code::from_text);
    if let (ErrorKind::UnknownArgument, Some(code)) = (error.kind(), code) {
        let code = code.as_str();
        return Error::usage(&format!("`cargo poolcfg --explain {code}` explains a code"));
    }
    let is_told = error.get(ContextKind::SuggestedSubcommand).is_some();
    if error.kind() == ErrorKind::InvalidSubcommand && !is_told {
        let command = alone();
        let names = command.get_subcommands().map(clap::Command::get_name);
        if let Some(near) = word.and_then(|word| nearest(word, names)) {
            let near = ContextValue::Strings(vec![near.to_owned()]);
            error.insert(ContextKind::SuggestedSubcommand, near);
        }
    }
    error.into()
}

/// What to write in the place of a `--set` that blanks have split; `None` if there is none.
fn split_set(arguments: &[OsString]) -> Option<String> {
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    let at = words.windows(3).position(|three| {
        let [flag, key, next] = three else {
            return false;
        };
        let is_split = match key.strip_suffix('=') {
            Some(key) => !key.contains('=') && !next.starts_with('-'),
            None => !key.contains('=') && next.starts_with('='),
        };
        *flag == "--set" && is_split
    })?;
    let words = &words[at + 1..];
    let end = match words[1] {
        "=" => 3,
        _ => 2,
    };
    let flag = words[..end.min(words.len())].concat();
    Some(format!(
        "`--set` takes one word: write `--set '{}'`",
        escaped(&flag)
    ))
}

/// Flags of `generate` before another command would be passed over in silence.
fn misplaced(command: &mut clap::Command, matches: &ArgMatches) -> Result<(), Error> {
    let Some((name, _)) = matches.subcommand() else {
        return Ok(());
    };
    let shared = SharedFlags::augment_args(clap::Command::new(NAME));
    let known: Vec<_> = shared.get_arguments().map(clap::Arg::get_id).collect();
    for id in matches.ids().filter(|id| !known.contains(id)) {
        // Groups are ids too; what they hold is looked at by itself.
        let given = matches
            .try_contains_id(id.as_str())
            .is_ok_and(|known| known)
            && matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        if given && matches.try_get_raw(id.as_str()).is_ok() && !is_group(id.as_str()) {
            let flag = id.as_str().replace('_', "-");
            let text = format!("put `--{flag}` after the subcommand `{name}`");
            // The usage that it shows is that of the subcommand.
            let error = match command.find_subcommand_mut(name) {
                Some(command) => command.error(ErrorKind::ArgumentConflict, text),
                None => command.error(ErrorKind::ArgumentConflict, text),
            };
            return Err(error.into());
        }
    }
    Ok(())
}

/// The ids of the structs that hold the flags begin in upper case, as types do.
fn is_group(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_uppercase())
}

fn run(
    program: InvokedAs,
    shell: &Shell,
    envelope: &RefCell<Envelope>,
    config: Option<cargo_config2::Config>,
    arguments: &Poolcfg,
) -> Result<Exit, Error> {
    let context = Context {
        program,
        shared: &arguments.shared,
        shell,
        envelope,
        config,
    };
    if let Some(code) = &arguments.explain {
        return codes::run(&context, code);
    }
    match &arguments.command {
        None => generate::run(&context, &arguments.generate),
        Some(Command::Generate(arguments)) => generate::run(&context, arguments),
        Some(Command::Check(arguments)) => check::run(&context, arguments),
        Some(Command::Explain(arguments)) => explain::run(&context, arguments),
        Some(Command::Profiles(arguments)) => profiles::run(&context, arguments),
        Some(Command::Probe(arguments)) => probe::run(&context, arguments),
        Some(Command::Init(arguments)) => init::run(&context, arguments),
        Some(Command::Inspect(arguments)) => inspect::run(&context, arguments),
        Some(Command::Sync(arguments)) => sync::run(&context, arguments),
        Some(Command::Why(arguments)) => why::run(&context, arguments),
        Some(Command::Completions(arguments)) => completions::run(&context, arguments),
        Some(Command::Man(arguments)) => man::run(&context, arguments),
    }
}
