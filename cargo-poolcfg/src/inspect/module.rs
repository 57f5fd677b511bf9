//! A module: what it declares, and what of it an instance takes from a pool.

use std::io::{Read, Seek};
use std::rc::Rc;

use wasmparser::{
    CompositeInnerType, ElementItems, ElementKind, Import, MemoryType, Operator, SectionLimited,
    TableType, TypeRef,
};

use super::code::{self, Collected};
use super::declared::{
    Between, CoreSort, Functions, Imported, Kind, Memory, Table, is_collected, is_of_collected,
};
use super::limits::{EngineLimit, KeptRoom};
use super::stream::{Section, Stream, Unreadable, damaged};

/// A module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Module {
    /// The memories that an instance of it has of its own.
    pub(crate) memories: Vec<Memory>,
    /// The tables that an instance of it has of its own.
    pub(crate) tables: Vec<Table>,
    /// The memories and tables that it shares with somebody else.
    pub(crate) imported: Vec<Imported>,
    /// Whether it has a table of values that are collected.
    table_has_heap: bool,
    /// Whether what is compiled of it needs a heap: its functions, and what sets up its globals, segments and tables with
    /// an initial value. Of a component all is compiled together, and every module of it then has a heap made. Source:
    /// `needs_gc_heap` in crates/wasmtime/src/compile.rs (v36 to v50).
    pub(crate) code_has_heap: bool,
    /// The bytes of its data segments.
    pub(crate) data: u64,
    /// What its imports are called.
    pub(super) imports: Vec<(Rc<str>, Rc<str>)>,
    functions: Functions,
    collected: Collected,
    imported_tables: u64,
    imported_memories: u64,
    imported_globals: u64,
    imported_tags: u64,
    globals: u64,
    tags: u64,
    segments: u64,
}

/// Reads a module whose first eight bytes were read, up to `end`. `room` is for the names of its imports, which are kept
/// where something else in the file may provide them.
pub(super) fn read<F: Read + Seek>(
    stream: &mut Stream<F>,
    end: u64,
    mut room: Option<&mut KeptRoom>,
) -> Result<Module, Unreadable> {
    let mut module = Module::default();
    // What each of its types is of.
    let mut kinds = Vec::new();
    while stream.at() < end {
        let at = stream.at();
        let id = stream.byte(end)?;
        let length = stream.number(end)?;
        let section_end = stream.at() + u64::from(length);
        if section_end > end {
            return Err(Unreadable::Damaged(
                format!("a section of {length} bytes goes beyond the end"),
                at,
            ));
        }
        match id {
            1 => types(&stream.section(section_end)?, &mut kinds)?,
            2 => module.imports(&stream.section(section_end)?, &kinds, room.as_deref_mut())?,
            4 => module.tables(&stream.section(section_end)?, &kinds)?,
            5 => module.memories(&stream.section(section_end)?)?,
            6 => module.globals(&stream.section(section_end)?, &kinds)?,
            7 => module.exports(&stream.section(section_end)?)?,
            9 => module.elements(&stream.section(section_end)?, &kinds)?,
            11 => module.data(stream, section_end)?,
            13 => module.tags(&stream.section(section_end)?)?,
            0 => stream.skip_custom(at, section_end)?,
            10 => {
                let needs_heap = code::needs_heap(stream, section_end, &module.collected)?;
                module.code_has_heap |= needs_heap;
            }
            // The types of functions, the start, and how many segments there are.
            3 | 8 | 12 => stream.skip(section_end - stream.at(), section_end)?,
            _ => return Err(Unreadable::Damaged(format!("an unknown section {id}"), at)),
        }
    }
    module.functions.close();
    Ok(module)
}

/// The index of what follows so many others; `None` if none can have it.
fn index(others: u64) -> Option<u32> {
    u32::try_from(others).ok()
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

/// The entries of a section, of which there may be so many where there were `had` before.
fn entries<'s, T: wasmparser::FromReader<'s>>(
    section: &'s Section,
    limit: EngineLimit,
    had: u64,
) -> Result<impl Iterator<Item = Result<T, Unreadable>>, Unreadable> {
    let reader = SectionLimited::<T>::new(section.reader()).map_err(|error| damaged(&error))?;
    limit.check(had.saturating_add(reader.count().into()))?;
    Ok(reader
        .into_iter()
        .map(|entry| entry.map_err(|error| damaged(&error))))
}

/// Takes down what each type is of.
fn types(section: &Section, kinds: &mut Vec<Kind>) -> Result<(), Unreadable> {
    for group in entries::<wasmparser::RecGroup>(section, EngineLimit::Types, 0)? {
        let group = group?;
        let types = count(kinds.len()).saturating_add(count(group.types().len()));
        EngineLimit::Types.check(types)?;
        for ty in group.types() {
            kinds.push(match ty.composite_type.inner {
                CompositeInnerType::Array(_) | CompositeInnerType::Struct(_) => Kind::Collected,
                CompositeInnerType::Cont(_) => Kind::Cont,
                CompositeInnerType::Func(_) => Kind::Func,
            });
        }
    }
    Ok(())
}

impl Module {
    /// Whether a heap takes the place of a memory, be it in some versions of Wasmtime only. Source: where `needs_gc_heap` is
    /// set in crates/environ and crates/cranelift (v36, v43, v48 to v50).
    pub(crate) const fn has_heap(&self) -> bool {
        self.table_has_heap || self.code_has_heap
    }

    fn imports(
        &mut self,
        section: &Section,
        types: &[Kind],
        mut room: Option<&mut KeptRoom>,
    ) -> Result<(), Unreadable> {
        let reader = SectionLimited::<wasmparser::Imports<'_>>::new(section.reader());
        let reader = reader.map_err(|error| damaged(&error))?;
        // An entry may be of several imports.
        for (imports, import) in (1..).zip(reader.into_imports()) {
            EngineLimit::Imports.check(imports)?;
            let import = import.map_err(|error| damaged(&error))?;
            if let Some(room) = &mut room {
                room.take(1)?;
                // Most are of the same as the one before.
                let last = self.imports.last().map(|(from, _)| from);
                let from = last.filter(|from| &***from == import.module).cloned();
                let from = from.unwrap_or_else(|| import.module.into());
                self.imports.push((from, import.name.into()));
            }
            self.import(&import, types)?;
        }
        Ok(())
    }

    fn import(&mut self, import: &Import<'_>, types: &[Kind]) -> Result<(), Unreadable> {
        let name = || format!("{}.{}", import.module, import.name);
        match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions.import(),
            TypeRef::Table(table) => {
                if is_collected(table.element_type, types) {
                    self.collected.tables.extend(index(self.imported_tables));
                }
                self.imported_tables += 1;
                EngineLimit::Tables.check(self.imported_tables)?;
                self.imported.push(Imported {
                    name: name(),
                    what: "table",
                    minimum: table.initial,
                    is_shared: table.shared,
                    is_64_bit: false,
                });
            }
            TypeRef::Memory(memory) => {
                self.imported_memories += 1;
                EngineLimit::Memories.check(self.imported_memories)?;
                let of = Memory::new(&memory)?;
                self.imported.push(Imported {
                    name: name(),
                    what: "memory",
                    minimum: of.minimum,
                    is_shared: of.is_shared,
                    is_64_bit: of.is_64_bit,
                });
            }
            TypeRef::Global(global) => {
                if is_of_collected(global.content_type, types) {
                    self.collected.globals.extend(index(self.imported_globals));
                }
                self.imported_globals += 1;
            }
            TypeRef::Tag(_) => self.imported_tags += 1,
        }
        Ok(())
    }

    fn tables(&mut self, section: &Section, types: &[Kind]) -> Result<(), Unreadable> {
        for table in
            entries::<wasmparser::Table<'_>>(section, EngineLimit::Tables, self.imported_tables)?
        {
            let table = table?;
            if let wasmparser::TableInit::Expr(expression) = &table.init {
                self.code_has_heap |= is_collected(table.ty.element_type, types);
                self.called(expression)?;
            }
            self.table(&table.ty, types);
        }
        Ok(())
    }

    fn table(&mut self, table: &TableType, types: &[Kind]) {
        if is_collected(table.element_type, types) {
            self.table_has_heap = true;
            let number = self
                .imported_tables
                .saturating_add(count(self.tables.len()));
            self.collected.tables.extend(index(number));
        }
        self.tables.push(Table::new(table, types));
    }

    fn memories(&mut self, section: &Section) -> Result<(), Unreadable> {
        for memory in entries::<MemoryType>(section, EngineLimit::Memories, self.imported_memories)?
        {
            self.memories.push(Memory::new(&memory?)?);
        }
        Ok(())
    }

    fn globals(&mut self, section: &Section, types: &[Kind]) -> Result<(), Unreadable> {
        for global in
            entries::<wasmparser::Global<'_>>(section, EngineLimit::Globals, self.imported_globals)?
        {
            let global = global?;
            self.globals += 1;
            self.code_has_heap |= is_of_collected(global.ty.content_type, types);
            self.called(&global.init_expr)?;
        }
        Ok(())
    }

    fn tags(&mut self, section: &Section) -> Result<(), Unreadable> {
        for tag in entries::<wasmparser::TagType>(section, EngineLimit::Tags, self.imported_tags)? {
            tag?;
            self.tags += 1;
        }
        Ok(())
    }

    fn exports(&mut self, section: &Section) -> Result<(), Unreadable> {
        for export in entries::<wasmparser::Export<'_>>(section, EngineLimit::Exports, 0)? {
            let export = export?;
            if CoreSort::of(export.kind) == CoreSort::Func {
                self.functions.escape(export.index);
            }
        }
        Ok(())
    }

    fn elements(&mut self, section: &Section, types: &[Kind]) -> Result<(), Unreadable> {
        for element in entries::<wasmparser::Element<'_>>(section, EngineLimit::ElementSegments, 0)?
        {
            let element = element?;
            if !matches!(element.kind, ElementKind::Active { .. }) {
                self.segments += 1;
            }
            match element.items {
                ElementItems::Functions(functions) => {
                    for function in functions {
                        self.functions
                            .escape(function.map_err(|error| damaged(&error))?);
                    }
                }
                ElementItems::Expressions(ty, expressions) => {
                    // What is declared is nowhere.
                    let is_there = !matches!(element.kind, ElementKind::Declared);
                    let is_empty = expressions.count() == 0;
                    self.code_has_heap |= is_there && !is_empty && is_collected(ty, types);
                    for expression in expressions {
                        self.called(&expression.map_err(|error| damaged(&error))?)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes down the functions that an expression refers to.
    fn called(&mut self, expression: &wasmparser::ConstExpr<'_>) -> Result<(), Unreadable> {
        for operator in expression.get_operators_reader() {
            if let Operator::RefFunc { function_index } =
                operator.map_err(|error| damaged(&error))?
            {
                self.functions.escape(function_index);
            }
        }
        Ok(())
    }

    /// Segments of data may be of any size: they are passed over one by one.
    fn data<F: Read + Seek>(&mut self, stream: &mut Stream<F>, end: u64) -> Result<(), Unreadable> {
        let count = stream.number(end)?;
        EngineLimit::DataSegments.check(count.into())?;
        for _ in 0..count {
            let at = stream.at();
            match stream.number(end)? {
                0 => stream.skip_expression(end)?,
                1 => {}
                2 => {
                    stream.number(end)?;
                    stream.skip_expression(end)?;
                }
                _ => {
                    let text = "an unknown kind of data segment".to_owned();
                    return Err(Unreadable::Damaged(text, at));
                }
            }
            self.segments += 1;
            let bytes = u64::from(stream.number(end)?);
            stream.skip(bytes, end)?;
            self.data += bytes;
        }
        if stream.at() != end {
            let text = "data follows the last segment".to_owned();
            return Err(Unreadable::Damaged(text, stream.at()));
        }
        Ok(())
    }

    /// The bytes of an instance's bookkeeping on a machine of 64 bits, which `max_core_instance_size` bounds: between
    /// what all known versions have at least and at most. Source: crates/environ/src/vmoffsets.rs and `Instance` in
    /// crates/wasmtime/src/runtime/vm/instance.rs (v13, v19, v24, v28, v36, v43, v48, v50).
    pub(crate) fn instance_size(&self) -> Between {
        [
            // The struct, and what every context begins with.
            Between::of(1, 128, 1024),
            Between::of(self.imported_memories, 24, 24),
            Between::of(count(self.memories.len()), 24, 24),
            Between::of(self.functions.imported, 24, 32),
            Between::of(self.imported_tables, 16, 24),
            Between::of(self.imported_globals, 8, 24),
            Between::of(self.imported_tags, 8, 24),
            Between::of(count(self.tables.len()), 16, 16),
            Between::of(self.globals, 16, 16),
            Between::of(self.tags, 4, 4),
            // A function had a pointer more up to 23.
            Between::of(self.functions.escaped, 32, 40),
            Between::of(self.segments, 0, 16),
        ]
        .into_iter()
        .fold(Between::default(), Between::plus)
    }
}
