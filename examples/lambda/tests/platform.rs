//! Runs the function as the platform does: a small server speaks the Runtime API of AWS Lambda, hands out
//! events, and takes the answers.

use std::{
    collections::HashMap,
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::{Mutex, mpsc};

const SECRET: &str = "the secret of these tests: 32 bytes and more";

/// The platform, with one instance of the function.
struct Platform {
    function: Child,
    events: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Value>,
}

#[derive(Clone)]
struct RuntimeApi {
    events: Arc<Mutex<mpsc::Receiver<Value>>>,
    answers: mpsc::Sender<Value>,
}

impl Platform {
    fn start() -> Self {
        let (send_event, events) = mpsc::channel(8);
        let (send_answer, answers) = mpsc::channel(8);
        let api = RuntimeApi {
            events: Arc::new(Mutex::new(events)),
            answers: send_answer,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let invocation = "/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route(&format!("{invocation}/next"), get(next))
            .route(&format!("{invocation}/{{id}}/response"), post(answered))
            .route(&format!("{invocation}/{{id}}/error"), post(failed))
            .with_state(api);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let function = Command::new(env!("CARGO_BIN_EXE_example-lambda"))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "notes")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("JWT_SECRET", SECRET)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            function,
            events: send_event,
            answers,
        }
    }

    async fn send(&mut self, event: Value) -> Value {
        self.events.send(event).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(20), self.answers.recv()).await;
        answer.expect("the function answers").unwrap()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.function.kill();
        let _ = self.function.wait();
    }
}

async fn next(State(api): State<RuntimeApi>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else {
        return std::future::pending().await;
    };
    let deadline = SystemTime::now() + Duration::from_secs(3);
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap().as_millis();
    let function = "arn:aws:lambda:eu-central-1:123456789012:function:notes";
    let fields = [
        (
            "lambda-runtime-aws-request-id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
        ),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", function.to_owned()),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned(),
        ),
    ];
    (fields, Json(event)).into_response()
}

async fn answered(State(api): State<RuntimeApi>, answer: String) -> StatusCode {
    let answer = serde_json::from_str(&answer).unwrap();
    let _ = api.answers.send(answer).await;
    StatusCode::ACCEPTED
}

async fn failed(State(api): State<RuntimeApi>, error: String) -> StatusCode {
    let _ = api.answers.send(json!({ "function failed": error })).await;
    StatusCode::ACCEPTED
}

/// A request, as each kind of entrance wraps it.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    fields: &'a [(&'a str, &'a str)],
    body: Option<&'a str>,
    client: &'a str,
}

/// An event of an HTTP API of API Gateway, payload version 2.0. Function URLs send the same.
fn http_api(call: &Call<'_>) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": call.path,
        "rawQueryString": "",
        "headers": call.fields.iter().copied().collect::<HashMap<_, _>>(),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "id.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": call.method,
                "path": call.path,
                "protocol": "HTTP/1.1",
                "sourceIp": call.client,
                "userAgent": "agent",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1_773_342_238_000_u64,
        },
        "body": call.body,
        "isBase64Encoded": false,
    })
}

/// The same of a stage with a name, which is part of the path.
fn http_api_with_stage(call: &Call<'_>) -> Value {
    let mut event = http_api(call);
    let path = format!("/prod{}", call.path);
    event["requestContext"]["stage"] = json!("prod");
    event["requestContext"]["http"]["path"] = json!(path);
    event["rawPath"] = json!(path);
    event
}

/// An event of a REST API of API Gateway, payload version 1.0.
fn rest_api(call: &Call<'_>) -> Value {
    json!({
        "resource": "/{proxy+}",
        "path": call.path,
        "httpMethod": call.method,
        "headers": call.fields.iter().copied().collect::<HashMap<_, _>>(),
        "multiValueHeaders": call.fields.iter().map(|(name, value)| (*name, [*value])).collect::<HashMap<_, _>>(),
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": { "proxy": call.path },
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "httpMethod": call.method,
            "identity": { "sourceIp": call.client, "userAgent": "agent" },
            "path": call.path,
            "requestId": "id",
            "resourceId": "resource",
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": call.body,
        "isBase64Encoded": false,
    })
}

/// An event of an Application Load Balancer, which appends the client's address to what the client sent.
fn load_balancer(call: &Call<'_>) -> Value {
    let mut fields: HashMap<_, _> = call
        .fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let chain = fields.entry("x-forwarded-for".to_owned()).or_default();
    if !chain.is_empty() {
        chain.push_str(", ");
    }
    chain.push_str(call.client);
    json!({
        "requestContext": { "elb": {
            "targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/notes/1",
        } },
        "httpMethod": call.method,
        "path": call.path,
        "queryStringParameters": {},
        "headers": fields,
        "body": call.body.unwrap_or_default(),
        "isBase64Encoded": false,
    })
}

/// A token for this user (RFC 7515, section 7.1).
fn token(user: &str) -> String {
    let exp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let claims = json!({ "sub": user, "exp": exp.as_secs() + 60 });
    let [head, claims] =
        [json!({ "alg": "HS256" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{head}.{claims}").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{head}.{claims}.{signature}")
}

fn problem(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

async fn serves(entrance: fn(&Call<'_>) -> Value) {
    let mut platform = Platform::start();
    let bearer = format!("Bearer {}", token("ada"));
    let signed_in = [
        ("authorization", &*bearer),
        ("content-type", "application/json"),
    ];
    let get = |path, fields| {
        entrance(&Call {
            method: "GET",
            path,
            fields,
            body: None,
            client: "192.0.2.1",
        })
    };

    let answer = platform.send(get("/health", &[])).await;
    assert_eq!(
        (&answer["statusCode"], &answer["body"]),
        (&json!(200), &json!("healthy"))
    );
    let answer = platform.send(get("/me", &[])).await;
    assert_eq!(answer["statusCode"], 401, "{answer}");
    assert_eq!(problem(&answer)["status"], 401);
    let answer = platform.send(get("/me", &signed_in)).await;
    assert_eq!(answer["body"], json!({ "user": "ada" }).to_string());
    let answer = platform.send(get("/no/such", &signed_in)).await;
    assert_eq!(problem(&answer)["status"], 404);

    // The limit is by client, and what the client writes about itself changes nothing.
    let note = |client, forged, text| {
        let fields = [signed_in[0], signed_in[1], ("x-forwarded-for", forged)];
        let body = json!({ "text": text }).to_string();
        entrance(&Call {
            method: "POST",
            path: "/notes",
            fields: &fields,
            body: Some(&body),
            client,
        })
    };
    let answer = platform.send(note("192.0.2.1", "198.51.100.1", "")).await;
    assert_eq!(problem(&answer)["errors"][0]["pointer"], "#/text");
    for forged in ["198.51.100.2", "198.51.100.3"] {
        let answer = platform.send(note("192.0.2.1", forged, "Zoë")).await;
        assert_eq!(answer["body"], "3 characters", "{answer}");
    }
    let answer = platform
        .send(note("192.0.2.1", "198.51.100.4", "Zoë"))
        .await;
    assert_eq!(answer["statusCode"], 429, "{answer}");
    let answer = platform
        .send(note("192.0.2.2", "198.51.100.4", "Zoë"))
        .await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
}

#[tokio::test]
async fn serves_an_http_api() {
    serves(http_api).await;
}

#[tokio::test]
async fn serves_an_http_api_with_a_named_stage() {
    serves(http_api_with_stage).await;
}

#[tokio::test]
async fn serves_a_rest_api() {
    serves(rest_api).await;
}

#[tokio::test]
async fn serves_a_load_balancer() {
    serves(load_balancer).await;
}

/// From the start of the process to its first answer.
#[tokio::test]
async fn starts_fast() {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        let mut platform = Platform::start();
        let call = Call {
            method: "GET",
            path: "/health",
            fields: &[],
            body: None,
            client: "192.0.2.1",
        };
        platform.send(http_api(&call)).await;
        best = best.min(begun.elapsed());
    }
    println!("cold start: {best:?}");
    assert!(best < Duration::from_secs(1), "{best:?}");
}
