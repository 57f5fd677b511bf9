//! `generate`: the limits as a file of Rust consts, as JSON or through a template.

use std::path::{Path, PathBuf};

use poolcfg_core::codegen::{Arm, cfg_predicate};
use poolcfg_core::file::TargetFacts;
use poolcfg_core::{Code, file::FILE_NAME};

use crate::answer::{Answer, Wish, misfits};
use crate::args::{Emit, Generate, Machine, MessageFormat};
use crate::command::{Context, answers, warn};
use crate::error::{Error, all};
use crate::exit::Exit;
use crate::output::{Present, foreign, present, write};
use crate::project::{Member, members, shown};
use crate::report::{Report, json};
use crate::rust_file::{self, Header, MARK};
use crate::rustc::Rustc;
use crate::shell::print;
use crate::target::{NamedTarget, facts, named};

/// Where the consts of a package go.
const RUST_FILE: &str = "src/pool_limits.rs";

/// Works out every chosen package, writes what fits, and tells what does not.
///
/// # Errors
/// Every mistake of the files and flags; every misfit, with [`Exit::Misfit`]; stale files likewise.
pub(crate) fn run(context: &Context<'_>, arguments: &Generate) -> Result<Exit, Error> {
    let (members, asked) = project(context, arguments)?;
    let recorded = match arguments.repeats() {
        true => recorded(&members, arguments),
        false => None,
    };
    let (machine, asked) = match &recorded {
        Some(machine) => {
            let asked = Asked::new(&names(context, machine), &context.rustc())?;
            (machine, asked)
        }
        None => (&arguments.machine, asked),
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
    let outputs = match (&arguments.template, arguments.emit) {
        (Some(template), _) => vec![Output::text(
            &arguments.output,
            templated(template, &results)?,
        )],
        (None, Emit::Json) => vec![Output::text(&arguments.output, json(&report(&results))?)],
        (None, Emit::Rust) => {
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
fn recorded(members: &[Member], arguments: &Generate) -> Option<Machine> {
    let [member] = members else {
        return None;
    };
    let place = arguments.output.clone();
    let Ok(Present::Text(text)) = present(&place.unwrap_or_else(|| member.dir.join(RUST_FILE)))
    else {
        return None;
    };
    let command = text.strip_prefix("// @generated by `")?.split('`').next()?;
    let words = shlex::split(command)?;
    Generate::recorded(words).map(|generate| generate.machine)
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
    if !machine.here && !triples.is_empty() {
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

/// The user's own text, made from the data of the JSON. What a template names and the data does not have
/// is an error.
fn templated(path: &Path, results: &[(&Member, Vec<Answer<'_>>)]) -> Result<String, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::io("read template", path, &error, "it must be UTF-8 text"))?;
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    // A file that is rendered ends as its template does.
    if let Ok(syntax) = minijinja::syntax::SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment
        .render_named_str(
            &shown(path),
            &text,
            minijinja::value::Serde(report(results)),
        )
        .map_err(|error| {
            let cause = match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            };
            let message = format!("the template cannot be rendered: {cause}");
            Error::new(
                Code::WrongType,
                message,
                "it is given what `--emit json` prints",
            )
        })
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
        marked: true,
    })
}

/// The command that writes the same file again, on any machine, quoted as a shell takes it.
///
/// # Errors
/// When a name cannot stand in the header, which is one line of a comment.
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
        let path = Path::new(&target.name);
        let name = match path.file_name() {
            Some(file) if path.is_absolute() => file.to_string_lossy().into_owned(),
            _ => target.name.clone(),
        };
        flag("--target", name);
    }
    words.extend(wish.flags());
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
    /// Whether the text begins with our mark: then only what does is replaced.
    marked: bool,
}

impl Output {
    fn text(output: &Option<PathBuf>, text: String) -> Self {
        Self {
            place: output.clone().filter(|path| path != Path::new("-")),
            text,
            marked: false,
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
        if self.marked {
            return text.starts_with(MARK) || text.trim().is_empty();
        }
        let is_source = path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "toml")
            && !text.starts_with(MARK);
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
