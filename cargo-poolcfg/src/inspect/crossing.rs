//! Functions that cross a component's border, and what core instances are given.

use std::rc::Rc;

/// How much later something was made: by how many instances of components, and of modules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) components: usize,
    pub(super) modules: usize,
}

impl Shift {
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            components: self.components.saturating_add(other.components),
            modules: self.modules.saturating_add(other.modules),
        }
    }
}

/// Something that a core instance is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum CoreDef {
    /// What the instance of this number exports.
    Export(usize, Rc<str>),
    /// The adapter of this number.
    Adapter(usize),
    /// A function of the host's.
    Host,
}

/// A function at the border of a component, with what it uses of core instances.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Crossing {
    /// The component's instance.
    pub(super) instance: usize,
    /// The number of its type there.
    pub(super) ty: u32,
    /// The function of a core instance, where it leads out of one.
    pub(super) func: Option<CoreDef>,
    /// `realloc`, `post-return`, `callback`, and the memory.
    pub(super) uses: [Option<CoreDef>; 4],
    pub(super) flags: u8,
}

impl Crossing {
    /// The same of instances that were made so much later.
    pub(super) fn later(&self, shift: Shift) -> Self {
        let def = |def: &CoreDef| match def {
            CoreDef::Export(instance, name) => {
                CoreDef::Export(instance.saturating_add(shift.modules), name.clone())
            }
            other => other.clone(),
        };
        Self {
            instance: self.instance.saturating_add(shift.components),
            func: self.func.as_ref().map(def),
            uses: self.uses.each_ref().map(|one| one.as_ref().map(def)),
            ..*self
        }
    }

    pub(super) fn defs(&self) -> impl Iterator<Item = &CoreDef> {
        self.func.iter().chain(self.uses.iter().flatten())
    }
}

/// A call from one component into another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Adapter {
    pub(super) lifted: Rc<Crossing>,
    pub(super) lowered: Crossing,
}

impl Adapter {
    pub(super) fn defs(&self) -> impl Iterator<Item = &CoreDef> {
        self.lifted.defs().chain(self.lowered.defs())
    }
}
