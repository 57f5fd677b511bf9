//! What is wrong with the value of a variable, in words.

use std::fmt;

use poolcfg_core::{Code, GRAIN, Size, SizeError, escaped};

/// What is wrong with an environment variable.
///
/// ```
/// use poolcfg_runtime::variables::{VariableError, VariableFault};
/// fn is_too_large(error: &VariableError) -> bool {
///     eprintln!("{}={}", error.variable, error.value);
///     matches!(error.fault, VariableFault::AboveBuild { .. })
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VariableError {
    /// The variable.
    pub variable: String,
    /// Its value; parts that are not Unicode are replaced.
    pub value: String,
    /// What is wrong with it.
    pub fault: VariableFault,
    /// A value that it may have, beside the other variables: bytes, or instances. 0 if there is none, since the pool has
    /// nothing of the kind.
    pub possible: u64,
}

/// What is wrong with the value of an environment variable.
///
/// ```
/// use poolcfg_runtime::variables::VariableFault;
/// /// The most that is allowed, where that decides.
/// fn most(fault: &VariableFault) -> Option<u64> {
///     match fault {
///         VariableFault::AboveBuild { most } | VariableFault::Above { most, .. } => Some(*most),
///         _ => None,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VariableFault {
    /// It is not Unicode.
    NotUnicode,
    /// It is not a whole number of 32 bits.
    NotNumber,
    /// It is not a size.
    NotSize(SizeError),
    /// A count is zero.
    Zero,
    /// A size is zero, or below what one of its kind has at the least.
    TooSmall {
        /// The least that is allowed.
        least: Size,
    },
    /// It is above what the build asks for; variables lower limits.
    AboveBuild {
        /// The most that is allowed: bytes, or instances.
        most: u64,
    },
    /// It is above another number in force.
    Above {
        /// The other number's key.
        key: &'static str,
        /// The other number: bytes, or instances.
        most: u64,
    },
    /// It is below `min_instances`.
    BelowMin {
        /// The least that is allowed.
        min_instances: u32,
    },
    /// It is below the guard that the build chose, on which its code may rely.
    BelowBuild {
        /// The least that is allowed.
        least: Size,
    },
    /// It is below another number of the build.
    Below {
        /// The other number's key.
        key: &'static str,
        /// The least that is allowed.
        least: Size,
    },
    /// It leaves a slot without guard below 4 GiB, in a version of Wasmtime that then shows an instance
    /// what another one wrote (GHSA-6wgr-89rj-399p).
    GuardLeaks,
    /// It is not a multiple of 64 KiB.
    NotMultiple,
    /// The sizes of the pool add up to more than 2^64 - 1 bytes with it.
    Overflow,
}

impl VariableFault {
    fn counts(self, f: &mut fmt::Formatter<'_>, number: u64, instances: bool) -> fmt::Result {
        if instances {
            write!(f, "`{number}`")
        } else {
            write!(f, "`{}`", Size::bytes(number).exact())
        }
    }
}

impl VariableError {
    /// The code of it, whose text `cargo poolcfg --explain` prints.
    ///
    /// ```
    /// use poolcfg_runtime::Code;
    /// use poolcfg_runtime::variables::VariableError;
    /// fn code(error: &VariableError) -> Code {
    ///     error.code() // `Code::Variable`, PC0054
    /// }
    /// ```
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::Variable
    }

    pub(crate) fn message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable, value, ..
        } = self;
        let instances = variable.ends_with("_INSTANCES");
        let shown = escaped(value);
        write!(f, "environment variable `{variable}` is `{shown}`, ")?;
        let fault = self.fault;
        match fault {
            VariableFault::NotUnicode => f.write_str("but expected Unicode text: "),
            VariableFault::NotNumber => f.write_str("but expected a whole number: "),
            VariableFault::NotSize(error) => write!(f, "an invalid size: {error}: "),
            VariableFault::Zero => f.write_str("but it must be at least 1: "),
            VariableFault::TooSmall { least } => {
                write!(f, "but it must be at least `{}`: ", least.exact())
            }
            VariableFault::AboveBuild { most } => {
                f.write_str("but the build asks for ")?;
                fault.counts(f, most, instances)?;
                f.write_str(", and variables can only lower limits: ")
            }
            VariableFault::Above { key, most } => {
                write!(f, "which is above `{key}`, now ")?;
                fault.counts(f, most, instances)?;
                f.write_str(": ")
            }
            VariableFault::BelowMin { min_instances } => {
                write!(f, "which is below `min_instances`, now `{min_instances}`: ")
            }
            VariableFault::BelowBuild { least } => write!(
                f,
                "but the compiled code may rely on a guard of `{}`: ",
                least.exact()
            ),
            VariableFault::Below { key, least } => {
                write!(f, "which is below `{key}`, `{}`: ", least.exact())
            }
            VariableFault::GuardLeaks => f.write_str(
                "but without a guard, and below `4 GiB`, this Wasmtime version lets an instance read what another instance wrote: ",
            ),
            VariableFault::NotMultiple => f.write_str("which is not a multiple of 64 KiB: "),
            VariableFault::Overflow => {
                f.write_str("which makes the pool larger than 2^64 - 1 bytes: ")
            }
        }?;
        match fault {
            _ if self.possible == 0 => f.write_str("unset it"),
            VariableFault::AboveBuild { most } | VariableFault::Above { most, .. } => {
                f.write_str("set at most ")?;
                fault.counts(f, most, instances)?;
                f.write_str(", or unset it")
            }
            VariableFault::BelowMin { min_instances } => write!(
                f,
                "set at least `{min_instances}`, or lower `{}` too",
                variable.replace("MAX_INSTANCES", "MIN_INSTANCES")
            ),
            VariableFault::BelowBuild { least } | VariableFault::Below { least, .. } => {
                write!(f, "set at least `{}`, or unset it", least.exact())
            }
            VariableFault::GuardLeaks => f.write_str("unset it, or build with a guard"),
            VariableFault::Overflow => f.write_str("set a smaller value, or unset it"),
            VariableFault::NotMultiple => write!(
                f,
                "set `{}`",
                Size::parse(value)
                    .unwrap_or(GRAIN)
                    .round_down(GRAIN)
                    .max(GRAIN)
                    .exact()
            ),
            _ => {
                f.write_str("set a ")?;
                f.write_str(if instances { "number" } else { "size" })?;
                f.write_str(" such as ")?;
                fault.counts(f, self.possible, instances)?;
                f.write_str(", or unset it")
            }
        }
    }
}
