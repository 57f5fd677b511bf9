//! A program: for which target it was built, how it is loaded, which C library it needs. Only headers and small
//! sections are read, whatever the size of the file.

use std::fs::File;
use std::ops::Range;

use object::read::ReadCache;
use object::read::elf::{
    Dyn as _, FileHeader, ProgramHeader as _, SectionHeader as _, SectionTable,
};
use object::{Endianness, FileKind, elf, macho, pe};
use poolcfg_core::RelocationModel;
use target_lexicon::Triple;

use super::marks::{Marks, c_library, glibc, triple_of_elf};
use super::other_systems::{library, of_macho, of_pe};
use super::stream::Unreadable;

/// The largest table or section that is read as a whole.
const SECTION: u64 = 16 << 20;

/// The largest table of sections.
const SECTIONS: u64 = 4 << 20;

/// The longest path of a file.
const PATH: u64 = 4096;

/// How many versions of symbols are looked at.
const VERSIONS: usize = 10_000;

/// What is known of a program by its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The target triple as rustc names it; `None` if the file does not tell.
    pub(crate) target: Option<String>,
    pub(crate) relocation_model: RelocationModel,
    pub(crate) is_static: bool,
    /// The C library that it needs, such as `glibc 2.34`; `None` if it has its own, or needs none.
    pub(crate) c_library: Option<String>,
    /// Whether there is a sign of Wasmtime in it, be its version known or not.
    pub(crate) has_wasmtime: bool,
    /// Whether the list of cargo-auditable is there and cannot be read.
    pub(crate) has_damaged_list: bool,
    /// The dependencies that cargo-auditable has written, as they are packed.
    pub(super) auditable: Option<Vec<u8>>,
    /// Where its constants are in the file, so its texts; empty where the file does not tell.
    pub(super) constants: Vec<Range<u64>>,
}

impl Program {
    /// What is said of a list of crates that cannot be read.
    pub(crate) const DAMAGED_LIST: &str = "its list of crates, which cargo-auditable has written as the section `.dep-v0`, is damaged and was passed over";
}

/// Reads a program of a known kind.
pub(super) fn read(file: &File) -> Result<Program, Unreadable> {
    let cache = ReadCache::new(file);
    match FileKind::parse(&cache)? {
        FileKind::Elf32 => of_elf::<elf::FileHeader32<Endianness>>(&cache),
        FileKind::Elf64 => of_elf::<elf::FileHeader64<Endianness>>(&cache),
        FileKind::MachO32 => {
            of_macho::<macho::MachHeader32<Endianness>>(&cache).map(of_other_system)
        }
        FileKind::MachO64 => {
            of_macho::<macho::MachHeader64<Endianness>>(&cache).map(of_other_system)
        }
        FileKind::Pe32 => of_pe::<pe::ImageNtHeaders32>(&cache).map(of_other_system),
        FileKind::Pe64 => of_pe::<pe::ImageNtHeaders64>(&cache).map(of_other_system),
        _ => Err(Unreadable::NotKnown(
            "an object file of another kind".to_owned(),
        )),
    }
}

/// A program of another system, which is always loaded anywhere and with its system's library.
fn of_other_system(target: Option<Triple>) -> Program {
    Program {
        target: target.map(|triple| triple.to_string()),
        relocation_model: RelocationModel::Pie,
        is_static: false,
        c_library: None,
        has_wasmtime: false,
        has_damaged_list: false,
        auditable: None,
        constants: Vec::new(),
    }
}

fn of_elf<E: FileHeader<Endian = Endianness>>(
    file: &ReadCache<&File>,
) -> Result<Program, Unreadable> {
    let header = E::parse(file)?;
    let endian = header.endian()?;
    let mut marks = Marks {
        machine: header.e_machine(endian).0,
        flags: header.e_flags(endian).0,
        is_64_bit: header.is_class_64(),
        is_big_endian: header.is_big_endian(),
        os_abi: header.e_ident().os_abi.0,
        ..Marks::default()
    };
    if marks.os_abi == WASMTIME {
        let text = "code that Wasmtime has compiled: inspect the .wasm that it was compiled from";
        return Err(Unreadable::NotKnown(text.to_owned()));
    }
    let is_pie = match header.e_type(endian) {
        elf::ET_EXEC => false,
        elf::ET_DYN => true,
        _ => {
            return Err(Unreadable::NotKnown(
                "an ELF file that is no program".to_owned(),
            ));
        }
    };
    let Segments {
        has_pie_flag,
        is_dynamic,
        loaded,
    } = segments::<E>(header, endian, file, &mut marks)?;
    let is_dynamic = is_dynamic || marks.interpreter.is_some();
    if is_pie && marks.interpreter.is_none() && !has_pie_flag {
        return Err(library("ELF"));
    }
    let Sections {
        auditable,
        has_damaged_list,
        constants,
    } = sections::<E>(header, endian, file, &mut marks)?;
    Ok(Program {
        target: triple_of_elf(&marks).map(|triple| triple.to_string()),
        relocation_model: match is_pie {
            true => RelocationModel::Pie,
            false => RelocationModel::Static,
        },
        is_static: !is_dynamic,
        c_library: is_dynamic.then(|| c_library(&marks)).flatten(),
        has_wasmtime: false,
        has_damaged_list,
        auditable,
        constants: match constants.is_empty() {
            true => loaded,
            false => constants,
        },
    })
}

/// What the segments of a program say.
#[derive(Default)]
struct Segments {
    /// Whether the linker has marked it as position-independent.
    has_pie_flag: bool,
    /// Whether it needs a library.
    is_dynamic: bool,
    /// What of the file is loaded.
    loaded: Vec<Range<u64>>,
}

fn segments<E: FileHeader<Endian = Endianness>>(
    header: &E,
    endian: Endianness,
    file: &ReadCache<&File>,
    marks: &mut Marks,
) -> Result<Segments, Unreadable> {
    let mut segments = Segments::default();
    let mut has_dynamic = false;
    for segment in header.program_headers(endian, file)? {
        let size: u64 = segment.p_filesz(endian).into();
        let kind = segment.p_type(endian);
        if kind == elf::PT_LOAD {
            let (from, size) = segment.file_range(endian);
            segments.loaded.push(from..from.saturating_add(size));
        }
        // Of each there is one.
        if kind == elf::PT_INTERP && marks.interpreter.is_none() && size <= PATH {
            let path = segment.interpreter(endian, file)?;
            marks.interpreter = path.map(text);
        }
        if kind == elf::PT_DYNAMIC && !has_dynamic && size <= SECTION {
            has_dynamic = true;
            let entries = segment.dynamic(endian, file)?;
            for entry in entries.into_iter().flatten() {
                let value: u64 = entry.d_val(endian).into();
                match entry.d_tag(endian) {
                    elf::DT_FLAGS_1 => segments.has_pie_flag = value & DF_1_PIE != 0,
                    elf::DT_NEEDED => segments.is_dynamic = true,
                    _ => {}
                }
            }
        }
    }
    Ok(segments)
}

/// How Wasmtime marks the ELF files that it compiles. Source: crates/environ/src/obj.rs, `ELFOSABI_WASMTIME` (v48).
const WASMTIME: u8 = 200;

/// `DF_1_PIE` of elf.h.
const DF_1_PIE: u64 = 0x0800_0000;

fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// What sections hold.
#[derive(Default)]
struct Sections {
    auditable: Option<Vec<u8>>,
    has_damaged_list: bool,
    constants: Vec<Range<u64>>,
}

/// Takes down what the sections tell. A file without sections tells less, and is no worse for it.
fn sections<'d, E: FileHeader<Endian = Endianness>>(
    header: &'d E,
    endian: Endianness,
    file: &'d ReadCache<&File>,
    marks: &mut Marks,
) -> Result<Sections, Unreadable> {
    let mut found = Sections::default();
    let count = u64::from(header.shnum(endian, file)?);
    if count.saturating_mul(64) > SECTIONS {
        return Err(Unreadable::TooLarge(format!(
            "more than {} sections",
            SECTIONS / 64
        )));
    }
    let Ok(table) = header.sections(endian, file) else {
        return Ok(found);
    };
    for section in table.iter() {
        let size: u64 = section.sh_size(endian).into();
        let name = table.section_name(endian, section).unwrap_or_default();
        match name {
            b".note.ABI-tag" => marks.has_abi_tag = true,
            b".note.openbsd.ident"
            | b".note.netbsd.ident"
            | b".note.tag"
            | b".note.android.ident" => {
                marks.notes.push(text(name));
            }
            b".dep-v0" if size > SECTION => found.has_damaged_list = true,
            b".dep-v0" if found.auditable.is_none() => {
                let data = section.data(endian, file).ok();
                found.has_damaged_list |= data.is_none();
                found.auditable = data.map(<[u8]>::to_vec);
            }
            _ => {}
        }
        let flags = section.sh_flags(endian);
        let is_loaded = flags.contains(elf::SHF_ALLOC) && !flags.contains(elf::SHF_EXECINSTR);
        if is_loaded
            && section.sh_type(endian) == elf::SHT_PROGBITS
            && let Some((from, size)) = section.file_range(endian)
        {
            found.constants.push(from..from.saturating_add(size));
        }
    }
    libraries::<E>(&table, endian, file, marks);
    Ok(found)
}

/// Takes down the libraries that are needed, and the newest version of glibc.
fn libraries<'d, 'f, E: FileHeader<Endian = Endianness>>(
    table: &SectionTable<'d, E, &'d ReadCache<&'f File>>,
    endian: Endianness,
    file: &'d ReadCache<&'f File>,
    marks: &mut Marks,
) {
    let is_small = table.iter().all(|section| {
        let is_read = matches!(
            section.sh_type(endian),
            elf::SHT_DYNAMIC | elf::SHT_GNU_VERNEED
        );
        !is_read || section.sh_size(endian).into() <= SECTION
    });
    if !is_small {
        return;
    }
    if let Ok(Some((entries, link))) = table.dynamic(endian, file)
        && let Ok(strings) = table.strings(endian, file, link)
    {
        for entry in entries
            .iter()
            .filter(|entry| entry.d_tag(endian) == elf::DT_NEEDED)
        {
            let value: u64 = entry.d_val(endian).into();
            if let Ok(name) = u32::try_from(value).map(|at| strings.get(at))
                && let Ok(name) = name
            {
                marks.libraries.push(text(name));
            }
        }
    }
    if let Ok(Some((mut needs, link))) = table.gnu_verneed(endian, file)
        && let Ok(strings) = table.strings(endian, file, link)
    {
        let mut left = VERSIONS;
        while left > 0
            && let Ok(Some((_, mut versions))) = needs.next()
        {
            while left > 0
                && let Ok(Some(version)) = versions.next()
            {
                left -= 1;
                let name = version.name(endian, strings).map(text).unwrap_or_default();
                marks.glibc = marks.glibc.max(glibc(&name));
            }
        }
    }
}
