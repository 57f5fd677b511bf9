//! Instances: what comes to life when a component is instantiated, found by following its declarations as Wasmtime
//! does. Source: crates/environ/src/component/translate/inline.rs (v48).

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::adapters::Adapters;
use super::component::Tree;
use super::crossing::{Adapter, CoreDef, Shift};
use super::declared::CoreSort;
use super::followed::{Again, Followed, Live, Start};
use super::frame::{Frame, damaged, get};
use super::items::{
    ComponentItem, CoreInstance, FuncItem, InstanceItem, Item, ModuleItem, NAMED, imported, inside,
};
use super::module::Module;
use super::steps::{Index, Named, Options, Sort, Step};
use super::stream::Unreadable;

/// How many declarations are followed: components inside each other may have instances without end.
const STEPS: usize = 1_000_000;

/// How many instances are counted: no total of a pool is larger.
const INSTANCES: u32 = u32::MAX;

struct Follower<'t> {
    tree: &'t Tree,
    live: Live,
    adapters: Adapters,
    steps: usize,
    /// The numbers of the next instances.
    next: Shift,
    followed: Followed,
    /// Whether each component that is instantiated again is followed again.
    is_plain: bool,
}

/// Follows the declarations of the outermost component.
pub(super) fn follow(tree: &Tree) -> Result<Live, Unreadable> {
    follow_by(tree, false)
}

fn follow_by(tree: &Tree, is_plain: bool) -> Result<Live, Unreadable> {
    let mut follower = Follower {
        tree,
        live: Live {
            of_module: vec![0; tree.modules.len()],
            ..Live::default()
        },
        adapters: Adapters::default(),
        steps: 0,
        next: Shift {
            components: 1,
            modules: 0,
        },
        followed: Followed::default(),
        is_plain,
    };
    let mut frames = vec![Frame::new(get(&tree.components, 0, "component")?, 0, None)];
    while let Some(frame) = frames.last_mut() {
        match frame.steps.next() {
            Some(step) => {
                follower.steps += 1;
                if follower.steps > STEPS {
                    let text = format!("more than {STEPS} declarations to follow");
                    return Err(Unreadable::TooLarge(text));
                }
                let is_outermost = frame.instance == 0;
                if let Some(inner) = follower.step(frame, step, is_outermost)? {
                    frames.push(inner);
                }
            }
            None => {
                let exports = InstanceItem::new(std::mem::take(&mut frame.exports))?;
                let counted = std::mem::take(&mut frame.counted);
                let (start, adapters) = (frame.start.take(), follower.adapters.count());
                let next = follower.next;
                let number = follower
                    .followed
                    .ended(counted, start, &exports, next, adapters);
                frames.pop();
                match frames.last_mut() {
                    Some(parent) => {
                        parent.counted.inner.push(number);
                        parent.instances.push(exports);
                    }
                    None => follower.exported(exports),
                }
            }
        }
    }
    let mut live = follower.live;
    live.adapters = follower.adapters.modules();
    follower.followed.sum(&mut live);
    Ok(live)
}

/// What an instance has under a name.
fn exported(instance: &InstanceItem, sort: Sort, name: &str) -> Result<Item, Unreadable> {
    match instance {
        InstanceItem::Imported(path) => Ok(imported(sort, &inside(path, name))),
        InstanceItem::Own(exports, shift) => match (exports.items.get(name), sort) {
            (Some(item), _) => Ok(item.later(*shift)),
            (None, Sort::Other) => Ok(Item::Other),
            (None, _) => Err(damaged(format!("an instance exports no `{name}`"))),
        },
    }
}

/// What a component gets for an import.
fn given(
    frame: &Frame<'_>,
    name: &Rc<str>,
    sort: Sort,
    is_outermost: bool,
) -> Result<Item, Unreadable> {
    let item = match is_outermost {
        true if sort == Sort::Component => {
            let text = format!("component `{name}` as an import, which no Wasmtime takes");
            return Err(Unreadable::Impossible(text));
        }
        true => imported(sort, name),
        false => frame.args.get(name).cloned().unwrap_or(Item::Other),
    };
    if sort != Sort::Other && matches!(item, Item::Other) {
        return Err(damaged(format!("an instance is not given `{name}`")));
    }
    Ok(item)
}

impl<'t> Follower<'t> {
    fn step(
        &mut self,
        frame: &mut Frame<'t>,
        step: &Step,
        is_outermost: bool,
    ) -> Result<Option<Frame<'t>>, Unreadable> {
        match step {
            Step::Import(name, sort) => {
                frame.push(given(frame, name, *sort, is_outermost)?);
            }
            Step::Module(module) => frame.modules.push(ModuleItem::Own(*module)),
            Step::Component(number) => {
                let component = get(&self.tree.components, *number, "component")?;
                let scope = component.looks_out.then(|| frame.scope()).transpose()?;
                // Each scope that is kept costs what it holds.
                self.steps += scope
                    .as_ref()
                    .map_or(0, |scope| scope.modules.len() + scope.components.len());
                frame.components.push(ComponentItem::Own(*number, scope));
            }
            Step::Instantiate(module, args) => self.instantiate(frame, *module, args)?,
            Step::CoreExports(exports) => {
                let exports: Result<HashMap<_, _>, Unreadable> = exports
                    .iter()
                    .map(|(name, sort, index)| Ok((name.clone(), frame.core(*sort, *index)?)))
                    .collect();
                frame
                    .core_instances
                    .push(CoreInstance::Exports(Rc::new(exports?)));
            }
            Step::InstantiateComponent(component, args) => {
                return self.instantiate_component(frame, *component, args);
            }
            Step::Exports(exports) => {
                let instance = InstanceItem::new(frame.items(exports)?)?;
                frame.instances.push(instance);
            }
            Step::AliasExport(sort, instance, name) => {
                let instance = get(&frame.instances, *instance, "instance")?;
                let item = exported(instance, *sort, name)?;
                frame.push(item);
            }
            Step::AliasCore(sort, instance, name) => {
                let def = frame.core_export(*instance, name)?;
                frame.core[*sort as usize].push(def);
            }
            Step::AliasOuter(sort, count, index) => frame.alias_outer(*sort, *count, *index)?,
            Step::Lift(func, ty, options) => {
                let func = frame.core(CoreSort::Func, *func)?;
                let lifted = frame.crossing(Some(func), *ty, options)?;
                frame.counted.crossings += 1;
                frame.funcs.push(FuncItem::Lifted(Rc::new(lifted)));
            }
            Step::Lower(func, options) => self.lower(frame, *func, options)?,
            Step::CoreFunc => {
                frame.counted.crossings += 1;
                frame.core[CoreSort::Func as usize].push(CoreDef::Host);
            }
            Step::Resources(resources) => {
                // What is given to a component inside it is made by another.
                let imported = if is_outermost { resources.imported } else { 0 };
                let all = resources.own.saturating_add(imported);
                frame.counted.resources = frame.counted.resources.saturating_add(all);
            }
            Step::Export(name, sort, index) => {
                let item = frame.item(*sort, *index)?;
                frame.exports.insert(name.clone(), item.clone());
                frame.push(item);
            }
        }
        Ok(None)
    }

    fn instantiate(
        &mut self,
        frame: &mut Frame<'t>,
        module: Index,
        args: &[(Rc<str>, Index)],
    ) -> Result<(), Unreadable> {
        let given: HashMap<&Rc<str>, Index> =
            args.iter().map(|(name, index)| (name, *index)).collect();
        let mut defs = Vec::new();
        match get(&frame.modules, module, "module")? {
            ModuleItem::Own(number) => {
                let own: &Module = get(&self.tree.modules, *number, "module")?;
                frame.counted.modules.push(*number);
                self.steps += own.imports.len();
                for (from, name) in &own.imports {
                    let instance = given.get(from);
                    let instance = instance
                        .ok_or_else(|| damaged(format!("a module is not given `{from}`")))?;
                    defs.push(frame.core_export(*instance, name)?);
                }
            }
            ModuleItem::Imported(path) => {
                frame.counted.of_imported += 1;
                self.open(format!(
                    "the memories and tables of module `{path}`, which is imported"
                ));
                for index in given.values() {
                    match get(&frame.core_instances, *index, "core instance")? {
                        CoreInstance::Own(instance) => {
                            defs.push(CoreDef::Export(*instance, "".into()))
                        }
                        CoreInstance::Exports(exports) => defs.extend(exports.values().cloned()),
                    }
                }
                self.steps += defs.len();
            }
        }
        self.adapters.instance(self.next.modules, &defs);
        frame
            .core_instances
            .push(CoreInstance::Own(self.next.modules));
        let (components, modules) = (0, 1);
        self.made(Shift {
            components,
            modules,
        })
    }

    /// Takes down how many instances were made.
    fn made(&mut self, made: Shift) -> Result<(), Unreadable> {
        self.next = self.next.and(made);
        let most = usize::try_from(INSTANCES).unwrap_or(usize::MAX);
        match self.next.components.max(self.next.modules) > most {
            true => Err(Unreadable::TooLarge(format!(
                "more than {INSTANCES} instances"
            ))),
            false => Ok(()),
        }
    }

    fn instantiate_component(
        &mut self,
        frame: &mut Frame<'t>,
        component: Index,
        args: &[Named<Sort>],
    ) -> Result<Option<Frame<'t>>, Unreadable> {
        match get(&frame.components, component, "component")?.clone() {
            ComponentItem::Own(number, scope) => {
                let own = get(&self.tree.components, number, "component")?;
                let is_given = !args.is_empty();
                let known = self.followed.again(number, scope.as_ref(), self.next);
                if let Some(again) = known.filter(|_| !is_given && !self.is_plain) {
                    let Again {
                        number,
                        instance,
                        made,
                    } = again;
                    frame.counted.inner.push(number);
                    frame.instances.push(instance);
                    self.made(made)?;
                    return Ok(None);
                }
                let start = Start::new(number, scope.clone(), self.next, self.adapters.count());
                let mut inner = Frame::new(own, self.next.components, scope);
                inner.args = frame.items(args)?;
                inner.start = (!is_given).then_some(start);
                self.steps += args.len();
                let (components, modules) = (1, 0);
                self.made(Shift {
                    components,
                    modules,
                })?;
                Ok(Some(inner))
            }
            ComponentItem::Imported(path) => {
                self.open(format!(
                    "all instances of component `{path}`, which is imported"
                ));
                frame.instances.push(InstanceItem::Imported(path));
                Ok(None)
            }
        }
    }

    fn lower(
        &mut self,
        frame: &mut Frame<'t>,
        func: Index,
        options: &Options,
    ) -> Result<(), Unreadable> {
        frame.counted.crossings += 1;
        let lowered = frame.crossing(None, 0, options)?;
        let def = match get(&frame.funcs, func, "function")? {
            FuncItem::Imported => CoreDef::Host,
            FuncItem::Lifted(lifted) => self.adapters.add(Adapter {
                lifted: lifted.clone(),
                lowered,
            }),
        };
        frame.core[CoreSort::Func as usize].push(def);
        Ok(())
    }

    fn open(&mut self, what: String) {
        if self.live.open.len() < NAMED {
            self.live.open.insert(what);
        }
    }

    /// What the outermost component exports: functions that are called through an adapter keep it.
    fn exported(&mut self, exports: InstanceItem) {
        // What was made later has the same adapters.
        let mut seen = HashSet::new();
        let mut left = vec![Item::Instance(exports)];
        while let Some(item) = left.pop() {
            match item {
                Item::Func(FuncItem::Lifted(lifted)) => self.adapters.export(&lifted),
                Item::Instance(InstanceItem::Own(exports, _))
                    if seen.insert(Rc::as_ptr(&exports)) =>
                {
                    left.extend(exports.items.values().cloned());
                }
                _ => {}
            }
        }
    }
}
