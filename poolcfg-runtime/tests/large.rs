//! Mappings of 2 GiB and more where pointers have 32 bits: what is promised starts, though no slice has so many bytes.
#![cfg(all(target_pointer_width = "32", target_os = "linux"))]

use std::sync::Mutex;

use poolcfg_runtime::__private::{
    AddressSpaceKeys, Aslr, Engine, Keep, OnMisfit, PoolKeys, Promise, Setting, Settings, Target,
    WasmtimeFeatures, WasmtimeKeys, WasmtimeVersion,
};
use poolcfg_runtime::{GrowError, Pool, PoolLimits, Size, WasmtimeLimits};

const GIB: u64 = 1 << 30;

/// Two of these pools have no room beside each other.
static ALONE: Mutex<()> = Mutex::new(());

/// What a kernel with Kconfig's ASLR is promised to hold of one pool.
fn promise(keys: PoolKeys) -> Promise<'static> {
    let settings = Settings::new(&[], &[])
        .pooling_allocator(PoolKeys {
            guard_size: Some(Setting::given(Size::kib(64))),
            ..keys
        })
        .address_space(AddressSpaceKeys {
            aslr: Some(Setting::given(Aslr::Minimum)),
            ..AddressSpaceKeys::EMPTY
        });
    settings.promise(Target::CURRENT, 0)
}

/// One memory of this reservation, or of the largest that is guaranteed.
fn one(memory_reservation: Size) -> Promise<'static> {
    promise(PoolKeys {
        max_instances: Some(Setting::given(1)),
        memory_reservation: Some(Setting::given(memory_reservation)),
        on_misfit: Some(Setting::given(OnMisfit::Shrink)),
        keep: Some(Setting::given(Keep::MaxInstances)),
        ..PoolKeys::EMPTY
    })
}

#[test]
fn one_memory_above_2_gib_starts() {
    let _alone = ALONE.lock();
    let promise = one(Size::mib(2100));
    assert_eq!(promise.guaranteed.memory_reservation, Size::mib(2100));
    let reserved = PoolLimits::new(promise).recheck().expect("it is promised");
    let pool = Pool::new(reserved).expect("it is one mapping");
    let mut slot = pool.acquire().expect("a slot");
    let memory = slot.memory_mut();
    // As many pages as a slice may have.
    let page = 1 << memory.capacity().trailing_zeros();
    assert_eq!(memory.capacity(), isize::MAX.unsigned_abs() - (page - 1));
    let error = memory.grow_to(1 << 31).expect_err("no slice has so much");
    assert!(matches!(error, GrowError::AboveCapacity { .. }));
    memory.grow_to(1 << 20).expect("a MiB");
    memory.as_mut_slice().fill(1);
    drop(slot);
    let mut slot = pool.acquire().expect("the same slot");
    slot.memory_mut().grow_to(1 << 20).expect("a MiB");
    assert!(slot.memory().as_slice().iter().all(|byte| *byte == 0));
}

#[test]
fn the_largest_memory_that_is_promised_starts() {
    let _alone = ALONE.lock();
    let promise = one(Size::mib(3000));
    let guaranteed = promise.guaranteed.memory_reservation;
    // i686 on an x86_64 kernel has the least.
    assert!(guaranteed > Size::mib(2400), "{guaranteed}");
    let reserved = PoolLimits::new(promise).recheck().expect("it is promised");
    let pool = Pool::new(reserved).expect("it is one mapping");
    let mut slot = pool.acquire().expect("a slot");
    slot.memory_mut().grow_to(1 << 20).expect("a MiB");
}

/// Slots behind the first 2 GiB are used like any other.
#[test]
fn many_memories_above_2_gib_in_one_mapping_start() {
    let _alone = ALONE.lock();
    let promise = promise(PoolKeys {
        max_instances: Some(Setting::given(240)),
        memory_reservation: Some(Setting::given(Size::mib(10))),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::ZERO)),
        ..PoolKeys::EMPTY
    });
    assert_eq!(promise.guaranteed.max_instances, 240);
    let reserved = PoolLimits::new(promise).recheck().expect("it is promised");
    let pool = Pool::new(reserved).expect("they are to be had");
    let mut slots: Vec<_> = (0..240).map(|_| pool.acquire().expect("a slot")).collect();
    for (slot, byte) in slots.iter_mut().zip(1..) {
        slot.memory_mut().grow_to(64 << 10).expect("some pages");
        slot.memory_mut().as_mut_slice().fill(byte);
    }
    let addresses = slots.iter_mut().map(|slot| slot.memory().as_ptr().addr());
    let (least, most) = addresses.fold((usize::MAX, 0), |(least, most), address| {
        (least.min(address), most.max(address))
    });
    assert!(u64::try_from(most - least).expect("32 bits") > 2 * GIB);
    for (slot, byte) in slots.iter_mut().zip(1u8..) {
        assert!(slot.memory().as_slice().iter().all(|found| *found == byte));
    }
    drop(slots);
    let mut slot = pool.acquire().expect("a slot again");
    slot.memory_mut().grow_to(64 << 10).expect("some pages");
    assert!(slot.memory().as_slice().iter().all(|byte| *byte == 0));
}

#[test]
fn a_pool_of_wasmtime_above_2_gib_is_found() {
    let _alone = ALONE.lock();
    let promise = promise(PoolKeys {
        engine: Some(Setting::given(Engine::Wasmtime)),
        max_instances: Some(Setting::given(240)),
        memory_reservation: Some(Setting::given(Size::mib(10))),
        wasmtime: WasmtimeKeys {
            version: Some(Setting::given(WasmtimeVersion::major(48))),
            features: Some(Setting::given(WasmtimeFeatures::EMPTY)),
            ..WasmtimeKeys::EMPTY
        },
        ..PoolKeys::EMPTY
    });
    assert_eq!(promise.guaranteed.max_instances, 240);
    let checked = WasmtimeLimits::new(promise)
        .recheck()
        .expect("it is promised");
    assert_eq!(checked.instances(), 240);
}
