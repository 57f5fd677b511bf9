//! Slots: one in use, and all of a pool's at once.

use poolcfg_runtime::{AcquireError, Pool, Region, Reserved};

/// Acquires every slot, uses as many bytes of each of its regions as `bytes` says, and releases it.
///
/// # Errors
/// What a slot is refused for, a byte that is not zero, slots beyond the last, or slots that do not come back.
pub fn use_every_slot(reserved: Reserved, bytes: fn(&Region) -> usize) -> Result<(), String> {
    let instances = reserved.instances();
    let pool = Pool::new(reserved).map_err(|error| error.to_string())?;
    let touch = |region: &mut Region| touch(region, bytes(region));
    let mut live = Vec::new();
    for _ in 0..instances {
        let mut slot = pool.acquire().map_err(|error| error.to_string())?;
        touch(slot.memory_mut())?;
        slot.table_mut().map_or(Ok(()), touch)?;
        slot.stack_mut().map_or(Ok(()), touch)?;
        live.push(slot);
    }
    match pool.acquire() {
        Err(AcquireError::Exhausted(_)) => {}
        Err(error) => return Err(error.to_string()),
        Ok(_) => return Err(format!("more than {instances} slots")),
    }
    live.clear();
    match (pool.statistics().live, pool.statistics().retired) {
        (0, 0) => Ok(()),
        (live, retired) => Err(format!("{live} slots live, {retired} out of service")),
    }
}

/// Grows a region to so many bytes, and writes to both ends of it.
///
/// # Errors
/// What the growth is refused for, or a byte that is not zero.
pub fn touch(region: &mut Region, bytes: usize) -> Result<(), String> {
    region.grow_to(bytes).map_err(|error| error.to_string())?;
    let memory = region.as_mut_slice();
    for end in [memory.len() - 1, 0] {
        if memory[end] != 0 {
            return Err("memory that is not zero".to_owned());
        }
        memory[end] = 1;
    }
    Ok(())
}
