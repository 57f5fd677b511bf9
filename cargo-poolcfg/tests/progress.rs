//! The bar of long work: it is drawn on a terminal, which util-linux's `script` makes here, and nowhere else.

#![cfg(target_os = "linux")]

mod common;

use std::process::Command;

use common::{Folder, program, ran};

const BAR: &str = "[####################]";

/// A folder with so many modules.
fn modules(count: usize) -> Folder {
    let folder = Folder::new();
    let module = wat::parse_str("(module (memory 1))").unwrap();
    for number in 0..count {
        std::fs::write(folder.path(&format!("{number}.wasm")), &module).unwrap();
    }
    folder
}

/// What the command draws on a terminal that is its stderr alone.
fn drawn(folder: &Folder, arguments: &str, variables: &[(&str, &str)]) -> String {
    let poolcfg = env!("CARGO_BIN_EXE_poolcfg");
    let line = format!("'{poolcfg}' {arguments} > out");
    let mut script = Command::new("script");
    script
        .current_dir(folder.root())
        .args(["--quiet", "--return", "--command", &line, "typescript"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .envs(variables.iter().copied());
    let script = ran(&mut script);
    script.ends(0);
    let out = folder.read("out");
    assert!(!out.contains("[#") && !out.contains('\r'), "{out}");
    script.stdout
}

/// What is left to be seen when each `\r` has gone back to the beginning of the line.
fn seen(drawn: &str) -> String {
    let mut line: Vec<char> = Vec::new();
    let mut column = 0;
    for letter in drawn.chars() {
        match letter {
            '\r' => column = 0,
            _ => {
                match line.get_mut(column) {
                    Some(place) => *place = letter,
                    None => line.push(letter),
                }
                column += 1;
            }
        }
    }
    line.into_iter().collect::<String>().trim().to_owned()
}

#[test]
fn a_bar_tells_how_many_files_are_left_and_goes_away() {
    let folder = modules(40);
    let inspect = "inspect '*.wasm'";
    let workload = "--engine wasmtime --engine-version 48 --target x86_64-unknown-linux-gnu \
                    --workload '*.wasm' --emit wasmtime-toml -q -o -";
    let bar = drawn(&folder, inspect, &[]);
    assert!(bar.contains("20 of 40 files") && bar.contains(BAR), "{bar}");
    assert_eq!(seen(&bar), "");
    // It has no colours, so that there is nothing to leave out.
    let plain = drawn(&folder, inspect, &[("NO_COLOR", "1")]);
    assert_eq!(plain, bar);
    assert!(!plain.contains('\x1b'), "{plain:?}");
    assert_eq!(drawn(&folder, workload, &[]), "");
    let loud = workload.replace(" -q", "");
    assert!(drawn(&folder, &loud, &[]).contains(BAR));
}

#[test]
fn it_is_drawn_only_for_people_who_wait() {
    let many = modules(40);
    assert_eq!(drawn(&many, "inspect -q '*.wasm'", &[]), "");
    let dumb = drawn(&many, "inspect '*.wasm'", &[("TERM", "dumb")]);
    assert_eq!(dumb, "");
    assert_eq!(drawn(&modules(3), "inspect '*.wasm'", &[]), "");
    let pipe = ran(program("poolcfg", many.root()).args(["inspect", "*.wasm"]));
    pipe.ends(0);
    assert_eq!(pipe.stderr, "");
}
