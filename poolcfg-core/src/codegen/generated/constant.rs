//! The consts of one pool: numbers that a person reads and a program uses.

use super::lines::number;
use crate::base::size::Size;
use crate::engine::limits::Limits;
use crate::resolved::ResolvedPool;

/// One public const with its documentation.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    pub(super) name: &'static str,
    kind: &'static str,
    /// What it is made of.
    value: String,
    /// What it is, where it is a number or a flag.
    pub(super) is: Option<Is>,
    about: String,
    is_one_line: bool,
}

/// What a const was worked out to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Is {
    Number(u64),
    Flag(bool),
}

impl Constant {
    pub(super) fn text(name: &'static str, value: &str, about: &str) -> Self {
        Self {
            name,
            kind: "&str",
            value: format!("{value:?}"),
            is: None,
            about: about.to_owned(),
            is_one_line: false,
        }
    }

    pub(super) fn count(name: &'static str, value: u32, about: &str) -> Self {
        Self {
            kind: "u32",
            ..Self::number(name, u64::from(value), about)
        }
    }

    pub(super) fn number(name: &'static str, value: u64, about: &str) -> Self {
        Self {
            name,
            kind: "u64",
            value: number(value),
            is: Some(Is::Number(value)),
            about: about.to_owned(),
            is_one_line: false,
        }
    }

    /// Bytes, which the documentation says in a unit, too.
    pub(super) fn bytes(name: &'static str, value: Size, about: &str) -> Self {
        let about = if value < Size::kib(1) {
            format!("{about}, in bytes.")
        } else {
            format!("{about}, in bytes: {}.", value.available())
        };
        Self::number(name, value.get(), &about)
    }

    pub(super) fn flag(name: &'static str, value: bool, about: &str) -> Self {
        Self {
            name,
            kind: "bool",
            value: value.to_string(),
            is: Some(Is::Flag(value)),
            about: about.to_owned(),
            is_one_line: false,
        }
    }

    /// Whether no number of its type is smaller.
    pub(super) fn is_least(&self) -> bool {
        matches!(self.is, Some(Is::Number(0)))
    }

    /// Whether no number of its type is larger.
    pub(super) fn is_largest(&self) -> bool {
        let largest = match self.kind {
            "u32" => u64::from(u32::MAX),
            _ => u64::MAX,
        };
        matches!(self.is, Some(Is::Number(number)) if number == largest)
    }

    /// The same number, made of other consts.
    pub(super) fn made_of(self, value: String) -> Self {
        Self { value, ..self }
    }

    /// The same in one line: a setting of Wasmtime's, whose name says all.
    pub(super) fn in_one_line(self) -> Self {
        Self {
            is_one_line: true,
            ..self
        }
    }

    /// Its two lines, or the one.
    pub(super) fn lines(&self) -> Vec<String> {
        let Self {
            name,
            kind,
            value,
            about,
            ..
        } = self;
        let constant = format!("pub const {name}: {kind} = {value};");
        if self.is_one_line {
            return vec![format!("/** {about} */ {constant}")];
        }
        vec![format!("/// {about}"), constant]
    }
}

/// Consts, a row for each: its kind, name, value and documentation.
macro_rules! consts {
    ($($kind:ident $name:ident = $value:expr, $about:expr;)+) => {
        [$(Constant::$kind(stringify!($name), $value, $about)),+]
    };
}
pub(super) use consts;

/// The consts that every pool has.
pub(super) fn of_every_pool(pool: &ResolvedPool<'_>, limits: &Limits) -> Vec<Constant> {
    let asked = &pool.asked;
    let each = match &limits.wasmtime {
        Some(wasmtime) => format!(", each of {}", wasmtime.counts()),
        None => String::new(),
    };
    consts! {
        count MAX_INSTANCES = limits.max_instances, &format!("How many instances are guaranteed{each}.");
        count ASKED_MAX_INSTANCES = asked.max_instances, "How many instances are asked for.";
        count MIN_INSTANCES = pool.min_instances, "The fewest instances that are of use.";
        count POOLS = limits.pools, "How many pools of this shape are alive at once.";
        bytes MEMORY_RESERVATION = limits.memory_reservation, "Address space that is guaranteed to one memory";
        bytes ASKED_MEMORY_RESERVATION = asked.memory_reservation, "Address space that is asked for one memory";
        bytes MAX_MEMORY_SIZE = limits.max_memory_size, "How far a memory may grow";
        bytes ASKED_MAX_MEMORY_SIZE = asked.max_memory_size, "How far a memory may grow where what is asked is there";
        bytes GUARD_SIZE = limits.guard_size, "Guard on both sides of a memory";
    }
    .to_vec()
}

/// The consts that a native pool has besides.
pub(super) fn of_native(limits: &Limits) -> [Constant; 3] {
    consts! {
        flag GUARD_BEFORE = limits.guard_before, "Whether the first memory of each piece has a guard before it, too.";
        bytes TABLE_RESERVATION = limits.table_reservation, "Address space of one table";
        bytes STACK_RESERVATION = limits.stack_reservation, "Address space of one stack";
    }
}
