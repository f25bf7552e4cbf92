//! The same stacks over HTTP: the CPU time that a server's process spends on one request.
//!
//! Each server is a process of its own, on loopback, as `axum::serve` runs it on one thread. The load
//! comes from this process, over connections that are kept alive. The servers take turns in short
//! slices; each slice is compared with the bare server's slice of the same round.
#![allow(clippy::print_stdout, reason = "it prints a table")]
#![allow(dead_code, reason = "it shares the stacks, of which it uses some")]

#[path = "../bare.rs"]
mod bare;
mod client;
#[path = "../../../layers/full_stack.rs"]
mod full_stack;
#[path = "../peers.rs"]
mod peers;
#[path = "../regex.rs"]
mod regex;

use std::{
    env,
    io::{self, BufRead, BufReader, Error, Write},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::Router;
use wythe_bench_harness::{process_time, processor};

use self::client::Client;

/// The argument that makes this program a server.
const SERVE: &str = "--serve";

const ROUNDS: usize = 41;
const CONNECTIONS: usize = 8;
/// Of each connection, in each slice.
const REQUESTS: u32 = 125;

type App = (&'static str, fn() -> Router);

const APPS: [App; 4] = [
    ("axum, bare Json handler", bare::json),
    ("wythe, each token verified", full_stack::app_without_cache),
    ("wythe, cached token", full_stack::app),
    ("peers", peers::app),
];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [task, name] = arguments.as_slice()
        && task == SERVE
    {
        let app = APPS.iter().find(|(known, _)| known == name);
        let (_, app) = app.ok_or_else(|| Error::other(format!("no such app: {name}")))?;
        return serve(app());
    }
    let mut servers = Vec::new();
    for (name, _) in APPS {
        servers.push(Server::start(name)?);
    }
    // Warms up, and checks that the processes' CPU time can be read.
    for server in &mut servers {
        server.slice()?;
    }
    let mut slices = vec![Vec::with_capacity(ROUNDS); servers.len()];
    for _ in 0..ROUNDS {
        for (server, slices) in servers.iter_mut().zip(&mut slices) {
            slices.push(server.slice()?.as_secs_f64() * 1e6);
        }
    }
    print(&slices);
    Ok(())
}

fn print(slices: &[Vec<f64>]) {
    println!(
        "POST /users over HTTP/1.1 on loopback, {CONNECTIONS} connections that are kept alive; the \
         server's process runs on one thread.\n\
         - processor: {}\n\
         - CPU time of the server's process per request, in user and kernel; the median of {ROUNDS} \
         slices of {} requests, in turns\n\
         - times: the median of the ratios to the bare server's slice of the same round\n",
        processor(),
        CONNECTIONS as u32 * REQUESTS,
    );
    println!("| {:28} | CPU time | times |", "");
    println!("|{:-<30}|---------:|------:|", "");
    for ((name, _), own) in APPS.iter().zip(slices) {
        let ratios = own.iter().zip(&slices[0]).map(|(own, bare)| own / bare);
        println!(
            "| {name:28} | {:>5.1} us | {:>5.2} |",
            median(own.clone()),
            median(ratios.collect())
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Serves on a free port, which it prints.
fn serve(app: Router) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        io::stdout().flush()?;
        axum::serve(
            listener,
            app.into_make_service_with_connect_info::<SocketAddr>(),
        )
        .await
    })
}

/// A process that serves one of the apps, and connections to it.
struct Server {
    process: Child,
    clients: Vec<Client>,
}

impl Server {
    fn start(name: &str) -> io::Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args([SERVE, name])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().expect("it is piped");
        let mut server = Self {
            process,
            clients: Vec::new(),
        };
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address: SocketAddr = address.trim().parse().map_err(Error::other)?;
        for _ in 0..CONNECTIONS {
            server.clients.push(Client::connect(address)?);
        }
        Ok(server)
    }

    /// Sends the requests of one slice; returns the CPU time that the server spent on each.
    fn slice(&mut self) -> io::Result<Duration> {
        let before = process_time(self.process.id())?;
        std::thread::scope(|scope| {
            let send = |client: &mut Client| (0..REQUESTS).try_for_each(|_| client.send());
            let clients = self.clients.iter_mut();
            let clients: Vec<_> = clients
                .map(|client| scope.spawn(move || send(client)))
                .collect();
            let mut results = clients
                .into_iter()
                .map(|client| client.join().expect("no panic"));
            results.try_for_each(|sent| sent)
        })?;
        Ok((process_time(self.process.id())? - before) / (CONNECTIONS as u32 * REQUESTS))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _: io::Result<()> = self.process.kill();
        let _: io::Result<_> = self.process.wait();
    }
}
