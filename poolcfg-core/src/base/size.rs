//! Sizes of address space: a type, so that bytes are never mixed with counts, with checked
//! arithmetic.

/// The largest page size that a Linux kernel uses, and the size of a WebAssembly page: the grain
/// of every reservation, so that one plan holds on kernels with 4, 16 and 64 KiB pages.
///
/// Sources: arch/arm64/Kconfig and arch/powerpc/Kconfig (`*_64K_PAGES`); the WebAssembly core
/// specification, "Memory Instances".
pub const GRAIN: Size = Size::kib(64);

/// A number of bytes of the target's address space.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::Size;
/// let slot = Size::gib(4).checked_add(Size::mib(32)).unwrap();
/// let all = slot.checked_mul(60).unwrap();
/// assert_eq!((slot.to_string(), all.to_string()), ("4.03 GiB".to_owned(), "241.88 GiB".to_owned()));
/// assert_eq!(Size::tib(1).min(all).saturating_sub(all), Size::ZERO);
/// assert_eq!(Size::ZERO.is_zero(), Size::ZERO.get() == 0);
///
/// let page = Size::kib(4);
/// assert_eq!(Size::bytes(4097).round_up(page), Some(Size::kib(8)));
/// assert_eq!(Size::bytes(4097).round_down(page), page);
/// assert!(slot.is_multiple_of(page));
///
/// assert_eq!("32MiB".parse(), Ok(Size::mib(32)));
/// const FROM_TEXT: Size = match Size::parse("4 GiB") {
///     Ok(size) => size,
///     Err(_) => panic!("not a size"),
/// };
/// assert_eq!(FROM_TEXT, Size::gib(4));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// 0 bytes.
    pub const ZERO: Self = Self(0);

    /// The largest address space, 2^57 bytes: no processor has more bits of an address (x86_64 with five levels, sv57).
    /// No text of a larger size is read.
    #[doc(hidden)]
    pub const LARGEST: Self = Self(1 << 57);

    /// This many bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// This many KiB; for constants, so an overflow stops the build.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count * (1 << 10))
    }

    /// This many MiB; for constants, so an overflow stops the build.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count * (1 << 20))
    }

    /// This many GiB; for constants, so an overflow stops the build.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count * (1 << 30))
    }

    /// This many TiB; for constants, so an overflow stops the build.
    #[must_use]
    pub const fn tib(count: u64) -> Self {
        Self(count * (1 << 40))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether it is 0 bytes.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` if it is above 2^64 - 1 bytes.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The product, or `None` if it is above 2^64 - 1 bytes.
    #[must_use]
    pub const fn checked_mul(self, count: u64) -> Option<Self> {
        match self.0.checked_mul(count) {
            Some(product) => Some(Self(product)),
            None => None,
        }
    }

    /// The difference, or 0 bytes if the other is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Rounded up to a multiple of `grain`, or `None` if that is above 2^64 - 1 bytes.
    /// A grain of 0 bytes changes nothing.
    #[must_use]
    pub const fn round_up(self, grain: Self) -> Option<Self> {
        if grain.0 == 0 {
            return Some(self);
        }
        match self.0.checked_next_multiple_of(grain.0) {
            Some(rounded) => Some(Self(rounded)),
            None => None,
        }
    }

    /// Rounded down to a multiple of `grain`. A grain of 0 bytes changes nothing.
    #[must_use]
    pub const fn round_down(self, grain: Self) -> Self {
        if grain.0 == 0 {
            return self;
        }
        Self(self.0 - self.0 % grain.0)
    }

    /// Whether this is a multiple of `grain`.
    #[must_use]
    pub const fn is_multiple_of(self, grain: Self) -> bool {
        // The standard library's own is of Rust 1.87.
        match self.0.checked_rem(grain.0) {
            Some(rest) => rest == 0,
            None => self.0 == 0,
        }
    }

    /// The smaller of two sizes.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if self.0 < other.0 { self } else { other }
    }
}
