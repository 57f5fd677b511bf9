//! A component that is being instantiated, with its index spaces.

use std::collections::HashMap;
use std::rc::Rc;

use super::crossing::{CoreDef, Crossing};
use super::declared::CoreSort;
use super::followed::{Counted, Start};
use super::items::{
    ComponentItem, CoreInstance, FuncItem, InstanceItem, Item, ModuleItem, Scope, shallow,
};
use super::steps::{Component, Index, Named, Options, Sort, Step};
use super::stream::Unreadable;

/// A component that is being instantiated.
pub(super) struct Frame<'t> {
    /// Its number among the instances of components.
    pub(super) instance: usize,
    /// What is counted of it.
    pub(super) counted: Counted,
    /// What it is known by, once all of it has been followed; `None` if it is given anything.
    pub(super) start: Option<Start>,
    pub(super) steps: std::slice::Iter<'t, Step>,
    pub(super) around: Option<Rc<Scope>>,
    pub(super) args: HashMap<Rc<str>, Item>,
    pub(super) exports: HashMap<Rc<str>, Item>,
    pub(super) modules: Vec<ModuleItem>,
    pub(super) funcs: Vec<FuncItem>,
    pub(super) instances: Vec<InstanceItem>,
    pub(super) components: Vec<ComponentItem>,
    pub(super) core_instances: Vec<CoreInstance>,
    /// Functions, tables, memories, globals and tags.
    pub(super) core: [Vec<CoreDef>; 5],
}

pub(super) fn damaged(text: impl Into<String>) -> Unreadable {
    Unreadable::Damaged(text.into(), 0)
}

pub(super) fn get<'v, T>(items: &'v [T], index: Index, what: &str) -> Result<&'v T, Unreadable> {
    let error = || damaged(format!("there is no {what} {index}"));
    items.get(index).ok_or_else(error)
}

impl<'t> Frame<'t> {
    pub(super) fn new(
        component: &'t Component,
        instance: usize,
        around: Option<Rc<Scope>>,
    ) -> Self {
        Self {
            instance,
            counted: Counted::default(),
            start: None,
            steps: component.steps.iter(),
            around,
            args: HashMap::new(),
            exports: HashMap::new(),
            modules: Vec::new(),
            funcs: Vec::new(),
            instances: Vec::new(),
            components: Vec::new(),
            core_instances: Vec::new(),
            core: Default::default(),
        }
    }

    pub(super) fn push(&mut self, item: Item) {
        match item {
            Item::Module(module) => self.modules.push(module),
            Item::Func(func) => self.funcs.push(func),
            Item::Instance(instance) => self.instances.push(instance),
            Item::Component(component) => self.components.push(component),
            Item::Other => {}
        }
    }

    pub(super) fn item(&self, sort: Sort, index: Index) -> Result<Item, Unreadable> {
        Ok(match sort {
            Sort::Module => Item::Module(get(&self.modules, index, "module")?.clone()),
            Sort::Func => Item::Func(get(&self.funcs, index, "function")?.clone()),
            Sort::Instance => Item::Instance(get(&self.instances, index, "instance")?.clone()),
            Sort::Component => Item::Component(get(&self.components, index, "component")?.clone()),
            Sort::Other => Item::Other,
        })
    }

    pub(super) fn items(
        &self,
        named: &[Named<Sort>],
    ) -> Result<HashMap<Rc<str>, Item>, Unreadable> {
        let items = named.iter();
        items
            .map(|(name, sort, index)| Ok((name.clone(), self.item(*sort, *index)?)))
            .collect()
    }

    pub(super) fn core(&self, sort: CoreSort, index: Index) -> Result<CoreDef, Unreadable> {
        get(&self.core[sort as usize], index, "core item").cloned()
    }

    /// What an instance exports under a name.
    pub(super) fn core_export(
        &self,
        instance: Index,
        name: &Rc<str>,
    ) -> Result<CoreDef, Unreadable> {
        match get(&self.core_instances, instance, "core instance")? {
            CoreInstance::Own(instance) => Ok(CoreDef::Export(*instance, name.clone())),
            CoreInstance::Exports(exports) => exports
                .get(name)
                .cloned()
                .ok_or_else(|| damaged(format!("an instance exports no `{name}`"))),
        }
    }

    pub(super) fn crossing(
        &self,
        func: Option<CoreDef>,
        ty: u32,
        options: &Options,
    ) -> Result<Crossing, Unreadable> {
        let mut uses = [const { None }; 4];
        for (use_, index) in uses.iter_mut().zip(options.funcs) {
            *use_ = index
                .map(|index| self.core(CoreSort::Func, index))
                .transpose()?;
        }
        uses[3] = options
            .memory
            .map(|index| self.core(CoreSort::Memory, index))
            .transpose()?;
        Ok(Crossing {
            instance: self.instance,
            ty,
            func,
            uses,
            flags: options.flags,
        })
    }

    pub(super) fn scope(&self) -> Result<Rc<Scope>, Unreadable> {
        let inner = self
            .components
            .iter()
            .filter_map(|component| match component {
                ComponentItem::Own(_, scope) => scope.as_ref(),
                ComponentItem::Imported(_) => None,
            });
        let depths = inner.chain(&self.around).map(|scope| scope.depth + 1);
        let depth = depths.max().unwrap_or_default();
        shallow(depth)?;
        Ok(Rc::new(Scope {
            modules: self.modules.clone(),
            components: self.components.clone(),
            around: self.around.clone(),
            depth,
        }))
    }

    pub(super) fn alias_outer(
        &mut self,
        sort: Sort,
        count: u32,
        index: Index,
    ) -> Result<(), Unreadable> {
        if count == 0 {
            let item = self.item(sort, index)?;
            self.push(item);
            return Ok(());
        }
        let mut scope = self.around.as_ref();
        for _ in 1..count {
            scope = scope.and_then(|scope| scope.around.as_ref());
        }
        let scope = scope.ok_or_else(|| damaged("an alias reaches out of the file"))?;
        let item = match sort {
            Sort::Module => Item::Module(get(&scope.modules, index, "module")?.clone()),
            _ => Item::Component(get(&scope.components, index, "component")?.clone()),
        };
        self.push(item);
        Ok(())
    }
}
