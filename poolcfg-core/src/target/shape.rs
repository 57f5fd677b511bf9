//! The shape of a process: what of a program and of its start moves things about in the window.

use core::fmt;

use crate::base::consts::same;
use crate::base::size::Size;
use crate::base::size_read::SizeError;
use crate::base::text::Text;

/// Where the program itself is loaded.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{RelocationModel, Target};
/// println!("programs of this target are {} by default", Target::CURRENT.relocation_model);
/// assert_eq!(RelocationModel::Pie.to_string(), "pie");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelocationModel {
    /// A position-independent executable, static or dynamic: rustc's default. Linux loads it, or
    /// where it is static its heap, at 2/3 of the window.
    Pie,
    /// A program linked to a fixed, low address.
    Static,
}

/// The stack limit under which the program starts.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Size, StackLimit};
/// assert_eq!(StackLimit::UpTo(Size::gib(1)).to_string(), "1GiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackLimit {
    /// Up to 128 MiB in 64-bit programs and up to 8 MiB in 32-bit ones: [`StackLimit::finite`]. Systems ship 8 MiB.
    Finite,
    /// `ulimit -s unlimited`, `LimitSTACK=infinity`: another layout of the whole window.
    Unlimited,
    /// Up to this size.
    UpTo(Size),
    /// Up to this size, which is so large that an x86 kernel lays the process out as without a limit: five sixths of
    /// the window and more (arch/x86/mm/mmap.c, mmap_base). No file says so; a running process is seen to have it.
    AsUnlimited(Size),
}

impl StackLimit {
    /// The limit that a process has if nobody sets one, and what the model leaves to a stack without a limit.
    /// Source: `_STK_LIM` of include/uapi/linux/resource.h.
    #[doc(hidden)]
    pub const USUAL: Size = Size::mib(8);

    /// The limits that have a word, in the order of the documentation.
    #[doc(hidden)]
    pub const NAMED: &'static [Self] = &[Self::Finite, Self::Unlimited];

    /// The largest limit that `"finite"` covers in a program with pointers of so many bits.
    ///
    /// In 64-bit programs it is the 128 MiB that the kernel leaves below the stack in any case (mm/util.c,
    /// mmap_base: `MIN_GAP`). In 32-bit programs that would be a thirtieth of the window, and 8 MiB are counted, the
    /// limit of every distribution.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{Size, StackLimit};
    /// assert_eq!(StackLimit::finite(64), Size::mib(128));
    /// assert_eq!(StackLimit::finite(32), Size::mib(8));
    /// ```
    #[must_use]
    pub const fn finite(pointer_width: u32) -> Size {
        if pointer_width < 64 {
            Self::USUAL
        } else {
            Size::mib(128)
        }
    }

    /// Reads `finite`, `unlimited` or a size, as poolcfg.toml has them.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{Size, StackLimit};
    /// assert_eq!(StackLimit::from_text("finite"), Ok(StackLimit::Finite));
    /// assert_eq!(StackLimit::from_text("1GiB"), Ok(StackLimit::UpTo(Size::gib(1))));
    /// assert!(StackLimit::from_text("endless").is_err());
    /// ```
    ///
    /// # Errors
    /// [`SizeError`] if the text is none of them.
    pub const fn from_text(text: &str) -> Result<Self, SizeError> {
        if same(text, "finite") {
            return Ok(Self::Finite);
        }
        if same(text, "unlimited") {
            return Ok(Self::Unlimited);
        }
        match Size::parse(text) {
            Ok(size) => Ok(Self::UpTo(size)),
            Err(error) => Err(error),
        }
    }

    /// How poolcfg.toml and the JSON write it: `finite`, `unlimited` or a size such as `1GiB`.
    #[doc(hidden)]
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Finite => Text::new().str("finite"),
            Self::Unlimited => Text::new().str("unlimited"),
            Self::UpTo(size) | Self::AsUnlimited(size) => size.exact(),
        }
    }

    /// Whether the process is laid out as without a limit.
    #[doc(hidden)]
    #[must_use]
    pub const fn is_unlimited(self) -> bool {
        matches!(self, Self::Unlimited | Self::AsUnlimited(_))
    }
}

/// How far address space layout randomisation may move things.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Aslr, Shape};
/// assert_eq!(Shape::DEFAULT.aslr, Aslr::Maximum);
/// assert_eq!(Aslr::Bits(24).to_string(), "24");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aslr {
    /// As far as the kernel can: the largest `vm.mmap_rnd_bits`, which several distributions ship.
    Maximum,
    /// The kernel's own default: `vm.mmap_rnd_bits` as Kconfig has it.
    Minimum,
    /// This many `vm.mmap_rnd_bits`: bits of a number of pages.
    Bits(u32),
}

impl Aslr {
    /// The values that have a word, in the order of the documentation.
    #[doc(hidden)]
    pub const NAMED: &'static [Self] = &[Self::Maximum, Self::Minimum];

    /// Reads `maximum`, `minimum` or a number of bits. `None` if the text is none of them.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::Aslr;
    /// assert_eq!(Aslr::from_text("maximum"), Some(Aslr::Maximum));
    /// assert_eq!(Aslr::from_text("24"), Some(Aslr::Bits(24)));
    /// assert_eq!(Aslr::from_text("-1"), None);
    /// ```
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "maximum" => Some(Self::Maximum),
            "minimum" => Some(Self::Minimum),
            // `parse` takes a sign, too.
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok().map(Self::Bits)
            }
            _ => None,
        }
    }

    /// How poolcfg.toml and the JSON write it, without quotes: `maximum`, `minimum` or a number of bits.
    #[doc(hidden)]
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Maximum => Text::new().str("maximum"),
            Self::Minimum => Text::new().str("minimum"),
            Self::Bits(bits) => Text::new().number(bits),
        }
    }
}

impl fmt::Display for StackLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}

impl fmt::Display for Aslr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}

/// In which direction the kernel searches for free addresses.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{SearchLayout, Shape};
/// assert_eq!(Shape::DEFAULT.layout, SearchLayout::Standard);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchLayout {
    /// From the top down, unless the stack limit decides otherwise.
    Standard,
    /// From the bottom up, whatever the stack limit: `setarch --addr-compat-layout`, `vm.legacy_va_layout = 1`.
    /// Sources: mmap_is_legacy of mm/util.c, arch/x86/mm/mmap.c and arch/s390/mm/mmap.c.
    Legacy,
}

#[doc(hidden)]
impl SearchLayout {
    /// Whether it is the legacy one.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        matches!(self, Self::Legacy)
    }
}

/// A process shape: with a VA profile it gives the holes.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{RelocationModel, Shape};
/// let fixed = Shape { relocation_model: RelocationModel::Static, ..Shape::DEFAULT };
/// assert_eq!(fixed.describe().as_str(), "static");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Where the program is loaded.
    pub relocation_model: RelocationModel,
    /// The stack limit at start.
    pub stack_limit: StackLimit,
    /// How far things may move.
    pub aslr: Aslr,
    /// How the kernel searches.
    pub layout: SearchLayout,
}

impl Shape {
    /// The default: a PIE, a finite stack limit, and as much ASLR as the kernel can.
    pub const DEFAULT: Self = Self {
        relocation_model: RelocationModel::Pie,
        stack_limit: StackLimit::Finite,
        aslr: Aslr::Maximum,
        layout: SearchLayout::Standard,
    };

    /// Every shape that can be said in words alone.
    #[doc(hidden)]
    pub const NAMED: [Self; 16] = {
        let mut all = [Self::DEFAULT; 16];
        let mut i = 0;
        while i < all.len() {
            if i & 1 != 0 {
                all[i].relocation_model = RelocationModel::Static;
            }
            if i & 2 != 0 {
                all[i].stack_limit = StackLimit::Unlimited;
            }
            if i & 4 != 0 {
                all[i].aslr = Aslr::Minimum;
            }
            if i & 8 != 0 {
                all[i].layout = SearchLayout::Legacy;
            }
            i += 1;
        }
        all
    };

    /// What a message says in brackets after the profile's name, such as `pie` or `static, unlimited stack`: where
    /// the program is loaded, and what differs from [`Shape::DEFAULT`].
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::{Aslr, Shape, Size, StackLimit};
    /// const SHAPE: Shape = Shape {
    ///     stack_limit: StackLimit::UpTo(Size::gib(1)),
    ///     aslr: Aslr::Bits(20),
    ///     ..Shape::DEFAULT
    /// };
    /// assert_eq!(SHAPE.describe().as_str(), "pie, stack limit 1 GiB, 20 bits of aslr");
    /// ```
    #[must_use]
    pub const fn describe(self) -> Text {
        let mut text = Text::new().str(self.relocation_model.word());
        text = match self.stack_limit {
            StackLimit::Finite => text,
            StackLimit::Unlimited => text.str(", unlimited stack"),
            StackLimit::UpTo(size) | StackLimit::AsUnlimited(size) => {
                text.str(", stack limit ").text(&size.exactly())
            }
        };
        if self.layout.is_legacy() {
            text = text.str(", legacy layout");
        }
        match self.aslr {
            Aslr::Maximum => text,
            Aslr::Minimum => text.str(", minimum aslr"),
            Aslr::Bits(bits) => text.str(", ").number(bits).str(" bits of aslr"),
        }
    }
}

crate::base::consts::words! {
    RelocationModel { Pie = "pie", Static = "static" }
    SearchLayout { Standard = "standard", Legacy = "legacy" }
}
