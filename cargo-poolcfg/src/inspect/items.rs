//! What lies in the index spaces of a component that is being instantiated.

use std::collections::HashMap;
use std::rc::Rc;

use super::crossing::{CoreDef, Crossing, Shift};
use super::steps::Sort;
use super::stream::Unreadable;

/// How deep instances and what is around components may lie in each other.
const DEPTH: usize = 500;

/// How many things are named that are left open, and a tenth of how long such a name may grow.
pub(super) const NAMED: usize = 100;

/// A module or a component that the outermost one imports, by its name.
pub(super) type Path = Rc<str>;

#[derive(Clone)]
pub(super) enum Item {
    Module(ModuleItem),
    Func(FuncItem),
    Instance(InstanceItem),
    Component(ComponentItem),
    Other,
}

#[derive(Clone)]
pub(super) enum ModuleItem {
    Own(usize),
    Imported(Path),
}

#[derive(Clone)]
pub(super) enum FuncItem {
    Imported,
    Lifted(Rc<Crossing>),
}

#[derive(Clone)]
pub(super) enum InstanceItem {
    Imported(Path),
    /// What it exports, and how much later it was made than the instance whose exports these are.
    Own(Rc<Exports>, Shift),
}

impl Item {
    /// The same of an instance that was made so much later.
    pub(super) fn later(&self, shift: Shift) -> Self {
        match self {
            _ if shift == Shift::default() => self.clone(),
            Self::Func(FuncItem::Lifted(lifted)) => {
                Self::Func(FuncItem::Lifted(Rc::new(lifted.later(shift))))
            }
            Self::Instance(InstanceItem::Own(exports, before)) => {
                Self::Instance(InstanceItem::Own(exports.clone(), before.and(shift)))
            }
            _ => self.clone(),
        }
    }
}

/// What an instance exports, and how deep instances lie in it.
pub(super) struct Exports {
    pub(super) items: HashMap<Rc<str>, Item>,
    pub(super) depth: usize,
}

impl InstanceItem {
    pub(super) fn new(items: HashMap<Rc<str>, Item>) -> Result<Self, Unreadable> {
        let inner = items.values().map(|item| match item {
            Item::Instance(Self::Own(inner, _)) => inner.depth + 1,
            _ => 0,
        });
        let depth = inner.max().unwrap_or_default();
        shallow(depth)?;
        Ok(Self::Own(
            Rc::new(Exports { items, depth }),
            Shift::default(),
        ))
    }
}

pub(super) fn shallow(depth: usize) -> Result<(), Unreadable> {
    match depth > DEPTH {
        false => Ok(()),
        true => Err(Unreadable::TooLarge(format!(
            "instances more than {DEPTH} deep"
        ))),
    }
}

#[derive(Clone)]
pub(super) enum ComponentItem {
    Own(usize, Option<Rc<Scope>>),
    Imported(Path),
}

/// What is around a component, as far as it was declared.
pub(super) struct Scope {
    pub(super) modules: Vec<ModuleItem>,
    pub(super) components: Vec<ComponentItem>,
    pub(super) around: Option<Rc<Scope>>,
    pub(super) depth: usize,
}

/// An instance in a core index space.
pub(super) enum CoreInstance {
    Own(usize),
    Exports(Rc<HashMap<Rc<str>, CoreDef>>),
}

/// The name of what an imported instance exports.
pub(super) fn inside(path: &Path, name: &str) -> Path {
    match path.len() > 10 * NAMED {
        true => path.clone(),
        false => format!("{path}.{name}").into(),
    }
}

pub(super) fn imported(sort: Sort, path: &Path) -> Item {
    match sort {
        Sort::Module => Item::Module(ModuleItem::Imported(path.clone())),
        Sort::Func => Item::Func(FuncItem::Imported),
        Sort::Instance => Item::Instance(InstanceItem::Imported(path.clone())),
        Sort::Component => Item::Component(ComponentItem::Imported(path.clone())),
        Sort::Other => Item::Other,
    }
}
