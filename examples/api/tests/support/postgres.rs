//! A PostgreSQL server for one test, on a free port of this machine.

use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A server that stops when the test ends.
pub struct Postgres {
    process: Option<Child>,
    programs: PathBuf,
    port: u16,
    folder: PathBuf,
}

/// Where the server's programs are: Debian does not put them into `PATH`. Without them a test is skipped, or
/// fails if `WYTHE_REQUIRE_ALL` is set.
fn programs() -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let found = env::split_paths(&paths).chain(versions).find(|folder| {
        let programs = ["initdb", "postgres", "pg_isready"];
        programs.iter().all(|program| folder.join(program).exists())
    });
    if found.is_none() {
        assert!(
            env::var_os("WYTHE_REQUIRE_ALL").is_none(),
            "WYTHE_REQUIRE_ALL is set, and PostgreSQL is not installed"
        );
        eprintln!("skipped: PostgreSQL is not installed");
    }
    found
}

impl Postgres {
    pub fn start() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let programs = programs()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder =
            env::temp_dir().join(format!("wythe-postgres-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let data = folder.join("data");
        let made = as_other_user(&programs.join("initdb"), &folder)
            .args([
                "--username=app",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ])
            .arg(data)
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb failed");
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut server = Self {
            process: None,
            programs,
            port,
            folder,
        };
        server.run();
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts the server, at first or after `stop`.
    pub fn run(&mut self) {
        let process = as_other_user(&self.programs.join("postgres"), &self.folder)
            .arg("-D")
            .arg(self.folder.join("data"))
            .args([
                "-h",
                "127.0.0.1",
                "-k",
                "",
                "-F",
                "-p",
                &self.port.to_string(),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        let begun = Instant::now();
        loop {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status();
            if ready.unwrap().success() {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "PostgreSQL does not start"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops the server as its administrator does: what runs is cut off.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let stopped = Command::new("kill")
            .args(["-INT", &process.id().to_string()])
            .status();
        assert!(stopped.unwrap().success());
        process.wait().unwrap();
        assert!(TcpStream::connect(("127.0.0.1", self.port)).is_err());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The program, as another user if this one is root, which PostgreSQL refuses.
fn as_other_user(program: &Path, folder: &Path) -> Command {
    let nobody = 65_534;
    let mut command = Command::new(program);
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        chown(folder, Some(nobody), Some(nobody)).unwrap();
        command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(program);
    }
    command.current_dir(folder);
    command
}
