//! How long a start takes: the recheck of a pool that fits, one that has to shrink, and a slot's round.

use divan::{Bencher, black_box};
use poolcfg_runtime::__private::{OnMisfit, PoolKeys, Setting, Settings, Size, Target};
use poolcfg_runtime::{Pool, PoolLimits};

const fn limits(instances: u32, reservation: Size) -> PoolLimits {
    let keys = PoolKeys {
        max_instances: Some(Setting::given(instances)),
        memory_reservation: Some(Setting::given(reservation)),
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        ..PoolKeys::EMPTY
    };
    PoolLimits::new(
        Settings::new(&[], &[])
            .pooling_allocator(keys)
            .promise(Target::CURRENT, 0),
    )
}

/// 1000 slots of 4 GiB: fits a 47-bit process.
const FITS: PoolLimits = limits(1000, Size::gib(4));
/// 160 TiB: takes two holes and shrinks.
const SHRINKS: PoolLimits = limits(2500, Size::gib(64));

#[divan::bench]
fn recheck_that_fits(bencher: Bencher<'_, '_>) {
    bencher.bench(|| black_box(FITS).recheck());
}

#[divan::bench(sample_count = 20)]
fn recheck_that_shrinks(bencher: Bencher<'_, '_>) {
    bencher.bench(|| black_box(SHRINKS).recheck());
}

#[divan::bench]
fn probe(bencher: Bencher<'_, '_>) {
    bencher.bench(poolcfg_runtime::probe);
}

#[divan::bench]
fn slot_of_64_kib(bencher: Bencher<'_, '_>) {
    let Ok(reserved) = FITS.recheck() else {
        return;
    };
    let Ok(pool) = Pool::new(reserved) else {
        return;
    };
    bencher.bench(|| {
        let mut slot = pool.acquire().ok()?;
        slot.memory_mut().grow_to(64 << 10).ok()?;
        slot.memory_mut().as_mut_slice().fill(7);
        Some(slot)
    });
}

fn main() {
    divan::main();
}
