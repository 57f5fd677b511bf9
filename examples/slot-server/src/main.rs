//! A small server that keeps each request in a slot of a pool: a body of 4 to 64 KiB is read into the
//! slot's memory and answered with its checksum.
//!
//! - `limits`: what poolcfg.toml allows
//! - `protocol`: what goes over the wire
//! - `server`: threads that accept, read into slots and answer
//! - `client`: the self-test's threads

#![forbid(unsafe_code)]

mod client;
mod limits;
mod protocol;
mod server;

use std::error::Error;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use poolcfg_runtime::{Pool, RecheckOptions};

const USAGE: &str = "usage: slot-server [--limits] [--listen ADDRESS] [--self-test REQUESTS]";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    limits: bool,
    listen: String,
    self_test: Option<u32>,
}

impl Arguments {
    /// Nothing when they make no sense.
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = Self {
            limits: false,
            listen: "127.0.0.1:0".to_owned(),
            self_test: None,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--limits" => arguments.limits = true,
                "--listen" => arguments.listen = words.next()?,
                "--self-test" => arguments.self_test = Some(words.next()?.parse().ok()?),
                _ => return None,
            }
        }
        Some(arguments)
    }
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slot-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error + Send + Sync>> {
    if arguments.limits {
        print!("{}", limits::built());
        return Ok(());
    }
    let reserved = limits::POOL.recheck_with(RecheckOptions::new().or_shrink(true))?;
    println!(
        "{} slots of {}, {} of address space",
        reserved.instances(),
        reserved.limits().memory_reservation,
        reserved.reserved_bytes()
    );
    for warning in reserved.warnings() {
        eprintln!("slot-server: {warning}");
    }
    let pool = Arc::new(Pool::new(reserved)?);
    let listener = Arc::new(TcpListener::bind(&arguments.listen)?);
    let address = listener.local_addr()?;
    let threads = server::start(&listener, &pool)
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    match arguments.self_test {
        Some(requests) => {
            client::run(address, requests)?;
            println!("{requests} requests answered");
        }
        None => {
            println!("listening on {address}");
            for thread in threads {
                // A thread ends only by a panic; the others go on.
                let _ = thread.join();
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn read(words: &[&str]) -> Option<Arguments> {
        Arguments::read(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn arguments_are_read_or_refused() {
        let self_test = read(&["--self-test", "5"]).expect("they make sense");
        assert_eq!(self_test.self_test, Some(5));
        assert!(read(&["--limits"]).expect("it makes sense").limits);
        assert!(read(&["--self-test", "many"]).is_none());
        assert!(read(&["--listen"]).is_none());
        assert!(read(&["serve"]).is_none());
    }
}
