//! What is left in a slot of our own pool of an owner whose pages were swapped out.
//!
//! Arguments: how a released slot is cleared, `scan`, `zero` or `discard`; how many KiB of it may stay resident;
//! and the way into swap.
#![forbid(unsafe_code)]

use poolcfg_core::{PoolKeys, Setting, Settings, Target};
use poolcfg_runtime::{Pool, PoolLimits, PoolOptions, Region, Reset, Size, Slot};
use poolcfg_tests_swapped::{Found, PAGE, PATTERN, not_in_swap, stale, swap_out};

const MEMORY: Size = Size::mib(2);
const TABLE: Size = Size::kib(160);
const STACK: Size = Size::kib(256);

/// One slot, so that every owner has the same.
const LIMITS: PoolLimits = {
    let keys = PoolKeys {
        max_instances: Some(Setting::given(1)),
        memory_reservation: Some(Setting::given(MEMORY)),
        table_reservation: Some(Setting::given(TABLE)),
        stack_reservation: Some(Setting::given(STACK)),
        ..PoolKeys::EMPTY
    };
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    PoolLimits::new(settings.promise(Target::CURRENT, 0))
};

fn main() {
    match run() {
        Ok(found) => println!("{found}"),
        Err(error) => {
            eprintln!("stale-pool: {error}");
            std::process::exit(1);
        }
    }
}

fn run() -> Result<Found, String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [reset, keep, way] = words.as_slice() else {
        return Err(format!("arguments {words:?}"));
    };
    let reset = match *reset {
        "scan" => Reset::PagemapScan,
        "zero" => Reset::Zero,
        "discard" => Reset::Discard,
        other => return Err(format!("reset `{other}`")),
    };
    let keep: u64 = keep.parse().map_err(|_| format!("size `{keep}`"))?;
    let reserved = LIMITS.recheck().map_err(|error| error.to_string())?;
    let options = PoolOptions::new()
        .reset(reset)
        .keep_resident(Size::kib(keep));
    let pool = Pool::with_options(reserved, options).map_err(|error| error.to_string())?;
    if pool.reset_mode() != reset {
        return Err(format!("the pool clears by {}", pool.reset_mode()));
    }
    let acquire = || pool.acquire().map_err(|error| error.to_string());

    let mut found = Found::default();
    let mut owner = acquire()?;
    for region in REGIONS {
        whole(&mut owner, region)?.fill(PATTERN);
    }
    for region in REGIONS {
        found.written += whole(&mut owner, region)?.len() / PAGE;
    }
    let left = swap_out(way, || {
        let left = REGIONS.map(|region| not_in_swap(whole(&mut owner, region)?));
        left.into_iter().sum()
    })?;
    found.swapped = found.written - left;
    drop(owner);

    let mut next = acquire()?;
    for region in REGIONS {
        let bytes = whole(&mut next, region)?;
        found.stale += stale(bytes, &vec![0; bytes.len()]);
    }
    Ok(found)
}

/// A part of a slot.
type Part = fn(&mut Slot) -> Option<&mut Region>;

/// Every part.
const REGIONS: [Part; 3] = [
    |slot| Some(slot.memory_mut()),
    Slot::table_mut,
    Slot::stack_mut,
];

/// A part, grown as far as it goes.
fn whole(slot: &mut Slot, region: Part) -> Result<&mut [u8], String> {
    let region = region(slot).ok_or("a slot without table or stack")?;
    region
        .grow_to(region.capacity())
        .map_err(|error| error.to_string())?;
    Ok(region.as_mut_slice())
}
