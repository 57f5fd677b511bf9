//! Which programs of a target are position-independent: what rustc asks of the linker where no flag says anything.

use crate::base::consts::same;
use crate::target::shape::RelocationModel;

/// Which programs of Linux rustc links as position-independent ones (`link_output_kind` in
/// compiler/rustc_codegen_ssa/src/back/link.rs).
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pies {
    /// Those that load the C library (`relocation-model`, `position-independent-executables`).
    pub dynamic: bool,
    /// Those that hold it (`static-position-independent-executables`).
    pub crt_static: bool,
}

/// The one table, by what the compiler tells a target apart by. Source: `rustc -Z unstable-options --print
/// all-target-specs-json`, 1.95, the systems `linux` and `android`.
macro_rules! pies {
    (
        crt_static: $($arch:literal $env:literal,)+
        none of arch: $($no_arch:literal,)+
        none of vendor: $($no_vendor:literal,)+
    ) => {
        impl Pies {
            /// Those of the target that this very code is compiled for.
            pub const CURRENT: Self = Self::new(
                cfg!(any($(target_arch = $no_arch,)+ $(target_vendor = $no_vendor),+)),
                cfg!(all(
                    target_pointer_width = "64",
                    any($(all(target_arch = $arch, target_env = $env)),+)
                )),
            );

            /// Those of a target with these cfgs.
            #[must_use]
            pub const fn of(arch: &str, pointer_width: u32, env: &str, vendor: &str) -> Self {
                Self::new(
                    $(same(arch, $no_arch) ||)+ $(same(vendor, $no_vendor))||+,
                    pointer_width == 64 && ($((same(arch, $arch) && same(env, $env)))||+),
                )
            }
        }
    };
}

pies! {
    crt_static:
        "s390x" "musl",
        "x86_64" "gnu",
        "x86_64" "musl",
        "x86_64" "ohos",
    none of arch: "wasm32",
    none of vendor: "unikraft",
}

impl Pies {
    const fn new(is_none: bool, crt_static: bool) -> Self {
        Self {
            dynamic: !is_none,
            crt_static: !is_none && crt_static,
        }
    }

    /// Where a program is loaded that holds the C library, or does not.
    #[must_use]
    pub const fn model(self, is_crt_static: bool) -> RelocationModel {
        let is_pie = if is_crt_static {
            self.crt_static
        } else {
            self.dynamic
        };
        if is_pie {
            RelocationModel::Pie
        } else {
            RelocationModel::Static
        }
    }
}
