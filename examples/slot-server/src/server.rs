//! The server: a few threads that accept connections, read each request into a slot and answer it.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use poolcfg_runtime::{AcquireOptions, Pool};

use crate::protocol::{MAX_BODY, Status, checksum, encode};

/// Connections that are served at once.
pub(crate) const THREADS: usize = 4;

/// A client that sends nothing for so long is hung up on, so that it cannot keep a thread.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts the threads.
pub(crate) fn start(
    listener: &Arc<TcpListener>,
    pool: &Arc<Pool>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let start = |_| {
        let (listener, pool) = (Arc::clone(listener), Arc::clone(pool));
        thread::Builder::new().spawn(move || accept(&listener, &pool))
    };
    (0..THREADS).map(start).collect()
}

fn accept(listener: &TcpListener, pool: &Pool) {
    for stream in listener.incoming() {
        let served = stream
            .map_err(Into::into)
            .and_then(|stream| serve(stream, pool));
        if let Err(error) = served {
            eprintln!("slot-server: connection: {error}");
        }
    }
}

/// Answers the requests of one connection, one after the other.
fn serve(mut stream: TcpStream, pool: &Pool) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    loop {
        let mut length = [0; 4];
        match stream.read_exact(&mut length) {
            Ok(()) => {}
            // The client has nothing more to say.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let length = u32::from_le_bytes(length);
        if length > MAX_BODY {
            stream.write_all(&encode(Status::TooLong, 0))?;
            return Ok(());
        }
        // The slot goes back to the pool at the end of the round.
        let length = usize::try_from(length)?;
        let mut slot = match pool.acquire_with(AcquireOptions::new().memory(length)) {
            Ok(slot) => slot,
            Err(error) => {
                stream.write_all(&encode(Status::Busy, 0))?;
                return Err(error.into());
            }
        };
        let body = slot
            .memory_mut()
            .as_mut_slice()
            .get_mut(..length)
            .ok_or("a memory is smaller than was asked for")?;
        stream.read_exact(body)?;
        stream.write_all(&encode(Status::Ok, checksum(body)))?;
    }
}
