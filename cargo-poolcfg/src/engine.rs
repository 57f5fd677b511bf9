//! The Wasmtime of a package: the one that cargo has resolved, and whether poolcfg.toml says the same.

use std::collections::BTreeSet;
use std::ops::Range;

use cargo_metadata::Metadata;
use poolcfg_core::file::{Diagnostic, TargetFacts};
use poolcfg_core::{Code, Key, PoolKeys, WasmtimeVersion};

use crate::answer::{Wish, is_of_wasmtime};
use crate::command::Context;
use crate::error::{Error, all, diagnostic};
use crate::exit::Exit;
use crate::graph::{Resolved, Wasmtimes};
use crate::project::{CargoPackage, Depth, Member, metadata, words};
use crate::wasmtime_tables::{Difference, Used, differences};

/// What does without the project, for the commands that have the flag.
const FLAG: &str = "; `--engine-version 48` says which for once";

/// Asks cargo for the Wasmtime of every package that has a pool of it, and holds poolcfg.toml to that. No
/// one is asked where a flag says the version, and without cargo the file's word is taken.
///
/// # Errors
/// Where cargo does not know, and with [`Exit::Misfit`] where the file says something else.
pub(crate) fn supply(
    context: &Context<'_>,
    members: &mut [Member],
    targets: &[Vec<TargetFacts>],
    wish: &Wish,
    platform: Option<&TargetFacts>,
) -> Result<(), Error> {
    let mut of_wasmtime: Vec<(&mut Member, &Vec<TargetFacts>)> = members
        .iter_mut()
        .zip(targets)
        .filter(|(member, targets)| {
            let mut targets = targets.iter();
            targets.any(|facts| {
                wish.settings(member, facts)
                    .pools()
                    .iter()
                    .any(is_of_wasmtime)
            })
        })
        .collect();
    if wish.engine_version.is_some() {
        return match of_wasmtime.is_empty() {
            false => Ok(()),
            true => Err(Error::new(
                Code::OtherEngine,
                "`--engine-version` is a version of Wasmtime, and no pool is of that engine",
                "`--engine wasmtime` says that all are",
            )
            .exiting(Exit::Usage)),
        };
    }
    let asked = of_wasmtime.iter_mut().map(|(member, _)| &mut **member);
    look_up(context, asked.collect(), platform, FLAG)?;
    let held = of_wasmtime.iter().map(|(member, targets)| {
        let wrong = member.differences(platform, FLAG)?;
        let wrong = wrong.iter().filter(|difference| !difference.is_missing());
        member.disagreement(wrong)?;
        // A flag may have made a pool Wasmtime's of which the file says nothing.
        let pools = targets.iter().flat_map(|facts| {
            let settings = wish.settings(member, facts);
            settings.pools().to_vec()
        });
        all(pools.map(|keys| member.is_told(&keys)))
    });
    all(held).map(|_| ())
}

/// Asks cargo for the Wasmtime of packages, and says which ones there are beside it. `flag` is what the
/// help adds.
///
/// # Errors
/// Where cargo does not know.
pub(crate) fn look_up(
    context: &Context<'_>,
    members: Vec<&mut Member>,
    platform: Option<&TargetFacts>,
    flag: &str,
) -> Result<(), Error> {
    let mut known: Vec<(&mut Member, CargoPackage)> = members
        .into_iter()
        .filter_map(|member| {
            let package = member.package.clone()?;
            Some((member, package))
        })
        .collect();
    let Some((first, package)) = known.first() else {
        return Ok(());
    };
    let metadata = resolved(context, first, package, platform, flag)?;
    let found = known.iter_mut().map(|(member, package)| {
        let Some(found) = Wasmtimes::of(&metadata, &package.id) else {
            return Err(none(&metadata, package, platform, flag));
        };
        if let Some(line) = beside(package, &found) {
            context.shell.say(&line);
        }
        for wasmtime in &found.nearest {
            if let Err(error) = WasmtimeVersion::parse(&wasmtime.version.to_string()) {
                return Err(Error::new(
                    Code::BadVersion,
                    format!(
                        "`{}` uses Wasmtime {}, which is {error}",
                        package.name, wasmtime.version
                    ),
                    format!(
                        "use a later one; the newest that is known is {}",
                        WasmtimeVersion::NEWEST
                    ),
                ));
            }
        }
        let used = found.nearest.iter().map(|wasmtime| Used {
            version: wasmtime.version,
            features: wasmtime.features,
        });
        member.wasmtime = used.collect();
        Ok(())
    });
    all(found).map(|_| ())
}

fn resolved(
    context: &Context<'_>,
    member: &Member,
    package: &CargoPackage,
    platform: Option<&TargetFacts>,
    flag: &str,
) -> Result<Metadata, Error> {
    let manifest = member.dir.join("Cargo.toml");
    let ask = |platform| metadata(&manifest, context.shared, &Depth::Resolved { platform });
    let answer = match platform {
        // rustc may not know a target that the built-in table knows: then all platforms are looked at.
        Some(facts) => ask(Some(facts.triple().to_owned())).or_else(|_| ask(None)),
        None => ask(None),
    };
    answer.map_err(|error| {
        let words = words(&error);
        let name = &package.name;
        if !package.workspace.join("Cargo.lock").exists() {
            return Error::new(
                Code::NoWasmtime,
                format!("there is no Cargo.lock, so nothing tells which Wasmtime `{name}` uses"),
                format!("`cargo generate-lockfile` writes it{flag}"),
            );
        }
        if words.contains("lock file") && words.contains("was passed to prevent this") {
            return Error::new(
                Code::NoWasmtime,
                format!("Cargo.lock is not of the dependencies that `{name}` now has"),
                format!("`cargo update --workspace` brings it up to date{flag}"),
            );
        }
        Error::new(
            Code::Tool,
            format!("cargo does not resolve the dependencies of `{name}`: {words}"),
            format!("`cargo metadata --locked` says the same{flag}"),
        )
    })
}

fn none(
    metadata: &Metadata,
    package: &CargoPackage,
    platform: Option<&TargetFacts>,
    flag: &str,
) -> Error {
    let on = platform.map_or_else(String::new, |facts| format!(" on `{}`", facts.triple()));
    let members = metadata.workspace_packages();
    let users: Vec<String> = members
        .iter()
        .filter(|member| Wasmtimes::of(metadata, &member.id).is_some())
        .map(|member| format!("`-p {}`", member.name))
        .collect();
    let help = match users.is_empty() {
        true => "add it to the dependencies".to_owned(),
        false => format!("{} uses it", users.join(", ")),
    };
    Error::new(
        Code::NoWasmtime,
        format!("`{}` depends on no `wasmtime`{on}", package.name),
        help + flag,
    )
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
            "`{name}` uses Wasmtime {nearest}; its graph has {further} too"
        ));
    }
    (found.nearest.len() > 1)
        .then(|| format!("`{name}` uses Wasmtime {nearest}; poolcfg.toml says which is meant"))
}

fn versions(found: &[Resolved]) -> String {
    let versions: Vec<_> = found.iter().map(|one| one.version.to_string()).collect();
    versions.join(" and ")
}

impl Member {
    /// Where poolcfg.toml is not as the package is: in all of its tables, or where one platform is looked
    /// at, in what holds for that.
    ///
    /// # Errors
    /// Where the package uses several versions and nothing tells which is meant.
    pub(crate) fn differences(
        &self,
        platform: Option<&TargetFacts>,
        flag: &str,
    ) -> Result<Vec<Difference>, Error> {
        let Some(source) = &self.source else {
            return Ok(Vec::new());
        };
        if self.wasmtime.is_empty() {
            return Ok(Vec::new());
        }
        let ambiguous = |span, said| self.ambiguous(Some(span), said, flag);
        let mut found = differences(&source.text, &self.wasmtime, ambiguous)
            .map_err(|list| self.undecided(list))?;
        if let Some(facts) = platform {
            let holds = self.that_hold(facts);
            found.retain(|difference| holds.contains(&difference.span.start));
        }
        Ok(found)
    }

    /// The values that hold for a target, by their first bytes.
    fn that_hold(&self, facts: &TargetFacts) -> BTreeSet<usize> {
        let settings = self.file.settings(facts);
        let places = settings.pools().iter().flat_map(|keys| {
            [
                keys.engine.map(|setting| setting.place),
                keys.wasmtime.version.map(|setting| setting.place),
                keys.wasmtime.features.map(|setting| setting.place),
            ]
        });
        let spans = places.flatten().filter_map(|place| self.file.span(place));
        spans.map(|span| span.start).collect()
    }

    /// What says that the file and Cargo.lock disagree.
    ///
    /// # Errors
    /// Where there is anything to say.
    pub(crate) fn disagreement<'d>(
        &self,
        differences: impl Iterator<Item = &'d Difference>,
    ) -> Result<(), Error> {
        let sync = match &self.named {
            Some(name) => format!("cargo poolcfg sync -p {name}"),
            None => "cargo poolcfg sync".to_owned(),
        };
        let list: Vec<_> = differences
            .map(|difference| difference.diagnostic(&sync))
            .collect();
        match list.is_empty() {
            true => Ok(()),
            false => Err(Error::of(list, self.source.as_ref()).exiting(Exit::Misfit)),
        }
    }

    /// Whether a pool with these keys has one Wasmtime and not several.
    fn is_told(&self, keys: &PoolKeys) -> Result<(), Error> {
        let version: Key<WasmtimeVersion> = keys.wasmtime.version;
        let said = version.map(|setting| setting.value);
        if !is_of_wasmtime(keys)
            || self.wasmtime.is_empty()
            || Used::meant(&self.wasmtime, said).is_some()
        {
            return Ok(());
        }
        let places = [
            version.map(|setting| setting.place),
            keys.engine.map(|setting| setting.place),
        ];
        let mut spans = places.into_iter().flatten();
        let span = spans.find_map(|place| self.file.span(place));
        Err(self.undecided(vec![self.ambiguous(span, said, FLAG)]))
    }

    fn ambiguous(
        &self,
        span: Option<Range<usize>>,
        said: Option<WasmtimeVersion>,
        flag: &str,
    ) -> Diagnostic {
        let name = self
            .package
            .as_ref()
            .map_or("the package", |package| &package.name);
        let versions: Vec<_> = self
            .wasmtime
            .iter()
            .map(|used| used.version.to_string())
            .collect();
        let versions = versions.join(" and ");
        let majors: BTreeSet<_> = self
            .wasmtime
            .iter()
            .map(|used| used.version.major)
            .collect();
        let write: Vec<_> = self
            .wasmtime
            .iter()
            .map(|used| match majors.len() == self.wasmtime.len() {
                true => format!("`version = \"{}\"`", used.version.major),
                false => format!("`version = \"{}\"`", used.version),
            })
            .collect();
        let (code, message) = match said {
            Some(said) => (
                Code::OutOfSync,
                format!("the file names Wasmtime {said}, and `{name}` uses {versions}"),
            ),
            None => (
                Code::NoWasmtime,
                format!(
                    "`{name}` uses Wasmtime {versions}, and none of them is nearer than the others"
                ),
            ),
        };
        let help = format!(
            "write {} into the pool's `wasmtime` table{flag}",
            write.join(" or ")
        );
        Diagnostic {
            span,
            label: "which one?".to_owned(),
            ..diagnostic(code, message, help)
        }
    }

    fn undecided(&self, list: Vec<Diagnostic>) -> Error {
        let is_said = list
            .iter()
            .all(|diagnostic| diagnostic.code == Code::OutOfSync);
        let exit = match is_said {
            true => Exit::Misfit,
            false => Exit::Failed,
        };
        Error::of(list, self.source.as_ref()).exiting(exit)
    }
}
