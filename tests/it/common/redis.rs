//! A Redis or Valkey server for one test, on a free port of this machine.

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use redis::{Client, Connection, FromRedisValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// The password that a server requires once it has been told to.
const PASSWORD: &str = "another";

/// A server that stops when the test ends.
pub struct Server {
    process: Child,
    program: PathBuf,
    port: u16,
    dir: PathBuf,
    options: Vec<String>,
}

/// The server's executable. Without one a test is skipped, or fails if `WYTHE_REQUIRE_ALL` is set.
pub fn program() -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&paths)
        .flat_map(|dir| [dir.join("redis-server"), dir.join("valkey-server")])
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(
            env::var_os("WYTHE_REQUIRE_ALL").is_none(),
            "WYTHE_REQUIRE_ALL is set, and there is no redis-server or valkey-server"
        );
        eprintln!("skipped: there is no redis-server or valkey-server");
    }
    found
}

impl Server {
    pub fn start() -> Option<Self> {
        Self::with(&[])
    }

    /// With options such as `--maxmemory 1mb`.
    pub fn with(options: &[&str]) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let program = program()?;
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let dir = env::temp_dir().join(format!("wythe-redis-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let options: Vec<_> = options.iter().map(ToString::to_string).collect();
        for _ in 0..10 {
            let port = free_port();
            let process = spawn(&program, port, &dir, &options);
            let mut server = Self {
                process,
                program: program.clone(),
                port,
                dir: dir.clone(),
                options: options.clone(),
            };
            // Another process may have taken the port.
            if server.answers() {
                return Some(server);
            }
        }
        panic!("no server could be started");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A new connection for the test.
    pub fn connection(&self) -> Connection {
        let client = Client::open(self.url()).unwrap();
        client.get_connection().unwrap()
    }

    /// Sends a command, with its arguments separated by spaces.
    pub fn ask<T: FromRedisValue>(&self, command: &str) -> T {
        let mut parts = command.split(' ');
        let mut command = redis::cmd(parts.next().unwrap());
        for part in parts {
            command.arg(part);
        }
        command.query(&mut self.connection()).unwrap()
    }

    /// Requires a password from now on. Existing connections would stay authenticated, so they are
    /// closed, as by a restart.
    pub fn ask_for_password(&self) {
        let mut connection = self.connection();
        let mut say = |name: &str, parts: [&str; 3]| {
            redis::cmd(name).arg(&parts).exec(&mut connection).unwrap();
        };
        say("CONFIG", ["SET", "requirepass", PASSWORD]);
        say("CLIENT", ["KILL", "TYPE", "normal"]);
    }

    /// Stops requiring a password.
    pub fn forget_password(&self) {
        let url = format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port);
        let mut connection = Client::open(url).unwrap().get_connection().unwrap();
        let parts = ["SET", "requirepass", ""];
        redis::cmd("CONFIG")
            .arg(&parts)
            .exec(&mut connection)
            .unwrap();
    }

    pub fn keys(&self) -> Vec<String> {
        self.ask("KEYS *")
    }

    /// Kills the server, as if its machine had failed.
    pub fn kill(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }

    /// Starts a new server on the same port, without the data of the old one.
    pub fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            self.process = spawn(&self.program, self.port, &self.dir, &self.options);
            if self.answers() {
                return;
            }
            assert!(Instant::now() < deadline, "the server did not come back");
        }
    }

    /// Suspends the server: it keeps its connections and does nothing.
    pub fn hang(&self) {
        self.signal("-STOP");
    }

    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the server responds; `false` if it exits instead.
    fn answers(&mut self) -> bool {
        let client = Client::open(self.url()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            let connection = client.get_connection_with_timeout(Duration::from_secs(1));
            // Any reply will do: it may be an error that asks for a password.
            match connection.map(|mut connection| redis::cmd("PING").exec(&mut connection)) {
                Ok(Ok(())) => return true,
                Ok(Err(error)) if error.code() == Some("NOAUTH") => return true,
                _ => thread::sleep(Duration::from_millis(5)),
            }
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// A proxy on the loopback interface that delays responses.
#[derive(Clone)]
pub struct SlowProxy {
    port: u16,
    delay: watch::Sender<Duration>,
}

impl SlowProxy {
    pub async fn before(server: &Server) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (delay, seen) = watch::channel(Duration::ZERO);
        let behind = server.port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass_on(from_client, to_server, None));
                tokio::spawn(pass_on(from_server, to_client, Some(seen.clone())));
            }
        });
        Self { port, delay }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How much later than the server it responds from now on.
    pub fn delay(&self, delay: Duration) {
        self.delay.send(delay).unwrap();
    }
}

async fn pass_on(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Option<watch::Receiver<Duration>>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        let delay = delay.as_ref().map(|delay| *delay.borrow());
        tokio::time::sleep(delay.unwrap_or_default()).await;
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

fn spawn(program: &PathBuf, port: u16, dir: &PathBuf, options: &[String]) -> Child {
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .args(options)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
