//! The program: what it prints, how it is configured, how it stops.

mod support;

use std::process::{Command, Output};

use http::Version;
use support::{Api, SECRET, answer::REMOVED, database::File};

const ADMIN: [(&str, &str); 2] = [
    ("ADMIN_EMAIL", "root@example.com"),
    ("ADMIN_PASSWORD", "a long password"),
];

fn shell(line: &str) -> Output {
    let output = Command::new("sh").args(["-c", line]).output();
    output.expect("there is a shell")
}

#[test]
fn the_curl_lines_work_in_the_order_printed() {
    let api = Api::start(Version::HTTP_11);
    assert_eq!(run_lines(&api), (42, 14));
}

#[test]
fn with_an_admin_the_admins_lines_work_too() {
    let api = Api::start_with(&ADMIN);
    let printed = api.printed.join("\n");
    assert!(printed.contains("admin     root@example.com"));
    assert!(!printed.contains("a long password"), "{printed}");
    assert_eq!(run_lines(&api), (45, 14));
}

/// Runs the lines; returns how many there are, and how many of them are rejected as announced.
fn run_lines(api: &Api) -> (usize, usize) {
    let lines: Vec<_> = api.printed.iter().map(String::as_str).collect();
    let before = lines.iter().zip(lines.iter().skip(1));
    let calls = before.filter(|(_, line)| line.contains("curl -i "));
    let (mut count, mut refused) = (0, 0);
    // Each program has its own cookies.
    let jar = format!("example-api-{}.", api.program.as_ref().unwrap().id());
    for (before, line) in calls {
        let line = line.replace("example-api.", &jar);
        let output = Command::new("sh")
            .args(["-c", &line])
            .envs(ADMIN)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{line}: {output:?} (curl is needed)"
        );
        let answer = String::from_utf8(output.stdout).unwrap();
        let status = answer.split(' ').nth(1).unwrap();
        match before.strip_prefix("  # ") {
            Some(reason) => {
                assert_eq!(reason.split(':').next(), Some(status), "{line}\n{answer}");
                refused += 1;
            }
            None => assert!(["200", "201", "204"].contains(&status), "{line}\n{answer}"),
        }
        count += 1;
    }
    for owner in ["cookies", "admin"] {
        let _ = std::fs::remove_file(std::env::temp_dir().join(format!("{jar}{owner}")));
    }
    (count, refused)
}

#[tokio::test]
async fn every_route_is_printed_with_its_stack() {
    let api = Api::start(Version::HTTP_11);
    let has = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let mut printed = api.printed.iter();
        printed.any(|line| line.split_whitespace().eq(words.iter().copied()))
    };
    for line in [
        "Around every route: with_metrics > with_request_id > with_trace > with_cors.except_routes([\"/api/data\"]) > \
         with_cors.only_routes([\"/api/data\"]) > with_security_headers > \
         with_security_headers.when(..) > with_compression > with_presentation > with_drain > with_hosts > with_https_only.when(..) > \
         with_timeout",
        "POST /api/users with_client_ip > with_rate_limit > with_csrf > with_auth > with_body_limit > with_validation",
        "GET /api/hello with_cache_control",
        &format!("Listening on http://{}", api.address),
    ] {
        assert!(has(line), "{line}: {:?}", api.printed);
    }
    for route in support::application().await.routes.audit().routes {
        // Not the files of the page that shows the document.
        let Some(method) = route.method() else {
            continue;
        };
        let start = format!("{:6} {} ", method.as_str(), route.path());
        let mut printed = api.printed.iter();
        assert!(printed.any(|line| line.starts_with(&start)), "{start}");
    }
}

#[test]
fn a_closed_output_pipe_is_not_an_error() {
    let program = env!("CARGO_BIN_EXE_example-api");
    let output = shell(&format!("{program} --audit | head -n 1"));
    let title = String::from_utf8(output.stdout).unwrap();
    assert!(title.starts_with("# "), "{title}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_audit_is_printed() {
    let program = env!("CARGO_BIN_EXE_example-api");
    let output = Command::new(program).arg("--audit").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.contains("\n| `POST /api/users` | Bearer"),
        "{printed}"
    );
}

#[test]
fn a_bad_configuration_is_found_at_the_start() {
    let taken = Api::start(Version::HTTP_11);
    let taken = taken.address.rsplit(':').next().unwrap().to_owned();
    let cases = [
        ("PORT", "many", "PORT=many"),
        ("PORT", taken.as_str(), "another port"),
        ("HOST", "localhost", "HOST=localhost"),
        ("JWT_SECRET", "short", "32"),
        ("STRIPE_WEBHOOK_SECRET", "short", "16"),
        ("STRIPE_WEBHOOK_SECRET", "sk_live_1234567890", "whsec_"),
        ("DATABASE_URL", "/no/such/folder/api.db", "database"),
        ("SECURE_COOKIES", "perhaps", "SECURE_COOKIES=perhaps"),
        ("WEB_DIR", "/no/such/folder", "/no/such/folder/index.html"),
        ("RATE_LIMIT_FACTOR", "0", "RATE_LIMIT_FACTOR=0"),
        ("ADMIN_EMAIL", "root@example.com", "must be set together"),
        ("ADMIN_PASSWORD", "a long password", "must be set together"),
    ];
    for (name, value, says) in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_example-api"))
            .env("PORT", "0")
            .env(name, value)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{name}={value}");
        assert!(error.contains(says), "{name}={value}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
}

#[tokio::test]
async fn a_file_keeps_users_and_logins_when_the_program_stops() {
    let file = File::new();
    let start = || Api::start_with(&[("DATABASE_URL", file.path())]);
    let api = start();
    let jar = api.browser("ada@example.com").await;
    drop(api);
    let api = start();
    let answer = api.get("/api/protected").jar(&jar).send().await.is(200);
    assert_eq!(answer.json()["user"]["email"], "ada@example.com");
    api.refresh(&jar).await.is(204);
    api.register("ada@example.com").await.refused(409);
}

#[tokio::test]
async fn cookies_are_secure_off_loopback_or_if_configured() {
    for variable in [("HOST", "0.0.0.0"), ("SECURE_COOKIES", "true")] {
        let api = Api::start_with(&[variable]);
        api.register("ada@example.com").await.is(201);
        let answer = api.log_in("ada@example.com").await.is(200);
        let names = ["__Host-token", "__Secure-refresh"];
        let [access, refresh] = names.map(|name| {
            let cookie = answer.cookie(name);
            assert!(cookie.contains("; SameSite=Strict; Secure; "), "{cookie}");
            format!("{name}={}", cookie.split(';').next().unwrap())
        });
        let protected = api.get("/api/protected").header("cookie", access);
        protected.send().await.is(200);
        let again = api.post("/api/auth/refresh").header("cookie", refresh);
        again.send().await.is(204);

        let answer = api.post("/api/auth/logout").send().await.is(204);
        for (name, path) in names.into_iter().zip(["/", "/api/auth"]) {
            let attributes = format!("; HttpOnly; SameSite=Strict; Secure; Path={path}; {REMOVED}");
            assert_eq!(answer.cookie(name), attributes);
        }
    }
}

#[tokio::test]
async fn without_a_configured_secret_tokens_of_another_run_are_invalid() {
    let api = Api::start_with(&[("JWT_SECRET", "")]);
    let token = api.token("ada@example.com").await;
    api.get("/api/protected")
        .bearer(&token)
        .send()
        .await
        .is(200);
    let api = Api::start_with(&[("JWT_SECRET", "")]);
    api.register("ada@example.com").await.is(201);
    api.get("/api/protected")
        .bearer(&token)
        .send()
        .await
        .refused(401);
    assert!(!api.printed.iter().any(|line| line.contains(SECRET)));
}

#[tokio::test]
async fn ctrl_c_finishes_requests_in_progress_and_stops() {
    let mut api = Api::start(Version::HTTP_11);
    let mut raw = api.raw().await;
    let head =
        "POST /api/contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let body = r#"{"name":"Ada","email":"ada@example.com","message":"Hello"}"#;
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    raw.write(format!("{head}{length}{{").as_bytes())
        .await
        .unwrap();
    // A response on another connection: by then the first has been accepted.
    api.get("/api/hello").send().await.is(200);

    let mut program = api.program.take().unwrap();
    assert!(
        shell(&format!("kill -INT {}", program.id()))
            .status
            .success()
    );
    raw.write(&body.as_bytes()[1..]).await.unwrap();
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(program.wait().unwrap().success());
}
