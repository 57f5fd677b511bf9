//! The generated file: for each target plain consts, and the assertion that they fit, made of the consts themselves.
//!
//! It is laid out here, narrow enough to be read and with `#[rustfmt::skip]` on what rustfmt would lay out otherwise,
//! so that it stays as it is whatever a project's rustfmt.toml says.

mod adding;
mod arm;
mod assertion;
mod constant;
mod lines;
mod runtime;
mod sums;
mod wasmtime;

use crate::base::code::Code;
use crate::base::escape::escaped;
use crate::base::text::Text;
use crate::engine::limits::Limits;
use crate::file::facts::TELLING;
use crate::resolved::ResolvedPool;

pub use arm::Arm;
use arm::PoolConsts;
use constant::{Constant, of_every_pool, of_native};
use lines::Lines;
use wasmtime::of_wasmtime;

/// The module of the target that is compiled for: no pool is called so.
const MODULE: &str = "this_target";

/// The whole file, without its header. `command` is what the error of a target without an arm says to run, and
/// `runtime` the name of poolcfg-runtime where the typed limits are wanted.
#[must_use]
pub fn generated(arms: &[Arm<'_>], command: &str, runtime: Option<&str>) -> String {
    let mut lines = Lines::default();
    elsewhere(&mut lines, arms, command);
    lines.line("");
    lines.line("#[rustfmt::skip]");
    lines.line("#[allow(unused_imports, unreachable_pub, reason = \"a program uses the limits that it needs\")]");
    lines.line(&format!("pub use self::{MODULE}::*;"));
    for arm in arms {
        lines.line("");
        self::arm(&mut lines, arm, command, runtime);
    }
    lines.text()
}

/// What any other target meets.
fn elsewhere(lines: &mut Lines, arms: &[Arm<'_>], command: &str) {
    lines.line("#[rustfmt::skip]");
    match arms {
        [arm] => lines.block("#[cfg(not(all(", ")))]", |lines| lines.items(&cfgs(arm))),
        arms => lines.block("#[cfg(not(any(", ")))]", |lines| {
            for arm in arms {
                lines.block("all(", "),", |lines| lines.items(&cfgs(arm)));
            }
        }),
    }
    let code = Code::NoLimitsForTarget;
    let text = code
        .begin(Text::new())
        .str("this file has no limits for this target: add `--target` with its triple to `")
        .str(command)
        .str("` and run it again");
    lines.line(&format!("compile_error!({:?});", code.see(text).as_str()));
}

/// What the compiler says of a target and of none that it tells apart from it.
fn cfgs(arm: &Arm<'_>) -> Vec<String> {
    let pairs = TELLING.iter().flat_map(|key| {
        let values = arm.facts.values(key);
        values.map(move |value| format!("{key} = {value:?}"))
    });
    pairs.collect()
}

fn arm(lines: &mut Lines, arm: &Arm<'_>, command: &str, runtime: Option<&str>) {
    let Arm { facts, case, plan } = arm;
    let triple = facts.triple();
    lines.line(&format!(
        "/// Limits for `{}`, guaranteed on `{}`.",
        escaped(triple),
        arm::machine(case)
    ));
    // The recheck keeps each pool its place; without it, the kernel gives the first hole that is large enough.
    if runtime.is_none() && case.pools().len() > 1 {
        lines.line("///");
        lines.line("/// Map the pools in the order of this module: in another one the last may find no place.");
    }
    lines.line("#[rustfmt::skip]");
    lines.line("#[allow(dead_code, unreachable_pub, reason = \"a program uses the limits that it needs\")]");
    lines.block("#[cfg(all(", "))]", |lines| lines.items(&cfgs(arm)));
    let pools: Vec<PoolConsts<'_>> = case
        .pools()
        .iter()
        .zip(plan.guaranteed())
        .map(|(pool, limits)| PoolConsts {
            pool,
            limits,
            consts: consts(pool, limits),
            path: match pool.name {
                "" => String::new(),
                name => format!("{}::", module(name)),
            },
        })
        .collect();
    lines.block(&format!("mod {MODULE} {{"), "}", |lines| {
        if let Some(runtime) = runtime {
            lines.line(&runtime::names(runtime));
        }
        for constant in [
            Constant::text("TARGET", triple, "The target that these limits are for."),
            Constant::text(
                "VA_PROFILE",
                case.profile.name,
                "The VA profile that guarantees them.",
            ),
        ] {
            constant.lines().iter().for_each(|line| lines.line(line));
        }
        for (index, written) in pools.iter().enumerate() {
            pool(lines, written, index, runtime);
        }
        match runtime {
            Some(_) => runtime::process(lines, arm, &pools, command),
            None => {
                lines.line("");
                assertion::assertion(lines, arm, &pools, command);
            }
        }
    });
}

/// The consts of one pool, in a module of their own where it has a name.
fn pool(lines: &mut Lines, written: &PoolConsts<'_>, index: usize, runtime: Option<&str>) {
    let PoolConsts { pool, consts, .. } = written;
    let is_named = !pool.name.is_empty();
    let inside = |lines: &mut Lines| {
        if let (Some(runtime), true) = (runtime, is_named) {
            lines.line(&runtime::names(runtime));
        }
        for constant in consts {
            constant.lines().iter().for_each(|line| lines.line(line));
        }
        if let Some(runtime) = runtime {
            runtime::pool(lines, written, index, runtime);
        }
    };
    if !is_named {
        return inside(lines);
    }
    lines.line("");
    lines.line(&format!("/// The pool `{}`.", pool.name));
    lines.block(&format!("pub mod {} {{", module(pool.name)), "}", inside);
}

fn consts(pool: &ResolvedPool<'_>, limits: &Limits) -> Vec<Constant> {
    let mut consts = of_every_pool(pool, limits);
    match &limits.wasmtime {
        None => consts.extend(of_native(limits)),
        Some(wasmtime) => consts.extend(of_wasmtime(wasmtime, limits)),
    }
    consts
}

/// Words that no module can be called. Source: The Rust Reference, "Keywords".
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// A module's name: that of a pool where it can be one.
fn module(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|char| match char {
            'A'..='Z' | 'a'..='z' | '0'..='9' => char.to_ascii_lowercase(),
            _ => '_',
        })
        .collect();
    if is_module(&name) {
        name
    } else {
        format!("{PREFIX}{name}")
    }
}

/// Before the name of a pool that no module can have.
const PREFIX: &str = "pool_";

/// Whether a module can be called so, and no other pool's module is.
fn is_module(name: &str) -> bool {
    let can_be = |name: &str| {
        let first = name.chars().next();
        let is_word = first.is_some_and(|first| first.is_ascii_lowercase());
        is_word && name != MODULE && !KEYWORDS.contains(&name)
    };
    let is_of_another = |rest: &str| !is_module(rest);
    can_be(name) && !name.strip_prefix(PREFIX).is_some_and(is_of_another)
}
