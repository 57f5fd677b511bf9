//! What the keys of the address space mean on a system.

use crate::base::consts::wide;
use crate::setting::AddressSpaceKeys;
use crate::target::Os;
use crate::target::process::ProcessLimits;

impl AddressSpaceKeys<'_> {
    /// The limits of a process of this system, `usual` where nothing is said. Only Linux bounds the number of mappings
    /// and counts what is writable as it says here, and Windows knows no limit of address space.
    ///
    /// ```
    /// use poolcfg_core::{AddressSpaceKeys, Os, ProcessLimits, Setting};
    /// let said = AddressSpaceKeys {
    ///     max_map_count: Some(Setting::given(1 << 20)),
    ///     ..AddressSpaceKeys::EMPTY
    /// };
    /// assert_eq!(said.limits(ProcessLimits::LINUX, Os::Linux).max_map_count, Some(1 << 20));
    /// assert_eq!(said.limits(ProcessLimits::NONE, Os::Macos).max_map_count, None);
    /// ```
    #[must_use]
    pub const fn limits(&self, usual: ProcessLimits, os: Os) -> ProcessLimits {
        let mut limits = usual;
        if let Some(setting) = &self.rlimit_as {
            if bounds_address_space(os) {
                limits.rlimit_as = setting.value;
            }
        }
        if !os.has_linux_kernel() {
            return limits;
        }
        if let Some(setting) = &self.max_map_count {
            limits.max_map_count = Some(wide(setting.value));
        }
        if let Some(setting) = &self.rlimit_data {
            limits.rlimit_data = setting.value;
        }
        if let Some(setting) = &self.memory {
            limits.memory = Some(setting.value);
        }
        limits
    }

    /// The keys that are said and do nothing on this system, of whose processes the layout is known or is not.
    ///
    /// ```
    /// use poolcfg_core::{AddressSpaceKeys, Os, Setting, Size};
    /// let said = AddressSpaceKeys {
    ///     memory: Some(Setting::given(Size::gib(1))),
    ///     ..AddressSpaceKeys::EMPTY
    /// };
    /// assert_eq!(said.unused(Os::Linux, true).count(), 0);
    /// assert!(said.unused(Os::Freebsd, false).eq(["memory"]));
    /// ```
    #[doc(hidden)]
    pub fn unused(&self, os: Os, knows_layout: bool) -> impl Iterator<Item = &'static str> + use<> {
        let counts = os.has_linux_kernel();
        let keys = [
            ("stack_limit", self.stack_limit.is_some(), knows_layout),
            ("aslr", self.aslr.is_some(), knows_layout),
            ("layout", self.layout.is_some(), knows_layout),
            ("max_map_count", self.max_map_count.is_some(), counts),
            (
                "rlimit_as",
                self.rlimit_as.is_some(),
                bounds_address_space(os),
            ),
            ("rlimit_data", self.rlimit_data.is_some(), counts),
            ("memory", self.memory.is_some(), counts),
        ];
        let unused = keys
            .into_iter()
            .filter(|(_, is_said, is_used)| *is_said && !is_used);
        unused.map(|(key, ..)| key)
    }
}

/// Whether a system has a limit of address space.
const fn bounds_address_space(os: Os) -> bool {
    !matches!(os, Os::Windows)
}
