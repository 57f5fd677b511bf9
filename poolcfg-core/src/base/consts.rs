//! What const code lacks: conversions and comparisons that are not const in the standard library, and words.

/// `u64::from` for const code.
#[allow(
    clippy::cast_lossless,
    reason = "`From` is not const, and this cast only widens"
)]
pub(crate) const fn wide(number: u32) -> u64 {
    number as u64
}

/// `u128::from` for const code.
#[allow(
    clippy::cast_lossless,
    reason = "`From` is not const, and this cast only widens"
)]
pub(crate) const fn wider(number: u64) -> u128 {
    number as u128
}

/// The number in 64 bits; `None` if it has more.
#[allow(clippy::cast_possible_truncation, reason = "compared before")]
pub(crate) const fn narrow(number: u128) -> Option<u64> {
    if number <= wider(u64::MAX) {
        Some(number as u64)
    } else {
        None
    }
}

pub(crate) const fn max(left: u64, right: u64) -> u64 {
    if left > right { left } else { right }
}

pub(crate) const fn min(left: u64, right: u64) -> u64 {
    if left < right { left } else { right }
}

/// So many bytes in whole pages; more than can be counted where a page has no bytes.
pub(crate) const fn pages(bytes: u64, page_size: u64) -> u128 {
    match wider(bytes).checked_next_multiple_of(wider(page_size)) {
        Some(bytes) => bytes,
        None => u128::MAX,
    }
}

/// Whether two slices are the same, for const code.
pub(crate) const fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut i = 0;
    while i < left.len() {
        if left[i] != right[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether two strings are the same, for const code.
pub(crate) const fn same(left: &str, right: &str) -> bool {
    equal(left.as_bytes(), right.as_bytes())
}

/// An error whose Debug text reads as its message: a program that ends with it shows that.
macro_rules! debug_like_display {
    ($error:ty) => {
        impl core::fmt::Debug for $error {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }

        impl core::error::Error for $error {}
    };
}
pub(crate) use debug_like_display;

/// The words that poolcfg.toml, the flags and the JSON use for these.
macro_rules! words {
    ($($type:ident { $($variant:ident = $word:literal),+ $(,)? })+) => {$(
        #[doc(hidden)]
        impl $type {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The words, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The value with this word in poolcfg.toml.
            #[must_use]
            pub const fn from_word(word: &str) -> Option<Self> {
                $(if crate::base::consts::same(word, $word) {
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
