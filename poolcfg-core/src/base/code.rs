//! Codes: the names of mistakes, for `cargo poolcfg --explain`.

/// The code of a mistake, for `cargo poolcfg --explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The pools do not fit the holes.
    Misfit,
    /// The pools need more mappings than the kernel allows.
    TooManyMaps,
    /// The file is not TOML.
    Syntax,
    /// An unknown key or table.
    UnknownKey,
    /// A value of the wrong type or out of its range.
    WrongType,
    /// A size that is none, or in a decimal unit.
    BadSize,
    /// A word that the key does not know.
    UnknownWord,
    /// A reservation that is not a multiple of the page.
    NotMultiple,
    /// A memory that may grow beyond its reservation.
    MemoryAboveReservation,
    /// Fewer instances asked than are needed.
    MinAboveMax,
    /// A count or a size of zero where one is needed.
    Zero,
    /// A sum above 64 bits.
    Overflow,
    /// A VA profile that nobody knows.
    UnknownProfile,
    /// A VA profile of another target.
    ProfileOfOtherTarget,
    /// A VA profile of one's own that describes no machine.
    BadProfile,
    /// A pool that the file does not have.
    UnknownPool,
    /// More pools than there may be, or a name that no pool can have.
    BadPool,
    /// A target that nobody knows.
    UnknownTarget,
    /// Target tables that no cfg tells apart.
    SameTarget,
    /// A cfg expression that cannot be read, or that command and compiler would judge differently.
    BadCfg,
    /// No poolcfg.toml where one is needed.
    NoFile,
    /// A file that cannot be read or written.
    Io,
    /// A file in the way that poolcfg has not written.
    ForeignFile,
    /// A generated file that is not current.
    Stale,
    /// cargo or rustc could not be run, or did not do what was asked.
    Tool,
    /// More than `RLIMIT_AS`, `RLIMIT_DATA`, the commit limit, or, of a mapping that is charged when it is made, RAM and
    /// swap.
    TooMuchMemory,
    /// No version of Wasmtime, or none that is supported.
    BadVersion,
    /// A key of another engine than the pool's.
    OtherEngine,
    /// A key that needs a feature or a version of Wasmtime, or a machine, that is not there.
    LacksFeature,
    /// Numbers that Wasmtime's `Engine::new` refuses.
    RefusedByWasmtime,
    /// No guard, in a version of Wasmtime that then shows one instance's memory to the next.
    GuardLeaks,
    /// poolcfg.toml and Cargo.lock name different versions or features of Wasmtime.
    OutOfSync,
    /// The project uses no Wasmtime, or it cannot be told which.
    NoWasmtime,
    /// A host that cannot be told what the limits say.
    HostCannot,
    /// A scan for written pages that misses those in swap, in a version that then shows them to the next.
    SwappedPages,
    /// A stack limit, bits of ASLR or headroom that leave no room at all, or that no machine of the profile has.
    NoRoom,
    /// A target without address space that mmap gives out, or of which nothing is known.
    NoAddressSpace,
    /// A file of WebAssembly, or a program, that ends too early or breaks its format.
    Damaged,
    /// A file that is neither WebAssembly nor a program, or beyond what is read of any.
    NotInspectable,
    /// A workload that names a file that is not there, or a pattern that is none.
    NoWorkload,
    /// Counts of poolcfg.toml that are not those of its workload.
    OutOfWorkload,
}

const CODES: [(Code, &str); 41] = [
    (Code::Misfit, "PC0001"),
    (Code::TooManyMaps, "PC0002"),
    (Code::Syntax, "PC0003"),
    (Code::UnknownKey, "PC0004"),
    (Code::WrongType, "PC0005"),
    (Code::BadSize, "PC0006"),
    (Code::UnknownWord, "PC0007"),
    (Code::NotMultiple, "PC0008"),
    (Code::MemoryAboveReservation, "PC0009"),
    (Code::MinAboveMax, "PC0010"),
    (Code::Zero, "PC0011"),
    (Code::Overflow, "PC0012"),
    (Code::UnknownProfile, "PC0013"),
    (Code::ProfileOfOtherTarget, "PC0014"),
    (Code::BadProfile, "PC0015"),
    (Code::UnknownPool, "PC0016"),
    (Code::BadPool, "PC0017"),
    (Code::UnknownTarget, "PC0018"),
    (Code::SameTarget, "PC0019"),
    (Code::BadCfg, "PC0020"),
    (Code::NoFile, "PC0021"),
    (Code::Io, "PC0022"),
    (Code::ForeignFile, "PC0023"),
    (Code::Stale, "PC0024"),
    (Code::Tool, "PC0025"),
    (Code::TooMuchMemory, "PC0026"),
    (Code::BadVersion, "PC0027"),
    (Code::OtherEngine, "PC0028"),
    (Code::LacksFeature, "PC0029"),
    (Code::RefusedByWasmtime, "PC0030"),
    (Code::GuardLeaks, "PC0031"),
    (Code::OutOfSync, "PC0032"),
    (Code::NoWasmtime, "PC0033"),
    (Code::HostCannot, "PC0034"),
    (Code::SwappedPages, "PC0035"),
    (Code::NoRoom, "PC0036"),
    (Code::NoAddressSpace, "PC0037"),
    (Code::Damaged, "PC0038"),
    (Code::NotInspectable, "PC0039"),
    (Code::NoWorkload, "PC0040"),
    (Code::OutOfWorkload, "PC0041"),
];

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
