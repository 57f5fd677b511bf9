//! `wasmtime serve`, until it is dropped.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    said: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts a `wasmtime serve`, which has its settings and its component, on a port of the kernel's choice.
    ///
    /// # Errors
    /// What it says when it does not come to listen.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let Some(stderr) = child.stderr.take() else {
            return Err("the server has no standard error".to_owned());
        };
        let mut lines = BufReader::new(stderr);
        let mut said = String::new();
        let address = loop {
            let start = said.len();
            match lines.read_line(&mut said) {
                Ok(0) | Err(_) => {
                    let _ = child.wait();
                    return Err(format!("{command:?} does not serve\n{said}"));
                }
                Ok(_) => {}
            }
            let address = said[start..]
                .split_once("http://")
                .and_then(|(_, rest)| rest.split('/').next())
                .and_then(|address| address.trim().parse().ok());
            if let Some(address) = address {
                break address;
            }
        };
        // What it says later is read at once, so that it never waits for a reader.
        let said = thread::spawn(move || {
            let mut rest = Vec::new();
            let _ = lines.read_to_end(&mut rest);
            said + &String::from_utf8_lossy(&rest)
        });
        Ok(Self {
            child,
            address,
            said: Some(said),
        })
    }

    /// How many bytes of address space it has taken.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn address_space(&self) -> Result<u64, String> {
        let file = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&file).map_err(|error| format!("`{file}`: {error}"))?;
        text.lines()
            .find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"))
            .and_then(|size| size.parse::<u64>().ok())
            .map(|size| size << 10)
            .ok_or_else(|| format!("`{file}` tells no size: {text}"))
    }

    /// Ends it and gives all that it said on its standard error.
    #[must_use]
    pub fn stop(mut self) -> String {
        self.end()
    }

    fn end(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let said = self.said.take().map(JoinHandle::join);
        said.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
