//! Instances: what comes to life when a component is instantiated, found by following its declarations as Wasmtime
//! does. Source: crates/environ/src/component/translate/inline.rs (v48).

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::adapters::{Adapter, Adapters, CoreDef, Crossing};
use super::component::{Component, Index, Named, Options, Sort, Step, Tree};
use super::module::{CoreSort, Module};
use super::stream::Unreadable;

/// How many declarations are followed: components inside each other may have instances without end.
const STEPS: usize = 4_000_000;

/// How deep instances and what is around components may lie in each other.
const DEPTH: usize = 500;

/// How many things are named that are left open, and how long such a name may grow.
const NAMED: usize = 100;

/// What an instance of a component consists of.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// How often each module of the tree is instantiated.
    pub(super) of_module: Vec<u64>,
    /// Instances of modules that are imported.
    pub(super) of_imported: u64,
    /// Modules that Wasmtime makes of calls between components.
    pub(super) adapters: u64,
    /// Components that are instantiated.
    pub(super) components: u64,
    /// Functions that cross a component's border.
    pub(super) crossings: u64,
    /// What an import leaves open.
    pub(super) open: BTreeSet<String>,
}

/// A module or a component that the outermost one imports, by its name.
type Path = Rc<str>;

#[derive(Clone)]
enum Item {
    Module(ModuleItem),
    Func(FuncItem),
    Instance(InstanceItem),
    Component(ComponentItem),
    Other,
}

#[derive(Clone)]
enum ModuleItem {
    Own(usize),
    Imported(Path),
}

#[derive(Clone)]
enum FuncItem {
    Imported,
    Lifted(Rc<Crossing>),
}

#[derive(Clone)]
enum InstanceItem {
    Imported(Path),
    Own(Rc<Exports>),
}

/// What an instance exports, and how deep instances lie in it.
struct Exports {
    items: HashMap<Rc<str>, Item>,
    depth: usize,
}

impl InstanceItem {
    fn new(items: HashMap<Rc<str>, Item>) -> Result<Self, Unreadable> {
        let inner = items.values().map(|item| match item {
            Item::Instance(Self::Own(inner)) => inner.depth + 1,
            _ => 0,
        });
        let depth = inner.max().unwrap_or_default();
        shallow(depth)?;
        Ok(Self::Own(Rc::new(Exports { items, depth })))
    }
}

fn shallow(depth: usize) -> Result<(), Unreadable> {
    match depth > DEPTH {
        false => Ok(()),
        true => Err(Unreadable::TooLarge(format!(
            "instances more than {DEPTH} deep"
        ))),
    }
}

#[derive(Clone)]
enum ComponentItem {
    Own(usize, Option<Rc<Scope>>),
    Imported(Path),
}

/// What is around a component, as far as it was declared.
struct Scope {
    modules: Vec<ModuleItem>,
    components: Vec<ComponentItem>,
    around: Option<Rc<Scope>>,
    depth: usize,
}

/// An instance in a core index space.
enum CoreInstance {
    Own(usize),
    Exports(Rc<HashMap<Rc<str>, CoreDef>>),
}

/// A component that is being instantiated.
struct Frame<'t> {
    /// Its number among the instances of components.
    instance: usize,
    steps: std::slice::Iter<'t, Step>,
    around: Option<Rc<Scope>>,
    args: HashMap<Rc<str>, Item>,
    exports: HashMap<Rc<str>, Item>,
    modules: Vec<ModuleItem>,
    funcs: Vec<FuncItem>,
    instances: Vec<InstanceItem>,
    components: Vec<ComponentItem>,
    core_instances: Vec<CoreInstance>,
    /// Functions, tables, memories, globals and tags.
    core: [Vec<CoreDef>; 5],
}

fn damaged(text: impl Into<String>) -> Unreadable {
    Unreadable::Damaged(text.into(), 0)
}

fn get<'v, T>(items: &'v [T], index: Index, what: &str) -> Result<&'v T, Unreadable> {
    let error = || damaged(format!("there is no {what} {index}"));
    items.get(index).ok_or_else(error)
}

impl<'t> Frame<'t> {
    fn new(component: &'t Component, instance: usize, around: Option<Rc<Scope>>) -> Self {
        Self {
            instance,
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

    fn push(&mut self, item: Item) {
        match item {
            Item::Module(module) => self.modules.push(module),
            Item::Func(func) => self.funcs.push(func),
            Item::Instance(instance) => self.instances.push(instance),
            Item::Component(component) => self.components.push(component),
            Item::Other => {}
        }
    }

    fn item(&self, sort: Sort, index: Index) -> Result<Item, Unreadable> {
        Ok(match sort {
            Sort::Module => Item::Module(get(&self.modules, index, "module")?.clone()),
            Sort::Func => Item::Func(get(&self.funcs, index, "function")?.clone()),
            Sort::Instance => Item::Instance(get(&self.instances, index, "instance")?.clone()),
            Sort::Component => Item::Component(get(&self.components, index, "component")?.clone()),
            Sort::Other => Item::Other,
        })
    }

    fn items(&self, named: &[Named<Sort>]) -> Result<HashMap<Rc<str>, Item>, Unreadable> {
        let items = named.iter();
        items
            .map(|(name, sort, index)| Ok((name.clone(), self.item(*sort, *index)?)))
            .collect()
    }

    fn core(&self, sort: CoreSort, index: Index) -> Result<CoreDef, Unreadable> {
        get(&self.core[sort as usize], index, "core item").cloned()
    }

    /// What an instance exports under a name.
    fn core_export(&self, instance: Index, name: &Rc<str>) -> Result<CoreDef, Unreadable> {
        match get(&self.core_instances, instance, "core instance")? {
            CoreInstance::Own(instance) => Ok(CoreDef::Export(*instance, name.clone())),
            CoreInstance::Exports(exports) => exports
                .get(name)
                .cloned()
                .ok_or_else(|| damaged(format!("an instance exports no `{name}`"))),
        }
    }

    fn crossing(
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

    fn scope(&self) -> Result<Rc<Scope>, Unreadable> {
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

    fn alias_outer(&mut self, sort: Sort, count: u32, index: Index) -> Result<(), Unreadable> {
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

struct Follower<'t> {
    tree: &'t Tree,
    live: Live,
    adapters: Adapters,
    steps: usize,
    core_instances: usize,
}

/// Follows the declarations of the outermost component.
pub(super) fn follow(tree: &Tree) -> Result<Live, Unreadable> {
    let mut follower = Follower {
        tree,
        live: Live {
            of_module: vec![0; tree.modules.len()],
            components: 1,
            ..Live::default()
        },
        adapters: Adapters::default(),
        steps: 0,
        core_instances: 0,
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
                let exports = std::mem::take(&mut frame.exports);
                frames.pop();
                match frames.last_mut() {
                    Some(parent) => {
                        parent.instances.push(InstanceItem::new(exports)?);
                    }
                    None => follower.exported(exports),
                }
            }
        }
    }
    let mut live = follower.live;
    live.adapters = follower.adapters.modules();
    Ok(live)
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
                let item = match is_outermost {
                    true => imported(*sort, name),
                    false => frame.args.get(name).cloned().unwrap_or(Item::Other),
                };
                if *sort != Sort::Other && matches!(item, Item::Other) {
                    return Err(damaged(format!("an instance is not given `{name}`")));
                }
                frame.push(item);
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
                let item = match get(&frame.instances, *instance, "instance")? {
                    InstanceItem::Imported(path) => imported(*sort, &inside(path, name)),
                    InstanceItem::Own(exports) => match (exports.items.get(name), sort) {
                        (Some(item), _) => item.clone(),
                        (None, Sort::Other) => Item::Other,
                        (None, _) => {
                            return Err(damaged(format!("an instance exports no `{name}`")));
                        }
                    },
                };
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
                self.live.crossings += 1;
                frame.funcs.push(FuncItem::Lifted(Rc::new(lifted)));
            }
            Step::Lower(func, options) => self.lower(frame, *func, options)?,
            Step::CoreFunc => {
                self.live.crossings += 1;
                frame.core[CoreSort::Func as usize].push(CoreDef::Host);
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
                self.live.of_module[*number] += 1;
                self.steps += own.imports.len();
                for (from, name) in &own.imports {
                    let instance = given.get(from);
                    let instance = instance
                        .ok_or_else(|| damaged(format!("a module is not given `{from}`")))?;
                    defs.push(frame.core_export(*instance, name)?);
                }
            }
            ModuleItem::Imported(path) => {
                self.live.of_imported += 1;
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
        self.adapters.instance(defs);
        frame
            .core_instances
            .push(CoreInstance::Own(self.core_instances));
        self.core_instances += 1;
        Ok(())
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
                let instance = usize::try_from(self.live.components).unwrap_or(usize::MAX);
                self.live.components += 1;
                let mut inner = Frame::new(own, instance, scope);
                inner.args = frame.items(args)?;
                self.steps += args.len();
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
        self.live.crossings += 1;
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
    fn exported(&mut self, exports: HashMap<Rc<str>, Item>) {
        let mut left: Vec<Item> = exports.into_values().collect();
        while let Some(item) = left.pop() {
            match item {
                Item::Func(FuncItem::Lifted(lifted)) => self.adapters.export(&lifted),
                Item::Instance(InstanceItem::Own(exports)) => {
                    self.steps += exports.items.len();
                    if self.steps <= STEPS {
                        left.extend(exports.items.values().cloned());
                    }
                }
                _ => {}
            }
        }
    }
}

/// The name of what an imported instance exports.
fn inside(path: &Path, name: &str) -> Path {
    match path.len() > 10 * NAMED {
        true => path.clone(),
        false => format!("{path}.{name}").into(),
    }
}

fn imported(sort: Sort, path: &Path) -> Item {
    match sort {
        Sort::Module => Item::Module(ModuleItem::Imported(path.clone())),
        Sort::Func => Item::Func(FuncItem::Imported),
        Sort::Instance => Item::Instance(InstanceItem::Imported(path.clone())),
        Sort::Component => Item::Component(ComponentItem::Imported(path.clone())),
        Sort::Other => Item::Other,
    }
}
