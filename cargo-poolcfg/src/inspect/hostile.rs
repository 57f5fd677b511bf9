//! Files that somebody has changed on purpose: whatever is in them, they are reported or refused.

use std::fs;

use super::{Wanted, inspect};

/// What is changed: a module with every section, components in each other, and a program of this machine.
const TEXTS: [&str; 3] = [
    r#"(module
        (type $s (struct (field i32)))
        (import "a" "f" (func)) (import "a" "m" (memory 1 2)) (import "a" "t" (table 1 funcref))
        (memory 1) (table 10 20 funcref) (table 3 externref) (global (mut i32) (i32.const 7)) (tag)
        (func $f (export "f") (drop (i32.const 1)))
        (elem (table 1) (i32.const 0) func $f) (data (i32.const 8) "abc") (start $f)
        (@custom "name" "12345678"))"#,
    r#"(component
        (core module $m (memory (export "m") 1) (func (export "f")) (table 2 funcref))
        (core instance $i (instantiate $m))
        (alias core export $i "f" (core func $f))
        (func $l (canon lift (core func $f)))
        (component $inner (import "f" (func $f)) (core func (canon lower (func $f))))
        (instance (instantiate $inner (with "f" (func $l))))
        (export "f" (func $l)))"#,
    r#"(component
        (import "m" (core module $m)) (import "i" (instance $i (export "f" (func)) (export "c" (component))))
        (alias export $i "c" (component $c)) (instance (instantiate $c)) (core instance (instantiate $m))
        (component (component (component (core module (memory 1)))))
        (alias export $i "f" (func $f)) (export "g" (func $f)))"#,
];

/// A generator of numbers, the same in each run: xorshift of 64 bits.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let end = u64::try_from(end.max(1)).unwrap();
        usize::try_from(self.0 % end).unwrap()
    }

    fn byte(&mut self) -> u8 {
        // Ends of numbers in LEB128, and what else borders are made of.
        const BORDERS: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x0b, 0x40];
        match self.below(2) {
            0 => BORDERS[self.below(BORDERS.len())],
            _ => u8::try_from(self.below(256)).unwrap(),
        }
    }

    /// The bytes with one to four changes: a byte, some left out, some again, some of another file, an end.
    fn changed(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            // What matters of a large file is at its beginning or at its end.
            let near = self.below(bytes.len().min(4096));
            let at = match self.below(4) {
                0 => bytes.len().saturating_sub(near + 1),
                _ => near,
            };
            let length = self.below(32).min(bytes.len() - at);
            match self.below(6) {
                0..=2 if at < bytes.len() => bytes[at] = self.byte(),
                3 => drop(bytes.drain(at..at + length)),
                4 => {
                    let from = self.below(other.len());
                    let part = &other[from..other.len().min(from + length)];
                    bytes.splice(at..at, part.iter().copied());
                }
                5 if self.below(4) == 0 => bytes.truncate(at),
                _ => {
                    let part = bytes[at..at + length].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        bytes
    }
}

/// Where it goes on and on, or panics, this fails.
#[test]
fn whatever_is_changed_in_a_file_it_is_told_or_refused() {
    const RUNS: usize = 3000;
    let mut seeds: Vec<_> = TEXTS.map(|text| wat::parse_str(text).unwrap()).to_vec();
    seeds.extend(fs::read("/bin/true").ok());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let mut told = 0;
    for run in 0..RUNS {
        let seed = &seeds[run % seeds.len()];
        let other = &seeds[numbers.below(seeds.len())];
        let bytes = numbers.changed(seed, other);
        fs::write(&file, &bytes).unwrap();
        told += usize::from(inspect(&file, Wanted::Anything).is_ok());
    }
    // Some changes are none to a reader, and most are.
    assert!(told > RUNS / 100 && told < RUNS, "{told}");
}
