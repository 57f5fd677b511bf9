//! Codes: the names of mistakes, for `cargo poolcfg --explain`.

/// Makes the enum of its rows, each a mistake and how its code is written.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $text:literal,)+) => {
        /// The code of a mistake, for `cargo poolcfg --explain`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $code,)+
        }

        const CODES: &[(Code, &str)] = &[$((Code::$code, $text)),+];
    };
}

codes! {
    /// The pools do not fit the holes.
    Misfit = "PC0001",
    /// The pools need more mappings than the kernel allows.
    TooManyMaps = "PC0002",
    /// The file is not TOML.
    Syntax = "PC0003",
    /// An unknown key or table.
    UnknownKey = "PC0004",
    /// A value of the wrong type or out of its range.
    WrongType = "PC0005",
    /// A size that is none, or in a decimal unit.
    BadSize = "PC0006",
    /// A word that the key does not know.
    UnknownWord = "PC0007",
    /// A reservation that is not a multiple of the page.
    NotMultiple = "PC0008",
    /// A memory that may grow beyond its reservation.
    MemoryAboveReservation = "PC0009",
    /// Fewer instances asked than are needed.
    MinAboveMax = "PC0010",
    /// A count or a size of zero where one is needed.
    Zero = "PC0011",
    /// A sum above 64 bits.
    Overflow = "PC0012",
    /// A VA profile that nobody knows.
    UnknownProfile = "PC0013",
    /// A VA profile of another target.
    ProfileOfOtherTarget = "PC0014",
    /// A VA profile of one's own that describes no machine.
    BadProfile = "PC0015",
    /// A pool that the file does not have.
    UnknownPool = "PC0016",
    /// More pools than there may be, or a name that no pool can have.
    BadPool = "PC0017",
    /// A target that nobody knows.
    UnknownTarget = "PC0018",
    /// Target tables that no cfg tells apart.
    SameTarget = "PC0019",
    /// A cfg expression that cannot be read, or that command and compiler would judge differently.
    BadCfg = "PC0020",
    /// No poolcfg.toml where one is needed.
    NoFile = "PC0021",
    /// A file that cannot be read or written.
    Io = "PC0022",
    /// A file in the way that poolcfg has not written.
    ForeignFile = "PC0023",
    /// A generated file that is not current.
    Stale = "PC0024",
    /// cargo or rustc could not be run, or did not do what was asked.
    Tool = "PC0025",
    /// More than `RLIMIT_AS`, `RLIMIT_DATA`, the commit limit, or, of a mapping that is charged when it is made, RAM and
    /// swap.
    TooMuchMemory = "PC0026",
    /// No version of Wasmtime, or none that is supported.
    BadVersion = "PC0027",
    /// A key of another engine than the pool's.
    OtherEngine = "PC0028",
    /// A key that needs a feature or a version of Wasmtime, or a machine, that is not there.
    LacksFeature = "PC0029",
    /// Numbers that Wasmtime's `Engine::new` refuses.
    RefusedByWasmtime = "PC0030",
    /// No guard, in a version of Wasmtime that then shows one instance's memory to the next.
    GuardLeaks = "PC0031",
    /// poolcfg.toml and Cargo.lock name different versions or features of Wasmtime.
    OutOfSync = "PC0032",
    /// The project uses no Wasmtime, or it cannot be told which.
    NoWasmtime = "PC0033",
    /// A host that cannot be told what the limits say.
    HostCannot = "PC0034",
    /// A scan for written pages that misses those in swap, in a version that then shows them to the next.
    SwappedPages = "PC0035",
    /// A stack limit, bits of ASLR or headroom that leave no room at all, or that no machine of the profile has.
    NoRoom = "PC0036",
    /// A target without address space that mmap gives out, or of which nothing is known.
    NoAddressSpace = "PC0037",
}

impl Code {
    /// Every code, in the order of its numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().map(|(code, _)| *code)
    }

    /// How it is written, such as `PC0001`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        CODES
            .iter()
            .find(|(code, _)| *code == self)
            .map_or("PC0000", |(_, text)| text)
    }

    /// The code that is written so, in either case.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        CODES
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(text))
            .map(|(code, _)| *code)
    }
}
