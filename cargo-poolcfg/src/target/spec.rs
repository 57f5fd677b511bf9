//! Target specs: `.json` files that describe a target rustc does not know, read by our own code, since
//! stable rustc refuses them.

use std::path::Path;

use poolcfg_core::Code;
use poolcfg_core::file::{Diagnostic, TargetFacts, read_text};
use serde_json::Value;

use crate::cli::error::{Error, Source, all, diagnostic};

/// The target that the file describes, named by the file.
///
/// # Errors
/// When the file cannot be read, is not a JSON object, or lacks what decides the address space.
pub(crate) fn read(path: &Path) -> Result<TargetFacts, Error> {
    let text = read_text(path).map_err(|error| {
        let help = "`--target` takes a triple or the path of a target spec";
        Error::io("read target spec", path, &error, help)
    })?;
    let source = Source {
        path: path.to_owned(),
        shown: path.display().to_string(),
        text: text.into(),
    };
    let triple = path.file_stem().map_or_else(
        || "target".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    // What is missing has no place of its own.
    let start = source.text.find(|char: char| !char.is_whitespace());
    let start = start.unwrap_or_default();
    let place = start..source.text.ceil_char_boundary(start + 1);
    facts(&triple, &source.text).map_err(|mut error| {
        if let Error::Mistakes { mistakes, .. } = &mut error {
            for mistake in mistakes {
                mistake.source = Some(source.clone());
                mistake.diagnostic.span.get_or_insert(place.clone());
            }
        }
        error
    })
}

fn facts(triple: &str, text: &str) -> Result<TargetFacts, Error> {
    let spec: Value = serde_json::from_str(text).map_err(|error| {
        let at = byte_of(text, error.line(), error.column());
        Error::from(Diagnostic {
            span: Some(at..text.ceil_char_boundary(at + 1)),
            ..diagnostic(
                Code::UnknownTarget,
                format!("invalid JSON in the target spec: {error}"),
                "`rustc +nightly -Z unstable-options --print target-spec-json --target TRIPLE` prints one",
            )
        })
    })?;
    let Value::Object(spec) = spec else {
        return Err(mistake(
            "the target spec is not a JSON object".to_owned(),
            "expected an object with keys such as \"arch\" and \"target-pointer-width\"",
        ));
    };
    let word = |key: &str, default: Option<&str>| match (spec.get(key), default) {
        (Some(Value::String(text)), _) => Ok(text.clone()),
        (None | Some(Value::Null), Some(default)) => Ok(default.to_owned()),
        (None | Some(Value::Null), None) => Err(mistake(
            format!("the target spec has no \"{key}\""),
            "add it: the address space depends on it",
        )),
        (Some(_), _) => Err(mistake(
            format!("expected a string for \"{key}\" in the target spec"),
            "put it in quotes",
        )),
    };
    // rustc's default, and what its own specs leave out, is an empty word.
    let values = all([
        word("arch", arch_of(&spec).as_deref()).map(|arch| ("target_arch", arch)),
        word("os", Some("none")).map(|os| ("target_os", os)),
        word("env", Some("")).map(|env| ("target_env", env)),
        word("vendor", Some("unknown")).map(|vendor| ("target_vendor", vendor)),
        word("abi", Some("")).map(|abi| ("target_abi", abi)),
        word("target-endian", Some("little")).map(|endian| ("target_endian", endian)),
        pointer_width(spec.get("target-pointer-width")).map(|bits| ("target_pointer_width", bits)),
    ])?;
    let mut cfgs: Vec<(String, Option<String>)> = values
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Some(value)))
        .collect();
    let families = match spec.get("target-family") {
        Some(Value::Array(families)) => families.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(family)) => vec![family.as_str()],
        _ => Vec::new(),
    };
    for family in families {
        cfgs.push(("target_family".to_owned(), Some(family.to_owned())));
        if matches!(family, "unix" | "windows") {
            cfgs.push((family.to_owned(), None));
        }
    }
    Ok(TargetFacts::new(triple, cfgs))
}

/// The byte at a line and a column of bytes, both from 1, in a text; the column is 0 at the end of a line.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let before = text.split_inclusive('\n').take(line.saturating_sub(1));
    let start: usize = before.map(str::len).sum();
    text.floor_char_boundary(start + column.saturating_sub(1))
}

/// The architecture by the LLVM target, for a spec without `arch`.
fn arch_of(spec: &serde_json::Map<String, Value>) -> Option<String> {
    let llvm = spec.get("llvm-target")?.as_str()?.split('-').next()?;
    Some(llvm.to_owned())
}

/// 16, 32 or 64; rustc before 1.91 wrote it as a string, later ones as a number.
fn pointer_width(value: Option<&Value>) -> Result<String, Error> {
    let bits = match value {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    match bits {
        Some(bits @ (16 | 32 | 64)) => Ok(bits.to_string()),
        _ => Err(mistake(
            "the target spec has no \"target-pointer-width\" of 16, 32 or 64 bits".to_owned(),
            "add one, such as \"target-pointer-width\": 64",
        )),
    }
}

fn mistake(message: String, help: &str) -> Error {
    Error::new(Code::UnknownTarget, message, help)
}
