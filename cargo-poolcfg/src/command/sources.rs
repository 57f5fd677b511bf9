//! Where the numbers come from: what `-v` tells of files, targets and variables.

use std::path::Path;

use poolcfg_core::file::TargetFacts;

use crate::cli::args::MachineFlags;
use crate::cli::path::shown;
use crate::context::Context;
use crate::given::Given;
use crate::given::wish::Wish;
use crate::project::Member;
use crate::target::named;

/// What names the targets of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetOrigin {
    Program,
    ThisMachine,
    Flag,
    CargoConfig,
    Tables,
    Host,
}

impl TargetOrigin {
    /// By the order in which [`Context::targets`] asks.
    fn of(context: &Context<'_>, member: &Member, machine: &MachineFlags, given: &Given) -> Self {
        if given.target().is_some() {
            Self::Program
        } else if machine.here {
            Self::ThisMachine
        } else if !machine.target.is_empty() {
            Self::Flag
        } else if !named(&[], context.config.as_ref()).is_empty() {
            Self::CargoConfig
        } else if member.file.triples().next().is_some() {
            Self::Tables
        } else {
            Self::Host
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Program => "the file of `--program`",
            Self::ThisMachine => "this machine",
            Self::Flag => "`--target`",
            Self::CargoConfig => "`CARGO_BUILD_TARGET`, or `build.target` of cargo's configuration",
            Self::Tables => "the `[target.TRIPLE]` tables of poolcfg.toml",
            Self::Host => "the host",
        }
    }
}

/// Tells what was read of each package and why; and in any case that the host is left out because tables name the targets,
/// and where it is checked that there is no file. `recorded` is the file whose recorded command is repeated, flags and all.
pub(crate) fn tell(
    context: &Context<'_>,
    members: &[Member],
    targets: &[Vec<TargetFacts>],
    machine: &MachineFlags,
    wish: &Wish,
    is_checked: bool,
    recorded: Option<&Path>,
) {
    for (member, targets) in members.iter().zip(targets) {
        of_package(
            context, member, targets, machine, wish, is_checked, recorded,
        );
    }
}

fn of_package(
    context: &Context<'_>,
    member: &Member,
    targets: &[TargetFacts],
    machine: &MachineFlags,
    wish: &Wish,
    is_checked: bool,
    recorded: Option<&Path>,
) {
    let shell = context.shell;
    let heading = member.heading();
    let place = shown(&member.place);
    match (&member.source, member.pointer) {
        (None, _) => {
            let line = format!("{heading}no `{place}`: all keys have their defaults");
            match is_checked && member.has_manifest {
                // A pipeline that has lost the file is green by other numbers.
                true => shell.say(&line),
                false => shell.detail(&line),
            }
        }
        (Some(_), None) => shell.detail(&format!("{heading}read `{place}`")),
        (Some(_), Some(by)) => shell.detail(&format!("{heading}read `{place}`, where {by} points")),
    }
    let triples: Vec<&str> = targets.iter().map(TargetFacts::triple).collect();
    let triples = triples.join(", ");
    let origin = TargetOrigin::of(context, member, machine, &wish.given);
    // Nobody has passed these flags now.
    let repeated = recorded.map_or_else(String::new, |path| {
        format!(" of the command recorded in `{}`", shown(path))
    });
    let by_flag = match origin {
        TargetOrigin::Flag | TargetOrigin::Program => repeated.as_str(),
        _ => "",
    };
    let chosen = format!(
        "{heading}targets: {triples} (chosen from {}{by_flag}",
        origin.text()
    );
    match origin {
        TargetOrigin::Tables => {
            shell.say(&format!(
                "{chosen}; pass `--target host-tuple` for the host)"
            ));
        }
        _ => shell.detail(&format!("{chosen})")),
    }
    if let (Some(name), Some(by)) = (&wish.va_profile, wish.names_profile()) {
        shell.detail(&format!(
            "{heading}VA profile `{name}`: named by `{by}`{repeated}"
        ));
    }
}
