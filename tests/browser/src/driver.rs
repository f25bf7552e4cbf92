//! Starts `chromedriver`, and stops it with everything that it has started.

use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

/// The driver in a session of its own, with the browsers that it starts. The shell waits until its
/// input is closed, which happens however the test ends, and then kills that session.
const GUARD: &str = r#"
setsid "$@" </dev/null 2>&1 &
read -r _
kill -s KILL -- "-$!"
wait
rm -rf "$TMPDIR"
"#;

const START: Duration = Duration::from_secs(30);

/// A running driver.
#[derive(Debug)]
pub(crate) struct Driver {
    guard: Child,
    pub(crate) port: u16,
    /// The output of the driver and the browser goes here.
    pub(crate) dir: PathBuf,
}

/// The driver and the browser. Without them a test is skipped, or fails if `WYTHE_REQUIRE_ALL` is
/// set.
pub(crate) fn programs() -> Option<(PathBuf, PathBuf)> {
    let browser = ["chromium", "chromium-browser", "google-chrome"];
    let found = find(&["chromedriver"]).zip(find(&browser));
    if found.is_none() {
        assert!(
            env::var_os("WYTHE_REQUIRE_ALL").is_none(),
            "WYTHE_REQUIRE_ALL is set, and there is no chromium with a chromedriver"
        );
        eprintln!("skipped: there is no chromium with a chromedriver");
    }
    found
}

fn find(names: &[&str]) -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths)
        .flat_map(|dir| names.iter().map(move |name| dir.join(name)))
        .find(|path| path.is_file())
}

impl Driver {
    pub(crate) async fn start(program: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let dir = env::temp_dir().join(format!("wythe-browser-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .arg(program)
            .args(["--port=0", "--log-level=WARNING"])
            .env("HOME", &dir)
            .env("TMPDIR", &dir)
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C stops the test, and the guard only sees that it has stopped.
            .process_group(0)
            .spawn()
            .unwrap();
        let output = guard.stdout.take().unwrap();
        let mut driver = Self {
            guard,
            port: 0,
            dir,
        };
        let port = tokio::task::spawn_blocking(|| port_in(output));
        let port = tokio::time::timeout(START, port).await;
        driver.port = port.expect("the driver says its port").unwrap();
        driver
    }
}

/// The port on which the driver says that it listens; the rest of its output is discarded.
fn port_in(output: ChildStdout) -> u16 {
    let mut output = BufReader::new(output);
    let mut said = String::new();
    while output.read_line(&mut said).unwrap() > 0 {
        let Some((_, port)) = said.rsplit_once("started successfully on port ") else {
            continue;
        };
        let port = port.trim().trim_end_matches('.').parse().unwrap();
        thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        return port;
    }
    panic!("the driver has ended, and said: {said}");
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
        // A browser that was just killed may have written while the guard removed the directory.
        drop(fs::remove_dir_all(&self.dir));
    }
}
