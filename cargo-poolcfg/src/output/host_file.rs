//! The text for a host: which pool it is of, and its rendering.

use poolcfg_core::file::nearest;
use poolcfg_core::{Code, Engine, Fit, PoolKeys};
use serde::Serialize;

use crate::cli::error::{Error, diagnostic};
use crate::cli::exit::Exit;
use crate::given::arenas;
use crate::host::{Cannot, Host, HostText, Numbers};
use crate::project::Member;
use crate::render::envelope::SCHEMA;
use crate::render::footprint::counts;
use crate::render::report::PoolResult;
use crate::render::template::render_own;
use crate::target_outcome::TargetOutcome;

/// The one pool on the one target that a host is configured for.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) member: &'a Member,
    /// The target's name.
    pub(crate) target: String,
    outcome: &'a TargetOutcome<'a>,
    /// The pool's place in the file.
    index: usize,
}

/// A text, and what has to be said about it.
#[derive(Debug)]
pub(crate) struct HostFile {
    pub(crate) text: String,
    pub(crate) notes: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// What the templates of the hosts are given.
#[derive(Serialize)]
struct Page<'a> {
    schema: u32,
    /// As it stands in the JSON.
    result: &'a PoolResult,
    command: &'a str,
    /// What the budget is of.
    machine: String,
    /// What one instance may have.
    counts: String,
    /// The conditions under which it was measured, and the record; empty if it was not.
    measured: Vec<String>,
    #[serde(flatten)]
    text: &'a HostText,
}

impl<'a> Chosen<'a> {
    /// The only pool of all that were worked out, or the one of this name.
    ///
    /// # Errors
    /// When there are several, none of that name, or it is not a Wasmtime pool.
    pub(crate) fn new(
        results: &'a [(&'a Member, Vec<TargetOutcome<'a>>)],
        pool: Option<&str>,
        kind: &str,
    ) -> Result<Self, Error> {
        let all = results
            .iter()
            .flat_map(|(member, outcomes)| outcomes.iter().map(move |outcome| (*member, outcome)))
            .flat_map(|(member, outcome)| {
                (0..outcome.case.pools().len()).map(move |index| Self {
                    member,
                    target: outcome.facts.triple().to_owned(),
                    outcome,
                    index,
                })
            });
        let mut found: Vec<Self> = all.collect();
        if let Some(name) = pool {
            let names: Vec<String> = found.iter().map(|one| one.name().to_owned()).collect();
            found.retain(|one| one.name() == name);
            if found.is_empty() {
                return Err(unknown(name, &names));
            }
        }
        let several = |of: fn(&Self) -> String| {
            let mut names: Vec<String> = found.iter().map(of).collect();
            names.dedup();
            (names.len() > 1).then(|| (names.len(), names.join("`, `")))
        };
        let choices = [
            (
                several(|one| one.member.named.clone().unwrap_or_default()),
                "package",
                "-p PACKAGE",
            ),
            (
                several(|one| one.target.clone()),
                "target",
                "--target TRIPLE",
            ),
            (several(|one| one.name().to_owned()), "pool", "--pool NAME"),
        ];
        for (choice, what, flag) in choices {
            if let Some((count, names)) = choice {
                return Err(Error::new(
                    Code::HostCannot,
                    format!("`{kind}` holds one {what}, but there are {count}: `{names}`"),
                    format!("choose one with `{flag}`"),
                )
                .exiting(Exit::Usage));
            }
        }
        let Some(chosen) = found.pop() else {
            return Err(unknown(pool.unwrap_or_default(), &[]));
        };
        chosen.is_of_wasmtime(kind)?;
        Ok(chosen)
    }

    /// The pool's name; empty for the one that has none.
    fn name(&self) -> &'a str {
        self.outcome.case.pools()[self.index].name
    }

    /// What the file and the flags say of the pool.
    fn keys(&self) -> PoolKeys {
        self.outcome.settings.pools()[self.index]
    }

    fn is_of_wasmtime(&self, kind: &str) -> Result<(), Error> {
        let limits = &self.outcome.plan.guaranteed()[self.index];
        if limits.engine() == Engine::Wasmtime {
            return Ok(());
        }
        let mistake = diagnostic(
            Code::HostCannot,
            format!("`{kind}` configures a Wasmtime pool, but this pool uses the `native` engine"),
            match self.outcome.is_for_wasmtime() {
                true => "set `engine = \"wasmtime\"`, or pass `--engine wasmtime`",
                false => {
                    "set `engine = \"wasmtime\"` and `version`, or pass `--engine wasmtime --engine-version 48`"
                }
            },
        );
        let place = self.keys().engine.map(|key| key.place);
        Err(Error::from(self.outcome.mistake(mistake, place)))
    }

    /// The whole text.
    ///
    /// # Errors
    /// Everything that the host has no setting for.
    pub(crate) fn render(&self, host: &'static Host, command: &str) -> Result<HostFile, Error> {
        let limits = &self.outcome.plan.guaranteed()[self.index];
        let pool = &self.outcome.case.pools()[self.index];
        // A total that cannot be counted is a fault of the file, found before any plan is made.
        let result = self.outcome.results().into_iter().nth(self.index);
        let numbers = Numbers::new(limits, &self.keys().wasmtime);
        let (Some(numbers), Some(result)) = (numbers, result) else {
            return Err(Error::new(
                Code::Overflow,
                "a total of the pool is above 2^32 - 1",
                "lower `max_instances`",
            ));
        };
        let piece = self.outcome.largest_piece();
        let target = self.outcome.case.target;
        let machine = self.outcome.machine();
        let (told, template) = match (self.outcome.fit, host.on_demand) {
            (Some(Fit::NoPool), template) => {
                let template = template.unwrap_or(host.template);
                (host.tell_on_demand(&numbers, target), template)
            }
            _ => (host.tell(&numbers, target, piece, &machine), host.template),
        };
        let mut text = told.map_err(|cannot| {
            let keys = self.keys();
            let mistakes = cannot.iter().map(|cannot| {
                self.outcome
                    .mistake(cannot.diagnostic(), cannot.place(&keys))
            });
            let exit = match cannot.iter().all(Cannot::is_misfit) {
                true => Exit::Misfit,
                false => Exit::Failed,
            };
            Error::from(mistakes.collect::<Vec<_>>()).exiting(exit)
        })?;
        let budget = &self.outcome.case.budget;
        text.notes
            .extend(arenas::note(budget, target, self.outcome.is_here()));
        let page = Page {
            schema: SCHEMA,
            result: &result,
            command,
            machine,
            counts: counts(limits, pool).unwrap_or_default(),
            measured: self.outcome.measured(),
            text: &text,
        };
        Ok(HostFile {
            text: render_own(template, &page)?,
            notes: text.notes,
            warnings: text.warnings,
        })
    }
}

/// No pool has this name.
fn unknown(name: &str, names: &[String]) -> Error {
    let known = || {
        names
            .iter()
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    };
    let help = match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known().next().is_none() => {
            "the file has no named pools: remove `--pool`".to_owned()
        }
        None => {
            let mut all: Vec<&str> = known().collect();
            all.dedup();
            format!("expected one of {}", all.join(", "))
        }
    };
    Error::new(
        Code::UnknownPool,
        format!("unknown pool `{}`", name.escape_default()),
        help,
    )
}
