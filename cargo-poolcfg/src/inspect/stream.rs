//! A file that is read from its beginning to its end, with no more of it in memory than one section of declarations or
//! one function.

use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use poolcfg_core::Code;
use wasmparser::BinaryReader;

use crate::cli::error::Error;
use crate::cli::path::shown;

/// What a file is inspected for, which decides what to name instead of one that is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Anything,
    Program,
    /// A module or a component.
    Workload,
}

/// How much of a file is read, and not passed over as code, data and custom sections are: what it declares, which is
/// far less in any file that runs.
const DECLARED: u64 = 32 << 20;

/// Why a file cannot be read as what it says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It cannot be opened or read.
    Io(String),
    /// It is a folder, and no file.
    Folder,
    /// It is none of the files that are understood.
    NotKnown(String),
    /// It ends too early, or breaks the format: what is wrong, and at which byte.
    Damaged(String, u64),
    /// It goes beyond what is followed of any file: what it has, and more than how much is not followed.
    TooLarge(String),
    /// It has what no machine can hold, or no engine takes.
    Impossible(String),
}

impl From<object::read::Error> for Unreadable {
    /// Where in a program is not told.
    fn from(error: object::read::Error) -> Self {
        Self::Damaged(error.to_string(), 0)
    }
}

impl Unreadable {
    /// What is reported of the file at a path where something is wanted.
    pub(super) fn error(&self, path: &Path, wanted: Wanted) -> Error {
        let file = shown(path);
        let error = match self {
            Self::Io(text) => Error::new(
                Code::Io,
                format!("cannot read `{file}`: {text}"),
                "name a file that exists and that you may read",
            ),
            Self::Folder => Error::new(
                Code::NotInspectable,
                format!("`{file}` is a folder"),
                match file.trim_end_matches('/') {
                    _ if wanted == Wanted::Program => "name the program in it".to_owned(),
                    "" | "." if !file.starts_with('/') => {
                        "name the files in it: `*.wasm`".to_owned()
                    }
                    folder => format!("name the files in it: `{folder}/*.wasm`"),
                },
            ),
            Self::NotKnown(what) => Error::new(
                Code::NotInspectable,
                format!("`{file}` is {what}"),
                match wanted {
                    Wanted::Anything => "name a .wasm of a module or a component, or a program",
                    Wanted::Program => "name a program",
                    Wanted::Workload => "name a .wasm of a module or a component",
                },
            ),
            Self::Damaged(what, at) => {
                let at = match at {
                    0 => String::new(),
                    at => format!(" at byte {at}"),
                };
                Error::new(
                    Code::Damaged,
                    format!("`{file}` is damaged{at}: {what}"),
                    "build it anew, or fetch it again",
                )
            }
            Self::TooLarge(what) => Error::new(
                Code::NotInspectable,
                format!("`{file}` has {what}; `inspect` follows no more"),
                "if it runs anyway, set its numbers in poolcfg.toml or with `--set`",
            ),
            Self::Impossible(what) => Error::new(
                Code::NotInspectable,
                format!("`{file}` has {what}"),
                "leave it out: no pool takes it",
            ),
        };
        error.about(path)
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// What `wasmparser` says, without its place, which [`Unreadable`] has itself.
pub(super) fn damaged(error: &wasmparser::BinaryReaderError) -> Unreadable {
    // A limit of all engines, Wasmtime among them. Source: `check_max` of wasmparser.
    if error.message().contains("exceeds limit of") {
        let text = format!("more than any engine takes: {}", error.message());
        return Unreadable::Impossible(text);
    }
    let at = u64::try_from(error.offset()).unwrap_or(u64::MAX);
    Unreadable::Damaged(error.message().to_owned(), at)
}

/// A file and how far it was read.
pub(super) struct Stream<F> {
    file: BufReader<F>,
    at: u64,
    /// How much of [`DECLARED`] was read.
    declared: u64,
}

impl<F: Read + Seek> Stream<F> {
    pub(super) fn new(file: F) -> Self {
        Self {
            file: BufReader::with_capacity(1 << 16, file),
            at: 0,
            declared: 0,
        }
    }

    /// The byte that comes next.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Reads into all of `buffer`; `end` is where what it belongs to ends.
    pub(super) fn fill(&mut self, buffer: &mut [u8], end: u64) -> Result<(), Unreadable> {
        let wanted = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        if wanted > end.saturating_sub(self.at) {
            return Err(self.ends_early());
        }
        self.file
            .read_exact(buffer)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => self.ends_early(),
                _ => error.into(),
            })?;
        self.at += wanted;
        Ok(())
    }

    fn ends_early(&self) -> Unreadable {
        Unreadable::Damaged("it ends too early".to_owned(), self.at)
    }

    pub(super) fn byte(&mut self, end: u64) -> Result<u8, Unreadable> {
        let mut byte = [0];
        self.fill(&mut byte, end)?;
        Ok(byte[0])
    }

    /// A number of up to 32 bits, in LEB128.
    pub(super) fn number(&mut self, end: u64) -> Result<u32, Unreadable> {
        let from = self.at;
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte(end)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let value = u32::try_from(value);
                return value
                    .map_err(|_| Unreadable::Damaged("a number is too large".to_owned(), from));
            }
        }
        Err(Unreadable::Damaged("a number is too long".to_owned(), from))
    }

    /// Passes over so many bytes.
    pub(super) fn skip(&mut self, bytes: u64, end: u64) -> Result<(), Unreadable> {
        if bytes > end.saturating_sub(self.at) {
            return Err(self.ends_early());
        }
        let distance = i64::try_from(bytes).map_err(|_| self.ends_early())?;
        self.file.seek_relative(distance)?;
        self.at += bytes;
        Ok(())
    }

    /// Passes over a custom section, of which only the name has a form; `at` is where it begins.
    pub(super) fn skip_custom(&mut self, at: u64, end: u64) -> Result<(), Unreadable> {
        // Zeros after the end of a module are such sections without a name, as many as there are.
        if self.at == end {
            let text = "a custom section has no name".to_owned();
            return Err(Unreadable::Damaged(text, at));
        }
        let length = self.number(end)?;
        self.skip(u64::from(length), end)?;
        self.skip(end - self.at, end)
    }

    /// Passes over a number of any length in LEB128.
    fn skip_number(&mut self, end: u64) -> Result<(), Unreadable> {
        while self.byte(end)? >= 0x80 {}
        Ok(())
    }

    /// Passes over an expression that computes a constant, such as where a segment of data begins.
    pub(super) fn skip_expression(&mut self, end: u64) -> Result<(), Unreadable> {
        loop {
            let at = self.at;
            match self.byte(end)? {
                // `end`
                0x0b => return Ok(()),
                // `global.get`, `i32.const`, `i64.const`, `ref.null`, `ref.func`
                0x23 | 0x41 | 0x42 | 0xd0 | 0xd2 => self.skip_number(end)?,
                // Sums and products.
                0x6a..=0x6c | 0x7c..=0x7e => {}
                _ => return Err(Unreadable::Damaged("no constant expression".to_owned(), at)),
            }
        }
    }

    /// Reads a section as a whole.
    pub(super) fn section(&mut self, end: u64) -> Result<Section, Unreadable> {
        let bytes = end - self.at;
        self.declared = self.declared.saturating_add(bytes);
        if self.declared > DECLARED {
            return Err(Unreadable::TooLarge(format!(
                "more than {} MiB of declarations",
                DECLARED >> 20
            )));
        }
        self.function(end)
    }

    /// Reads a function as a whole, whose size the caller has bounded.
    pub(super) fn function(&mut self, end: u64) -> Result<Section, Unreadable> {
        let bytes = end - self.at;
        let from = self.at;
        let length = usize::try_from(bytes).map_err(|_| self.ends_early())?;
        // What the file does not have takes no memory.
        let mut content = Vec::new();
        let read = self.file.by_ref().take(bytes).read_to_end(&mut content)?;
        self.at += u64::try_from(read).unwrap_or(u64::MAX);
        if read < length {
            return Err(self.ends_early());
        }
        Ok(Section { content, from })
    }
}

/// A section, or a function.
pub(super) struct Section {
    content: Vec<u8>,
    from: u64,
}

impl Section {
    /// What reads it.
    pub(super) fn reader(&self) -> BinaryReader<'_> {
        let from = usize::try_from(self.from).unwrap_or(usize::MAX / 2);
        BinaryReader::new(&self.content, from)
    }
}
