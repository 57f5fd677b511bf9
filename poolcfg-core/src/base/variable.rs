//! Variables: their names, by which an operator lowers the limits of a pool.

use core::fmt::{self, Write as _};

/// The variable of a key of a pool; a pool without a name has an empty one.
///
/// ```
/// use poolcfg_core::Variable;
/// let variable = Variable { pool: "big-plugins", key: "MAX_INSTANCES" };
/// assert_eq!(variable.to_string(), "POOLCFG_BIG_PLUGINS_MAX_INSTANCES");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable<'a> {
    /// The pool.
    pub pool: &'a str,
    /// The key, in capitals.
    pub key: &'a str,
}

impl Variable<'_> {
    /// What the names of all of them begin with.
    pub const PREFIX: &'static str = "POOLCFG_";

    /// The key of the number of instances.
    pub const MAX_INSTANCES: &'static str = "MAX_INSTANCES";

    /// The key of the fewest instances that are of use.
    pub const MIN_INSTANCES: &'static str = "MIN_INSTANCES";
}

impl Variable<'static> {
    /// The variable that names the VA profile of a build.
    pub const VA_PROFILE: Self = Self {
        pool: "",
        key: "VA_PROFILE",
    };
}

impl fmt::Display for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        for char in self.pool.chars() {
            f.write_char(match char {
                '-' => '_',
                _ => char.to_ascii_uppercase(),
            })?;
        }
        if !self.pool.is_empty() {
            f.write_char('_')?;
        }
        f.write_str(self.key)
    }
}
