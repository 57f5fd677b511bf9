//! Programs of other systems than those that use ELF.

use std::fs::File;

use object::read::ReadCache;
use object::read::pe::ImageOptionalHeader as _;
use object::{Endianness, LittleEndian, macho, pe};
use target_lexicon::{
    Aarch64Architecture, Architecture, BinaryFormat, Environment, OperatingSystem, Triple, Vendor,
    X86_32Architecture,
};

use super::marks::triple;
use super::stream::Unreadable;

/// Why a library is not looked into: where it is loaded is up to the program, whose Wasmtime may be another.
pub(super) fn library(kind: &str) -> Unreadable {
    Unreadable::NotKnown(format!(
        "a shared library ({kind}), and not a program: inspect the program that loads it"
    ))
}

/// The target of a program for macOS; `None` if it is no known one.
pub(super) fn of_macho<M: object::read::macho::MachHeader<Endian = Endianness>>(
    file: &ReadCache<&File>,
) -> Result<Option<Triple>, Unreadable> {
    let header = M::parse(file, 0)?;
    let endian = header.endian()?;
    match header.filetype(endian) {
        macho::MH_EXECUTE => {}
        macho::MH_DYLIB | macho::MH_BUNDLE | macho::MH_DYLIB_STUB => return Err(library("Mach-O")),
        _ => {
            let text = "a Mach-O file that is no program".to_owned();
            return Err(Unreadable::NotKnown(text));
        }
    }
    let architecture = match header.cputype(endian) {
        macho::CPU_TYPE_X86_64 => Some(Architecture::X86_64),
        macho::CPU_TYPE_ARM64 => Some(Architecture::Aarch64(Aarch64Architecture::Aarch64)),
        _ => None,
    };
    Ok(architecture.map(|architecture| {
        let system = OperatingSystem::Darwin(None);
        triple(
            architecture,
            Vendor::Apple,
            system,
            Environment::Unknown,
            BinaryFormat::Macho,
        )
    }))
}

/// What the firmware runs, and no system.
const FOR_FIRMWARE: [pe::Subsystem; 4] = [
    pe::IMAGE_SUBSYSTEM_EFI_APPLICATION,
    pe::IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER,
    pe::IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER,
    pe::IMAGE_SUBSYSTEM_EFI_ROM,
];

/// The target of a program for Windows; `None` if it is no known one.
pub(super) fn of_pe<H: object::read::pe::ImageNtHeaders>(
    file: &ReadCache<&File>,
) -> Result<Option<Triple>, Unreadable> {
    let dos = pe::ImageDosHeader::parse(file)?;
    let mut offset = dos.nt_headers_offset().into();
    let (headers, _) = H::parse(file, &mut offset)?;
    // The kernels of Linux, too, have such headers, for the firmware that starts them.
    let subsystem = headers.optional_header().subsystem();
    if FOR_FIRMWARE.contains(&subsystem) {
        return Err(Unreadable::NotKnown(
            "a program for EFI firmware, such as a kernel or a boot loader".to_owned(),
        ));
    }
    let flags = headers.file_header().characteristics.get(LittleEndian);
    if flags.contains(pe::IMAGE_FILE_DLL) {
        return Err(library("PE"));
    }
    let architecture = match headers.file_header().machine.get(LittleEndian) {
        pe::IMAGE_FILE_MACHINE_AMD64 => Some(Architecture::X86_64),
        pe::IMAGE_FILE_MACHINE_ARM64 => Some(Architecture::Aarch64(Aarch64Architecture::Aarch64)),
        pe::IMAGE_FILE_MACHINE_I386 => Some(Architecture::X86_32(X86_32Architecture::I686)),
        _ => None,
    };
    Ok(architecture.map(|architecture| {
        let (system, environment) = (OperatingSystem::Windows, Environment::Msvc);
        triple(
            architecture,
            Vendor::Pc,
            system,
            environment,
            BinaryFormat::Coff,
        )
    }))
}
