//! `probe`: what this machine gives a process, and the profile that it matches.

use std::fmt::Write as _;

use poolcfg_core::{Known, Size, Target, VaProfile};
use poolcfg_runtime::Probe as Measured;
use serde::Serialize;

use crate::args::{MessageFormat, Probe};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{SCHEMA, json};
use crate::shell::print;

/// Measures and prints.
///
/// # Errors
/// When stdout cannot be written to.
pub(crate) fn run(arguments: &Probe) -> Result<Exit, Error> {
    let measured = poolcfg_runtime::probe();
    match arguments.format.message_format {
        MessageFormat::Json => print(&json(&ProbeReport::new(&measured))?)?,
        MessageFormat::Human => print(&text(&measured))?,
    }
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
        row(name, hole.available().to_string());
    }
    row("page size", probe.page_size.to_string());
    row("process", probe.shape().describe().to_string());
    row("profile", profile(probe));
    let limits = &probe.limits;
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
        let limit = match (mode, limits.commit_limit) {
            (2, Some(limit)) => format!("{mode}, commit limit {}", limit.available()),
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
            "none that is built in; in poolcfg.toml: [va_profile.here] arch = \"{}\", window = \"{}\", page_size = \"{}\"",
            Target::CURRENT.arch.name(),
            window.exact(),
            probe.page_size.exact()
        ),
        None => match VaProfile::floor(Target::CURRENT) {
            Some(floor) => format!("not told; the floor of this target is `{}`", floor.name),
            None => "not told, and none is of this target".to_owned(),
        },
    }
}

/// The same for programs; sizes are bytes, and null is no limit.
#[derive(Debug, Serialize)]
struct ProbeReport {
    schema: u32,
    arch: &'static str,
    os: &'static str,
    window_bytes: Option<u64>,
    holes: Vec<u64>,
    page_size: u64,
    relocation_model: Option<&'static str>,
    stack_limit: String,
    va_profiles: Vec<&'static str>,
    rlimit_as: Option<u64>,
    rlimit_data: Option<u64>,
    rlimit_stack: Option<u64>,
    rlimit_memlock: Option<u64>,
    max_map_count: Option<u64>,
    overcommit_memory: Option<u64>,
    commit_limit_bytes: Option<u64>,
}

impl ProbeReport {
    fn new(probe: &Measured) -> Self {
        let bytes = |size: Option<Size>| size.map(Size::get);
        Self {
            schema: SCHEMA,
            arch: Target::CURRENT.arch.name(),
            os: Target::CURRENT.os.name(),
            window_bytes: bytes(probe.window),
            holes: probe.holes.iter().map(|hole| hole.get()).collect(),
            page_size: probe.page_size.get(),
            relocation_model: probe.relocation_model.map(|model| model.word()),
            stack_limit: probe.shape().stack_limit.to_string(),
            va_profiles: probe
                .va_profiles
                .iter()
                .map(|profile| profile.name)
                .collect(),
            rlimit_as: bytes(probe.limits.address_space),
            rlimit_data: bytes(probe.limits.data),
            rlimit_stack: bytes(probe.limits.stack),
            rlimit_memlock: bytes(probe.limits.memlock),
            max_map_count: probe.limits.max_map_count,
            overcommit_memory: probe.limits.overcommit_memory,
            commit_limit_bytes: bytes(probe.limits.commit_limit),
        }
    }
}
