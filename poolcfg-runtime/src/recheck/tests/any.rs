//! Any promise on any machine.

use super::*;

prop_compose! {
    fn any_promise()(
        asked in 1u32..3000,
        guaranteed in 1u32..3000,
        min in 1u32..50,
        reservation in 1u64..100_000,
        guaranteed_grains in 1u64..100_000,
        guard in 0u64..(64 << 20),
        table in 0u64..(1 << 20),
        stack in 0u64..(4 << 20),
        before: bool,
        keep_instances: bool,
    ) -> Promise<'static> {
        let asked = Limits {
            max_instances: asked,
            memory_reservation: Size::kib(64 * reservation),
            max_memory_size: Size::kib(64 * reservation.min(100)),
            guard_size: Size::bytes(guard),
            guard_before: before,
            table_reservation: Size::bytes(table),
            stack_reservation: Size::bytes(stack),
            pools: 1,
            wasmtime: None,
        };
        let grains = guaranteed_grains.min(reservation);
        let guaranteed = if keep_instances {
            Limits {
                memory_reservation: Size::kib(64 * grains),
                max_memory_size: Size::kib(64 * grains.min(100)),
                ..asked
            }
        } else {
            Limits { max_instances: guaranteed.min(asked.max_instances), ..asked }
        };
        Promise {
            asked,
            guaranteed,
            min_instances: min.min(asked.max_instances),
            keep: if keep_instances { Keep::MaxInstances } else { Keep::MemoryReservation },
            ..promise(1, 1)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_recheck_takes_what_was_promised_or_tells_what_would_fit(
        promise in any_promise(),
        holes in prop::collection::vec(0u64..(1 << 44), 1..4),
        data in prop::option::of(0u64..(1 << 36)),
        options in prop::sample::select(vec![GUARANTEED, OR_SHRINK]),
        page_size in prop::sample::select(vec![Size::kib(4), Size::kib(16), Size::kib(64)]),
    ) {
        let holes: Vec<_> = holes.into_iter().map(Size::bytes).collect();
        let mut machine = Made {
            page_size: Some(page_size),
            ..Made::new(&holes)
        };
        machine.limits.extend(data.map(|data| (Resource::Data, Size::bytes(data))));
        let before = machine.holes.borrow().clone();
        let result = recheck(&machine, &promise, options);
        match result {
            Ok(taken) => {
                let (limits, asked) = (taken.limits, promise.asked);
                prop_assert!(limits.max_instances <= asked.max_instances);
                prop_assert!(limits.memory_reservation <= asked.memory_reservation);
                prop_assert!(limits.max_memory_size <= limits.memory_reservation);
                if options == GUARANTEED {
                    prop_assert!(limits.max_instances >= promise.guaranteed.max_instances);
                    prop_assert!(
                        limits.memory_reservation >= promise.guaranteed.memory_reservation
                    );
                }
                if promise.keep == Keep::MemoryReservation {
                    prop_assert!(limits.max_instances >= promise.min_instances);
                }
            }
            Err(RecheckError::Misfit(misfit)) => {
                prop_assert!(misfit.need > misfit.have, "{misfit}");
                // What the message says the operator can start with does start.
                let text = misfit.to_string();
                let said: Vec<_> = text
                    .split('`')
                    .filter_map(|part| part.split_once('='))
                    .filter(|(name, _)| name.starts_with("POOLCFG_"))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                if !said.is_empty() {
                    machine.variables = said.into_iter().collect();
                    let again = recheck(&machine, &promise, GUARANTEED);
                    prop_assert!(again.is_ok(), "{text}: {:?}", again.err());
                }
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
        prop_assert_eq!(&*machine.holes.borrow(), &before);
    }

    /// The model and the runtime go about it in the same way: in holes of known size, what is guaranteed is
    /// there and one more is not.
    #[test]
    fn what_the_model_guarantees_is_what_goes_in(
        holes in prop::collection::vec(1u64..(1 << 20), 1..4),
        grains in 1u64..(1 << 14),
        guard in 0u64..(1 << 12),
        table in prop::sample::select(vec![0u64, 160]),
        stack in prop::sample::select(vec![0u64, 512, 2048]),
        pools in 1u32..4,
    ) {
        let mut found = [Size::ZERO; HOLES];
        for (found, mib) in found.iter_mut().zip(&holes) {
            *found = Size::mib(*mib);
        }
        let keys = PoolKeys {
            max_instances: Some(Setting::given(5000)),
            memory_reservation: Some(Setting::given(Size::kib(64 * grains))),
            guard_size: Some(Setting::given(Size::kib(4 * guard))),
            table_reservation: Some(Setting::given(Size::kib(table))),
            stack_reservation: Some(Setting::given(Size::kib(stack))),
            on_misfit: Some(Setting::given(OnMisfit::Shrink)),
            keep: Some(Setting::given(Keep::MemoryReservation)),
            pools: Some(Setting::given(pools)),
            ..PoolKeys::EMPTY
        };
        let settings = Settings::new(&[], &[]).pooling_allocator(keys);
        let case = settings.resolve(Target::CURRENT).map_err(|_| TestCaseError::fail("a fault"))?;
        let budget = Budget::measured(found, Size::kib(4), Size::ZERO, ProcessLimits::NONE);
        let plan = Plan::new(&case.with_budget(budget));
        let [limits] = plan.guaranteed() else {
            return Err(TestCaseError::fail("one pool"));
        };
        let fit = |limits: &Limits| {
            let machine = Made::new(&found);
            let mut held = Vec::new();
            (0..pools).all(|_| {
                let placer = Placer { machine: &machine, allowed: &AllowedAddresses::ANY, heap: Size::ZERO, spare: false };
                let slabs = Slabs::reserve(placer, limits, Size::kib(4));
                slabs.map(|slabs| held.push(slabs)).is_ok()
            })
        };
        prop_assert_eq!(fit(limits), plan.misfit.is_none());
        if plan.misfit.is_none() && limits.max_instances < 5000 {
            prop_assert!(!fit(&limits.with_instances(limits.max_instances + 1)));
        }
    }
}
