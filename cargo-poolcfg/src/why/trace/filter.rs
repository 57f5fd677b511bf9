//! The filter: a program of the kernel's that stops at the calls of `calls`, and lets all others pass.

use libc::sock_filter;

use super::calls::{ARCHITECTURE, CallName, PRCTL, TRACED};

/// Loads a word of `struct seccomp_data`.
const LOAD: u16 = 0x20;
/// Compares with a constant, and jumps.
const IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const TRACE: u32 = 0x7ff0_0000;

/// Where `struct seccomp_data` has the number of the call, the architecture, and the low half of the first argument.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST: u32 = 16;

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
    let mut prctl = None;
    for (number, name) in TRACED {
        let Ok(number) = u32::try_from(number) else {
            continue;
        };
        match name {
            CallName::Prctl => prctl = Some(number),
            _ => program.extend([instruction(IF_EQUAL, number, 0, 1), stop]),
        }
    }
    if let Some(number) = prctl {
        program.extend([instruction(IF_EQUAL, number, 1, 0), pass]);
        program.push(instruction(LOAD, FIRST, 0, 0));
        for option in PRCTL {
            program.extend([instruction(IF_EQUAL, option, 0, 1), stop]);
        }
    }
    program.push(pass);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel does.
    fn run(architecture: u32, number: u32, first: u32) -> u32 {
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
                        _ => first,
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
            let expected = if name == CallName::Prctl {
                ALLOW
            } else {
                TRACE
            };
            assert_eq!(run(ARCHITECTURE, number, 0), expected, "{name:?}");
            assert_eq!(run(0x4000_0003, number, 0), ALLOW, "{name:?}");
        }
        let number = |call| u32::try_from(call).unwrap();
        assert_eq!(run(ARCHITECTURE, number(libc::SYS_read), 0), ALLOW);
        for option in PRCTL {
            assert_eq!(run(ARCHITECTURE, number(libc::SYS_prctl), option), TRACE);
        }
    }
}
