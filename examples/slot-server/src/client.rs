//! The self-test's clients: threads that send bodies of 4 to 64 KiB and check what comes back.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use crate::protocol::{ANSWER, Status, checksum, decode};
use crate::server::THREADS;

type Failure = Box<dyn Error + Send + Sync>;

/// Sends so many requests, shared out over as many threads as the server has.
pub(crate) fn run(address: SocketAddr, requests: u32) -> Result<(), Failure> {
    let threads = u32::try_from(THREADS)?;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..threads)
            .map(|client| {
                let share = requests / threads + u32::from(client < requests % threads);
                let started = thread::Builder::new()
                    .spawn_scoped(scope, move || send(address, client, share));
                started.map_err(|error| format!("cannot start a client: {error}"))
            })
            .collect::<Result<_, _>>()?;
        for client in clients {
            client.join().map_err(|_| "a client panicked")??;
        }
        Ok(())
    })
}

fn send(address: SocketAddr, client: u32, requests: u32) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut random = Random(u64::from(client) + 1);
    for request in 0..requests {
        let length = random.within(4 << 10, 64 << 10);
        let mut body = vec![0; usize::try_from(length)?];
        for byte in &mut body {
            *byte = random.next().to_le_bytes()[0];
        }
        stream.write_all(&length.to_le_bytes())?;
        stream.write_all(&body)?;
        let mut answer = [0; ANSWER];
        stream.read_exact(&mut answer)?;
        match decode(answer) {
            Some((Status::Ok, sum)) if sum == checksum(&body) => {}
            answer => {
                let told = format!("request {request} of client {client} got {answer:?}");
                return Err(told.into());
            }
        }
    }
    Ok(())
}

/// xorshift64: any numbers will do, the same ones every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From `least` to `most`.
    fn within(&mut self, least: u32, most: u32) -> u32 {
        let span = u64::from(most - least) + 1;
        least + u32::try_from(self.next() % span).unwrap_or(0)
    }
}
