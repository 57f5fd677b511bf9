//! The operator's walk: a folder with nothing in it but the file to be served, the one static program of an archive
//! and a real `wasmtime` on PATH, and a limit. At most two commands of poolcfg, and the second is what the first says,
//! lead to a file with which the server answers and every process starts.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use poolcfg_tests::{in_parallel, processes, variable};
use poolcfg_tests_wasmtime::client::ask;
use poolcfg_tests_wasmtime::component;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::server::Server;
use tempfile::TempDir;

/// As `prlimit` is told it, whether the first command has to be followed by a second, and how many instances the file is
/// for at least.
const LIMITS: [(&str, bool, usize); 6] = [
    ("--as=183609851904", false, 42),
    ("--as=68719476736", false, 15),
    ("--as=17179869184", false, 3),
    ("--as=4294967296", true, 35),
    ("--as=1073741824", true, 9),
    ("--data=1073741824", true, 9),
];

const REQUESTS: u64 = 64;

const APP: &str = "app.wasm";
const CONFIG: &str = "wasmtime.toml";

/// Where the operator is, and what is on PATH.
struct Walk {
    folder: TempDir,
    path: TempDir,
    /// `prlimit`, which nobody needs but this test.
    prlimit: PathBuf,
    limit: &'static str,
}

impl Walk {
    fn new(release: &Release, app: &Path, limit: &'static str) -> Self {
        let path = TempDir::new().unwrap();
        let archive = concat!(
            "poolcfg-",
            env!("CARGO_PKG_VERSION"),
            "-x86_64-unknown-linux-musl"
        );
        let unpacked = Command::new("tar")
            .current_dir(path.path())
            .args(["--extract", "--gzip", "--strip-components=1", "--file"])
            .arg(variable("POOLCFG_DIST").join(format!("{archive}.tar.gz")))
            .arg(format!("{archive}/poolcfg"))
            .status();
        assert!(unpacked.unwrap().success(), "{archive}");
        std::os::unix::fs::symlink(&release.program, path.path().join("wasmtime")).unwrap();
        let folder = TempDir::new().unwrap();
        fs::copy(app, folder.path().join(APP)).unwrap();
        let own = env::var_os("PATH").unwrap();
        let mut places = env::split_paths(&own).map(|place| place.join("prlimit"));
        Self {
            folder,
            path,
            prlimit: places.find(|file| file.is_file()).unwrap(),
            limit,
        }
    }

    /// A command line as the operator types it, with no variable but PATH.
    fn command(&self, line: &str) -> Command {
        let mut words = line.split(' ');
        let program = self.path.path().join(words.next().unwrap());
        let mut command = Command::new(&self.prlimit);
        command
            .arg(self.limit)
            .arg("--")
            .arg(program)
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", self.path.path());
        command
    }

    fn output(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Has poolcfg write the file, and what it suggests where it does not; how many commands that were.
    fn configure(&self) -> usize {
        let program = self.path.path().join("wasmtime");
        let program = program.display();
        let line = format!(
            "poolcfg --here --program {program} --workload {APP} --emit wasmtime-toml -o {CONFIG}"
        );
        let first = self.output(&line);
        if first.status.success() {
            return 1;
        }
        let said = String::from_utf8_lossy(&first.stderr);
        assert_eq!(first.status.code(), Some(100), "{said}");
        let (_, way) = said.split_once(": `--fit ").unwrap();
        let (way, _) = way.split_once('`').unwrap();
        let second = self.output(&format!("{line} --fit {way}"));
        assert!(second.status.success(), "{second:?}");
        2
    }

    /// How many instances the file is for.
    fn instances(&self) -> usize {
        let text = fs::read_to_string(self.folder.path().join(CONFIG)).unwrap();
        let number = text.lines().find_map(|line| {
            let number = line.strip_prefix("pooling-total-component-instances = ");
            number?.parse().ok()
        });
        number.unwrap_or_else(|| panic!("{text}"))
    }
}

#[test]
#[ignore = "needs the archives and real wasmtime commands: cargo xtask test"]
fn two_commands_lead_to_a_server_that_answers() {
    let app = component::build().unwrap();
    for release in Release::all() {
        for limit in LIMITS {
            walk(&release, &app, limit);
        }
    }
}

/// One walk with one release under one limit.
fn walk(release: &Release, app: &Path, (limit, needs_second, least): (&'static str, bool, usize)) {
    let walk = Walk::new(release, app, limit);
    let commands = walk.configure();
    assert_eq!(commands, if needs_second { 2 } else { 1 }, "{limit}");
    let instances = walk.instances();
    assert!(instances >= least, "{limit}: {instances}");

    let serve = format!("wasmtime serve --config {CONFIG} --addr 127.0.0.1:0 {APP}");
    let server = Server::start(&mut walk.command(&serve)).unwrap();
    // One that has answered may not have ended when the next is made.
    let clients = (instances / 2).clamp(1, 32);
    if let Err(errors) = ask(server.address, clients, REQUESTS, component::BODY) {
        panic!("{limit}: {errors:?}\n{}", server.stop());
    }
    drop(server);

    let started = in_parallel(0..processes(), |_| {
        Server::start(&mut walk.command(&serve)).map(drop)
    });
    let started = started.into_iter().map(|(_, one)| one.unwrap()).count();
    // A unit asks again before each start.
    let check = walk.output(&format!("poolcfg --here --check {CONFIG}"));
    assert!(check.status.success(), "{limit}: {check:?}");
    println!(
        "wasmtime {} {limit}: {commands} commands, {instances} instances, {REQUESTS} of {REQUESTS} answers by \
             {clients} clients, {started} of {started} starts",
        release.version
    );
}
