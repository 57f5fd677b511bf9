//! Other layouts: how the kernel has laid out this process where the build counts on another layout, in words.

use std::fmt;

use poolcfg_core::{Raise, Size, StackLimit, UnlimitedStack};

/// Why the layout of a process differs from the shape that the build counts on.
///
/// ```
/// use poolcfg_runtime::{Misfit, OtherLayout};
/// fn needs_finite_stack_limit(misfit: &Misfit) -> bool {
///     matches!(misfit.layout, Some(OtherLayout::UnlimitedStack(_)))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtherLayout {
    /// The stack limit was unlimited when the process started.
    UnlimitedStack(UnlimitedStack),
    /// `RLIMIT_STACK` is larger than what the build counts on: the kernel leaves the stack so much room, and puts the
    /// mmap base below it (mm/util.c, mmap_base).
    LargeStack {
        /// The limit.
        limit: Size,
        /// The most that the build counts on.
        planned: Size,
    },
    /// The legacy layout of `setarch --addr-compat-layout` (`ADDR_COMPAT_LAYOUT` of personality(2)).
    LegacyPersonality,
    /// The legacy layout of `vm.legacy_va_layout = 1`, of all processes of the machine.
    LegacySysctl,
}

impl OtherLayout {
    /// Where the hole lies, behind "the largest hole has".
    pub(super) fn fmt_place(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnlimitedStack(UnlimitedStack::Legacy) => f.write_str(
                " in the legacy layout that an unlimited stack limit gives the process",
            ),
            Self::UnlimitedStack(UnlimitedStack::LargeGap) => f.write_str(
                " in the legacy layout that an unlimited stack limit gives the process, its mmap base at a sixth \
                 of the window",
            ),
            Self::LargeStack { limit, planned } => write!(
                f,
                " below the room for a stack of `{}`, which `RLIMIT_STACK` allows (the build counts on `{}`)",
                limit.available(),
                planned.exact()
            ),
            Self::LegacyPersonality => f.write_str(
                " in the legacy layout that `setarch --addr-compat-layout` gives the process",
            ),
            Self::LegacySysctl => f.write_str(" in the legacy layout of `vm.legacy_va_layout = 1`"),
        }
    }

    /// What can be done about it.
    pub(super) fn fmt_help(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnlimitedStack(_) => {
                write!(f, "set a finite stack limit with {}", Raise::Stack(StackLimit::USUAL))
            }
            Self::LargeStack { limit, planned } => write!(
                f,
                "lower it with {}, or build with `stack_limit = \"{}\"`",
                Raise::Stack(planned),
                limit.exact()
            ),
            Self::LegacyPersonality => f.write_str(
                "start it without `setarch --addr-compat-layout`, or build with `layout = \"legacy\"`",
            ),
            Self::LegacySysctl => f.write_str(
                "set `sysctl -w vm.legacy_va_layout=0`, or build with `layout = \"legacy\"`",
            ),
        }
    }
}
