//! Facts of a target: its triple and what `cfg` says of it.

use std::collections::BTreeSet;

use cfg_expr::expr::TargetPredicate;
use cfg_expr::targets::{ALL_BUILTINS, Endian, TargetInfo, get_builtin_target_by_triple};
use cfg_expr::{Expression, Predicate};

use crate::target::pies::Pies;
use crate::target::{Arch, Os, Target};

/// A target as both the command and the compiler see it: a triple, and the cfgs that hold for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFacts {
    triple: String,
    cfgs: BTreeSet<(String, Option<String>)>,
}

/// The keys by which the compiler tells two targets apart, whatever flags it is given.
pub(crate) const TELLING: [&str; 8] = [
    "target_arch",
    "target_os",
    "target_env",
    "target_vendor",
    "target_abi",
    "target_pointer_width",
    "target_endian",
    "target_family",
];

/// The targets of Linux that link the C library statically unless flags say `-crt-static` (`crt-static-default`).
/// Source: `rustc -Z unstable-options --print all-target-specs-json`, 1.95.
pub const CRT_STATIC: [&str; 11] = [
    "aarch64-unknown-linux-musl",
    "arm-unknown-linux-musleabi",
    "arm-unknown-linux-musleabihf",
    "armv5te-unknown-linux-musleabi",
    "armv7-unknown-linux-musleabi",
    "armv7-unknown-linux-musleabihf",
    "i586-unknown-linux-musl",
    "i686-unknown-linux-musl",
    "powerpc64le-unknown-linux-musl",
    "wasm32-wali-linux-musl",
    "x86_64-unknown-linux-musl",
];

/// What a cfg says where the C library is linked statically: `target_feature = "crt-static"`.
const STATIC_FEATURE: (&str, &str) = ("target_feature", "crt-static");

impl TargetFacts {
    /// A target from its cfgs, such as those of a target spec: `("unix", None)`,
    /// `("target_os", Some("linux"))`.
    #[must_use]
    pub fn new(triple: &str, cfgs: Vec<(String, Option<String>)>) -> Self {
        let mut cfgs: BTreeSet<_> = cfgs.into_iter().collect();
        // rustc writes down that a target has no environment and no ABI; whoever leaves it out means
        // the same.
        for key in ["target_env", "target_abi"] {
            if !cfgs.iter().any(|(name, _)| name == key) {
                cfgs.insert((key.to_owned(), Some(String::new())));
            }
        }
        Self {
            triple: triple.to_owned(),
            cfgs,
        }
    }

    /// A target from what `rustc --print cfg --target TRIPLE` prints.
    #[must_use]
    pub fn from_rustc(triple: &str, print_cfg_output: &str) -> Self {
        let cfgs = print_cfg_output
            .lines()
            .map(|line| match line.trim().split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.trim_matches('"').to_owned())),
                None => (line.trim().to_owned(), None),
            });
        Self::new(triple, cfgs.filter(|(key, _)| !key.is_empty()).collect())
    }

    /// A target by the built-in table, which knows every triple of rustc.
    #[must_use]
    pub fn builtin(triple: &str) -> Option<Self> {
        get_builtin_target_by_triple(triple).map(Self::from_table)
    }

    /// The triples of the built-in table.
    pub fn builtin_triples() -> impl Iterator<Item = &'static str> {
        ALL_BUILTINS.iter().map(|info| info.triple.as_str())
    }

    fn from_table(info: &TargetInfo) -> Self {
        let mut cfgs = Vec::new();
        let mut say = |key: &str, value: &str| cfgs.push((key.to_owned(), Some(value.to_owned())));
        say("target_arch", info.arch.as_str());
        // The table leaves out what rustc prints as "none".
        say(
            "target_os",
            info.os.as_ref().map_or("none", |os| os.as_str()),
        );
        say(
            "target_env",
            info.env.as_ref().map_or("", |env| env.as_str()),
        );
        say(
            "target_vendor",
            info.vendor
                .as_ref()
                .map_or("unknown", |vendor| vendor.as_str()),
        );
        say(
            "target_abi",
            info.abi.as_ref().map_or("", |abi| abi.as_str()),
        );
        say("target_pointer_width", &info.pointer_width.to_string());
        say("target_endian", endian(info.endian));
        for family in info.families.iter() {
            say("target_family", family.as_str());
        }
        for atomic in info.has_atomics.iter() {
            say("target_has_atomic", &atomic.to_string());
        }
        if CRT_STATIC.contains(&info.triple.as_str()) {
            let (key, value) = STATIC_FEATURE;
            say(key, value);
        }
        Self::new(info.triple.as_str(), cfgs)
    }

    /// The same where flags of the build decide whether the C library is linked statically.
    #[must_use]
    pub fn with_crt_static(mut self, crt_static: bool) -> Self {
        let (key, value) = STATIC_FEATURE;
        let cfg = (key.to_owned(), Some(value.to_owned()));
        if crt_static {
            self.cfgs.insert(cfg);
        } else {
            self.cfgs.remove(&cfg);
        }
        self
    }

    /// The triple.
    #[must_use]
    pub fn triple(&self) -> &str {
        &self.triple
    }

    /// The part that decides the address space.
    #[must_use]
    pub fn target(&self) -> Target {
        let (key, value) = STATIC_FEATURE;
        let is_crt_static = self.values(key).any(|known| known == value);
        let arch = self.first("target_arch");
        let arch = arch.map_or(Arch::Other, Arch::from_name);
        let os = self.first("target_os").map_or(Os::Other, Os::from_name);
        Target::new(arch, os, self.pointer_width()).linked(self.pies(), is_crt_static)
    }

    /// Which of its programs are position-independent.
    #[must_use]
    pub fn pies(&self) -> Pies {
        let word = |key| self.first(key).unwrap_or_default();
        let (arch, env) = (word("target_arch"), word("target_env"));
        Pies::of(arch, self.pointer_width(), env, word("target_vendor"))
    }

    fn pointer_width(&self) -> u32 {
        let width = self.first("target_pointer_width");
        width.and_then(|width| width.parse().ok()).unwrap_or(64)
    }

    fn first(&self, key: &str) -> Option<&str> {
        self.values(key).next()
    }

    /// The values of a cfg such as `target_family`.
    pub fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.cfgs
            .iter()
            .filter(move |(name, _)| name == key)
            .filter_map(|(_, value)| value.as_deref())
    }

    /// Whether a cfg expression holds for the target.
    #[must_use]
    pub fn matches(&self, expression: &Expression) -> bool {
        expression.eval(|predicate| self.holds(predicate))
    }

    fn holds(&self, predicate: &Predicate<'_>) -> bool {
        match predicate {
            Predicate::Target(target) => {
                let (key, value) = said(target);
                self.values(key).any(|known| known == value)
            }
            Predicate::TargetFeature(feature) => {
                self.values("target_feature").any(|known| known == *feature)
            }
            Predicate::Flag(flag) => self
                .cfgs
                .iter()
                .any(|(key, value)| key == flag && value.is_none()),
            Predicate::KeyValue { key, val } => self.values(key).any(|known| known == *val),
            Predicate::Test
            | Predicate::DebugAssertions
            | Predicate::ProcMacro
            | Predicate::Feature(_) => false,
        }
    }

    /// Whether no cfg tells the two targets apart.
    #[must_use]
    pub fn looks_like(&self, other: &Self) -> bool {
        TELLING
            .iter()
            .all(|key| self.values(key).eq(other.values(key)))
    }
}

fn endian(endian: Endian) -> &'static str {
    match endian {
        Endian::big => "big",
        Endian::little => "little",
    }
}

/// A predicate of a target as key and value.
pub(crate) fn said(predicate: &TargetPredicate) -> (&'static str, String) {
    match predicate {
        TargetPredicate::Abi(abi) => ("target_abi", abi.to_string()),
        TargetPredicate::Arch(arch) => ("target_arch", arch.to_string()),
        TargetPredicate::Endian(order) => ("target_endian", endian(*order).to_owned()),
        TargetPredicate::Env(env) => ("target_env", env.to_string()),
        TargetPredicate::Family(family) => ("target_family", family.to_string()),
        TargetPredicate::HasAtomic(atomic) => ("target_has_atomic", atomic.to_string()),
        TargetPredicate::Os(os) => ("target_os", os.to_string()),
        TargetPredicate::Panic(panic) => ("panic", panic.to_string()),
        TargetPredicate::PointerWidth(bits) => ("target_pointer_width", bits.to_string()),
        TargetPredicate::Vendor(vendor) => ("target_vendor", vendor.to_string()),
    }
}
