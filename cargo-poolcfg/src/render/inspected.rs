//! What `inspect` has found out of a file, for programs and for people.

use std::fmt::Write as _;
use std::path::Path;

use poolcfg_core::{Size, escaped};
use serde::Serialize;

use crate::cli::path::{relative, shown};
use crate::inspect::bounds::{HostReport, LimitReport};
use crate::inspect::program::Program;
use crate::inspect::{Inspected, Needs};

/// A file, and what decides the limits of a pool. What is of another kind of file is null.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub(crate) struct InspectReport {
    /// Its path.
    pub file: String,
    /// `module`, `component` or `program`.
    pub kind: &'static str,
    /// Instances of modules that one instance consists of.
    pub core_instances: Option<u64>,
    /// Memories of its own.
    pub memories: Option<u64>,
    /// Tables of its own.
    pub tables: Option<u64>,
    /// The largest minimum of a table, in elements.
    pub table_elements: Option<u64>,
    /// The type of that table's elements.
    pub table_element_type: Option<String>,
    /// The largest minimum of a memory.
    pub memory_minimum_bytes: Option<u64>,
    /// The largest maximum of a memory; null where one declares none.
    pub memory_maximum_bytes: Option<u64>,
    /// Whether a memory has addresses of 64 bits.
    pub memory64: Option<bool>,
    /// Whether a memory is shared between threads, which no pool takes.
    pub shared: Option<bool>,
    /// Whether a heap may take the place of a memory.
    pub gc: Option<bool>,
    /// The sizes of a page of its memories.
    pub page_sizes: Option<Vec<u64>>,
    /// The bytes of its data segments.
    pub data_bytes: Option<u64>,
    /// What an import leaves open, so that there may be more of it.
    pub open: Vec<String>,
    /// What Wasmtime as it is and other hosts hold of it.
    pub hosts: Vec<HostReport>,
    /// The target triple.
    pub target: Option<String>,
    /// `pie` or `static`.
    pub relocation_model: Option<&'static str>,
    /// `static` or `dynamic`.
    pub linkage: Option<&'static str>,
    /// The C library that it needs.
    pub c_library: Option<String>,
    /// Every Wasmtime in it.
    pub wasmtime_versions: Option<Vec<String>>,
}

impl InspectReport {
    pub(crate) fn new(path: &Path, file: &Inspected, hosts: Vec<HostReport>) -> Self {
        let report = match file {
            Inspected::Module(needs) => Self::of_needs("module", needs),
            Inspected::Component(needs) => Self::of_needs("component", needs),
            Inspected::Program(program, versions) => Self::of_program(program, versions),
        };
        Self {
            file: relative(path),
            hosts,
            ..report
        }
    }

    fn of_needs(kind: &'static str, needs: &Needs) -> Self {
        let table = &needs.largest_table;
        Self {
            kind,
            core_instances: Some(needs.core_instances),
            memories: Some(needs.memories),
            tables: Some(needs.tables),
            table_elements: Some(table.minimum),
            table_element_type: (!table.element.is_empty()).then(|| table.element.clone()),
            memory_minimum_bytes: Some(needs.memory_minimum),
            memory_maximum_bytes: needs.memory_maximum,
            memory64: Some(needs.is_memory64),
            shared: Some(needs.is_shared),
            gc: Some(needs.gc),
            page_sizes: Some(needs.page_sizes.iter().copied().collect()),
            data_bytes: Some(needs.data),
            open: needs.open.iter().cloned().collect(),
            ..Self::default()
        }
    }

    fn of_program(program: &Program, versions: &[String]) -> Self {
        Self {
            kind: "program",
            target: program.target.clone(),
            relocation_model: Some(program.relocation_model.word()),
            linkage: Some(match program.is_static {
                true => "static",
                false => "dynamic",
            }),
            c_library: program.c_library.clone(),
            wasmtime_versions: Some(versions.to_vec()),
            ..Self::default()
        }
    }
}

/// The same for people.
pub(crate) fn text(path: &Path, file: &Inspected, hosts: &[HostReport]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, what: &str| {
        let _ = writeln!(text, "  {name:<16}{}", escaped(what));
    };
    let kind = match file {
        Inspected::Module(needs) => {
            of_needs(&mut line, needs);
            "module"
        }
        Inspected::Component(needs) => {
            of_needs(&mut line, needs);
            "component"
        }
        Inspected::Program(program, versions) => {
            of_program(&mut line, program, versions);
            "program"
        }
    };
    for host in hosts {
        line("as it is", &held(host));
    }
    format!("{}: {kind}\n{text}", shown(path))
}

fn of_needs(line: &mut impl FnMut(&str, &str), needs: &Needs) {
    let size = |bytes: u64| Size::bytes(bytes).to_string();
    line("core instances", &needs.core_instances.to_string());
    let mut memories = needs.memories.to_string();
    if needs.memories > 0 {
        memories += &format!(", {} at the beginning", size(needs.memory_minimum));
        memories += &match needs.memory_maximum {
            Some(maximum) => format!(", up to {}", size(maximum)),
            None => ", no maximum declared".to_owned(),
        };
        if needs.is_memory64 {
            memories += ", of 64-bit addresses";
        }
        if needs.page_sizes.iter().any(|page| *page != 1 << 16) {
            let pages: Vec<_> = needs.page_sizes.iter().map(|page| size(*page)).collect();
            memories += &format!(", pages of {}", pages.join(" and "));
        }
    }
    line("memories", &memories);
    let table = &needs.largest_table;
    line(
        "tables",
        &match needs.tables {
            0 => "0".to_owned(),
            1 => format!("1 of {} {}", table.minimum, table.element),
            tables => format!(
                "{tables}, the largest of {} {}",
                table.minimum, table.element
            ),
        },
    );
    if needs.gc {
        line(
            "heap",
            "1: it uses garbage-collected types, and Wasmtime takes a heap for it even if only code that never runs uses them; some versions take one only when such a value is made",
        );
    }
    if needs.has_own_shared {
        line(
            "shared",
            "a memory of its own is shared between threads: no pool takes it",
        );
    }
    for name in &needs.shared_imports {
        let text = format!(
            "the imported memory `{name}` is shared between threads: the host makes it, and it takes no place in the pool"
        );
        line("shared", &text);
    }
    line("data", &size(needs.data));
    for open in &needs.open {
        line("not counted", open);
    }
}

fn of_program(line: &mut impl FnMut(&str, &str), program: &Program, versions: &[String]) {
    line("target", program.target.as_deref().unwrap_or("not known"));
    let how = match (program.relocation_model.word(), program.is_static) {
        ("pie", true) => "static, and position-independent",
        ("pie", false) => "dynamic, and position-independent",
        (_, true) => "static, at a fixed address",
        (_, false) => "dynamic, at a fixed address",
    };
    line("loaded", how);
    if let Some(library) = &program.c_library {
        line("needs", library);
    }
    line(
        "Wasmtime",
        &match versions {
            [] if program.has_wasmtime => {
                "is in it, but no version: with `--program`, pass `--engine-version` too".to_owned()
            }
            [] => "no sign of it: with `--program`, pass `--engine-version` too if it is in it"
                .to_owned(),
            [version] => version.clone(),
            versions => format!(
                "{}: with `--program`, say by `--engine-version` which one runs the pool",
                versions.join(" and ")
            ),
        },
    );
}

fn held(host: &HostReport) -> String {
    let is_broken = |limit: &&LimitReport| limit.holds != Some(true);
    let broken = host.limits.iter().filter(is_broken).map(|limit| {
        let needs = match limit.holds {
            None => "and it may need",
            _ => "and it needs",
        };
        format!(
            "`{}` is {}, {needs} {}",
            limit.name, limit.allowed, limit.needs
        )
    });
    let broken: Vec<String> = broken.collect();
    let held = match host.at_once {
        0 => format!("{} takes none", host.host),
        at_once => format!("{} holds {at_once} at once", host.host),
    };
    match broken.is_empty() {
        true => held,
        false => format!("{held}: {}", broken.join("; ")),
    }
}
