//! A server of a precompiled component whose instances come out of Wasmtime's pool, with limits from
//! poolcfg.toml; or the same with the pool that Wasmtime has by default.
//!
//! - `serve`: the server, an instance for each request
//! - `client`: those who ask it, over the loopback device
//! - `reserved`: the address space that the pool has taken

mod client;
mod reserved;
mod serve;

use std::env;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use poolcfg_runtime::{WasmtimeLimits, configure_wasmtime, pool_limits};
use reserved::Reserved;
use serve::Server;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use wasmtime::component::Component;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolConcurrencyLimitError, PoolingAllocationConfig,
    Result,
};

/// What this build may pool.
#[pool_limits]
const POOL: WasmtimeLimits;

/// How many ask at the same time.
const CLIENTS: u64 = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["default"] => default(),
        ["serve", file, requests] => serve(file, requests),
        _ => Err(wasmtime::format_err!(
            "usage: server default | server serve FILE REQUESTS"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// An engine with the pool that Wasmtime has when nothing is said.
fn default() -> Result<()> {
    engine(Config::new(), PoolingAllocationConfig::default())?;
    println!("the default pool starts");
    Ok(())
}

fn engine(mut config: Config, pooling: PoolingAllocationConfig) -> Result<Engine> {
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    Engine::new(&config)
}

/// Serves a component on a port of the kernel's choice until so many requests are answered, then takes every
/// slot of the pool at once.
fn serve(file: &str, requests: &str) -> Result<()> {
    let requests: u64 = requests.parse()?;
    let checked = POOL.recheck()?;
    let mut config = Config::new();
    let mut pooling = PoolingAllocationConfig::default();
    configure_wasmtime!(checked => config, pooling);
    let engine = engine(config, pooling)?;
    println!("instances: {}", checked.instances());
    let reserved = Reserved::read()?;
    println!("reserved: {}", reserved.bytes());

    let compiled = fs::read(file)?;
    // SAFETY: what makes the file is `wasmtime compile`.
    let component = unsafe { Component::deserialize(&engine, &compiled) }?;
    let server = Arc::new(Server::new(&engine, &component)?);
    let runtime = Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(serve::listen(Arc::clone(&server), listener));
        let answered = client::ask(address, CLIENTS, requests).await?;
        println!("answered: {answered}");

        let mut held = Vec::new();
        for _ in 0..checked.instances() {
            held.push(server.instance().await?);
        }
        println!("held: {}", held.len());
        // Each has at least one page of its memory, which was reserved before.
        println!("in the range: {}", reserved.pieces()? >= held.len());
        match server.instance().await {
            Err(error) if error.is::<PoolConcurrencyLimitError>() => println!("one more: {error}"),
            Err(error) => return Err(error),
            Ok(_) => println!("one more: there"),
        }
        Ok(())
    })
}
