//! What Wasmtime 48 maps for its pools, and how it splits the maps when every slot is in use: the three
//! mappings of its footprint, in its order and with its protections; each memory grown as far as it goes with
//! a module's image in it, and a guard page below each stack.
//!
//! Source: crates/wasmtime/src/runtime/vm/instance/allocator/pooling/ and runtime/vm/cow.rs of Wasmtime v48.

#![allow(
    unsafe_code,
    reason = "it maps as Wasmtime does, which no safe interface offers"
)]

use std::ffi::c_void;
use std::ptr;

use poolcfg_core::{Limits, MappingName, Size};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// One mapping, unmapped on drop.
struct Map {
    base: *mut c_void,
    len: usize,
}

impl Map {
    /// Wasmtime up to 26 has what is writable charged at once.
    fn new(bytes: Size, protection: ProtFlags, charged: bool) -> Result<Self, String> {
        let len = whole(bytes)?;
        let mut flags = MapFlags::PRIVATE;
        if !charged {
            flags |= MapFlags::NORESERVE;
        }
        // SAFETY: a new private map at an address of the kernel's choosing touches nothing that exists.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), len, protection, flags) };
        base.map(|base| Self { base, len })
            .map_err(|error| format!("mmap of {bytes}: {error}"))
    }

    /// Changes the protection of a part.
    fn protect(&self, offset: Size, bytes: Size, flags: MprotectFlags) -> Result<(), String> {
        let (offset, len) = (whole(offset)?, whole(bytes)?);
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(format!("{len} bytes at {offset} of {}", self.len));
        }
        let start = self.base.wrapping_byte_add(offset);
        // SAFETY: the part lies within this map, which is ours alone and of which no reference exists.
        unsafe { mprotect(start, len, flags) }
            .map_err(|error| format!("mprotect of {bytes}: {error}"))
    }

    /// Writes to a byte that can be written.
    fn touch(&self, offset: Size) -> Result<(), String> {
        let offset = whole(offset)?;
        if offset >= self.len {
            return Err(format!("byte {offset} of {}", self.len));
        }
        let byte: *mut u8 = self.base.wrapping_byte_add(offset).cast();
        // SAFETY: the byte lies within this map, in a part that the callers have made writable before, and
        // no reference to it exists.
        unsafe { byte.write_volatile(1) };
        Ok(())
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the range is the whole of a map that `new` made, and nothing refers to it.
        let released = unsafe { munmap(self.base, self.len) };
        assert_eq!(released, Ok(()));
    }
}

/// Maps something small, which stays as long as the process.
///
/// # Errors
/// What the system refuses it for.
pub fn map_for_good(bytes: Size) -> Result<(), String> {
    let map = Map::new(bytes, ProtFlags::READ, false)?;
    std::mem::forget(map);
    Ok(())
}

fn whole(bytes: Size) -> Result<usize, String> {
    usize::try_from(bytes.get()).map_err(|error| error.to_string())
}

const READ_WRITE: MprotectFlags = MprotectFlags::READ.union(MprotectFlags::WRITE);

/// The pools of one engine.
pub struct Mapped<'a> {
    limits: &'a Limits,
    page: Size,
    memories: Option<Map>,
    tables: Option<Map>,
    stacks: Option<Map>,
}

/// What is done with each slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is opened as far as it goes, which takes mappings and no memory.
    Opened,
    /// It is written to as well.
    Written,
}

impl<'a> Mapped<'a> {
    /// Makes the mappings; one of no bytes is not made.
    ///
    /// # Errors
    /// What the system refuses one for.
    pub fn new(limits: &'a Limits) -> Result<Self, String> {
        let page = u64::try_from(rustix::param::page_size()).map_err(|error| error.to_string())?;
        let page = Size::bytes(page);
        let footprint = limits
            .footprint(page)
            .map_err(|_| "too large to count".to_owned())?;
        let charged = limits.wasmtime.is_some_and(|of| of.charges_writable());
        let map = |name, protection, charged| {
            let mapping = footprint.mappings.iter().find(|of| of.name == name);
            match mapping.map_or(Size::ZERO, |mapping| mapping.bytes) {
                Size::ZERO => Ok(None),
                bytes => Map::new(bytes, protection, charged)
                    .map(Some)
                    .map_err(|error| format!("{name}: {error}")),
            }
        };
        let open = ProtFlags::READ | ProtFlags::WRITE;
        Ok(Self {
            limits,
            page,
            memories: map(MappingName::Memories, ProtFlags::empty(), false)?,
            tables: map(MappingName::Tables, open, charged)?,
            stacks: map(MappingName::Stacks, open, charged)?,
        })
    }

    /// Bytes from one of so many memories to the next, and before the first: with protection keys the slots of other keys
    /// are the guard. Source: memory_pool.rs, `calculate`, of Wasmtime v14 to v50.
    fn slot(&self, memories: u32) -> Option<(Size, Size)> {
        let of = self.limits.wasmtime?;
        let up = |size: Size| size.round_up(self.page);
        let guard = up(self.limits.guard_size)?;
        let max = up(self.limits.max_memory_size)?;
        let whole = up(self.limits.memory_reservation)?.checked_add(guard)?;
        let before = match of.guard_before_linear_memory {
            true => guard,
            false => Size::ZERO,
        };
        let keys = match of.memory_protection_keys_auto {
            // As on a machine that has none.
            true => 0,
            false => u64::from(of.memory_protection_keys),
        };
        if keys < 2 || guard.is_zero() || max.is_zero() {
            return Some((whole, before));
        }
        let is_first = of.version.major < 16;
        let stripes = (whole.get().div_ceil(max.get()) + u64::from(is_first))
            .min(keys)
            .min(u64::from(memories));
        if stripes < 2 {
            return Some((whole, before));
        }
        let slot = match is_first {
            true => whole.saturating_sub(max.checked_mul(stripes - 1)?),
            false => Size::bytes(whole.get() / stripes),
        };
        Some((up(slot.max(max))?, before))
    }

    /// Grows every memory and guards every stack, at once.
    ///
    /// # Errors
    /// What the system refuses, such as one mapping more.
    pub fn use_every_slot(&self, how: Use) -> Result<(), String> {
        let overflow = || "too large to count".to_owned();
        let up = |size: Size| size.round_up(self.page).ok_or_else(overflow);
        let touch = |map: &Map, offset| match how {
            Use::Opened => Ok(()),
            Use::Written => map.touch(offset),
        };
        let totals = self.limits.wasmtime.and_then(|of| of.totals(self.limits));
        let totals = totals.ok_or_else(overflow)?;
        let (slot, before) = self.slot(totals.memories).ok_or_else(overflow)?;
        let grown = up(self.limits.max_memory_size)?;
        if let Some(memories) = &self.memories {
            for number in 0..u64::from(totals.memories) {
                let start = slot
                    .checked_mul(number)
                    .and_then(|start| start.checked_add(before))
                    .ok_or_else(overflow)?;
                memories.protect(start, grown, READ_WRITE)?;
                touch(memories, start)?;
                // The image, which is a mapping of its own in the midst.
                let image = start
                    .checked_add(self.page)
                    .filter(|_| grown >= Size::bytes(self.page.get().saturating_mul(3)));
                if let Some(image) = image {
                    memories.protect(image, self.page, MprotectFlags::READ)?;
                }
            }
        }
        if let Some(tables) = &self.tables {
            touch(tables, Size::ZERO)?;
        }
        let Some(stacks) = &self.stacks else {
            return Ok(());
        };
        let stack = up(self.limits.stack_reservation)?
            .checked_add(self.page)
            .ok_or_else(overflow)?;
        for number in 0..u64::from(totals.stacks) {
            let start = stack.checked_mul(number).ok_or_else(overflow)?;
            stacks.protect(start, self.page, MprotectFlags::empty())?;
            touch(stacks, start.checked_add(self.page).ok_or_else(overflow)?)?;
        }
        Ok(())
    }
}
