//! The file system that a kernel boots into: an archive in the format `newc`, as the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst describes it.

use std::fs;
use std::path::PathBuf;

use poolcfg_tests::variable;
use poolcfg_tests_kernels::Program;

use crate::kernel::Architecture;
use crate::programs;

const FOLDER: u32 = 0o40_755;
const PROGRAM: u32 = 0o100_755;
const DEVICE: u32 = 0o20_600;

/// The files of one kernel: its init, the libraries that a PIE loads, and what is added.
pub(crate) struct Image {
    architecture: &'static Architecture,
    archive: Archive,
}

impl Image {
    /// What every kernel gets. The init is built.
    pub(crate) fn new(architecture: &'static Architecture) -> Self {
        let mut archive = Archive::default();
        for folder in ["dev", "lib", "proc", "sys", "tmp"] {
            archive.add(folder, FOLDER, (0, 0), &[]);
        }
        // Documentation/admin-guide/devices.txt.
        archive.add("dev/console", DEVICE, (5, 1), &[]);
        archive.add("dev/null", DEVICE, (1, 3), &[]);
        let folder = if architecture.native { "lib64" } else { "lib" };
        if architecture.native {
            archive.add(folder, FOLDER, (0, 0), &[]);
        }
        for (name, bytes) in programs::libraries(architecture) {
            let folder = match name == architecture.interpreter {
                true => folder,
                false => "lib",
            };
            archive.add(&format!("{folder}/{name}"), PROGRAM, (0, 0), &bytes);
        }
        let init = programs::build(architecture, "kernel-init", Program::Static);
        Self {
            architecture,
            archive,
        }
        .file("init", &init)
    }

    /// Adds a folder.
    pub(crate) fn folder(mut self, name: &str) -> Self {
        self.archive.add(name, FOLDER, (0, 0), &[]);
        self
    }

    /// Adds a file that can be run.
    pub(crate) fn file(mut self, name: &str, bytes: &[u8]) -> Self {
        self.archive.add(name, PROGRAM, (0, 0), bytes);
        self
    }

    /// Writes the archive and gives its path.
    pub(crate) fn write(mut self, name: &str) -> PathBuf {
        self.archive.add("TRAILER!!!", 0, (0, 0), &[]);
        let file = format!("{}-{name}.cpio", self.architecture.name);
        let file = variable("POOLCFG_KERNELS_TARGET").join(file);
        fs::write(&file, self.archive.bytes).unwrap();
        file
    }
}

#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    files: u32,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.files += 1;
        let length = |bytes: usize| u32::try_from(bytes).unwrap();
        let fields = [
            self.files,
            mode,
            0,
            0,
            1,
            0,
            length(content.len()),
            0,
            0,
            device.0,
            device.1,
            length(name.len() + 1),
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08X}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}
