//! The lookup: the Wasmtime of a package, asked of cargo.

use cargo_metadata::Metadata;
use poolcfg_core::file::TargetFacts;
use poolcfg_core::{Code, WasmtimeVersion};

use crate::cli::error::{Error, diagnostic};
use crate::context::Context;
use crate::project::cargo::{Depth, metadata, words};
use crate::project::difference::list;
use crate::project::wasmtime_tables::{Used, place};
use crate::project::{CargoPackage, Member};
use crate::wasmtime::graph::{Resolved, Wasmtimes};

/// The version that examples name.
const EXAMPLE: u32 = 48;

/// What cargo cannot tell of a package's Wasmtime, and what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Unknown {
    pub(crate) code: Code,
    pub(crate) message: String,
    help: String,
    /// What cargo has resolved is not known at all.
    pub(crate) lacks_lock: bool,
    /// The major version that examples name: one that the workspace uses, if any.
    pub(crate) version: u32,
}

/// What cargo says of the Wasmtime of a package.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// It is known, or there is nothing to ask for.
    Known,
    Unknown(Unknown),
}

impl Lookup {
    /// What is not known.
    pub(crate) const fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Known => None,
            Self::Unknown(unknown) => Some(unknown),
        }
    }
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.message, self.help)
    }
}

impl Unknown {
    /// The same of these packages, too.
    pub(crate) fn with_others(mut self, others: &[&str]) -> Self {
        if !others.is_empty() {
            let others = others.join("`, `");
            self.message = format!("{} (likewise for `{others}`)", self.message);
        }
        self
    }

    /// The error, with a caret where poolcfg.toml has its Wasmtime, and with what does without the project.
    pub(crate) fn error(&self, member: &Member, flag: &str) -> Error {
        let help = format!("{}{flag}", self.help);
        let diagnostic = diagnostic(self.code, &self.message, help);
        // What cargo cannot resolve stands in a Cargo.toml, and cargo says where.
        let source = member.source.as_ref();
        let source = source.filter(|_| self.code != Code::Tool);
        let found = source.and_then(|source| Some((source, place(&source.text)?)));
        match found {
            Some((source, span)) => Error::from(diagnostic).at(source, &span),
            None => Error::from(diagnostic),
        }
    }
}

/// Finds the Wasmtime of a package in what cargo has resolved, and says which ones there are beside it;
/// that there is none is for the caller to judge.
///
/// # Errors
/// Where it is of a version that is not supported.
pub(crate) fn look_up(
    context: &Context<'_>,
    member: &mut Member,
    metadata: &Metadata,
    platform: Option<&TargetFacts>,
) -> Result<Lookup, Error> {
    let Some(package) = &member.package else {
        return Ok(Lookup::Known);
    };
    let Some(found) = Wasmtimes::of(metadata, &package.id) else {
        return Ok(Lookup::Unknown(none(metadata, package, platform)));
    };
    if let Some(line) = beside(package, &found) {
        context.shell.note(&line);
    }
    for wasmtime in &found.nearest {
        let version = wasmtime.version;
        if let Err(error) = version.to_string().parse::<WasmtimeVersion>() {
            return Err(Error::new(
                Code::BadVersion,
                format!("`{}` uses Wasmtime {version}: {error}", package.name),
                format!(
                    "use a later version; the newest known is {}",
                    WasmtimeVersion::NEWEST
                ),
            ));
        }
    }
    if let [wasmtime] = found.nearest.as_slice() {
        context.shell.detail(&format!(
            "`{}` uses Wasmtime {} with {}",
            package.name,
            wasmtime.version,
            list(wasmtime.features)
        ));
    }
    let used = found.nearest.iter().map(|wasmtime| Used {
        version: wasmtime.version,
        features: wasmtime.features,
    });
    member.wasmtime = used.collect();
    Ok(Lookup::Known)
}

/// What Cargo.lock has resolved for the workspace of a package.
///
/// # Errors
/// Where there is none, or one of other dependencies, or cargo cannot read what it names.
pub(crate) fn resolved(
    context: &Context<'_>,
    member: &Member,
    package: &CargoPackage,
    platform: Option<&TargetFacts>,
) -> Result<Metadata, Unknown> {
    let manifest = member.dir.join("Cargo.toml");
    let ask = |platform| metadata(&manifest, context.shared, &Depth::Resolved { platform });
    let outcome = match platform {
        // rustc may not know a target that the built-in table knows: then all platforms are looked at.
        Some(facts) => ask(Some(facts.triple().to_owned())).or_else(|_| ask(None)),
        None => ask(None),
    };
    outcome.map_err(|error| {
        let words = words(&error);
        let name = &package.name;
        let is_locked = words.contains("lock file") && words.contains("was passed to prevent this");
        let (code, message, help) = if is_locked && !package.workspace.join("Cargo.lock").exists() {
            (
                Code::NoWasmtime,
                format!("no Cargo.lock, which says which Wasmtime version `{name}` uses"),
                "`cargo generate-lockfile` writes it",
            )
        } else if is_locked {
            (
                Code::NoWasmtime,
                format!("Cargo.lock is out of date for `{name}`"),
                "`cargo update --workspace` brings it up to date",
            )
        } else {
            (
                Code::Tool,
                format!("cargo cannot resolve the dependencies of `{name}`: {words}"),
                "run `cargo metadata --locked` for details",
            )
        };
        Unknown {
            code,
            message,
            help: help.to_owned(),
            lacks_lock: true,
            version: EXAMPLE,
        }
    })
}

fn none(metadata: &Metadata, package: &CargoPackage, platform: Option<&TargetFacts>) -> Unknown {
    let on = platform.map_or_else(String::new, |facts| format!(" on `{}`", facts.triple()));
    let members = metadata.workspace_packages();
    let found = members
        .iter()
        .filter_map(|member| Some((member, Wasmtimes::of(metadata, &member.id)?)));
    let found: Vec<_> = found.collect();
    let users: Vec<String> = found
        .iter()
        .map(|(member, _)| format!("`-p {}`", member.name))
        .collect();
    let mut used = found.iter().flat_map(|(_, found)| &found.nearest);
    Unknown {
        code: Code::NoWasmtime,
        message: format!("`{}` does not depend on `wasmtime`{on}", package.name),
        help: match users.is_empty() {
            true => "add it to the dependencies".to_owned(),
            false => format!("select a package that does: {}", users.join(", ")),
        },
        lacks_lock: false,
        version: used.next().map_or(EXAMPLE, |one| one.version.major),
    }
}

/// Which ones there are beside the one that is taken.
fn beside(package: &CargoPackage, found: &Wasmtimes) -> Option<String> {
    let name = &package.name;
    let nearest = versions(&found.nearest);
    let further: Vec<String> = found
        .further
        .iter()
        .map(|wasmtime| {
            let users: Vec<_> = wasmtime
                .used_by
                .iter()
                .map(|user| format!("`{user}`"))
                .collect();
            format!("{} through {}", wasmtime.version, users.join(", "))
        })
        .collect();
    if !further.is_empty() {
        let further = further.join(" and ");
        return Some(format!(
            "`{name}` uses Wasmtime {nearest}; its dependency graph also has {further}"
        ));
    }
    (found.nearest.len() > 1)
        .then(|| format!("`{name}` uses Wasmtime {nearest}; poolcfg.toml says which one counts"))
}

/// The versions as a sentence lists them.
pub(crate) fn versions(found: &[Resolved]) -> String {
    let versions: Vec<_> = found.iter().map(|one| one.version.to_string()).collect();
    versions.join(" and ")
}
