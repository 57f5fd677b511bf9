//! `probe`: what this machine gives a process, and the profile that it matches.

use std::fmt::Write as _;

use poolcfg_core::{Aslr, Known, Size, Target, VaProfile};
use poolcfg_runtime::Probe as Measured;

use crate::cli::args::{Probe, ProbeEmit};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::render::envelope::Results;
use crate::render::machine::{ProbeReport, distributions};

/// Measures and prints.
///
/// # Errors
/// When stdout cannot be written to.
pub(crate) fn run(context: &Context<'_>, arguments: &Probe) -> Result<Exit, Error> {
    let measured = poolcfg_runtime::probe();
    context.found(|| Results::Machine([Box::new(ProbeReport::new(&measured))]));
    context.shell.print(&match arguments.emit {
        Some(ProbeEmit::Toml) => tables(&measured),
        None => text(&measured),
    })?;
    Ok(Exit::Fits)
}

fn text(probe: &Measured) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<20} {value}");
    };
    row(
        "machine",
        format!(
            "{} {}",
            Target::CURRENT.arch.name(),
            Target::CURRENT.os.name()
        ),
    );
    row(
        "window",
        probe.window.map_or_else(
            || "not told".to_owned(),
            |window| window.available().to_string(),
        ),
    );
    for (index, hole) in probe.holes.iter().enumerate() {
        let name = match index {
            0 => "largest hole",
            _ => "beside it",
        };
        row(name, format!("{} in this process", hole.available()));
    }
    let [first, second] = probe.budget(probe.shape().relocation_model, None).holes();
    row(
        "guaranteed",
        format!(
            "{} and {} in every process like this one",
            first.available(),
            second.available()
        ),
    );
    row("page size", probe.page_size.to_string());
    row("process", probe.shape().describe().to_string());
    row("profile", profile(probe));
    if let Some(window) = probe.window {
        let rows = distributions(probe, window);
        row(
            "shipped by",
            match rows.is_empty() {
                true => "none that is listed".to_owned(),
                false => rows.join("; "),
            },
        );
    }
    row(
        "aslr",
        match probe.aslr_bits {
            Some(bits) => format!("{bits} bits"),
            None => "unknown (only root can read vm.mmap_rnd_bits); the maximum counts".to_owned(),
        },
    );
    let limits = &probe.limits;
    if let Some(ram) = limits.ram {
        row("RAM", ram.available().to_string());
    }
    if let Some(swap) = limits.swap {
        let used = limits.swap_used.unwrap_or(Size::ZERO);
        row(
            "swap",
            match swap.is_zero() {
                true => "none".to_owned(),
                false => format!("{}, {} in use", swap.available(), used.needed()),
            },
        );
    }
    row(
        "memory cgroup",
        limits.cgroup.map_or_else(
            || "no limit".to_owned(),
            |limit| limit.available().to_string(),
        ),
    );
    for (name, limit) in [
        ("RLIMIT_AS", limits.address_space),
        ("RLIMIT_DATA", limits.data),
        ("RLIMIT_STACK", limits.stack),
        ("RLIMIT_MEMLOCK", limits.memlock),
    ] {
        let limit = limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
        row(name, limit);
    }
    if let Some(maps) = limits.max_map_count {
        row("vm.max_map_count", maps.to_string());
    }
    if let Some(mode) = limits.overcommit_memory {
        let limit = match (limits.commit_limit, limits.commit_left) {
            (Some(limit), Some(left)) => format!(
                "{mode}, commit limit {}, {} left",
                limit.available(),
                left.available()
            ),
            _ => mode.to_string(),
        };
        row("vm.overcommit_memory", limit);
    }
    text
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
        if let Some(limit) = limit {
            row(key, format!("\"{}\"", limit.exact()));
        }
    }
    text
}
