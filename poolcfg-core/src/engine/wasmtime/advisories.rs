//! Advisories: versions of Wasmtime whose pool shows one instance what another one wrote, and under which
//! settings.
//!
//! One table, which the checks, the warnings, the defaults and the recheck at start all ask. Each row was
//! checked in the published sources of every release that bounds its ranges.

use super::WasmtimeVersion;
use crate::base::code::Code;

/// A version in full: major, minor, patch.
type Release = [u32; 3];

/// What is known of some versions of Wasmtime: under which settings which of them do harm.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Advisory, Code, WasmtimeVersion};
/// let version = WasmtimeVersion::major(48);
/// let known: Vec<_> = Advisory::ALL.into_iter().filter(|known| known.affects(version)).collect();
/// assert_eq!(known, [Advisory::PAGEMAP_SCAN]);
/// assert_eq!((known[0].code, known[0].fixed_in), (Code::SwappedPages, "50.0.0"));
/// assert!(!Advisory::NO_GUARD.affects(version));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advisory {
    /// The code of errors and warnings about it.
    pub code: Code,
    /// The settings under which the versions do harm.
    pub condition: AdvisoryCondition,
    /// What happens, as the end of a sentence that begins with the settings and the version.
    pub effect: &'static str,
    /// The releases that first have the fix, and all later ones of the same line.
    pub fixed_in: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// The first release that is affected, and the first later one that is not, of each line.
    affected: &'static [(Release, Release)],
}

/// The settings under which an [`Advisory`] applies.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Advisory, AdvisoryCondition};
/// assert_eq!(Advisory::PAGEMAP_SCAN.condition, AdvisoryCondition::PagemapScan);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdvisoryCondition {
    /// No guard, and a reservation below 4 GiB.
    NoGuard,
    /// `pagemap_scan` is on.
    PagemapScan,
}

impl Advisory {
    /// Permissions of a slot are not reset between instances when it has no guard and less than 4 GiB.
    /// The condition came with 28.0.0 (crates/wasmtime/src/runtime/vm/cow.rs, PR #13008).
    pub const NO_GUARD: Self = Self {
        code: Code::GuardLeaks,
        condition: AdvisoryCondition::NoGuard,
        effect: "lets an instance read what another instance wrote",
        fixed_in: "36.0.7, 42.0.2, 43.0.1, 44",
        source: "GHSA-6wgr-89rj-399p",
        affected: &[
            ([28, 0, 0], [36, 0, 7]),
            ([37, 0, 0], [42, 0, 2]),
            ([43, 0, 0], [43, 0, 1]),
        ],
    };

    /// The scan for written pages asks for `PAGE_IS_PRESENT`, which a page in swap is not, so that such a
    /// page is neither zeroed nor given back. `pagemap_scan` came with 37.0.0; 48.0.8 and 49.0.5, the last
    /// releases of their lines, are affected (crates/wasmtime/src/runtime/vm/sys/unix/pagemap.rs).
    pub const PAGEMAP_SCAN: Self = Self {
        code: Code::SwappedPages,
        condition: AdvisoryCondition::PagemapScan,
        effect: "misses pages that were swapped out, so an instance can read what the one before it left",
        fixed_in: "50.0.0",
        source: "https://github.com/bytecodealliance/wasmtime/pull/14357",
        affected: &[([37, 0, 0], [50, 0, 0])],
    };

    /// All known advisories.
    pub const ALL: [Self; 2] = [Self::NO_GUARD, Self::PAGEMAP_SCAN];

    /// Whether a version is one of those that do harm under the [`condition`](Self::condition). A major
    /// version alone means its first release.
    #[must_use]
    pub const fn affects(&self, version: WasmtimeVersion) -> bool {
        let version = [
            version.major,
            or_zero(version.minor),
            or_zero(version.patch),
        ];
        let mut i = 0;
        while i < self.affected.len() {
            let (first, fixed) = self.affected[i];
            if !is_before(version, first) && is_before(version, fixed) {
                return true;
            }
            i += 1;
        }
        false
    }
}

const fn is_before(a: Release, b: Release) -> bool {
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return a[i] < b[i];
        }
        i += 1;
    }
    false
}

const fn or_zero(number: Option<u32>) -> u32 {
    match number {
        Some(number) => number,
        None => 0,
    }
}
