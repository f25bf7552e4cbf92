//! The program: what it prints, how it is configured, how it stops.

mod support;

use std::process::{Command, Output};

use http::Version;
use support::{Api, SECRET};

fn shell(line: &str) -> Output {
    let output = Command::new("sh").args(["-c", line]).output();
    output.expect("there is a shell")
}

#[test]
fn every_curl_line_works_in_the_order_in_which_it_is_printed() {
    let api = Api::start(Version::HTTP_11);
    let lines: Vec<_> = api
        .printed
        .iter()
        .filter(|line| line.starts_with("  curl "))
        .collect();
    assert_eq!(lines.len(), 14);
    for line in lines {
        let output = shell(line);
        assert!(
            output.status.success(),
            "{line}: {output:?} (curl is needed)"
        );
        let answer = String::from_utf8(output.stdout).unwrap();
        let status = answer.split(' ').nth(1).unwrap();
        assert!(["200", "201", "204"].contains(&status), "{line}\n{answer}");
    }
}

#[test]
fn every_route_is_printed_with_its_stack() {
    let api = Api::start(Version::HTTP_11);
    let has = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let mut printed = api.printed.iter();
        printed.any(|line| line.split_whitespace().eq(words.iter().copied()))
    };
    assert!(has(
        "POST /api/users with_rate_limit > with_auth > with_validation"
    ));
    assert!(has("GET /api/hello with_cache_control"));
    let url = format!("Listening on http://{}", api.address);
    assert!(has(&url), "{:?}", api.printed);
}

#[test]
fn nobody_has_to_read_all_that_is_printed() {
    let program = env!("CARGO_BIN_EXE_example-api");
    let output = shell(&format!("{program} --stacks | head -n 1"));
    assert_eq!(output.stdout, b"Around every route\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn stacks_prints_what_each_layer_can_answer() {
    let program = env!("CARGO_BIN_EXE_example-api");
    let output = Command::new(program).arg("--stacks").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let of_users = printed.split("\nPOST /api/users\n").nth(1).unwrap();
    for word in [
        "with_rate_limit",
        "429",
        "with_auth",
        "401",
        "413",
        "415",
        "422",
    ] {
        let table = of_users.split("\nGET ").next().unwrap();
        assert!(table.contains(word), "{word}: {table}");
    }
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
        ("DATABASE_URL", "/no/such/folder/api.db", "database"),
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
async fn a_file_keeps_the_users_when_the_program_stops() {
    let file = std::env::temp_dir().join(format!("example-api-{}.db", std::process::id()));
    let start = || Api::start_with(&[("DATABASE_URL", file.to_str().unwrap())]);
    let api = start();
    let token = api.token("ada@example.com").await;
    drop(api);
    let api = start();
    let answer = api
        .get("/api/protected")
        .bearer(&token)
        .send()
        .await
        .is(200);
    assert_eq!(answer.json()["user"]["email"], "ada@example.com");
    api.register("ada@example.com").await.refused(409);
    drop(api);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

#[tokio::test]
async fn off_loopback_the_cookie_travels_by_https_only() {
    let api = Api::start_with(&[("HOST", "0.0.0.0")]);
    api.register("ada@example.com").await.is(201);
    let answer = api.log_in("ada@example.com").await.is(200);
    assert!(
        answer
            .field("set-cookie")
            .ends_with("; SameSite=Strict; Secure")
    );
    let answer = api.post("/api/auth/logout").send().await.is(204);
    let cleared = "token=; HttpOnly; Path=/; Max-Age=0; SameSite=Strict; Secure";
    assert_eq!(answer.field("set-cookie"), cleared);
}

#[tokio::test]
async fn a_token_of_another_run_does_not_count_without_a_secret_of_ones_own() {
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
async fn ctrl_c_answers_what_has_begun_and_stops() {
    let mut api = Api::start(Version::HTTP_11);
    let mut raw = api.raw().await;
    let head = "POST /api/contact HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let body = r#"{"name":"Ada","email":"ada@example.com","message":"Hello"}"#;
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    raw.write(format!("{head}{length}{{").as_bytes())
        .await
        .unwrap();
    // An answer on another connection: by then the first has been accepted.
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
