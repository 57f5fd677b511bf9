//! cfg expressions: which of them command and compiler judge alike.

/// The predicates that may stand in `[target.'cfg(…)']`.
pub const KNOWN_PREDICATES: [&str; 11] = [
    "target_abi",
    "target_arch",
    "target_endian",
    "target_env",
    "target_family",
    "target_has_atomic",
    "target_os",
    "target_pointer_width",
    "target_vendor",
    "unix",
    "windows",
];
