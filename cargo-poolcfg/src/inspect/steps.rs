//! The declarations of a component, in order: what each makes or names.

use std::rc::Rc;

use wasmparser::ComponentExternalKind;

use super::declared::CoreSort;
use super::resources::Resources;

/// The index of something in its index space.
pub(super) type Index = usize;

pub(super) fn index(number: u32) -> Index {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The kinds of things that decide what is instantiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Module,
    Func,
    Instance,
    Component,
    /// Types and values.
    Other,
}

impl Sort {
    pub(super) const fn of(kind: ComponentExternalKind) -> Self {
        match kind {
            ComponentExternalKind::Module => Self::Module,
            ComponentExternalKind::Func => Self::Func,
            ComponentExternalKind::Instance => Self::Instance,
            ComponentExternalKind::Component => Self::Component,
            ComponentExternalKind::Type | ComponentExternalKind::Value => Self::Other,
        }
    }
}

/// A name and what it is given.
pub(super) type Named<K> = (Rc<str>, K, Index);

/// Options of a function that crosses a component's border: what of core instances it uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) memory: Option<Index>,
    /// `realloc`, `post-return`, `callback`.
    pub(super) funcs: [Option<Index>; 3],
    /// The others, by the bits of their kinds.
    pub(super) flags: u8,
}

/// One declaration.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Import(Rc<str>, Sort),
    /// A module inside it, by its number among all.
    Module(usize),
    /// A component inside it, by its number among all.
    Component(usize),
    /// A module, and the instances whose exports it is given.
    Instantiate(Index, Vec<(Rc<str>, Index)>),
    /// Items of the core index spaces under names of their own.
    CoreExports(Vec<Named<CoreSort>>),
    /// A component, and what it is given.
    InstantiateComponent(Index, Vec<Named<Sort>>),
    /// Items under names of their own.
    Exports(Vec<Named<Sort>>),
    AliasExport(Sort, Index, Rc<str>),
    AliasCore(CoreSort, Index, Rc<str>),
    /// Of a component around this one, so many further out.
    AliasOuter(Sort, u32, Index),
    /// A function of a core instance as one of this component, with the number of its type.
    Lift(Index, u32, Options),
    /// A function of components for core instances.
    Lower(Index, Options),
    /// A function of the host's for core instances.
    CoreFunc,
    Export(Rc<str>, Sort, Index),
    Resources(Resources),
}

/// A component.
#[derive(Clone, Debug, Default)]
pub(super) struct Component {
    pub(super) steps: Vec<Step>,
    /// Whether it, or one inside it, takes something of what is around it.
    pub(super) looks_out: bool,
    /// How much it has so far of what engines limit.
    pub(super) had: Had,
}

/// How much a component has of what engines limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Had {
    modules: u64,
    components: u64,
    instances: u64,
}

impl Had {
    /// With one module more.
    pub(super) const fn module(&mut self) -> u64 {
        self.modules += 1;
        self.modules
    }

    /// With one component more.
    pub(super) const fn component(&mut self) -> u64 {
        self.components += 1;
        self.components
    }

    /// With so many instances more.
    pub(super) fn instances(&mut self, count: u32) -> u64 {
        self.instances += u64::from(count);
        self.instances
    }
}
