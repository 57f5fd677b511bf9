//! Judges random files and starts what the build accepts of them in fresh processes of itself.
//!
//! - `promises run PROFILE ASLR FIRST PROCESSES OPENED WRITTEN STATIC`: the files of the seeds from `FIRST` on, until
//!   there were so many processes, and a report. `STATIC` is the same program linked to a fixed address; without it, those
//!   files are left out.
//! - `promises seed PROFILE ASLR SEED STATIC`: one file, what is guaranteed of it, and what came of ten orders
//! - `promises as BITS …`: sets `vm.mmap_rnd_bits` of the machine, or for programs of 32 bits
//!   `vm.mmap_rnd_compat_bits`, and becomes `promises …`
//! - `promises enter STACK AS DATA …`: takes these limits of stack, address space and data, each bytes or `unlimited`,
//!   and becomes `promises …`
//! - `promises start PROFILE ASLR SEED ORDER OPENED WRITTEN`: one process
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use poolcfg_core::{RelocationModel, Size};
use poolcfg_tests_promises::{
    Asked, Failure, Judged, Machine, Row, Rows, Slots, judge, order, start,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
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

fn run(words: &[&str]) -> Result<String, String> {
    match words {
        [
            "run",
            profile,
            aslr,
            first,
            processes,
            opened,
            written,
            fixed,
        ] => {
            let runner = Runner::new(profile, aslr, opened, written, fixed)?;
            runner.run(number(first)?, number(processes)?)
        }
        ["seed", profile, aslr, seed, fixed] => {
            let runner = Runner::new(profile, aslr, "100000", "2000", fixed)?;
            runner.show(number(seed)?)
        }
        ["as", bits, rest @ ..] => {
            let file = match cfg!(target_pointer_width = "64") {
                true => "/proc/sys/vm/mmap_rnd_bits",
                false => "/proc/sys/vm/mmap_rnd_compat_bits",
            };
            fs::write(file, bits).map_err(|error| format!("`{file}`: {error}"))?;
            Err(own()?.args(rest).exec().to_string())
        }
        ["enter", stack, address_space, data, rest @ ..] => {
            let limits = [
                (Resource::Stack, stack),
                (Resource::As, address_space),
                (Resource::Data, data),
            ];
            for (resource, limit) in limits {
                set_limit(resource, size(limit)?)?;
            }
            Err(own()?.args(rest).exec().to_string())
        }
        [
            "start",
            profile,
            aslr,
            seed,
            number_of_order,
            opened,
            written,
        ] => {
            let machine = Machine::here(profile, aslr)?;
            let seed = number(seed)?;
            let judged = judge(&Asked::new(seed, &machine).text, &machine)?;
            let order = order(&judged.pools, seed, number(number_of_order)?);
            let slots = Slots {
                opened: number(opened)?,
                written: number(written)?,
            };
            let headroom = judged.case.budget.headroom;
            let used = start(&judged.limits, &order, headroom, slots)?;
            Ok(format!("used {used}\n"))
        }
        words => Err(format!("arguments {words:?}")),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("number `{word}`"))
}

/// This program, once more: also where its loader has been started with it, since the one that it names is not there.
fn own() -> Result<Command, String> {
    let file = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(&file);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("ld-linux") {
        let program = std::env::args_os().next().unwrap_or_default();
        let libraries = file.parent().unwrap_or(Path::new("/"));
        command.arg("--library-path").arg(libraries).arg(program);
    }
    Ok(command)
}

/// A size, or no limit.
fn size(word: &str) -> Result<Option<Size>, String> {
    match word {
        "unlimited" => Ok(None),
        bytes => Ok(Some(Size::bytes(number(bytes)?))),
    }
}

/// How `enter` reads it.
fn word(size: Option<Size>) -> String {
    size.map_or_else(|| "unlimited".to_owned(), |size| size.get().to_string())
}

/// A limit of what is executed next; who may not raise the hard limit keeps it.
fn set_limit(resource: Resource, size: Option<Size>) -> Result<(), String> {
    let limit = Rlimit {
        current: size.map(Size::get),
        maximum: getrlimit(resource).maximum,
    };
    setrlimit(resource, limit).map_err(|error| format!("{resource:?}: {error}"))
}

/// The stack limit that processes have when nothing is said.
const USUAL: Size = Size::mib(8);

/// Starts one program with the legacy layout. A kernel of our own may have none.
const SETARCH: &str = "/usr/bin/setarch";

/// A setting of the whole machine, put back on drop.
struct Sysctl {
    file: &'static str,
    before: String,
}

impl Sysctl {
    fn set(file: &'static str, value: &str) -> Result<Self, String> {
        let text = |error| format!("`{file}`: {error}");
        let before = fs::read_to_string(file).map_err(text)?;
        fs::write(file, value).map_err(text)?;
        Ok(Self { file, before })
    }
}

impl Drop for Sysctl {
    fn drop(&mut self) {
        let put_back = fs::write(self.file, self.before.trim());
        assert!(put_back.is_ok(), "{put_back:?}");
    }
}

/// What a file asks of the machine, where that is our own: elsewhere programs are started with less, or with more of it.
fn settings(asked: &Asked) -> Result<Vec<Sysctl>, String> {
    let mut settings = Vec::new();
    if Path::new(SETARCH).exists() {
        return Ok(settings);
    }
    if asked.legacy {
        settings.push(Sysctl::set("/proc/sys/vm/legacy_va_layout", "1")?);
    }
    if let Some(maps) = asked.limits.max_map_count {
        settings.push(Sysctl::set(
            "/proc/sys/vm/max_map_count",
            &maps.to_string(),
        )?);
    }
    Ok(settings)
}

struct Runner<'a> {
    machine: Machine,
    /// What a process is told of it.
    words: [&'a str; 2],
    opened: &'a str,
    written: &'a str,
    /// The program that is linked to a fixed address.
    fixed: &'a Path,
}

impl<'a> Runner<'a> {
    fn new(
        profile: &'a str,
        aslr: &'a str,
        opened: &'a str,
        written: &'a str,
        fixed: &'a str,
    ) -> Result<Self, String> {
        set_limit(Resource::Stack, Some(USUAL))?;
        Ok(Self {
            machine: Machine::here(profile, aslr)?,
            words: [profile, aslr],
            opened,
            written,
            fixed: Path::new(fixed),
        })
    }

    /// Starts the files of the seeds from `first` on.
    fn run(&self, first: u64, processes: u64) -> Result<String, String> {
        let mut rows = Rows::default();
        let mut seed = first;
        while rows.processes() < processes {
            let asked = Asked::new(seed, &self.machine);
            if asked.program == RelocationModel::Static && !self.fixed.exists() {
                seed += 1;
                continue;
            }
            match judge(&asked.text, &self.machine) {
                Ok(judged) => {
                    rows.accepted += 1;
                    let shuffled = judged.pools.iter().sum::<u32>() > 1;
                    for number in 0..=u32::from(shuffled) {
                        let row = Row::new(number, &asked);
                        let pools = judged.pools.iter().map(|pools| u64::from(*pools)).sum();
                        let came = self.process(&asked, seed, number)?;
                        rows.add(row, pools, came);
                    }
                }
                Err(_) => rows.refused += 1,
            }
            seed += 1;
        }
        Ok(rows.to_string())
    }

    /// One process: how many slots were in use, or how it failed.
    fn process(
        &self,
        asked: &Asked,
        seed: u64,
        order: u32,
    ) -> Result<Result<u64, Failure>, String> {
        let program = match asked.program {
            RelocationModel::Pie => own()?,
            RelocationModel::Static => Command::new(self.fixed),
        };
        let _settings = settings(asked)?;
        let mut command = match asked.legacy && Path::new(SETARCH).exists() {
            false => program,
            true => {
                let mut command = Command::new(SETARCH);
                command
                    .arg("--addr-compat-layout")
                    .arg(program.get_program())
                    .args(program.get_args());
                command
            }
        };
        // What looks like an operator's is none.
        command.env_clear();
        let limits = [asked.stack, asked.limits.address_space, asked.limits.data];
        if limits != [Some(USUAL), None, None] {
            command.arg("enter").args(limits.map(word));
        }
        let output = command
            .arg("start")
            .args(self.words)
            .args([&seed.to_string(), &order.to_string()])
            .args([self.opened, self.written])
            .output()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let used = said
            .strip_prefix("used ")
            .and_then(|text| text.trim_end().parse().ok());
        Ok(match used.filter(|_| output.status.success()) {
            Some(used) => Ok(used),
            None => Err(Failure {
                seed,
                order,
                text: format!(
                    "{}: {}",
                    output.status,
                    String::from_utf8_lossy(&output.stderr).trim_end()
                ),
            }),
        })
    }

    /// One file and what comes of it.
    fn show(&self, seed: u64) -> Result<String, String> {
        let asked = Asked::new(seed, &self.machine);
        let mut text = format!(
            "{}\n# program: {}, stack limit: {}\n",
            asked.text,
            asked.program,
            stack_of(&asked)
        );
        let judged = match judge(&asked.text, &self.machine) {
            Ok(judged) => judged,
            Err(error) => return Ok(format!("{text}# refused: {error}\n")),
        };
        text += &format!("# guaranteed: {}\n", judged.summary());
        let mut failed = false;
        for number in 0..10 {
            let said = match self.process(&asked, seed, number)? {
                Ok(used) => format!("started, {used} regions in use"),
                Err(failure) => {
                    failed = true;
                    failure.text
                }
            };
            text += &format!("# order {}: {said}\n", shown(&judged, seed, number));
        }
        if failed { Err(text) } else { Ok(text) }
    }
}

fn stack_of(asked: &Asked) -> String {
    let layout = if asked.legacy { ", legacy layout" } else { "" };
    match asked.stack {
        Some(size) => format!("{size}{layout}"),
        None => format!("unlimited{layout}"),
    }
}

fn shown(judged: &Judged, seed: u64, number: u32) -> String {
    let order = order(&judged.pools, seed, number);
    let names = order.iter().map(|pool| judged.limits[*pool].name());
    names.collect::<Vec<_>>().join(" ")
}
