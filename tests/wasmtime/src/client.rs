//! Clients of an HTTP server: each keeps one connection, asks, reads the whole answer and asks again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Has `clients` ask `requests` times in all, and compares every answer with `body`.
///
/// # Errors
/// The first failure of each client that had one.
pub fn ask(
    address: SocketAddr,
    clients: usize,
    requests: u64,
    body: &str,
) -> Result<(), Vec<String>> {
    let asked = AtomicU64::new(0);
    let errors: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| -> Result<(), String> {
                    let mut client = Client::connect(address)?;
                    while asked.fetch_add(1, Ordering::Relaxed) < requests {
                        client.ask(body)?;
                    }
                    Ok(())
                })
            })
            .collect();
        let ended = workers.into_iter().map(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => Err("a client ended early".to_owned()),
        });
        ended.filter_map(Result::err).collect()
    });
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

struct Client {
    stream: BufReader<TcpStream>,
    request: String,
}

impl Client {
    fn connect(address: SocketAddr) -> Result<Self, String> {
        let connect = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            // A server that answers no more fails the test instead of holding it up for ever.
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            Ok(stream)
        };
        let stream = connect().map_err(|error: std::io::Error| format!("{address}: {error}"))?;
        Ok(Self {
            stream: BufReader::new(stream),
            request: format!("GET / HTTP/1.1\r\nhost: {address}\r\n\r\n"),
        })
    }

    /// Asks once. The answer has to be 200 with `body`.
    fn ask(&mut self, body: &str) -> Result<(), String> {
        let failed = |error| format!("the connection: {error}");
        self.stream
            .get_mut()
            .write_all(self.request.as_bytes())
            .map_err(failed)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let before = head.len();
            self.stream.read_until(b'\n', &mut head).map_err(failed)?;
            if head.len() == before {
                return Err("the server closed the connection".to_owned());
            }
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        response
            .parse(&head)
            .map_err(|error| format!("the answer: {error}"))?;
        let length = response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"))
            .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
        let (Some(200), Some(length)) = (response.code, length) else {
            return Err(format!("answered {}", String::from_utf8_lossy(&head)));
        };
        let mut answer: Vec<u8> = vec![0; length];
        self.stream.read_exact(&mut answer).map_err(failed)?;
        if answer == body.as_bytes() {
            Ok(())
        } else {
            Err(format!("answered {}", String::from_utf8_lossy(&answer)))
        }
    }
}
