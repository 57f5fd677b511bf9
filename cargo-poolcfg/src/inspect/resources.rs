//! Resources: types of a component of which each has a place in its bookkeeping.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternName, ComponentImport, ComponentType,
    ComponentTypeRef, CoreType, TypeBounds,
};

use super::stream::{Section, Unreadable, damaged};

/// How deep types may lie in each other: whoever reads them goes as deep, the validator, too.
const DEPTH: usize = 100;

/// How many resources types speak of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resources {
    /// What the component makes.
    pub(super) own: u64,
    /// What an import of such a type brings along, if there is one.
    pub(super) imported: u64,
}

/// Reads a section of types.
pub(super) fn in_types(section: &Section) -> Result<Resources, Unreadable> {
    let mut found = Resources::default();
    let mut reader = section.reader();
    let count = reader.read_var_u32().map_err(|error| damaged(&error))?;
    for _ in 0..count {
        found.read(&mut reader, 0)?;
    }
    Ok(found)
}

/// Whether something that is imported or exported is a resource.
pub(super) const fn is_resource(ty: ComponentTypeRef) -> bool {
    matches!(ty, ComponentTypeRef::Type(TypeBounds::SubResource))
}

impl Resources {
    /// Reads one type, so far inside others.
    fn read(&mut self, reader: &mut BinaryReader<'_>, depth: usize) -> Result<(), Unreadable> {
        if depth > DEPTH {
            return Err(Unreadable::TooLarge(format!(
                "more than {DEPTH} types inside each other"
            )));
        }
        let mut inside = reader.clone();
        match inside.read_u8().map_err(|error| damaged(&error))? {
            // Of components and of instances.
            0x41 | 0x42 => {
                let count = inside.read_var_u32().map_err(|error| damaged(&error))?;
                for _ in 0..count {
                    self.declaration(&mut inside, depth)?;
                }
                *reader = inside;
            }
            id => {
                pass::<ComponentType<'_>>(reader)?;
                self.own += u64::from(id == 0x3f);
            }
        }
        Ok(())
    }

    /// Reads what a type of a component or of an instance consists of.
    fn declaration(
        &mut self,
        reader: &mut BinaryReader<'_>,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let at = reader.original_position();
        match reader.read_u8().map_err(|error| damaged(&error))? {
            0 => pass::<CoreType<'_>>(reader)?,
            1 => self.read(reader, depth + 1)?,
            2 => pass::<ComponentAlias<'_>>(reader)?,
            3 => pass::<ComponentImport<'_>>(reader)?,
            4 => {
                pass::<ComponentExternName<'_>>(reader)?;
                let ty = reader.read().map_err(|error| damaged(&error))?;
                self.imported += u64::from(is_resource(ty));
            }
            id => {
                return Err(Unreadable::Damaged(
                    format!("an unknown declaration {id} in a type"),
                    u64::try_from(at).unwrap_or(u64::MAX),
                ));
            }
        }
        Ok(())
    }
}

fn pass<'r, T: wasmparser::FromReader<'r>>(
    reader: &mut BinaryReader<'r>,
) -> Result<(), Unreadable> {
    let read: Result<T, _> = reader.read();
    read.map(drop).map_err(|error| damaged(&error))
}
