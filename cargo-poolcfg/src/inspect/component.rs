//! A component as it is written: what it declares, in order, with the modules and components inside it.

use std::io::{Read, Seek};

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, FromReader, Instance, SectionLimited,
};

use super::declared::CoreSort;
use super::limits::{EngineLimit, KeptRoom};
use super::module::{self, Module};
use super::options;
use super::resources::{self, Resources};
use super::steps::{Component, Sort, Step, index};
use super::stream::{Section, Stream, Unreadable, damaged};

/// How deep components may be nested.
const DEPTH: usize = 1000;

/// How many modules and components there may be in all.
const INSIDE: usize = 20_000;

/// A component with all that is inside it; the first of the components is the outermost.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
    pub(super) components: Vec<Component>,
}

impl Tree {
    /// How many modules and components are inside it.
    fn inside(&self) -> usize {
        self.modules.len() + self.components.len()
    }
}

/// Reads a component whose first eight bytes were read, up to `end`.
pub(super) fn read<F: Read + Seek>(stream: &mut Stream<F>, end: u64) -> Result<Tree, Unreadable> {
    let mut tree = Tree::default();
    let mut room = KeptRoom::default();
    tree.components.push(Component::default());
    // The components that are open, with where they end: nesting takes no stack.
    let mut open = vec![(0, end)];
    while let Some((current, end)) = open.last().copied() {
        if stream.at() >= end {
            open.pop();
            continue;
        }
        let at = stream.at();
        let id = stream.byte(end)?;
        let length = stream.number(end)?;
        let section_end = stream.at() + u64::from(length);
        if section_end > end {
            let text = format!("a section of {length} bytes goes beyond the end");
            return Err(Unreadable::Damaged(text, at));
        }
        match id {
            1 => {
                header(stream, section_end, MODULE)?;
                EngineLimit::Modules.check(tree.components[current].had.module())?;
                bounded("modules and components", tree.inside(), INSIDE)?;
                room.take(1)?;
                let module = module::read(stream, section_end, Some(&mut room))?;
                tree.components[current]
                    .steps
                    .push(Step::Module(tree.modules.len()));
                tree.modules.push(module);
            }
            4 => {
                header(stream, section_end, COMPONENT)?;
                EngineLimit::Components.check(tree.components[current].had.component())?;
                bounded("modules and components", tree.inside(), INSIDE)?;
                room.take(1)?;
                bounded("components inside each other", open.len(), DEPTH)?;
                let inner = tree.components.len();
                tree.components[current].steps.push(Step::Component(inner));
                tree.components.push(Component::default());
                open.push((inner, section_end));
            }
            0 => stream.skip_custom(at, section_end)?,
            // Core types say nothing that is of use here.
            3 | 9 => stream.skip(section_end - stream.at(), section_end)?,
            2 | 5..=8 | 10 | 11 => {
                let section = stream.section(section_end)?;
                if declarations(id, &section, &mut tree.components[current], &mut room)? {
                    for (around, _) in &open {
                        tree.components[*around].looks_out = true;
                    }
                }
            }
            _ => return Err(Unreadable::Damaged(format!("an unknown section {id}"), at)),
        }
    }
    Ok(tree)
}

/// What a module begins with.
pub(super) const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// What a component begins with.
pub(super) const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

fn header<F: Read + Seek>(
    stream: &mut Stream<F>,
    end: u64,
    expected: [u8; 8],
) -> Result<(), Unreadable> {
    let at = stream.at();
    let mut found = [0; 8];
    stream.fill(&mut found, end)?;
    if found == expected {
        return Ok(());
    }
    let text = "neither a module nor a component of the known version".to_owned();
    Err(Unreadable::Damaged(text, at))
}

fn bounded(what: &str, count: usize, most: usize) -> Result<(), Unreadable> {
    match count < most {
        true => Ok(()),
        false => Err(Unreadable::TooLarge(format!("more than {most} {what}"))),
    }
}

/// Takes down the declarations of a section; whether one is of a component around this one.
fn declarations(
    id: u8,
    section: &Section,
    component: &mut Component,
    room: &mut KeptRoom,
) -> Result<bool, Unreadable> {
    if let 2 | 5 = id {
        let count = SectionLimited::<Instance<'_>>::new(section.reader());
        let count = count.map_err(|error| damaged(&error))?.count();
        EngineLimit::Instances.check(component.had.instances(count))?;
    }
    let steps = &mut component.steps;
    let mut looks_out = false;
    match id {
        2 => each(section, room, |instance: Instance<'_>| {
            steps.push(core_instance(instance));
        })?,
        5 => each(section, room, |instance: ComponentInstance<'_>| {
            steps.push(component_instance(instance));
        })?,
        6 => each(section, room, |alias: ComponentAlias<'_>| {
            let step = aliased(alias);
            looks_out |= matches!(step, Some(Step::AliasOuter(_, 1.., _)));
            steps.extend(step);
        })?,
        7 => steps.push(Step::Resources(resources::in_types(section)?)),
        8 => each(section, room, |function: CanonicalFunction| {
            steps.push(options::canonical(function));
        })?,
        10 => each(section, room, |import: wasmparser::ComponentImport<'_>| {
            let sort = match import.ty {
                ComponentTypeRef::Module(_) => Sort::Module,
                ComponentTypeRef::Func(_) => Sort::Func,
                ComponentTypeRef::Instance(_) => Sort::Instance,
                ComponentTypeRef::Component(_) => Sort::Component,
                ComponentTypeRef::Value(_) | ComponentTypeRef::Type(_) => Sort::Other,
            };
            steps.push(Step::Import(import.name.name.into(), sort));
            if resources::is_resource(import.ty) {
                let (own, imported) = (0, 1);
                steps.push(Step::Resources(Resources { own, imported }));
            }
        })?,
        _ => each(section, room, |export: wasmparser::ComponentExport<'_>| {
            let sort = Sort::of(export.kind);
            steps.push(Step::Export(
                export.name.name.into(),
                sort,
                index(export.index),
            ));
        })?,
    }
    Ok(looks_out)
}

fn each<'s, T: Weight + FromReader<'s>>(
    section: &'s Section,
    room: &mut KeptRoom,
    mut take: impl FnMut(T),
) -> Result<(), Unreadable> {
    let reader = SectionLimited::<T>::new(section.reader()).map_err(|error| damaged(&error))?;
    for entry in reader {
        let entry = entry.map_err(|error| damaged(&error))?;
        room.take(entry.weight())?;
        take(entry);
    }
    Ok(())
}

/// How many declarations one is worth.
trait Weight {
    fn weight(&self) -> usize {
        1
    }
}

impl Weight for ComponentAlias<'_> {}
impl Weight for CanonicalFunction {}
impl Weight for wasmparser::ComponentImport<'_> {}
impl Weight for wasmparser::ComponentExport<'_> {}

impl Weight for Instance<'_> {
    fn weight(&self) -> usize {
        1 + match self {
            Self::Instantiate { args, .. } => args.len(),
            Self::FromExports(exports) => exports.len(),
        }
    }
}

impl Weight for ComponentInstance<'_> {
    fn weight(&self) -> usize {
        1 + match self {
            Self::Instantiate { args, .. } => args.len(),
            Self::FromExports(exports) => exports.len(),
        }
    }
}

fn core_instance(instance: Instance<'_>) -> Step {
    match instance {
        Instance::Instantiate { module_index, args } => {
            let args = args.iter().map(|arg| (arg.name.into(), index(arg.index)));
            Step::Instantiate(index(module_index), args.collect())
        }
        Instance::FromExports(exports) => {
            let exports = exports.iter().map(|export| {
                let sort = CoreSort::of(export.kind);
                (export.name.into(), sort, index(export.index))
            });
            Step::CoreExports(exports.collect())
        }
    }
}

fn component_instance(instance: ComponentInstance<'_>) -> Step {
    match instance {
        ComponentInstance::Instantiate {
            component_index,
            args,
        } => {
            let args = args
                .iter()
                .map(|arg| (arg.name.into(), Sort::of(arg.kind), index(arg.index)));
            Step::InstantiateComponent(index(component_index), args.collect())
        }
        ComponentInstance::FromExports(exports) => {
            let exports = exports.iter().map(|export| {
                let sort = Sort::of(export.kind);
                (export.name.name.into(), sort, index(export.index))
            });
            Step::Exports(exports.collect())
        }
    }
}

fn aliased(alias: ComponentAlias<'_>) -> Option<Step> {
    match alias {
        ComponentAlias::InstanceExport {
            kind,
            instance_index,
            name,
        } => Some(Step::AliasExport(
            Sort::of(kind),
            index(instance_index),
            name.into(),
        )),
        ComponentAlias::CoreInstanceExport {
            kind,
            instance_index,
            name,
        } => Some(Step::AliasCore(
            CoreSort::of(kind),
            index(instance_index),
            name.into(),
        )),
        ComponentAlias::Outer {
            kind,
            count,
            index: at,
        } => {
            let sort = match kind {
                ComponentOuterAliasKind::CoreModule => Sort::Module,
                ComponentOuterAliasKind::Component => Sort::Component,
                ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => return None,
            };
            Some(Step::AliasOuter(sort, count, index(at)))
        }
    }
}
