//! Codes: the names of errors and warnings, for `cargo poolcfg --explain`.

use crate::base::text::Text;

/// Every code and its number, given to the macro `$with`: the one place where they are listed. cargo-poolcfg keeps a
/// text of each under `templates/explain/`.
#[doc(hidden)]
#[macro_export]
macro_rules! codes {
    ($with:ident) => {
        $with! {
            /// The pools do not fit the holes.
            Misfit = "PC0001",
            /// The pools need more maps than the kernel allows.
            TooManyMaps = "PC0002",
            /// The file is not TOML.
            Syntax = "PC0003",
            /// An unknown key or table.
            UnknownKey = "PC0004",
            /// A value of the wrong type or out of its range.
            WrongType = "PC0005",
            /// A size that cannot be read, or is in a decimal unit.
            BadSize = "PC0006",
            /// A value that a key does not take, or a code that `--explain` does not have.
            UnknownWord = "PC0007",
            /// A reservation that is not a multiple of the page, or a guard or a stack of less than one.
            NotMultiple = "PC0008",
            /// A memory that may grow beyond its reservation.
            MemoryAboveReservation = "PC0009",
            /// More instances needed than are asked for.
            MinAboveMax = "PC0010",
            /// A count or a size of zero where one is needed.
            Zero = "PC0011",
            /// A sum above 64 bits.
            Overflow = "PC0012",
            /// A VA profile that neither poolcfg nor the file has.
            UnknownProfile = "PC0013",
            /// A VA profile of another target.
            ProfileOfOtherTarget = "PC0014",
            /// A VA profile of the file's own that describes no machine.
            BadProfile = "PC0015",
            /// A pool that the file does not have.
            UnknownPool = "PC0016",
            /// More pools than there may be, or a name that no pool can have.
            BadPool = "PC0017",
            /// A target that is unknown.
            UnknownTarget = "PC0018",
            /// Target tables that no cfg tells apart.
            SameTarget = "PC0019",
            /// A cfg expression that cannot be read, or that command and compiler would judge differently.
            BadCfg = "PC0020",
            /// No poolcfg.toml where one is needed.
            NoFile = "PC0021",
            /// A file that cannot be read or written.
            Io = "PC0022",
            /// A file that would be overwritten and was not written by poolcfg.
            ForeignFile = "PC0023",
            /// A generated file that is not current.
            Stale = "PC0024",
            /// cargo or rustc could not be run, or did not do what was asked.
            Tool = "PC0025",
            /// More than `RLIMIT_AS`, `RLIMIT_DATA`, the commit limit, or, of a mapping that is charged when it is made, RAM and
            /// swap.
            TooMuchMemory = "PC0026",
            /// No version of Wasmtime, one that is not supported, or one that is newer than all that are known.
            BadVersion = "PC0027",
            /// A key or a type of limits of another engine than the pool's.
            OtherEngine = "PC0028",
            /// A key that needs a feature or a version of Wasmtime, or a machine, that is not there.
            LacksFeature = "PC0029",
            /// Numbers that Wasmtime's `Engine::new` refuses.
            RefusedByWasmtime = "PC0030",
            /// No guard, in a version of Wasmtime that then shows one instance's memory to the next.
            GuardLeaks = "PC0031",
            /// poolcfg.toml and Cargo.lock name different versions or features of Wasmtime.
            OutOfSync = "PC0032",
            /// The project does not depend on Wasmtime, or on several versions of it.
            NoWasmtime = "PC0033",
            /// A host program that cannot be told what the limits say, or that decides part of it for itself.
            HostCannot = "PC0034",
            /// A scan for written pages that misses those in swap, in a version that then shows them to the next.
            SwappedPages = "PC0035",
            /// A limit, bits of ASLR or headroom that leave no room at all, or under which no process lives.
            NoRoom = "PC0036",
            /// A target without address space that mmap gives out, or of which nothing is known.
            NoAddressSpace = "PC0037",
            /// A file of WebAssembly, or a program, that ends too early or breaks its format.
            Damaged = "PC0038",
            /// A file that is neither WebAssembly nor a program, or beyond what is read of any.
            NotInspectable = "PC0039",
            /// A workload that names a file that is not there, or a pattern that cannot be read.
            NoWorkload = "PC0040",
            /// Numbers that are not what the workload needs, or a workload that no pool takes.
            OutOfWorkload = "PC0041",
            /// Slots that leave Wasmtime's code to check the bounds of every access.
            BoundsChecks = "PC0042",
            /// A program that is loaded at other addresses than the limits are for.
            LoadedOtherwise = "PC0043",
            /// The attribute `#[pool_limits]`, or the item under it, is not written as it has to be.
            Attribute = "PC0044",
            /// This machine is as no VA profile says, or this process has less than its profile guarantees.
            NoProfileMatches = "PC0045",
            /// A template that cannot be rendered.
            Template = "PC0046",
            /// A program that does not tell which Wasmtime is in it, or in which several are.
            ProgramVersion = "PC0047",
            /// A program that does not tell its target, or is for another machine than `--here` measures.
            OtherMachine = "PC0048",
            /// A command line that is wrong.
            Usage = "PC0049",
            /// A call for memory that failed, and a command that ended with it.
            NoMemory = "PC0050",
            /// A command that `why` cannot run, or cannot trace.
            NotTraced = "PC0051",
            /// A generated file that has no limits for the target that is compiled for.
            NoLimitsForTarget = "PC0052",
            /// `configure_wasmtime!` without a value that the limits need, or not written as it has to be.
            ConfigureWasmtime = "PC0053",
            /// An environment variable whose value cannot be used, or whose name no pool reads.
            Variable = "PC0054",
            /// A process that does not have what a pool needs, or that may be killed when the pool is used.
            ProcessMisfit = "PC0055",
            /// A pool whose slots are all in use.
            NoSlot = "PC0056",
            /// Memory of a slot that the system does not open or clear, or that is asked for more than there may be.
            SlotMemory = "PC0057",
        }
    };
}

macro_rules! define {
    ($($(#[$doc:meta])+ $name:ident = $text:literal,)+) => {
        /// The code of an error or a warning, for `cargo poolcfg --explain`.
        ///
        /// ```
        /// # use poolcfg_core as poolcfg_runtime;
        /// assert_eq!(poolcfg_runtime::Code::SwappedPages.as_str(), "PC0035");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])+ $name,)+
        }

        const ALL: &[Code] = &[$(Code::$name),+];

        impl Code {
            /// Its text, such as `PC0001`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

codes!(define);

#[doc(hidden)]
impl Code {
    /// Every code, in the order of its numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().copied()
    }

    /// The code that is written like this, in either case; `None` if there is none.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::all().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }

    /// The code as a message begins with it where there is no other place for it: `PC0001: `.
    pub(crate) const fn begin(self, text: Text) -> Text {
        text.str(self.as_str()).str(": ")
    }

    /// The end of a message of one line that leads to the text of its code.
    #[must_use]
    pub const fn see(self, text: Text) -> Text {
        text.str(" (see `cargo poolcfg --explain ")
            .str(self.as_str())
            .str("`)")
    }

    /// The line that leads from a compile error to the text of its code.
    pub(crate) const fn note(self, text: Text) -> Text {
        text.str("\nnote: `cargo poolcfg --explain ")
            .str(self.as_str())
            .str("` says more")
    }
}
