//! Defaults: the numbers that each version of Wasmtime takes by default.

use super::{Advisory, WasmtimeVersion};
use crate::base::size::Size;
use crate::target::{Arch, Target};

/// A stack when nothing is said: `Config::async_stack_size`, all versions.
pub(crate) const STACK: Size = Size::mib(2);

/// The guard of a dynamic memory, which up to 26 must not be above that of a static one. Source:
/// crates/wasmtime/src/config.rs, `Config::validate` (v26), and crates/environ/src/tunables.rs.
pub(crate) const DYNAMIC_GUARD: Size = Size::kib(64);

/// The numbers that Wasmtime takes by default. Source: crates/wasmtime/src/config.rs (v48:
/// `InstanceLimits::default` 3984) and crates/environ/src/tunables.rs (v48: `default_u32` 294,
/// `default_u64` 315), and the same in each version since 13.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    pub(crate) instances: u32,
    pub(crate) reservation: Size,
    pub(crate) max_memory_size: Size,
    pub(crate) guard_size: Size,
    pub(crate) table_elements: u32,
}

impl Defaults {
    pub(crate) const fn new(version: WasmtimeVersion, target: Target) -> Self {
        let major = version.major;
        let wide = target.pointer_width >= 64;
        Self {
            instances: own_total(wide, major),
            reservation: if wide { Size::gib(4) } else { Size::mib(10) },
            max_memory_size: match (wide, major) {
                // 160 pages up to 21, bytes from 22 (10 MiB), 4 GiB from 23 (PR #8849).
                (_, ..=22) => Size::mib(10),
                (true, 23..) => Size::gib(4),
                // usize::MAX from 24 to 31, which is refused: the reservation is what there can be.
                (false, 23..) => Size::mib(10),
            },
            guard_size: match (wide, major) {
                // Code for the interpreter Pulley checks every access, and has no guard (30.0).
                (_, 30..) if is_interpreted(target) && !Advisory::NO_GUARD.affects(version) => {
                    Size::ZERO
                }
                (false, _) => Size::kib(64),
                // PR #9606.
                (true, 28..) => Size::mib(32),
                (true, _) => Size::gib(2),
            },
            table_elements: if major >= 21 { 20_000 } else { 10_000 },
        }
    }
}

/// Whether Wasmtime has no compiler for the target and interprets (30.0 and later).
/// Source: crates/wasmtime/build.rs:22-72 (v48).
pub(crate) const fn is_interpreted(target: Target) -> bool {
    !matches!(
        target.arch,
        Arch::X86_64 | Arch::Aarch64 | Arch::Riscv64 | Arch::S390x
    )
}

/// Every total of Wasmtime's own configuration: 100 on 32 bits since 32.0 (PR #10483); 1000 did not fit
/// them before.
pub(crate) const fn own_total(is_64_bit: bool, major: u32) -> u32 {
    if !is_64_bit && major >= 32 { 100 } else { 1000 }
}

/// Whether a version has `PoolingAllocationConfig::pagemap_scan`: since [`PAGEMAP_SCAN_SINCE`].
pub(crate) const fn has_pagemap_scan(version: WasmtimeVersion) -> bool {
    version.major >= PAGEMAP_SCAN_SINCE
}

/// The first major version with `PoolingAllocationConfig::pagemap_scan` (PR #11372).
pub(crate) const PAGEMAP_SCAN_SINCE: u32 = 37;
