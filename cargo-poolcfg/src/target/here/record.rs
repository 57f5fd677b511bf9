//! The record: the numbers that `--here` found, as they stand in every text that it writes, so that
//! `--here --check FILE` judges them again on the machine that it runs on.
//!
//! It is a small poolcfg.toml in comments, with every number that decides what is mapped. Its last line has a
//! digest of the whole text, which tells whether the settings beside the record are still those that it records.

use std::fmt::Write as _;
use std::hash::Hasher as _;
use std::path::Path;
use std::sync::Arc;

use poolcfg_core::file::{ConfigFile, read_text};
use poolcfg_core::{
    Code, Engine, Limits, Plan, ResolvedProcess, Wasmtime, WasmtimeFeature, WrittenTotals,
};
use siphasher::sip::SipHasher24;

use crate::cli::error::{Error, Source};
use crate::cli::exit::Exit;
use crate::cli::header;
use crate::cli::path::shown;

/// How its first line begins, behind what makes it a comment.
const BEGIN: &str = "poolcfg record";

/// How its last line begins; the digest follows.
const END: &str = "poolcfg record ends: ";

/// What stands for the digest until all of the text is there.
const NO_DIGEST: &str = "0000000000000000";

/// The line, a comment in the small file, where no pool is made: each of `pools` is one instance on demand.
const ON_DEMAND: &str = "# no pool: `pools` is how many instances are reserved on demand";

/// The record of pools that fit this machine, or of instances on demand without a pool.
pub(crate) fn text(case: &ResolvedProcess<'_>, plan: &Plan, is_on_demand: bool) -> String {
    let mut text = format!(
        "{BEGIN}: `poolcfg --here --check FILE` holds these numbers to the machine that it runs on\n"
    );
    if is_on_demand {
        let _ = writeln!(text, "{ON_DEMAND}");
    }
    for (pool, limits) in case.pools().iter().zip(plan.guaranteed()) {
        let table = match pool.name {
            "" => "pooling_allocator".to_owned(),
            name => format!("pool.{name}"),
        };
        pool_table(&mut text, &table, limits);
    }
    let _ = writeln!(text, "[address_space]");
    let _ = writeln!(
        text,
        "relocation_model = \"{}\"",
        case.shape.relocation_model
    );
    // Otherwise the limits decide it that are in force when the record is judged.
    if case.says_headroom() {
        let _ = writeln!(text, "headroom = \"{}\"", case.budget.headroom.exact());
    }
    let _ = writeln!(text, "{END}{NO_DIGEST}");
    text
}

/// The keys of one pool that decide what it maps.
fn pool_table(text: &mut String, table: &str, limits: &Limits) {
    let _ = writeln!(text, "[{table}]");
    let _ = writeln!(text, "engine = \"{}\"", limits.engine());
    let _ = writeln!(text, "max_instances = {}", limits.max_instances);
    let mut sizes = vec![
        ("memory_reservation", limits.memory_reservation),
        ("max_memory_size", limits.max_memory_size),
        ("guard_size", limits.guard_size),
    ];
    if limits.engine() == Engine::Native {
        sizes.push(("table_reservation", limits.table_reservation));
    }
    let has_stacks = limits
        .wasmtime
        .is_none_or(|wasmtime| wasmtime.has(WasmtimeFeature::Async));
    if has_stacks {
        sizes.push(("stack_reservation", limits.stack_reservation));
    }
    for (key, size) in sizes {
        let _ = writeln!(text, "{key} = \"{}\"", size.exact());
    }
    if limits.engine() == Engine::Native {
        let _ = writeln!(text, "guard_before = {}", limits.guard_before);
    }
    let _ = writeln!(text, "pools = {}", limits.pools);
    if let Some(wasmtime) = &limits.wasmtime {
        wasmtime_table(text, table, limits, wasmtime, has_stacks);
    }
}

/// The keys of Wasmtime that decide what its pool maps.
fn wasmtime_table(
    text: &mut String,
    table: &str,
    limits: &Limits,
    wasmtime: &Wasmtime,
    has_stacks: bool,
) {
    let features: Vec<String> = wasmtime
        .features
        .iter()
        .map(|feature| format!("\"{feature}\""))
        .collect();
    let _ = writeln!(text, "[{table}.wasmtime]");
    let _ = writeln!(text, "version = \"{}\"", wasmtime.version);
    let _ = writeln!(text, "features = [{}]", features.join(", "));
    for (key, count) in [
        (
            "memories_per_instance",
            Some(wasmtime.memories_per_instance),
        ),
        ("tables_per_instance", wasmtime.tables_per_instance),
        (
            "core_instances_per_instance",
            wasmtime.core_instances_per_instance,
        ),
        ("gc_heaps_per_instance", wasmtime.gc_heaps_per_instance),
        (
            "memory_protection_keys",
            Some(wasmtime.memory_protection_keys)
                .filter(|keys| *keys > 0 && !wasmtime.memory_protection_keys_auto),
        ),
    ] {
        if let Some(count) = count {
            let _ = writeln!(text, "{key} = {count}");
        }
    }
    if wasmtime.memory_protection_keys_auto {
        let _ = writeln!(text, "memory_protection_keys = \"auto\"");
    }
    if let Some(WrittenTotals { totals, .. }) = wasmtime.written {
        for (key, total) in totals.keys() {
            // Only with its feature may it be written.
            if key != "total_component_instances" || wasmtime.has(WasmtimeFeature::ComponentModel) {
                let _ = writeln!(text, "{key} = {total}");
            }
        }
    }
    let _ = writeln!(text, "table_elements = {}", wasmtime.table_elements(limits));
    let _ = writeln!(
        text,
        "guard_before_linear_memory = {}",
        wasmtime.guard_before_linear_memory
    );
    if has_stacks {
        let _ = writeln!(
            text,
            "max_wasm_stack = \"{}\"",
            wasmtime.max_wasm_stack.exact()
        );
    }
}

/// Writes the digest of a whole text into its record.
pub(crate) fn seal(text: String) -> String {
    let digest = digest(&text);
    let blank = format!("{END}{NO_DIGEST}");
    text.replace(&blank, &format!("{END}{digest}"))
}

/// Of the text with no digest in it, whatever the ends of its lines. The output of SipHash with a zero key is the
/// same on every machine.
fn digest(text: &str) -> String {
    let mut hasher = SipHasher24::new();
    hasher.write(text.replace("\r\n", "\n").as_bytes());
    format!("{:016x}", hasher.finish())
}

/// A record as it stands in a file.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) file: ConfigFile,
    pub(crate) source: Source,
    /// Whether no pool is made.
    pub(crate) is_on_demand: bool,
}

/// The records of a file that `--here` wrote, JSON or any other text.
///
/// # Errors
/// When it cannot be read, records nothing, or was changed since.
pub(crate) fn read(path: &Path) -> Result<Vec<Record>, Error> {
    let text = read_text(path)
        .map_err(|error| Error::io("read", path, &error, "name a file that `--here` wrote"))?;
    let name = shown(path);
    let sealed = sealed(&text).ok_or_else(|| {
        Error::new(
            Code::Stale,
            format!("`{name}` does not contain a record of `--here`"),
            match header::here(&text, path) {
                Some(command) => format!("`{command}` writes it on this machine"),
                None => "write it on this machine with `--here`, such as `cargo poolcfg --here --engine wasmtime \
                         --engine-version 48 --emit wasmtime-toml -o FILE`; the flags of `--emit wasmtime-flags` are one \
                         line, which holds no record"
                    .to_owned(),
            },
        )
        .about(path)
    })?;
    if !sealed {
        return Err(Error::new(
            Code::Stale,
            format!("`{name}` was edited: its numbers may differ from its record"),
            match header::again(&text, path) {
                Some(command) => format!("`{command}` writes it again"),
                None => "write it again with the command that wrote it".to_owned(),
            },
        )
        .about(path)
        .exiting(Exit::Misfit));
    }
    let texts = match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(json) => json["here"]["records"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|record| record.as_str().map(str::to_owned))
            .collect(),
        Err(_) => vec![text],
    };
    let mut records = Vec::new();
    for text in texts {
        let source = Source {
            path: path.to_owned(),
            shown: name.clone(),
            text: Arc::from(text),
        };
        let bare = bare(&source.text);
        let file =
            ConfigFile::parse(&bare).map_err(|mistakes| Error::of(mistakes, Some(&source)))?;
        records.push(Record {
            file,
            source,
            is_on_demand: bare.lines().any(|line| line.trim() == ON_DEMAND),
        });
    }
    Ok(records)
}

/// Whether the digest in a text is that of the text; `None` if there is no digest.
fn sealed(text: &str) -> Option<bool> {
    let at = text.find(END)? + END.len();
    let said = text.get(at..at + NO_DIGEST.len())?;
    let blank = text.replace(&format!("{END}{said}"), &format!("{END}{NO_DIGEST}"));
    Some(digest(&blank) == said)
}

/// The record alone, each byte where it is in the text: the rest, and what makes it a comment, is spaces.
fn bare(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut comment: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let kept = match (comment, line.find(BEGIN)) {
            (_, Some(at)) => {
                comment = line.get(..at).filter(|_| !line.contains(END));
                None
            }
            (Some(comment), None) => line.strip_prefix(comment.trim_end()),
            (None, None) => None,
        };
        let kept = kept.unwrap_or("\n").trim_end_matches(['\r', '\n']);
        let end = line.len() - line.trim_end_matches(['\r', '\n']).len();
        let before = line.len() - end - kept.len();
        bare.extend(std::iter::repeat_n(' ', before));
        bare.push_str(kept);
        bare.push_str(&line[line.len() - end..]);
    }
    bare
}

#[cfg(test)]
mod tests {
    use poolcfg_core::file::TargetFacts;

    use super::*;

    const HOST: &str = "x86_64-unknown-linux-gnu";

    /// The case that a file says, and the limits that are read back from its record in a comment of this kind.
    fn written_and_read(file: &str, comment: &str) -> (Vec<Limits>, Vec<Limits>) {
        let facts = TargetFacts::builtin(HOST).unwrap();
        let file = ConfigFile::parse(file).unwrap();
        let settings = file.settings(&facts);
        let case = settings.resolve(facts.target()).unwrap();
        let plan = Plan::new(&case);
        assert!(plan.misfit.is_none(), "{file:?}");
        let text: String = text(&case, &plan, false)
            .lines()
            .map(|line| format!("{comment}{line}\n"))
            .collect();
        let text = format!("a = \"é\"\n{text}[optimize]\nx = 1\n");
        let bare = bare(&text);
        assert_eq!(bare.len(), text.len());
        let read = ConfigFile::parse(&bare).unwrap();
        let settings = read.settings(&facts);
        let again = settings.resolve(facts.target()).unwrap();
        assert_eq!(again.budget.headroom, case.budget.headroom);
        assert_eq!(again.shape, case.shape);
        let plan_again = Plan::new(&again);
        assert!(plan_again.misfit.is_none());
        (plan.guaranteed().to_vec(), plan_again.guaranteed().to_vec())
    }

    /// Everything that decides what is mapped comes back, whatever makes a line a comment.
    #[test]
    fn what_is_recorded_maps_the_same() {
        let wasmtime = |version: &str, rest: &str| {
            format!(
                "[pooling_allocator]\nengine = \"wasmtime\"\non_misfit = \"shrink\"\nmax_instances = 30000\n\
                 [pooling_allocator.wasmtime]\nversion = \"{version}\"\n{rest}\n"
            )
        };
        let mut files = vec![
            String::new(),
            "[pool.a]\nmax_instances = 7\nstack_reservation = 0\n[pool.b-c]\npools = 3\n[address_space]\nheadroom = \"3MiB\"\nrelocation_model = \"static\"\n".to_owned(),
        ];
        for version in ["13", "22", "27.0.1", "32", "36.0.9", "48.0.2", "50"] {
            for rest in [
                "",
                "features = []",
                "features = [\"async\", \"component-model\"]\ntables_per_instance = 9\ntable_elements = 77",
                "features = [\"async\"]\ntotal_memories = 7",
                "features = [\"gc\"]\ngc_heaps_per_instance = 2\nguard_before_linear_memory = false",
            ] {
                // Before 20 there are no heaps that are collected.
                if !(version == "13" && rest.contains("gc_heaps")) {
                    files.push(wasmtime(version, rest));
                }
            }
        }
        for file in &files {
            for comment in ["# ", "// ", ""] {
                let (written, read) = written_and_read(file, comment);
                let mapped = |limits: &Limits| limits.footprint(poolcfg_core::Size::kib(4));
                assert_eq!(
                    written.iter().map(mapped).collect::<Vec<_>>(),
                    read.iter().map(mapped).collect::<Vec<_>>(),
                    "{file}"
                );
                let instances = |limits: &Limits| limits.max_instances;
                assert!(written.iter().map(instances).eq(read.iter().map(instances)));
            }
        }
    }

    #[test]
    fn a_changed_number_breaks_the_seal() {
        let text = seal(format!("total = 7\n# {BEGIN}\n# {END}{NO_DIGEST}\nlast\n"));
        assert_eq!(sealed(&text), Some(true));
        assert_eq!(sealed(&text.replace('\n', "\r\n")), Some(true));
        assert_eq!(sealed(&text.replace('7', "8")), Some(false));
        assert_eq!(sealed("total = 7\n"), None);
        // What records nothing is left as it is.
        assert_eq!(seal("a\n".to_owned()), "a\n");
    }
}
