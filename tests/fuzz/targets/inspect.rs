//! Any bytes as a file that `inspect` looks into: it is told or refused, without end in neither time nor memory, and
//! poolcfg.toml takes what is told.
#![no_main]

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use poolcfg_core::file::ConfigFile;

thread_local! {
    static ASKED: RefCell<File> = RefCell::new(tempfile::tempfile().expect("a file"));
}

fuzz_target!(|bytes: &[u8]| {
    let path = ASKED.with_borrow_mut(|file| {
        file.set_len(0).expect("no bytes");
        file.rewind().expect("its begin");
        file.write_all(bytes).expect("its bytes");
        PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
    });
    let Some(keys) = cargo_poolcfg::keys(&path) else {
        return;
    };
    if let Err(mistakes) = ConfigFile::parse(&keys) {
        let mistakes: Vec<_> = mistakes
            .into_iter()
            .map(|mistake| mistake.message)
            .collect();
        panic!("{mistakes:?} in:\n{keys}");
    }
});
