//! `generate`: the limits as a file of Rust consts, as JSON, as a text for a host or through a template.

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use poolcfg_core::codegen::{Arm, cfg_predicate};
use poolcfg_core::file::TargetFacts;
use poolcfg_core::{Code, file::FILE_NAME};

use crate::answer::{Answer, Wish, misfits};
use crate::args::{Emit, Generate, Machine, MessageFormat};
use crate::command::{Context, answers, warn};
use crate::error::{Error, all};
use crate::exit::Exit;
use crate::host::{self, Host};
use crate::host_file::Chosen;
use crate::output::{Present, foreign, present, write};
use crate::project::{Member, members, shown};
use crate::report::{Report, json};
use crate::rust_file::{self, Header};
use crate::rustc::Rustc;
use crate::shell::print;
use crate::target::{NamedTarget, facts, named};
use crate::template::render_file;

/// Where the consts of a package go.
const RUST_FILE: &str = "src/pool_limits.rs";

/// Works out every chosen package, writes what fits, and tells what does not.
///
/// # Errors
/// Every mistake of the files and flags; every misfit, with [`Exit::Misfit`]; stale files likewise.
pub(crate) fn run(context: &Context<'_>, arguments: &Generate) -> Result<Exit, Error> {
    let (members, asked) = project(context, arguments)?;
    let host = host(arguments);
    if host.is_none() && arguments.pool.is_some() {
        return Err(Error::new(
            Code::HostCannot,
            "`--pool` chooses for a text that is of one pool, and this one is of all",
            "leave it out, or choose a host with `--emit`",
        )
        .exiting(Exit::Usage));
    }
    let recorded = match arguments.repeats() {
        true => recorded(&members, arguments),
        false => None,
    };
    let (machine, pool, asked) = match &recorded {
        Some(recorded) => {
            let asked = Asked::new(&names(context, &recorded.machine), &context.rustc())?;
            let pool = arguments.pool.as_ref().or(recorded.pool.as_ref());
            (&recorded.machine, pool, asked)
        }
        None => (&arguments.machine, arguments.pool.as_ref(), asked),
    };
    let wish = Wish::new(machine)?;
    let targets = all(members
        .iter()
        .map(|member| arms(context, member, &asked, machine, arguments)))?;
    let facts: Vec<Vec<TargetFacts>> = targets
        .iter()
        .map(|targets| targets.iter().map(|target| target.facts.clone()).collect())
        .collect();
    let results = all(members
        .iter()
        .zip(&facts)
        .map(|(member, facts)| Ok((member, answers(member, facts, &wish)?))))?;
    let mut notes = Vec::new();
    let outputs = match (&arguments.template, host, arguments.emit) {
        (Some(template), ..) => {
            let text = render_file(template, &report(&results))?;
            vec![Output::text(&arguments.output, text)]
        }
        (None, Some(host), _) => {
            let chosen = Chosen::new(&results, pool.map(String::as_str), kind(arguments))?;
            // Nothing is written of what does not fit.
            misfits(&results)?;
            let command = host_command(&chosen, &targets, pool, &wish, arguments)?;
            let text = chosen.render(host, &command)?;
            notes = text.notes;
            let mut output = Output::text(&arguments.output, text.text);
            output.mark = host.marked.then_some(host::MARK);
            if output.place.is_some() && arguments.format.message_format == MessageFormat::Json {
                print(&json(&report(&results))?)?;
            }
            vec![output]
        }
        (None, None, Emit::Json) => {
            vec![Output::text(&arguments.output, json(&report(&results))?)]
        }
        (None, None, _) => {
            if arguments.format.message_format == MessageFormat::Json {
                print(&json(&report(&results))?)?;
            }
            // Nothing is written of what does not fit.
            misfits(&results)?;
            all(results
                .iter()
                .zip(&targets)
                .map(|((member, answers), targets)| {
                    rust_output(member, answers, targets, &wish, arguments)
                }))?
        }
    };
    warn(context, results.iter().flat_map(|(_, answers)| answers));
    if arguments.check {
        check(context, &outputs)?;
    } else {
        for output in &outputs {
            output.put(context, arguments)?;
        }
        for line in results
            .iter()
            .flat_map(|(_, answers)| answers)
            .flat_map(Answer::lines)
        {
            context.shell.say(&line);
        }
        for note in &notes {
            context.shell.say(&format!("note: {note}"));
        }
        for answer in results.iter().flat_map(|(_, answers)| answers) {
            context.shell.detail(&answer.details());
        }
    }
    misfits(&results)?;
    Ok(Exit::Fits)
}

/// The packages, and the targets that the command line or cargo's configuration names; the host where
/// they name none. cargo and rustc are asked side by side.
fn project(context: &Context<'_>, arguments: &Generate) -> Result<(Vec<Member>, Asked), Error> {
    let names = names(context, &arguments.machine);
    let rustc = context.rustc();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| Asked::new(&names, &rustc));
        let members = members(context.program, context.shared, &arguments.packages);
        let asked = match asked.join() {
            Ok(asked) => asked,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        match (members, asked) {
            (Ok(members), Ok(asked)) => Ok((members, asked)),
            (Err(error), Err(other)) => Err(error.and(other)),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        }
    })
}

/// Targets, and whether they are there only because nothing else was named.
struct Asked {
    targets: Vec<NamedTarget>,
    is_host: bool,
}

impl Asked {
    fn new(names: &[String], rustc: &Rustc) -> Result<Self, Error> {
        Ok(Self {
            targets: facts(names, rustc)?,
            is_host: names.is_empty(),
        })
    }
}

/// What flags or configuration call the targets; nothing for the host.
fn names(context: &Context<'_>, machine: &Machine) -> Vec<String> {
    match machine.here {
        true => Vec::new(),
        false => named(&machine.target, context.config.as_ref()),
    }
}

/// The flags with which the file that is checked was written, from its first line: `--check` without
/// flags of its own asks whether that command would write the same now.
fn recorded(members: &[Member], arguments: &Generate) -> Option<Generate> {
    let [member] = members else {
        return None;
    };
    let place = match (&arguments.output, arguments.emit) {
        (Some(place), _) => place.clone(),
        (None, Emit::Rust) => member.dir.join(RUST_FILE),
        (None, _) => return None,
    };
    let Ok(Present::Text(text)) = present(&place) else {
        return None;
    };
    let first = text.lines().next()?.trim_start_matches(['/', '#', ' ']);
    let command = first.strip_prefix("@generated by `")?.split('`').next()?;
    let mut words = shlex::split(command)?;
    if words.first().is_some_and(|program| program != "cargo") {
        words.insert(0, "cargo".to_owned());
    }
    // What was measured then is not what would be measured now.
    Generate::recorded(words).filter(|generate| !generate.machine.here)
}

/// The host that is told, where one is.
fn host(arguments: &Generate) -> Option<&'static Host> {
    match arguments.emit {
        _ if arguments.template.is_some() => None,
        Emit::Rust | Emit::Json => None,
        Emit::WasmtimeToml => Some(&host::TOML),
        Emit::WasmtimeFlags => Some(&host::FLAGS),
        Emit::SpinEnv => Some(&host::SPIN),
        Emit::WasmcloudEnv => Some(&host::WASMCLOUD),
    }
}

/// As the command line calls what is written.
fn kind(arguments: &Generate) -> String {
    let value = arguments.emit.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The targets of one package: those that were asked for and those with tables in its poolcfg.toml, or
/// else the host.
fn arms(
    context: &Context<'_>,
    member: &Member,
    asked: &Asked,
    machine: &Machine,
    arguments: &Generate,
) -> Result<Vec<NamedTarget>, Error> {
    let mut targets = asked.targets.clone();
    let triples: Vec<&str> = member.file.triples().collect();
    // A text for a host is of the one target that is named.
    let named = host(arguments).is_some() && !machine.target.is_empty();
    if !machine.here && !named && !triples.is_empty() {
        if asked.is_host {
            targets.clear();
        }
        let more: Vec<String> = triples
            .iter()
            .filter(|triple| !targets.iter().any(|target| target.name == **triple))
            .map(|triple| (*triple).to_owned())
            .collect();
        if !more.is_empty() {
            targets.extend(facts(&more, &context.rustc())?);
        }
    }
    if arguments.emit == Emit::Rust && arguments.template.is_none() {
        distinct(&targets)?;
    }
    Ok(targets)
}

/// The compiler takes the arm whose cfg holds, so no two may hold at once.
fn distinct(targets: &[NamedTarget]) -> Result<(), Error> {
    for (index, target) in targets.iter().enumerate() {
        let predicate = cfg_predicate(&target.facts).to_string();
        let same = targets[..index]
            .iter()
            .find(|other| cfg_predicate(&other.facts).to_string() == predicate);
        if let Some(other) = same {
            return Err(Error::new(
                Code::SameTarget,
                format!("no cfg tells `{}` apart from `{}`", target.name, other.name),
                "name only one of them: its arm serves both",
            ));
        }
    }
    Ok(())
}

fn report(results: &[(&Member, Vec<Answer<'_>>)]) -> Report {
    let answers = results.iter().flat_map(|(_, answers)| answers);
    Report::new(answers.flat_map(Answer::results).collect())
}

/// The file of one package.
fn rust_output(
    member: &Member,
    answers: &[Answer<'_>],
    targets: &[NamedTarget],
    wish: &Wish,
    arguments: &Generate,
) -> Result<Output, Error> {
    let arms: Vec<Arm<'_>> = answers
        .iter()
        .map(|answer| Arm {
            facts: answer.facts,
            case: &answer.case,
            plan: &answer.plan,
        })
        .collect();
    let header = Header {
        command: &command(member, targets, wish)?,
        source: member.source.as_ref().map_or("", |source| &source.text),
        runtime: member.runtime.as_deref(),
    };
    let text = rust_file::render(&arms, &header)?;
    let place = match &arguments.output {
        Some(path) => Some(path.clone()),
        None if member.has_manifest => Some(member.dir.join(RUST_FILE)),
        // Without a package there is no place of its own.
        None => None,
    };
    Ok(Output {
        place: place.filter(|path| path != Path::new("-")),
        text,
        mark: Some(rust_file::MARK),
    })
}

/// The command that writes the same Rust file again, on any machine.
///
/// # Errors
/// When a name cannot stand in the header.
fn command(member: &Member, targets: &[NamedTarget], wish: &Wish) -> Result<String, Error> {
    let mut words = vec!["cargo".to_owned(), "poolcfg".to_owned()];
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
    if let Some(name) = &member.named {
        flag("-p", name.clone());
    }
    for target in targets {
        // Targets with tables of their own are always written.
        if member.file.triples().any(|triple| triple == target.name) {
            continue;
        }
        flag("--target", relative(&target.name));
    }
    words.extend(wish.flags());
    quoted(&words)
}

/// The command that writes the same text for a host again, on any machine with the same project.
///
/// # Errors
/// When a name cannot stand in the header.
fn host_command(
    chosen: &Chosen<'_>,
    targets: &[Vec<NamedTarget>],
    pool: Option<&String>,
    wish: &Wish,
    arguments: &Generate,
) -> Result<String, Error> {
    let mut words = vec!["poolcfg".to_owned()];
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
    flag("--emit", kind(arguments));
    if let Some(name) = &chosen.member.named {
        flag("-p", name.clone());
    }
    let named = targets
        .iter()
        .flatten()
        .find(|target| target.facts.triple() == chosen.target);
    if let Some(target) = named.filter(|_| !arguments.machine.here) {
        flag("--target", relative(&target.name));
    }
    if let Some(pool) = pool {
        flag("--pool", pool.clone());
    }
    words.extend(wish.flags());
    quoted(&words)
}

/// A target as it is called, or the file name of a specification where its path is of this machine.
fn relative(target: &str) -> String {
    let path = Path::new(target);
    match path.file_name() {
        Some(file) if path.is_absolute() => file.to_string_lossy().into_owned(),
        _ => target.to_owned(),
    }
}

/// The words quoted as a shell takes them.
///
/// # Errors
/// When one cannot stand in the header, which is one line of a comment.
fn quoted(words: &[String]) -> Result<String, Error> {
    let unfit = words
        .iter()
        .find(|word| word.contains(|char: char| char.is_control() || char == '`'));
    match (unfit, shlex::try_join(words.iter().map(String::as_str))) {
        (None, Ok(command)) => Ok(command),
        (unfit, _) => Err(Error::new(
            Code::UnknownTarget,
            format!(
                "`{}` cannot stand in the first line of a file",
                unfit.map_or("a name", String::as_str).escape_default()
            ),
            "rename the target spec or profile: no backticks, line breaks or other control characters",
        )),
    }
}

/// One text and its place; no place is stdout.
struct Output {
    place: Option<PathBuf>,
    text: String,
    /// How the text begins, where it is marked as ours: then only what does is replaced.
    mark: Option<&'static str>,
}

impl Output {
    fn text(output: &Option<PathBuf>, text: String) -> Self {
        Self {
            place: output.clone().filter(|path| path != Path::new("-")),
            text,
            mark: None,
        }
    }

    fn put(&self, context: &Context<'_>, arguments: &Generate) -> Result<(), Error> {
        let Some(path) = &self.place else {
            return print(&self.text);
        };
        match present(path)? {
            // What is current keeps its time, so that nothing is built anew.
            Present::Text(text) if text == self.text => {
                context.shell.say(&format!("{} is current", shown(path)));
                return Ok(());
            }
            Present::Text(text) if !self.may_replace(path, &text, arguments) => {
                return Err(foreign(path));
            }
            _ => {}
        }
        write(path, &self.text)?;
        context.shell.say(&format!("wrote {}", shown(path)));
        Ok(())
    }

    /// Whether a text at the place is ours to replace. JSON and templates carry no mark: `-o` names
    /// their place, and what is replaced must not be a source of anything.
    fn may_replace(&self, path: &Path, text: &str, arguments: &Generate) -> bool {
        if let Some(mark) = self.mark {
            return text.starts_with(mark) || text.trim().is_empty();
        }
        let is_source = path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "toml")
            && !text.starts_with(rust_file::MARK);
        let is_template = arguments.template.as_ref().is_some_and(|template| {
            match (template.canonicalize(), path.canonicalize()) {
                (Ok(template), Ok(path)) => template == path,
                _ => template == path,
            }
        });
        !is_source && !is_template && path.file_name().is_none_or(|name| name != FILE_NAME)
    }
}

/// Whether every file is what would be written now.
fn check(context: &Context<'_>, outputs: &[Output]) -> Result<(), Error> {
    let mut stale: Option<Error> = None;
    for output in outputs {
        let Some(path) = &output.place else {
            return Err(Error::new(
                Code::Stale,
                "there is no file to check on stdout",
                "name it with `-o FILE`",
            )
            .exiting(Exit::Usage));
        };
        let what = match present(path)? {
            Present::Text(text) if text == output.text => {
                context.shell.say(&format!("{} is current", shown(path)));
                continue;
            }
            Present::Nothing => "is not there",
            _ => "is not current",
        };
        let error = Error::new(
            Code::Stale,
            format!("`{}` {what}", shown(path)),
            "run the same command without `--check`",
        )
        .exiting(Exit::Misfit);
        stale = Some(match stale {
            Some(before) => before.and(error),
            None => error,
        });
    }
    stale.map_or(Ok(()), Err)
}
