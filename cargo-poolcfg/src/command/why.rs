//! `why`: runs a command, and says why it could not have memory.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use poolcfg_core::Code;
use poolcfg_runtime::RecheckLimit;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::args::Why;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::render::envelope::Results;
use crate::why::advice::Retry;
use crate::why::report::{WhyReport, judge};
use crate::why::text::{counted, deaths, lines, survivals};
use crate::why::trace::told::Traced;
use crate::why::trace::{TraceError, trace};

/// The status of a command that cannot be executed, and of one that is not there: as env(1) has it.
const NOT_EXECUTABLE: Exit = Exit::Command(126);
const NOT_FOUND: Exit = Exit::Command(127);

/// Runs the command, and with `--retry` once more as it should work.
///
/// # Errors
/// When the command is not executed or not traced; when the file cannot be written.
pub(crate) fn run(context: &Context<'_>, arguments: &Why) -> Result<Exit, Error> {
    let output = arguments.output.as_deref();
    // Before the command runs, which would be in vain.
    let file = output.map(|path| File::create(path).map_err(|error| not_written(path, &error)));
    let file = file.transpose()?;
    let traced = trace(&arguments.command).map_err(|error| not_traced(error, arguments))?;
    let (report, retry) = tell(context, &traced, &arguments.command);
    let mut reports = vec![report];
    let mut status = traced.status;
    if let Some(retry) = retry.filter(|_| arguments.retry) {
        let words = prepare(context, retry, &arguments.command);
        let again = trace(&words).map_err(|error| not_traced(error, arguments))?;
        reports.push(tell(context, &again, &words).0);
        status = again.status;
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
    Ok(Exit::Command(status.code()))
}

fn not_written(path: &Path, error: &io::Error) -> Error {
    let help = "name a file in a folder that is there";
    Error::io("write", path, error, help).exiting(Exit::OWN_FAILURE)
}

/// Tells people of a run.
fn tell(context: &Context<'_>, traced: &Traced, words: &[OsString]) -> (WhyReport, Option<Retry>) {
    let shell = context.shell;
    let (report, verdict) = judge(traced, words);
    for line in deaths(traced) {
        shell.note(&line);
    }
    for line in survivals(traced, verdict.as_ref().map(|verdict| verdict.failure)) {
        shell.note(&line);
    }
    if traced.stops_at_every_call && !traced.failures.is_empty() {
        shell.note("another filter of seccomp is in force: the command stopped at every call, and was slower");
    }
    if traced.no_new_privileges {
        shell.detail("note: setuid programs ran without their privileges (no_new_privs)");
    }
    let Some(verdict) = verdict else {
        return (report, None);
    };
    let help = verdict.advice.help.first().cloned().unwrap_or_default();
    let error = Error::new(Code::NoMemory, counted(verdict.failure), help);
    shell.fail_with(&error, &lines(&verdict));
    (report, verdict.advice.retry)
}

/// Does what is advised, and gives the words of the next run.
fn prepare(context: &Context<'_>, retry: Retry, words: &[OsString]) -> Vec<OsString> {
    match retry {
        Retry::Words(words) => {
            context.shell.say("--retry: runs the command line above");
            words
        }
        Retry::Raised(limit, value) => {
            let resource = match limit {
                RecheckLimit::RlimitAs => Resource::As,
                RecheckLimit::RlimitData => Resource::Data,
                _ => Resource::Memlock,
            };
            let maximum = getrlimit(resource).maximum;
            let free = Rlimit {
                current: value,
                maximum: value,
            };
            let own = Rlimit {
                current: maximum,
                maximum,
            };
            let name = limit.name();
            // The hard limit is for root to raise.
            if setrlimit(resource, free).is_err() {
                let _ = setrlimit(resource, own);
            }
            context
                .shell
                .say(&format!("--retry: runs with {name} as high as it goes"));
            words.to_vec()
        }
    }
}

fn not_traced(error: TraceError, arguments: &Why) -> Error {
    let name = arguments.command.first();
    let name = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let (message, help, status) = match error {
        TraceError::NotExecuted(error) => (
            format!("cannot run `{name}`: {error}"),
            "name a program that is in PATH, or its path",
            match error.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_EXECUTABLE,
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
                    "allow ptrace: `kernel.yama.ptrace_scope` of 2 at most for root and 1 for others, `--cap-add=SYS_PTRACE` of a container, and no other tracer"
                }
                _ => "`poolcfg --explain PC0051` says what it needs",
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
