//! `why`: runs a command, and says why it could not have memory.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _, stdin};
use std::path::Path;

use poolcfg_core::Code;
use poolcfg_runtime::RecheckLimit;
use rustix::fs::{SeekFrom, fstat, seek, tell};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::args::Why;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::path::shown;
use crate::context::Context;
use crate::output::mark::Mark;
use crate::output::{Present, foreign, present};
use crate::render::envelope::Results;
use crate::why::advice::{Advice, RaisedLimit, Retry};
use crate::why::report::{WhyReport, judge};
use crate::why::text::{counted, deaths, lines, survivals};
use crate::why::trace::obstacle::WhyLimit;
use crate::why::trace::told::{Status, Traced};
use crate::why::trace::{TraceError, trace};

/// Runs the command, and with `--retry` once more as it should work.
///
/// # Errors
/// When the command is not executed or not traced; when the file cannot be written.
pub(crate) fn run(context: &Context<'_>, arguments: &Why) -> Result<Exit, Error> {
    let output = arguments.output.as_deref();
    // Before the command runs, which would be in vain.
    let file = output.map(create).transpose()?;
    context.envelope().is_behind_output = true;
    let input = Input::of_now();
    let traced = trace(&arguments.command).map_err(|error| not_traced(error, arguments))?;
    let (report, advice) = say(context, &traced, &arguments.command);
    let mut reports = vec![report];
    let mut status = traced.status;
    if let Some(advice) = advice.filter(|_| arguments.retry) {
        match prepare(context, advice.retry, &arguments.command) {
            Ok(words) => {
                if !input.is_given_again() {
                    context
                        .shell
                        .note("the second run reads what is left of stdin");
                }
                let again = trace(&words).map_err(|error| not_traced(error, arguments))?;
                reports.push(say(context, &again, &words).0);
                status = again.status;
            }
            Err(why) => context
                .shell
                .note(&format!("the command is not run once more: {why}")),
        }
    }
    // A file wants them also where stdout is for people.
    context.envelope().results = Results::Why(reports.into_iter().map(Into::into).collect());
    if let (Some(path), Some(mut file)) = (output, file) {
        let mut envelope = context.envelope();
        let text = envelope.text()?;
        let written = file.write_all(text.as_bytes());
        written.map_err(|error| not_written(path, &error))?;
        envelope.is_written = true;
    }
    Ok(match status {
        Status::Killed(libc::SIGINT) => Exit::Interrupted,
        _ => Exit::Command(status.code()),
    })
}

/// What a command reads.
struct Input {
    /// Where it begins, of a file.
    begin: Option<u64>,
}

impl Input {
    fn of_now() -> Self {
        Self {
            begin: tell(stdin()).ok(),
        }
    }

    /// Whether the next run reads what this one did: a file from the same place on, a terminal, or nothing.
    fn is_given_again(&self) -> bool {
        match self.begin {
            Some(begin) => seek(stdin(), SeekFrom::Start(begin)).is_ok(),
            None => stdin().is_terminal() || fstat(stdin()).is_err(),
        }
    }
}

/// Makes the file that the object goes to. Devices and pipes are written to.
///
/// # Errors
/// When a file is there that is not ours to replace, or it cannot be made.
fn create(path: &Path) -> Result<File, Error> {
    let there = present(path).map_err(|error| error.exiting(Exit::OWN_FAILURE))?;
    let is_ours = match there {
        Present::Nothing | Present::Other => true,
        Present::Text(text) => !Mark::Envelope.is_missing(&text),
        Present::Foreign => false,
    };
    if !is_ours {
        return Err(foreign(path).exiting(Exit::OWN_FAILURE));
    }
    File::create(path).map_err(|error| not_written(path, &error))
}

fn not_written(path: &Path, error: &io::Error) -> Error {
    let help = "name a file in a folder that exists";
    Error::io("write", path, error, help).exiting(Exit::OWN_FAILURE)
}

/// Tells people of a run, and gives what helps where it failed for lack of memory.
fn say(context: &Context<'_>, traced: &Traced, words: &[OsString]) -> (WhyReport, Option<Advice>) {
    let shell = context.shell;
    let (report, verdict) = judge(traced, words);
    for line in deaths(traced) {
        shell.note(&line);
    }
    for line in survivals(traced, verdict.as_ref().map(|verdict| verdict.failure)) {
        shell.note(&line);
    }
    if traced.stops_at_every_call && !traced.failures.is_empty() {
        shell.note("another seccomp filter is in force, so the command stopped at every call and ran more slowly");
    }
    match &traced.unprivileged {
        Some(program) => shell.note(&format!(
            "`{}` ran without its privileges (no_new_privs), so it may have failed for lack of them: as root, `why` leaves them",
            shown(Path::new(program))
        )),
        None if traced.no_new_privileges => {
            shell.detail("note: setuid programs would run without their privileges (no_new_privs)");
        }
        None => {}
    }
    let Some(verdict) = verdict else {
        return (report, None);
    };
    let help = verdict.advice.help.first().cloned().unwrap_or_default();
    let error = Error::new(Code::NoMemory, counted(verdict.failure), help);
    shell.fail_with(&error, &lines(&verdict));
    (report, Some(verdict.advice))
}

/// Does what is advised, and gives the words of the next run; or why there is none.
fn prepare(
    context: &Context<'_>,
    retry: Option<Retry>,
    words: &[OsString],
) -> Result<Vec<OsString>, String> {
    match retry {
        None => Err("the advice cannot be followed from here".to_owned()),
        Some(Retry::Words(words)) => {
            context.shell.say("--retry: runs the command line above");
            Ok(words)
        }
        Some(Retry::Raised(limits)) => {
            for limit in &limits {
                raise(*limit)?;
            }
            let names = limits.iter().map(|limit| limit.limit.name());
            let names = names.collect::<Vec<_>>().join(" and ");
            context
                .shell
                .say(&format!("--retry: runs again with {names} raised"));
            Ok(words.to_vec())
        }
    }
}

/// Raises a limit of this process, which the command has from it.
fn raise(raised: RaisedLimit) -> Result<(), String> {
    let resource = match raised.limit {
        WhyLimit::Recheck(RecheckLimit::RlimitAs) => Resource::As,
        WhyLimit::Recheck(RecheckLimit::RlimitData) => Resource::Data,
        WhyLimit::Stack => Resource::Stack,
        _ => Resource::Memlock,
    };
    let name = raised.limit.name();
    let Rlimit { current, maximum } = getrlimit(resource);
    if current != Some(raised.have) {
        return Err(format!(
            "the command sets {name} itself, so it can only be raised there"
        ));
    }
    let to = |bytes| Rlimit {
        current: bytes,
        maximum: bytes,
    };
    // An unlimited stack would change where everything lies.
    if raised.limit == WhyLimit::Stack {
        let larger = Rlimit {
            current: Some(raised.need),
            maximum,
        };
        let is_enough = maximum.is_none_or(|maximum| maximum >= raised.need);
        return match is_enough && setrlimit(resource, larger).is_ok() {
            true => Ok(()),
            false => Err(format!("{name} cannot be raised so far")),
        };
    }
    // The hard limit is for root to raise.
    let is_free = setrlimit(resource, to(None)).is_ok();
    if is_free || maximum.is_none_or(|maximum| maximum >= raised.need) {
        return match is_free || setrlimit(resource, to(maximum)).is_ok() {
            true => Ok(()),
            false => Err(format!("{name} cannot be raised")),
        };
    }
    Err(format!(
        "the hard limit of {name} is too low, and only root can raise it"
    ))
}

fn not_traced(error: TraceError, arguments: &Why) -> Error {
    let name = arguments.command.first();
    let name = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let (message, help, status) = match error {
        TraceError::NotExecuted(error) => (
            format!("cannot run `{name}`: {error}"),
            "name a program that is in PATH, or its path",
            match error.kind() {
                io::ErrorKind::NotFound => Exit::NOT_FOUND,
                _ => Exit::NOT_EXECUTABLE,
            },
        ),
        TraceError::Nul => (
            "a word of the command has a NUL".to_owned(),
            "remove it",
            Exit::OWN_FAILURE,
        ),
        TraceError::System(text, errno) => (
            format!("cannot trace `{name}`: {text}"),
            match errno {
                Some(libc::EPERM) => {
                    "allow ptrace: set `kernel.yama.ptrace_scope` to at most 2 for root, or 1 for other users, start a container with `--cap-add=SYS_PTRACE`, and stop any other tracer"
                }
                _ => "`cargo poolcfg --explain PC0051` says what it needs",
            },
            Exit::OWN_FAILURE,
        ),
        TraceError::TracerKilled => (
            format!("the tracer of `{name}` was killed, and `{name}` with it"),
            "run it again",
            Exit::OWN_FAILURE,
        ),
    };
    Error::new(Code::NotTraced, message, help).exiting(status)
}
