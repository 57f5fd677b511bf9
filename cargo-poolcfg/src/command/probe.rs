//! `probe`: what this machine gives a process, and the profile that it matches.

use std::fmt::{Display, Write as _};

use poolcfg_core::{Aslr, Budget, Known, Size, Target, VaProfile};
use poolcfg_runtime::{Probe as Measured, ProbeLimits};

use crate::cli::args::{ProbeEmit, ProbeFlags};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::render::envelope::Results;
use crate::render::machine::{ProbeReport, distributions};

/// Measures and prints.
///
/// # Errors
/// When stdout cannot be written to.
pub(crate) fn run(context: &Context<'_>, arguments: &ProbeFlags) -> Result<Exit, Error> {
    let measured = poolcfg_runtime::probe();
    context.found(|| Results::Machine([Box::new(ProbeReport::new(&measured).into())]));
    match arguments.emit {
        Some(ProbeEmit::Toml) => context.shell.print(&tables(&measured))?,
        None => context.shell.list(&text(&measured))?,
    }
    Ok(Exit::Fits)
}

/// Rows of a name and a value.
#[derive(Default)]
struct Rows(String);

impl Rows {
    fn row(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name:<20} {value}");
    }
}

fn text(probe: &Measured) -> String {
    let mut rows = Rows::default();
    let (arch, os) = (Target::CURRENT.arch.name(), Target::CURRENT.os.name());
    rows.row("machine", format!("{arch} {os}"));
    match probe.window {
        Some(window) => rows.row("window", window.available()),
        None => rows.row("window", "not told"),
    }
    for (index, hole) in probe.holes.iter().enumerate() {
        let name = match index {
            0 => "largest hole",
            _ => "beside it",
        };
        rows.row(name, format!("{} in this process", hole.available()));
    }
    let budget = probe.budget(probe.shape().relocation_model, None);
    guaranteed(&mut rows, &budget);
    rows.row("page size", probe.page_size);
    rows.row("process", probe.shape().describe());
    rows.row("profile", profile(probe));
    if let Some(window) = probe.window {
        let shipped = distributions(probe, window);
        rows.row(
            "shipped by",
            match shipped.is_empty() {
                true => "none that is listed".to_owned(),
                false => shipped.join("; "),
            },
        );
    }
    match probe.aslr_bits {
        Some(bits) => rows.row("aslr", format!("{bits} bits")),
        None => rows.row(
            "aslr",
            "unknown (only root can read vm.mmap_rnd_bits); the maximum counts",
        ),
    }
    limits(&mut rows, &probe.limits, &budget);
    rows.0
}

/// What every process has for its pools: the holes, or less where `RLIMIT_AS` leaves less than they have.
fn guaranteed(rows: &mut Rows, budget: &Budget) {
    let [first, second] = budget.holes();
    let all = u128::from(first.get()) + u128::from(second.get());
    let (first, second) = (first.available(), second.available());
    match left(budget, budget.limits.rlimit_as) {
        Some(left) if u128::from(left.get()) < all => {
            rows.row(
                "guaranteed",
                format!(
                    "{} in every process like this one, by RLIMIT_AS",
                    left.available()
                ),
            );
            rows.row("without RLIMIT_AS", format!("{first} and {second}"));
        }
        _ => rows.row(
            "guaranteed",
            format!("{first} and {second} in every process like this one"),
        ),
    }
}

/// The headroom of a process under these limits.
fn headroom(budget: &Budget) -> Size {
    budget.limits.headroom(budget.headroom)
}

/// What a limit leaves to the pools beside the headroom.
fn left(budget: &Budget, limit: Option<Size>) -> Option<Size> {
    Some(limit?.saturating_sub(headroom(budget)))
}

fn limits(rows: &mut Rows, limits: &ProbeLimits, budget: &Budget) {
    if let Some(ram) = limits.ram {
        rows.row("RAM", ram.available());
    }
    if let Some(swap) = limits.swap {
        let used = limits.swap_used.unwrap_or(Size::ZERO).needed();
        match swap.is_zero() {
            true => rows.row("swap", "none"),
            false => rows.row("swap", format!("{}, {used} in use", swap.available())),
        }
    }
    match limits.cgroup {
        Some(limit) => rows.row("memory cgroup", limit.available()),
        None => rows.row("memory cgroup", "no limit"),
    }
    for (name, limit, counts_headroom) in [
        ("RLIMIT_AS", limits.address_space, true),
        ("RLIMIT_DATA", limits.data, true),
        ("RLIMIT_STACK", limits.stack, false),
        ("RLIMIT_MEMLOCK", limits.memlock, false),
    ] {
        match (limit, left(budget, limit).filter(|_| counts_headroom)) {
            (Some(limit), Some(left)) => {
                let (headroom, left) = (headroom(budget), left.available());
                rows.row(
                    name,
                    format!("{limit}, which leaves {left} to pools after {headroom} of headroom"),
                );
            }
            (Some(limit), None) => rows.row(name, limit),
            (None, _) => rows.row(name, "unlimited"),
        }
    }
    if let Some(maps) = limits.max_map_count {
        rows.row("vm.max_map_count", maps);
    }
    if let Some(mode) = limits.overcommit_memory {
        let limit = match (limits.commit_limit, limits.commit_left) {
            (Some(limit), Some(left)) => {
                let (limit, left) = (limit.available(), left.available());
                format!("{mode}, commit limit {limit}, {left} left")
            }
            _ => mode.to_string(),
        };
        rows.row("vm.overcommit_memory", limit);
    }
}

/// The profiles that match, or what to write down when none does.
fn profile(probe: &Measured) -> String {
    let names: Vec<String> = probe
        .va_profiles
        .iter()
        .map(|profile| match profile.known {
            Known::Unconfirmed => format!("{} (unconfirmed)", profile.name),
            _ => profile.name.to_owned(),
        })
        .collect();
    if !names.is_empty() {
        return names.join(", ");
    }
    match probe.window {
        Some(window) => format!(
            "no built-in profile has a window of {} and pages of {}; `--emit toml` prints one",
            window.exact(),
            probe.page_size.exact()
        ),
        None => match VaProfile::floor(Target::CURRENT) {
            Some(floor) => format!("unknown; the floor of this target is `{}`", floor.name),
            None => "unknown, and no profile is for this target".to_owned(),
        },
    }
}

/// The tables of poolcfg.toml that describe this machine and a process with these limits.
fn tables(probe: &Measured) -> String {
    let mut text = String::from(
        "# This machine, as measured by `poolcfg probe`. The limits are those of the process that ran it.\n",
    );
    let own = "here";
    let built_in = probe
        .va_profiles
        .iter()
        .find(|profile| profile.known != Known::Unconfirmed);
    let comment = match built_in {
        Some(profile) => {
            let _ = writeln!(
                text,
                "# The VA profile `{}` is built in. To change its numbers, use your own profile instead:",
                profile.name
            );
            "# "
        }
        None => "",
    };
    let mut row = |line: String| {
        let _ = writeln!(text, "{comment}{line}");
    };
    if let Some(window) = probe.window {
        row(format!("[va_profile.{own}]"));
        row(format!("arch = \"{}\"", Target::CURRENT.arch.name()));
        row(format!("window = \"{}\"", window.exact()));
        row(format!("page_size = \"{}\"", probe.page_size.exact()));
        if let Some(bits) = probe.aslr_bits {
            row(format!("aslr_bits = {bits}"));
        }
    }
    text.push_str("\n[address_space]\n");
    let mut row = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    match (built_in, probe.window) {
        (Some(profile), _) => row("va_profile", format!("\"{}\"", profile.name)),
        (None, Some(_)) => row("va_profile", format!("\"{own}\"")),
        (None, None) => {}
    }
    let shape = probe.shape();
    row(
        "relocation_model",
        format!("\"{}\"", shape.relocation_model),
    );
    row("stack_limit", format!("\"{}\"", shape.stack_limit));
    row("layout", format!("\"{}\"", shape.layout));
    row(
        "aslr",
        match shape.aslr {
            Aslr::Bits(bits) => bits.to_string(),
            named => format!("\"{named}\""),
        },
    );
    let limits = probe.process_limits();
    if let Some(maps) = limits.max_map_count {
        row("max_map_count", maps.to_string());
    }
    for (key, limit) in [
        ("rlimit_as", limits.rlimit_as),
        ("rlimit_data", limits.rlimit_data),
        ("memory", limits.memory),
    ] {
        // What is above any address space bounds nothing, and is no size of the file.
        if let Some(limit) = limit.filter(|limit| *limit <= Size::LARGEST) {
            row(key, format!("\"{}\"", limit.exact()));
        }
    }
    text
}
