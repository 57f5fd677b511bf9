//! Commands: what the file /commands says, a line each, words by spaces; words such as `NAME=VALUE` before
//! the program are its environment, and those such as `/FILE=TEXT` are written before it starts: a setting of the
//! kernel, which stays. The folder of a file is made: a cgroup.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::read;

/// Runs each to its end and prints what it said.
pub(crate) fn run() -> Result<(), String> {
    let commands = read("/commands")?;
    for line in commands.lines() {
        let mut words = line.split(' ').peekable();
        let mut variables = Vec::new();
        while let Some(variable) = words.next_if(|word| word.contains('=')) {
            match variable.split_once('=') {
                Some((file, text)) if file.starts_with('/') => {
                    let folder = Path::new(file).parent().map_or(Ok(()), fs::create_dir_all);
                    let written = folder.and_then(|()| fs::write(file, text));
                    written.map_err(|error| format!("{variable}: {error}"))?;
                }
                variable => variables.extend(variable),
            }
        }
        let program = words.next().unwrap_or_default();
        let output = Command::new(program)
            .args(words)
            .envs(variables)
            .output()
            .map_err(|error| format!("{line}: {error}"))?;
        println!("poolcfg: command {line}");
        for (name, bytes) in [("out", output.stdout), ("err", output.stderr)] {
            for text in String::from_utf8_lossy(&bytes).lines() {
                println!("poolcfg: {name} {text}");
            }
        }
        println!("poolcfg: status {}", output.status);
    }
    println!("poolcfg: end {}", commands.lines().count());
    Ok(())
}
