//! Followed: what is known of a component that has been followed once, so that it costs one step where it is instantiated
//! again, and how often everything is there in the end.

use std::collections::{BTreeSet, HashMap};
use std::ptr;
use std::rc::Rc;

use super::adapter_modules::AdapterModules;
use super::crossing::Shift;
use super::items::{Exports, InstanceItem, Scope};
use super::steps::Index;

/// What an instance of a component consists of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// How often each module of the tree is instantiated.
    pub(super) of_module: Vec<u64>,
    /// Instances of modules that are imported.
    pub(super) of_imported: u64,
    /// Modules that Wasmtime makes of calls between components.
    pub(super) adapters: AdapterModules,
    /// Components that are instantiated.
    pub(super) components: u64,
    /// Functions that cross a component's border.
    pub(super) crossings: u64,
    /// Resources that it makes or is given.
    pub(super) resources: u64,
    /// What an import leaves open.
    pub(super) open: BTreeSet<String>,
}

/// What is counted of one instance of a component, without what lies in it.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// Each module that it instantiates, once for each instance.
    pub(super) modules: Vec<usize>,
    /// Instances of modules that are imported.
    pub(super) of_imported: u64,
    pub(super) crossings: u64,
    pub(super) resources: u64,
    /// The components that it instantiates, by their numbers in [`Followed`], once for each instance.
    pub(super) inner: Vec<usize>,
}

/// A component that is given nothing, as it begins: the numbers of its first instances, and how many adapters there are.
pub(super) struct Start {
    component: Index,
    scope: Option<Rc<Scope>>,
    first: Shift,
    adapters: usize,
}

impl Start {
    pub(super) const fn new(
        component: Index,
        scope: Option<Rc<Scope>>,
        first: Shift,
        adapters: usize,
    ) -> Self {
        Self {
            component,
            scope,
            first,
            adapters,
        }
    }
}

/// A component and what is around it.
type ComponentKey = (Index, *const Scope);

fn key(component: Index, scope: Option<&Rc<Scope>>) -> ComponentKey {
    (component, scope.map_or(ptr::null(), Rc::as_ptr))
}

/// A component that has been followed, and makes no calls between components.
struct KnownComponent {
    /// By which its key stays what it is.
    _scope: Option<Rc<Scope>>,
    /// Its number in [`Followed`].
    number: usize,
    first: Shift,
    /// How many instances it is made of.
    made: Shift,
    exports: Rc<Exports>,
}

/// All components that have been followed to their ends, each after those that it instantiates.
#[derive(Default)]
pub(super) struct Followed {
    counted: Vec<Counted>,
    known: HashMap<ComponentKey, KnownComponent>,
}

/// An instance of a component that is known.
pub(super) struct Again {
    /// The number of the component in [`Followed`].
    pub(super) number: usize,
    pub(super) instance: InstanceItem,
    /// How many instances it is made of.
    pub(super) made: Shift,
}

impl Followed {
    /// An instance that is given nothing and begins with the instances `next`; `None` where the component has to be
    /// followed.
    pub(super) fn again(
        &self,
        component: Index,
        scope: Option<&Rc<Scope>>,
        next: Shift,
    ) -> Option<Again> {
        let known = self.known.get(&key(component, scope))?;
        let shift = Shift {
            components: next.components - known.first.components,
            modules: next.modules - known.first.modules,
        };
        Some(Again {
            number: known.number,
            instance: InstanceItem::Own(known.exports.clone(), shift),
            made: known.made,
        })
    }

    /// Takes down a component that has come to its end, where `next` are the numbers of the next instances, and returns
    /// its number.
    pub(super) fn ended(
        &mut self,
        counted: Counted,
        start: Option<Start>,
        exports: &InstanceItem,
        next: Shift,
        adapters: usize,
    ) -> usize {
        let number = self.counted.len();
        self.counted.push(counted);
        if let (Some(start), InstanceItem::Own(exports, _)) = (start, exports)
            && start.adapters == adapters
        {
            let made = Shift {
                components: next.components - start.first.components,
                modules: next.modules - start.first.modules,
            };
            let key = key(start.component, start.scope.as_ref());
            self.known.insert(
                key,
                KnownComponent {
                    _scope: start.scope,
                    number,
                    first: start.first,
                    made,
                    exports: exports.clone(),
                },
            );
        }
        number
    }

    /// How often everything is there, where the last component that came to its end is the outermost.
    pub(super) fn sum(self, live: &mut Live) {
        let mut times = vec![0_u64; self.counted.len()];
        if let Some(outermost) = times.last_mut() {
            *outermost = 1;
        }
        for (number, counted) in self.counted.iter().enumerate().rev() {
            let times_this = times[number];
            let add = |to: &mut u64, each: u64| {
                *to = to.saturating_add(times_this.saturating_mul(each));
            };
            add(&mut live.components, 1);
            add(&mut live.of_imported, counted.of_imported);
            add(&mut live.crossings, counted.crossings);
            add(&mut live.resources, counted.resources);
            for module in &counted.modules {
                add(&mut live.of_module[*module], 1);
            }
            for inner in &counted.inner {
                add(&mut times[*inner], 1);
            }
        }
    }
}
