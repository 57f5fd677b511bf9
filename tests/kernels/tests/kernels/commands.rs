//! Commands that run in a kernel, one after the other, and what came of each.

use crate::boot;
use crate::initramfs::Image;
use crate::kernel::Kernel;

/// What came of one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Such as `exit status: 0`.
    pub status: String,
    /// What it wrote to stdout, in whole lines.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Outcome {
    /// What it wrote to stdout.
    ///
    /// # Errors
    /// All of the outcome when its status is not 0.
    pub(crate) fn succeeded(&self) -> Result<&str, String> {
        if self.status == "exit status: 0" {
            Ok(&self.stdout)
        } else {
            Err(format!("{}: {}{}", self.status, self.stdout, self.stderr))
        }
    }
}

/// Boots a kernel with these files and runs commands as root: words by spaces, and words such as
/// `NAME=VALUE` before the program are its environment, or `/FILE=TEXT` settings of the kernel.
pub(crate) fn run(
    kernel: &Kernel,
    name: &str,
    image: Image,
    commands: &[&str],
) -> Result<Vec<Outcome>, String> {
    let archive = image
        .file("commands", commands.join("\n").as_bytes())
        .write(&format!("{}-{name}", kernel.id()));
    boot::boot(kernel, name, &archive, "commands", |_, lines| {
        read(&lines, commands)
    })
}

/// Reads what a kernel says of its commands.
fn read(lines: &[&str], commands: &[&str]) -> Result<Vec<Outcome>, String> {
    let mut outcomes = Vec::new();
    let mut lines = lines.iter();
    for command in commands {
        if lines.next() != Some(&format!("command {command}").as_str()) {
            return Err(format!("no command `{command}`"));
        }
        let mut outcome = Outcome::default();
        while outcome.status.is_empty() {
            // The console's lines have no spaces at their ends.
            let line = lines.next();
            match line.map(|line| line.split_once(' ').unwrap_or((line, ""))) {
                Some(("out", text)) => outcome.stdout.push_str(&format!("{text}\n")),
                Some(("err", text)) => outcome.stderr.push_str(&format!("{text}\n")),
                Some(("status", status)) => status.clone_into(&mut outcome.status),
                line => return Err(format!("{line:?} under `{command}`")),
            }
        }
        outcomes.push(outcome);
    }
    match lines.as_slice() {
        [end] if *end == format!("end {}", commands.len()) => Ok(outcomes),
        lines => Err(format!("{lines:?} after the last command")),
    }
}

#[test]
fn the_outcomes_are_read_strictly() {
    let commands = ["/a 1", "A=B /b"];
    let said = [
        "command /a 1",
        "out x",
        "err y z",
        "out",
        "status exit status: 0",
        "command A=B /b",
        "status signal: 11 (SIGSEGV)",
        "end 2",
    ];
    let outcomes = read(&said, &commands).unwrap();
    assert_eq!(outcomes[0].succeeded(), Ok("x\n\n"));
    assert_eq!(outcomes[0].stderr, "y z\n");
    assert!(outcomes[1].succeeded().is_err());
    for missing in [0, 4, 5, 6, 7] {
        let mut lines = said.to_vec();
        lines.remove(missing);
        assert!(read(&lines, &commands).is_err(), "{missing}");
    }
    assert!(read(&said, &commands[..1]).is_err());
}
