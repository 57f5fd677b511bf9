//! What both tests ask of this machine.

use std::fs;

use poolcfg_runtime::probe;
use poolcfg_tests_promises::Machine;

/// How many processes `cargo xtask promises` asks for.
pub(crate) fn processes() -> Option<u64> {
    let said = std::env::var("POOLCFG_PROMISES").ok()?;
    Some(said.parse().unwrap())
}

/// What this machine is, in the words of the file.
pub(crate) fn here() -> Machine {
    let probe = probe();
    let Some(profile) = probe.va_profiles.first() else {
        panic!("no profile matches this machine: {probe:?}");
    };
    let bits = fs::read_to_string("/proc/sys/vm/mmap_rnd_bits");
    // Who may not read how far it reaches takes the worst.
    let aslr = bits.map_or_else(|_| "maximum".to_owned(), |bits| bits.trim().to_owned());
    Machine::here(profile.name, &aslr).unwrap()
}
