//! Adapters: where one component calls another, Wasmtime makes modules of its own, each instantiated once. How many is
//! found as it finds it. Source: crates/environ/src/component/translate/adapt.rs (v48), the same since 13.

use std::collections::HashMap;
use std::rc::Rc;

use super::adapter_modules::{AdapterModule, AdapterModules};
use super::crossing::{Adapter, CoreDef, Crossing};

/// All adapters, in the order in which they are found, and the instances that they depend on.
#[derive(Debug, Default)]
pub(super) struct Adapters {
    /// Equal ones are one.
    numbers: HashMap<Rc<Adapter>, usize>,
    adapters: Vec<Rc<Adapter>>,
    /// The core instances that are given adapters, by their numbers, and which ones.
    instances: Vec<(usize, Vec<usize>)>,
    /// The adapters that somebody is given.
    used: Vec<usize>,
}

impl Adapters {
    pub(super) fn add(&mut self, adapter: Adapter) -> CoreDef {
        let adapter = Rc::new(adapter);
        let next = self.adapters.len();
        let number = *self.numbers.entry(adapter.clone()).or_insert(next);
        if number == next {
            self.adapters.push(adapter);
        }
        CoreDef::Adapter(number)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.adapters.len()
    }

    /// Takes down the core instance of this number, which is above all before.
    pub(super) fn instance(&mut self, number: usize, given: &[CoreDef]) {
        let given: Vec<usize> = adapters(given.iter()).collect();
        self.used.extend(&given);
        if !given.is_empty() {
            self.instances.push((number, given));
        }
    }

    /// Takes down a function that the host may call.
    pub(super) fn export(&mut self, function: &Crossing) {
        self.used.extend(adapters(function.defs()));
    }

    /// The modules that they are partitioned into and are instantiated: a new one begins where an adapter depends on
    /// one of the module in progress, be it through an instance.
    pub(super) fn modules(&self) -> AdapterModules {
        // Of each adapter, the number of its module.
        let mut module_of = Vec::with_capacity(self.adapters.len());
        let mut module = 0_usize;
        // The adapters before this one are of finished modules.
        let mut finished = 0;
        let mut instances = self.instances.iter().peekable();
        for (number, adapter) in self.adapters.iter().enumerate() {
            let mut splits = adapters(adapter.defs()).any(|other| other >= finished);
            let last = adapter.defs().filter_map(|def| match def {
                CoreDef::Export(instance, _) => Some(instance + 1),
                CoreDef::Adapter(_) | CoreDef::Host => None,
            });
            let last = last.max().unwrap_or_default();
            while let Some((_, given)) = instances.next_if(|(number, _)| *number < last) {
                splits |= given.iter().any(|other| *other >= finished);
            }
            if splits && finished < number {
                module += 1;
                finished = number;
            }
            module_of.push(module);
        }
        let is_live = self.live(&module_of, module);
        let mut parts: Vec<AdapterModule<'_>> =
            is_live.iter().map(|_| AdapterModule::default()).collect();
        for (adapter, module) in self.adapters.iter().zip(&module_of) {
            parts[*module].add(adapter);
        }
        let live = parts.iter().zip(&is_live).filter(|(_, is_live)| **is_live);
        live.fold(AdapterModules::default(), |all, (part, _)| all.with(part))
    }

    /// Which of the modules somebody needs, where `module_of` has that of each adapter, and `last` is the last one.
    fn live(&self, module_of: &[usize], last: usize) -> Vec<bool> {
        let mut is_live = vec![false; last + 1];
        let mut left = self.used.clone();
        let mut asked = vec![false; self.adapters.len()];
        while let Some(number) = left.pop() {
            let Some(adapter) = self.adapters.get(number) else {
                continue;
            };
            if std::mem::replace(&mut asked[number], true) {
                continue;
            }
            is_live[module_of[number]] = true;
            left.extend(adapters(adapter.defs()));
        }
        is_live
    }
}

fn adapters<'d>(defs: impl Iterator<Item = &'d CoreDef>) -> impl Iterator<Item = usize> {
    defs.filter_map(|def| match def {
        CoreDef::Adapter(number) => Some(*number),
        CoreDef::Export(..) | CoreDef::Host => None,
    })
}
