//! What operators see: metrics, as Prometheus scrapes them, and health.

mod support;

use std::{
    env, fs,
    io::Write,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use http::Version;
use support::Api;

/// The address of the operators' listener.
fn operation(api: &Api) -> String {
    let line = api.printed.iter().find_map(|line| {
        let line = line.trim_start().strip_prefix("metrics")?;
        line.trim_start().strip_prefix("curl http://")
    });
    let address = line.expect("it prints where the metrics are");
    address.trim_end_matches("/metrics").to_owned()
}

/// Gets a page without a client of the API: status and text.
fn get(address: &str, path: &str) -> (u16, String) {
    let url = format!("http://{address}{path}");
    let output = Command::new("curl")
        .args(["-s", "-w", "\n%{http_code}", &url])
        .output()
        .expect("curl is needed");
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

/// Whether a program of Debian's `prometheus` is installed. CI requires it.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        assert!(
            env::var_os("WYTHE_REQUIRE_ALL").is_none(),
            "{program} is missing"
        );
        eprintln!("skipped: {program} is not installed");
    }
    found
}

async fn some_requests(api: &Api) {
    api.get("/api/hello").send().await.is(200);
    api.get("/api/posts/1/2").send().await.is(200);
    api.get("/api/protected").send().await.refused(401);
    for n in 0..5 {
        api.get(&format!("/no/such/{n}")).send().await.refused(404);
    }
}

#[tokio::test]
async fn metrics_have_routes_and_no_paths() {
    let api = Api::start(Version::HTTP_11);
    some_requests(&api).await;
    let (status, text) = get(&operation(&api), "/metrics");
    assert_eq!(status, 200);
    for line in [
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_route=\"/api/posts/{user_id}/{post_id}\",http_response_status_code=\"200\"} 1",
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_route=\"none\",http_response_status_code=\"404\"} 5",
        "http_server_active_requests{http_request_method=\"GET\"} 0",
        "wythe_refusals_total{layer=\"Api\",reason=\"none\",status=\"404\"} 5",
        "# HELP http_server_request_duration_seconds ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("/no/such"), "{text}");
    // The API itself does not show them.
    api.get("/metrics").send().await.refused(404);
}

#[tokio::test]
async fn promtool_finds_nothing_to_improve() {
    if !has("promtool") {
        return;
    }
    let api = Api::start(Version::HTTP_11);
    some_requests(&api).await;
    let (_, text) = get(&operation(&api), "/metrics");
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}\n{text}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn prometheus_scrapes_the_metrics() {
    if !has("prometheus") {
        return;
    }
    let api = Api::start(Version::HTTP_11);
    some_requests(&api).await;
    let folder = env::temp_dir().join(format!("wythe-prometheus-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let config = folder.join("prometheus.yml");
    let target = operation(&api);
    let scrape = "global: { scrape_interval: 1s }\nscrape_configs:\n- job_name: api\n";
    let targets = format!("  static_configs: [{{ targets: ['{target}'] }}]\n");
    fs::write(&config, format!("{scrape}{targets}")).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let prometheus = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let prometheus = Prometheus(prometheus);
    let query = "/api/v1/query?query=http_server_request_duration_seconds_count%7Bhttp_route%3D%22none%22%7D";
    let begun = Instant::now();
    loop {
        let output = Command::new("curl")
            .args(["-s", &format!("http://{address}{query}")])
            .output();
        let found = String::from_utf8(output.unwrap().stdout).unwrap();
        if found.contains("\"http_response_status_code\":\"404\"") && found.contains("\"5\"") {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{found}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    drop(prometheus);
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn readiness_goes_first_when_the_server_stops() {
    let mut api = Api::start_with(&[("DRAIN_SECONDS", "2")]);
    let address = operation(&api);
    assert_eq!(
        get(&address, "/health/live"),
        (200, r#"{"status":"ok"}"#.to_owned())
    );
    let ready = r#"{"checks":{"database":"ok","server":"ok"},"status":"ok"}"#;
    assert_eq!(get(&address, "/health/ready"), (200, ready.to_owned()));

    let mut program = api.program.take().unwrap();
    let process = program.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &process]).status();
    assert!(killed.unwrap().success());
    std::thread::sleep(Duration::from_millis(500));
    let ready = r#"{"checks":{"database":"ok","server":"stopping"},"status":"unavailable"}"#;
    assert_eq!(get(&address, "/health/ready"), (503, ready.to_owned()));
    assert_eq!(get(&address, "/health/live").0, 200);
    // New connections are served, and closed after the response.
    let line = format!("curl -si http://{}/api/hello", api.address);
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(program.wait().unwrap().success());
}
