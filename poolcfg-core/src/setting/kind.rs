//! What the value of a key may be.

/// What the value of a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A whole number from 0 to 2^32 - 1.
    Count,
    /// `true` or `false`.
    Flag,
    /// An integer of bytes, or a text such as `"4GiB"`.
    Size,
    /// A size, or `"unlimited"`.
    Limit,
    /// A number of memory protection keys, or `"auto"`.
    ProtectionKeys,
    /// `true`, `false` or `"auto"`.
    Switch,
    /// `"maximum"`, `"minimum"` or a number of bits.
    Aslr,
    /// `"finite"`, `"unlimited"` or a size.
    StackLimit,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A version of Wasmtime.
    Version,
    /// An array of Wasmtime's features.
    Features,
    /// The name of a VA profile.
    Profile,
    /// An array of paths and patterns.
    Paths,
}
