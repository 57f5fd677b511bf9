//! Injects limits on purpose and judges what a recheck says of them: `limits PROFILE INJECTED ENGINE` starts
//! itself under one limit, again as the message suggests, and once more with a little more, and prints a report.
//!
//! - `judge`: what is started, and what is expected of it
//! - `pools`: the pools that meet the limits; `inject`: the limits
//! - `process`: the process under a limit; `said`: what the process says
//!
//! `limits as BITS …` sets `vm.mmap_rnd_bits` of the machine first.
//! `limits start …` puts on itself what is inherited and becomes `limits meet …`, the process under the limit.

mod inject;
mod judge;
mod pools;
mod process;
mod said;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use poolcfg_core::Engine;
use poolcfg_tests_kernels::Injected;

use inject::Strength;

fn main() -> ExitCode {
    let words: &'static [String] = Vec::leak(std::env::args().skip(1).collect());
    let words: Vec<&'static str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&'static str]) -> Result<String, String> {
    let injected = |word| Injected::from_word(word).ok_or(format!("no limit `{word}`"));
    let engine = |word| Engine::from_word(word).ok_or(format!("no engine `{word}`"));
    let strength = |word| Strength::from_word(word).ok_or(format!("no strength `{word}`"));
    match words {
        ["start", profile, what, of, how] => {
            inject::inherited(injected(what)?, strength(how)?)?;
            let own = std::env::current_exe().map_err(|error| error.to_string())?;
            let error = Command::new(own)
                .args(["meet", profile, what, of, how])
                .exec();
            Err(error.to_string())
        }
        ["meet", profile, what, of, how] => {
            let said = process::run(profile, injected(what)?, engine(of)?, strength(how)?)?;
            Ok(said.to_string())
        }
        // Before what reads it.
        ["as", bits, rest @ ..] => {
            let file = "/proc/sys/vm/mmap_rnd_bits";
            fs::write(file, bits).map_err(|error| format!("`{file}`: {error}"))?;
            run(rest)
        }
        [profile, what, of] => {
            let report = judge::judge(profile, injected(what)?, engine(of)?)?;
            Ok(format!("{report}\n"))
        }
        words => Err(format!("arguments {words:?}")),
    }
}
