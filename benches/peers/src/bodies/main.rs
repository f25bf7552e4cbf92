//! What it costs to read a body: wythe, axum, axum-valid and axum_typed_multipart.

use axum::{
    Json, Router,
    body::Bytes,
    http::{Request, StatusCode, header},
    routing::post,
};
use axum_typed_multipart::{TryFromMultipart, TypedMultipart};
use axum_valid::Garde;
use garde::Validate;
use serde::Deserialize;
use wythe::{
    Multipart, Parsed, Upload, UploadedFile, Valid, compose, with_multipart, with_parsing,
    with_validation,
};
use wythe_bench_harness::{Case, Counting, Group, run};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> std::io::Result<()> {
    let json = |name, app| Case::answer(name, StatusCode::CREATED, valid_json, app);
    let invalid = |name, status, app| Case::answer(name, status, invalid_json, app);
    let form = |name, app| Case::answer(name, StatusCode::CREATED, form_with_file, app);
    run(&[
        Group {
            title: "a valid JSON body",
            notes: "",
            cases: vec![
                json("axum's Json, no rules", axum_json),
                json("wythe, with_parsing", parsing),
                json("wythe, with_validation", validation),
                json("axum-valid, Garde<Json>", axum_valid),
            ],
        },
        Group {
            title: "a JSON body that breaks a rule",
            notes: "- axum-valid answers 400 in plain text, wythe 422 as a problem with pointers",
            cases: vec![
                invalid("wythe, 422", StatusCode::UNPROCESSABLE_ENTITY, validation),
                invalid("axum-valid, 400", StatusCode::BAD_REQUEST, axum_valid),
            ],
        },
        Group {
            title: "a form with a file of 1 KiB, in memory",
            notes: "- wythe detects the type of the file and computes its SHA-256; axum_typed_multipart does \
                    neither",
            cases: vec![
                form("axum_typed_multipart", typed_multipart),
                form("wythe, with_multipart", multipart),
            ],
        },
    ])?;
    Ok(())
}

#[derive(Deserialize, Validate)]
struct NewUser {
    #[garde(length(chars, min = 2, max = 50))]
    name: String,
    #[garde(range(min = 18, max = 120))]
    age: u8,
}

#[derive(Deserialize, Validate)]
struct NewFile {
    #[garde(length(chars, min = 2, max = 50))]
    name: String,
    #[garde(skip)]
    file: UploadedFile,
}

#[derive(TryFromMultipart)]
struct TypedFile {
    name: String,
    file: Bytes,
}

fn axum_json() -> Router {
    let handler = async |Json(user): Json<NewUser>| answer(user.name.len() + usize::from(user.age));
    Router::new().route("/", post(handler))
}

fn parsing() -> Router {
    let stack = compose((with_parsing::<Json<NewUser>>(),));
    let handler = async |user: Parsed<Json<NewUser>>| answer(user.name.len());
    Router::new().route("/", post(stack.handler(handler)))
}

fn validation() -> Router {
    let stack = compose((with_validation::<Json<NewUser>>(),));
    let handler = async |user: Valid<Json<NewUser>>| answer(user.name.len());
    Router::new().route("/", post(stack.handler(handler)))
}

fn axum_valid() -> Router {
    let handler = async |Garde(Json(user)): Garde<Json<NewUser>>| answer(user.name.len());
    Router::new().route("/", post(handler))
}

fn typed_multipart() -> Router {
    let handler = async |TypedMultipart(form): TypedMultipart<TypedFile>| {
        answer(form.name.len() + form.file.len())
    };
    Router::new().route("/", post(handler))
}

fn multipart() -> Router {
    let stack = compose((with_multipart::<NewFile>(Multipart::in_memory()),));
    let handler = async |form: Valid<Upload<NewFile>>| {
        answer(form.name.len() + form.file.original_name().len())
    };
    Router::new().route("/", post(stack.handler(handler)))
}

fn answer(length: usize) -> StatusCode {
    if length > 0 {
        StatusCode::CREATED
    } else {
        StatusCode::NO_CONTENT
    }
}

fn valid_json() -> Request<Bytes> {
    json(r#"{"name":"Ada Lovelace","age":36}"#)
}

fn invalid_json() -> Request<Bytes> {
    json(r#"{"name":"A","age":36}"#)
}

fn json(body: &'static str) -> Request<Bytes> {
    let request = Request::post("/").header(header::CONTENT_TYPE, "application/json");
    request
        .header(header::CONTENT_LENGTH, body.len())
        .body(Bytes::from_static(body.as_bytes()))
        .expect("a valid request")
}

fn form_with_file() -> Request<Bytes> {
    let file = "x".repeat(1024);
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAda\r\n\
         --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n{file}\r\n--b--\r\n"
    );
    let request = Request::post("/");
    let request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    request
        .header(header::CONTENT_LENGTH, body.len())
        .body(Bytes::from(body))
        .expect("a valid request")
}
