//! The conditions of target tables: triples, and the cfg expressions that command and compiler judge
//! alike.
//!
//! The command knows a target by what `rustc --print cfg` says of it, the compiler by the flags of the
//! very build. So only what no flag and no build script changes may stand in an expression; not even
//! `target_feature`, which `-C target-cpu` and `-C target-feature` in RUSTFLAGS change.

use std::collections::BTreeSet;
use std::ops::Range;

use cfg_expr::targets::ALL_BUILTINS;
use cfg_expr::{Expression, Predicate, TargetPredicate};

use crate::base::code::Code;
use crate::file::condition::{Condition, known_targets};
use crate::file::facts::said;
use crate::file::notes::{Notes, list};
use crate::file::{TargetFacts, nearest};

/// The predicates that may stand in `[target.'cfg(…)']`.
const KNOWN_PREDICATES: [&str; 11] = [
    "target_abi",
    "target_arch",
    "target_endian",
    "target_env",
    "target_family",
    "target_has_atomic",
    "target_os",
    "target_pointer_width",
    "target_vendor",
    "unix",
    "windows",
];

/// More brackets than anybody writes: the parser counts nested ones in eight bits.
const BRACKETS: usize = 64;

/// The key of a table under `[target]`.
pub(super) struct TargetKey<'t> {
    pub(super) key: &'t str,
    pub(super) span: Range<usize>,
}

/// The condition of a table under `[target]`; `None` after a mistake.
pub(super) fn target_condition<'f>(
    place: &TargetKey<'_>,
    earlier: impl Iterator<Item = &'f TargetFacts>,
    notes: &mut Notes<'_>,
) -> Option<Condition> {
    if Condition::is_cfg(place.key) {
        return expression(place, notes).map(Condition::Cfg);
    }
    triple(place, earlier, notes).map(Condition::Triple)
}

fn triple<'f>(
    place: &TargetKey<'_>,
    mut earlier: impl Iterator<Item = &'f TargetFacts>,
    notes: &mut Notes<'_>,
) -> Option<TargetFacts> {
    let Some(facts) = TargetFacts::builtin(place.key) else {
        let name = place.key.escape_default();
        let (message, help) = if place.key.ends_with(".json") {
            (
                format!("the compiler cannot match its target against the file name `{name}`"),
                "describe the target: `[target.'cfg(all(target_arch = \"…\", target_os = \"…\"))'.…]`"
                    .to_owned(),
            )
        } else {
            let help = if ALL_BUILTINS
                .iter()
                .any(|info| info.arch.as_str() == place.key)
            {
                format!("for an architecture write `[target.'cfg(target_arch = \"{name}\")'.…]`")
            } else {
                match nearest(place.key, TargetFacts::builtin_triples()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "`rustc --print target-list` lists every triple; for your own target write `[target.'cfg(target_arch = \"…\")'.…]`"
                            .to_owned()
                    }
                }
            };
            (format!("unknown target `{name}`"), help)
        };
        notes.mistake(
            Code::UnknownTarget,
            &place.span,
            message,
            "unknown target",
            Some(help),
        );
        return None;
    };
    if let Some(other) = earlier.find(|other| other.looks_like(&facts)) {
        let other = other.triple();
        notes.mistake(
            Code::SameTarget,
            &place.span,
            format!("no cfg distinguishes `{}` from `{other}`", place.key),
            "the same to the compiler",
            Some(format!(
                "put its keys into the table of `{other}`, which applies to both"
            )),
        );
        return None;
    }
    Some(facts)
}

fn expression(place: &TargetKey<'_>, notes: &mut Notes<'_>) -> Option<Expression> {
    let text = place.key.trim();
    let inner = text
        .strip_prefix("cfg(")
        .and_then(|rest| rest.strip_suffix(')'));
    let problem = match inner {
        None => Err("`cfg(` is never closed".to_owned()),
        Some(_) if text.matches('(').count() > BRACKETS => {
            Err(format!("more than {BRACKETS} brackets"))
        }
        Some(_) => Expression::parse(text).map_err(|error| error.reason.to_string()),
    };
    let expression = match problem {
        Ok(expression) => expression,
        Err(reason) => {
            notes.mistake(
                Code::BadCfg,
                &place.span,
                format!("invalid cfg expression `{}`: {reason}", text.escape_debug()),
                "invalid expression",
                Some(
                    "write it as in Cargo.toml, such as `cfg(all(unix, target_arch = \"aarch64\"))`"
                        .to_owned(),
                ),
            );
            return None;
        }
    };
    let mut good = true;
    for predicate in expression.predicates() {
        if let Err((message, label, help)) = judge(&predicate) {
            good = false;
            notes.mistake(Code::BadCfg, &place.span, message, label, Some(help));
        }
    }
    good.then_some(expression)
}

type CfgRefusal = (String, &'static str, String);

fn judge(predicate: &Predicate<'_>) -> Result<(), CfgRefusal> {
    let refuse = |name: &str| {
        Err((
            format!(
                "`{name}` is not supported in a cfg expression: the command and the compiler could evaluate it differently"
            ),
            "depends on the build, not on the target",
            format!("use {}", list(KNOWN_PREDICATES.into_iter())),
        ))
    };
    match predicate {
        Predicate::Target(TargetPredicate::Panic(_)) => refuse("panic"),
        Predicate::Target(target) => known_value(target),
        Predicate::Test => refuse("test"),
        Predicate::DebugAssertions => refuse("debug_assertions"),
        Predicate::ProcMacro => refuse("proc_macro"),
        Predicate::Feature(_) => refuse("feature"),
        Predicate::TargetFeature(_) => refuse("target_feature"),
        Predicate::Flag(name) => match as_target(name) {
            Some(meant) => Err((
                format!("unknown cfg predicate `{name}`"),
                "never holds",
                format!("did you mean `{meant}`?"),
            )),
            None => refuse(name),
        },
        Predicate::KeyValue { key, .. } => match nearest(key, KNOWN_PREDICATES.into_iter()) {
            Some(near) => Err((
                format!("unknown cfg predicate `{key}`"),
                "never holds",
                format!("did you mean `{near}`?"),
            )),
            None => refuse(key),
        },
    }
}

/// `linux` and `riscv64` stand for what the writer meant.
fn as_target(name: &str) -> Option<String> {
    let of = |key: &str, has: &dyn Fn(&TargetFacts) -> bool| {
        known_targets()
            .iter()
            .any(has)
            .then(|| format!("{key} = \"{name}\""))
    };
    ["target_os", "target_arch", "target_env"]
        .into_iter()
        .find_map(|key| of(key, &|facts| facts.values(key).any(|value| value == name)))
        .or_else(|| nearest(name, ["unix", "windows"].into_iter()).map(str::to_owned))
}

/// A value that no target has is a slip that would silence the whole table. Vendors are free: target
/// custom specs make them up.
fn known_value(predicate: &TargetPredicate) -> Result<(), CfgRefusal> {
    let (key, value) = said(predicate);
    if key == "target_vendor" && is_plain(&value) {
        return Ok(());
    }
    let all = known_targets().iter();
    let known: BTreeSet<&str> = all.flat_map(|facts| facts.values(key)).collect();
    if known.contains(value.as_str()) {
        return Ok(());
    }
    let help = match nearest(&value, known.iter().copied()) {
        Some(near) => format!("did you mean `{key} = \"{near}\"`?"),
        None => format!("expected one of {}", list(known.iter().copied())),
    };
    Err((
        format!("no target has `{key} = \"{}\"`", value.escape_debug()),
        "never holds",
        help,
    ))
}

/// Whether a value means the same in a cfg expression and in a Rust string.
fn is_plain(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'"')
}
