//! The envelope: the one JSON object of every command and every outcome, committed as `schema/poolcfg-2.schema.json`.
//! Templates render the same data.

use std::fmt::Write as _;

use poolcfg_core::{Code, is_escaped};
use serde::Serialize;

use crate::cli::diagnostic::DiagnosticReport;
use crate::cli::error::Error;
use crate::inspect::workload::Keys;
use crate::render::files::FileResult;
use crate::render::inspected::InspectReport;
use crate::render::machine::ProbeReport;
use crate::render::owner::Unowned;
use crate::render::report::PoolResult;
use crate::render::table::ProfileReport;
use crate::target::here::HereReport;
#[cfg(has_tracer)]
use crate::why::report::WhyReport;

/// The version of the schema; it changes when a field is taken away or changes its meaning.
pub(crate) const SCHEMA: u32 = 2;

/// Everything that one run found out.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct Envelope {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The command, as it is called; null where the command line is wrong.
    pub command: Option<&'static str>,
    /// Every mistake, warning and note. What does not fit and what is stale is a mistake.
    pub diagnostics: Vec<DiagnosticReport>,
    /// What was measured on this machine; null where profiles alone decide.
    pub here: Option<HereReport>,
    /// What the command was asked for; empty where it could not be worked out.
    pub results: Results,
    /// The files that `--program` and `--workload` name; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inspected: Vec<Unowned<InspectReport>>,
    /// What to set for all files; only of `inspect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
    /// Whether it lies in a file, where `--emit json -o FILE` wants it.
    #[serde(skip)]
    pub(crate) is_written: bool,
    /// Whether another program has written to stdout: then it is the last line there.
    #[serde(skip)]
    pub(crate) is_behind_output: bool,
}

/// The results of each command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub(crate) enum Results {
    /// Of `generate`, `check` and `explain`: one for each target and pool.
    Pools(Vec<PoolResult>),
    /// Of `profiles`.
    Profiles(Vec<Unowned<ProfileReport>>),
    /// Of `probe`: this machine.
    Machine([Box<Unowned<ProbeReport>>; 1]),
    /// Of `init` and `sync`: one for each poolcfg.toml.
    Files(Vec<FileResult>),
    /// Of `inspect`: one for each file.
    Inspected(Vec<Unowned<InspectReport>>),
    /// Of `--explain`.
    Code([Unowned<CodeText>; 1]),
    /// Of `why`: one for each run of the command.
    #[cfg(has_tracer)]
    Why(Vec<Unowned<WhyReport>>),
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            command: None,
            diagnostics: Vec::new(),
            here: None,
            results: Results::Pools(Vec::new()),
            inspected: Vec::new(),
            keys: None,
            is_written: false,
            is_behind_output: false,
        }
    }
}

impl Envelope {
    /// As it is printed: indented, with a newline at its end.
    ///
    /// # Errors
    /// When a value cannot be said in JSON, which none of ours is.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self).map_err(not_written)?;
        Ok(harmless(&text) + "\n")
    }

    /// The same as one line.
    ///
    /// # Errors
    /// When a value cannot be said in JSON, which none of ours is.
    pub(crate) fn line(&self) -> Result<String, Error> {
        let text = serde_json::to_string(self).map_err(not_written)?;
        Ok(harmless(&text) + "\n")
    }
}

fn not_written(error: serde_json::Error) -> Error {
    let message = format!("cannot write JSON: {error}");
    let help = "this is a bug in poolcfg: please report it";
    Error::new(Code::Io, message, help)
}

/// Whether a text is such an object, of whichever version.
pub(crate) fn is_envelope(text: &str) -> bool {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) else {
        return false;
    };
    let has =
        |key: &str, is_kind: fn(&serde_json::Value) -> bool| object.get(key).is_some_and(is_kind);
    has("schema", serde_json::Value::is_u64)
        && has("diagnostics", serde_json::Value::is_array)
        && has("results", serde_json::Value::is_array)
        && object.contains_key("command")
}

/// The same JSON without a character that a terminal obeys.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for char in text.chars() {
        // Between its strings, JSON has no such character but the ends of lines.
        if char == '\n' || !(char.is_control() || is_escaped(char)) {
            harmless.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            let _ = write!(harmless, "\\u{unit:04x}");
        }
    }
    harmless
}

/// What a code means.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct CodeText {
    /// The code.
    pub code: &'static str,
    /// Its text, as Markdown.
    pub text: String,
}
