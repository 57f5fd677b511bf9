//! The shape of a process: what of a program and of its start moves things about in the window.

/// Where the program itself is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelocationModel {
    /// A position-independent executable, static or dynamic: rustc's default. Linux loads it, or
    /// where it is static its heap, at 2/3 of the window.
    Pie,
    /// A program linked to a fixed, low address.
    Static,
}

/// The stack limit under which the program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackLimit {
    /// 8 MiB or anything else below 128 MiB.
    Finite,
    /// `ulimit -s unlimited`, `LimitSTACK=infinity`: another layout of the whole window.
    Unlimited,
}

/// How far address space layout randomisation may move things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aslr {
    /// The kernel's own default.
    Default,
    /// `vm.mmap_rnd_bits` raised as far as the kernel allows.
    Maximum,
}

/// A process shape: with a VA profile it gives the holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Where the program is loaded.
    pub relocation_model: RelocationModel,
    /// The stack limit at start.
    pub stack_limit: StackLimit,
    /// How far things may move.
    pub aslr: Aslr,
}

impl Shape {
    /// What rustc and Linux do when nothing is said: a PIE, a finite stack limit, default ASLR.
    pub const DEFAULT: Self = Self {
        relocation_model: RelocationModel::Pie,
        stack_limit: StackLimit::Finite,
        aslr: Aslr::Default,
    };

    /// Every shape there is.
    pub const ALL: [Self; 8] = {
        let mut all = [Self::DEFAULT; 8];
        let mut i = 0;
        while i < all.len() {
            if i & 1 != 0 {
                all[i].relocation_model = RelocationModel::Static;
            }
            if i & 2 != 0 {
                all[i].stack_limit = StackLimit::Unlimited;
            }
            if i & 4 != 0 {
                all[i].aslr = Aslr::Maximum;
            }
            i += 1;
        }
        all
    };

    /// What a message says in brackets after the profile's name, such as `pie` or
    /// `static, unlimited stack`.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match (self.relocation_model, self.stack_limit, self.aslr) {
            (RelocationModel::Pie, StackLimit::Finite, Aslr::Default) => "pie",
            (RelocationModel::Pie, StackLimit::Finite, Aslr::Maximum) => "pie, maximum aslr",
            (RelocationModel::Pie, StackLimit::Unlimited, Aslr::Default) => "pie, unlimited stack",
            (RelocationModel::Pie, StackLimit::Unlimited, Aslr::Maximum) => {
                "pie, unlimited stack, maximum aslr"
            }
            (RelocationModel::Static, StackLimit::Finite, Aslr::Default) => "static",
            (RelocationModel::Static, StackLimit::Finite, Aslr::Maximum) => "static, maximum aslr",
            (RelocationModel::Static, StackLimit::Unlimited, Aslr::Default) => {
                "static, unlimited stack"
            }
            (RelocationModel::Static, StackLimit::Unlimited, Aslr::Maximum) => {
                "static, unlimited stack, maximum aslr"
            }
        }
    }
}

/// The words that poolcfg.toml, the flags and the JSON use for these.
macro_rules! words {
    ($($type:ident { $($variant:ident = $word:literal),+ $(,)? })+) => {$(
        impl $type {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value that poolcfg.toml calls so.
            #[must_use]
            pub const fn from_word(word: &str) -> Option<Self> {
                $(if crate::size::same(word, $word) {
                    return Some(Self::$variant);
                })+
                None
            }

            /// Its word in poolcfg.toml.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.word())
            }
        }
    )+};
}
pub(crate) use words;

words! {
    RelocationModel { Pie = "pie", Static = "static" }
    StackLimit { Finite = "finite", Unlimited = "unlimited" }
    Aslr { Default = "default", Maximum = "maximum" }
}
