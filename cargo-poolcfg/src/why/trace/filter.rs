//! The filter: a program of the kernel's that stops at the calls of `calls`, and lets all others pass.

use libc::sock_filter;

use super::calls::{ARCHITECTURE, TRACED};

/// Loads a word of `struct seccomp_data`.
const LOAD: u16 = 0x20;
/// Compares with a constant, and jumps.
const IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const TRACE: u32 = 0x7ff0_0000;

/// Where `struct seccomp_data` has the number of the call, the architecture, and the low half of each argument.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: [u32; 6] = [16, 24, 32, 40, 48, 56];

const fn instruction(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// The filter.
pub(super) fn filter() -> Vec<sock_filter> {
    let stop = instruction(RETURN, TRACE, 0, 0);
    let pass = instruction(RETURN, ALLOW, 0, 0);
    // Each comparison that fails passes over the return behind it.
    let mut program = vec![
        instruction(LOAD, ARCH, 0, 0),
        instruction(IF_EQUAL, ARCHITECTURE, 1, 0),
        pass,
        instruction(LOAD, NUMBER, 0, 0),
    ];
    for (number, name) in TRACED {
        let Ok(number) = u32::try_from(number) else {
            continue;
        };
        let mut answer = Vec::new();
        match name.stops_for() {
            Some((argument, values)) => {
                answer.push(instruction(LOAD, ARGUMENTS[argument], 0, 0));
                for value in values {
                    answer.extend([instruction(IF_EQUAL, *value, 0, 1), stop]);
                }
                answer.push(pass);
            }
            None => answer.push(stop),
        }
        let Ok(length) = u8::try_from(answer.len()) else {
            continue;
        };
        program.push(instruction(IF_EQUAL, number, 0, length));
        program.append(&mut answer);
    }
    program.push(pass);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel does.
    fn run(architecture: u32, number: u32, arguments: [u32; 3]) -> u32 {
        let program = filter();
        let (mut at, mut value) = (0, 0);
        loop {
            let now = program[at];
            at += 1;
            match now.code {
                LOAD => {
                    value = match now.k {
                        NUMBER => number,
                        ARCH => architecture,
                        at => arguments[usize::try_from((at - 16) / 8).unwrap()],
                    }
                }
                IF_EQUAL => at += usize::from(if value == now.k { now.jt } else { now.jf }),
                _ => return now.k,
            }
        }
    }

    #[test]
    fn it_stops_at_calls_for_memory_alone() {
        for (number, name) in TRACED {
            let number = u32::try_from(number).unwrap();
            // No option of prctl, and no advice of madvise.
            const OTHER: [u32; 3] = [77; 3];
            let expected = match name.stops_for() {
                Some(_) => ALLOW,
                None => TRACE,
            };
            assert_eq!(run(ARCHITECTURE, number, OTHER), expected, "{name:?}");
            assert_eq!(run(0x4000_0003, number, [0; 3]), ALLOW, "{name:?}");
        }
        let number = |call| u32::try_from(call).unwrap();
        assert_eq!(run(ARCHITECTURE, number(libc::SYS_read), [0; 3]), ALLOW);
        for option in [22, 65] {
            let stops = run(ARCHITECTURE, number(libc::SYS_prctl), [option, 77, 77]);
            assert_eq!(stops, TRACE);
        }
        let advice = |advice| run(ARCHITECTURE, number(libc::SYS_madvise), [22, 22, advice]);
        for splits in [libc::MADV_DONTFORK, libc::MADV_DONTDUMP] {
            assert_eq!(advice(number(splits.into())), TRACE);
        }
        for other in [libc::MADV_DONTNEED, libc::MADV_WILLNEED, libc::MADV_FREE] {
            assert_eq!(advice(number(other.into())), ALLOW);
        }
    }
}
