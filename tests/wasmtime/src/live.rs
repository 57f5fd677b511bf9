//! Requests that are all alive at once: each is answered in part, and to its end only after all of them are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Where hello-wasi-http answers in two parts, the second after the request's body has ended.
const PATH: &str = "/in-two-parts";

/// Requests, each on a connection of its own.
#[derive(Debug)]
pub struct Live {
    held: Vec<BufReader<TcpStream>>,
    refused: usize,
}

impl Live {
    /// Sends as many requests, each but for the end of its body, and waits until each is answered in part or
    /// refused. What is answered in part stays so: its instance waits for the rest of the request.
    ///
    /// # Errors
    /// When a connection fails.
    pub fn ask(address: SocketAddr, requests: usize) -> Result<Self, String> {
        let mut asked = Vec::new();
        for _ in 0..requests {
            asked.push(ask(address).map_err(|error| format!("{address}: {error}"))?);
        }
        let mut live = Self {
            held: Vec::new(),
            refused: 0,
        };
        for mut stream in asked {
            let mut status = String::new();
            stream
                .read_line(&mut status)
                .map_err(|error| format!("an answer's first line: {error}"))?;
            match status.split(' ').nth(1) {
                Some("200") => live.held.push(stream),
                Some("500") => live.refused += 1,
                _ => return Err(format!("answered `{status}`")),
            }
        }
        Ok(live)
    }

    /// How many are held by an instance each.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many were refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// Sends the end of every request, and tells how many answers end with `body`.
    ///
    /// # Errors
    /// When a connection fails, or an answer is another one.
    pub fn answers(&mut self, body: &str) -> Result<usize, String> {
        let failed = |error| format!("the rest of an answer: {error}");
        for stream in &mut self.held {
            stream.get_mut().write_all(b"!").map_err(failed)?;
        }
        for stream in &mut self.held {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map_err(failed)?;
            if !answer.ends_with(&format!("\r\n\r\n{body}")) {
                return Err(format!("answered `{answer}`"));
            }
        }
        Ok(self.held.len())
    }
}

fn ask(address: SocketAddr) -> std::io::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(address)?;
    // A server that answers no more fails the test instead of holding it up for ever.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(
        format!(
            "POST {PATH} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 1\r\n\r\n"
        )
        .as_bytes(),
    )?;
    Ok(BufReader::new(stream))
}
