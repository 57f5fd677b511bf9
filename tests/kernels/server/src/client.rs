//! Clients of the server: each keeps one connection, asks, reads the whole answer and asks again.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use wasmtime::{Result, bail};
use wasmtime_wasi_http::io::TokioIo;

/// What the component answers.
const BODY: &[u8] = b"hello from a pooled instance\n";

/// Has `clients` ask `requests` times in all; how many right answers came.
pub async fn ask(address: SocketAddr, clients: u64, requests: u64) -> Result<u64> {
    let mut asking = JoinSet::new();
    for number in 0..clients {
        let share = requests / clients + u64::from(number < requests % clients);
        asking.spawn(ask_alone(address, share));
    }
    let mut answered = 0;
    while let Some(ended) = asking.join_next().await {
        answered += ended??;
    }
    Ok(answered)
}

async fn ask_alone(address: SocketAddr, requests: u64) -> Result<u64> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut answered = 0;
    for _ in 0..requests {
        let request = Request::get("/")
            .header(HOST, address.to_string())
            .body(Empty::<Bytes>::new())?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status != StatusCode::OK || body != BODY {
            bail!("answered {status}: {}", String::from_utf8_lossy(&body));
        }
        answered += 1;
    }
    Ok(answered)
}
