//! `with_multipart`.

mod boundaries;
mod digests;
mod files;
mod form;
mod limits;
mod types;

use axum::body::Body;
use bytes::Bytes;
use garde::Validate;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{Multipart, Provided, Upload, UploadedFile, Valid, with_multipart};

#[derive(Debug, Deserialize, Validate)]
struct NewFile {
    #[garde(length(chars, min = 2, max = 50))]
    name: String,
    #[garde(skip)]
    count: Option<u32>,
    #[serde(default)]
    #[garde(skip)]
    tags: Vec<String>,
    #[garde(skip)]
    file: UploadedFile,
    #[garde(skip)]
    other: Option<UploadedFile>,
    #[serde(default)]
    #[garde(skip)]
    more: Vec<UploadedFile>,
}

/// A form as clients write it.
struct Form(Vec<u8>);

const BOUNDARY: &str = "xYzZY";

impl Form {
    const fn new() -> Self {
        Self(Vec::new())
    }

    fn part(mut self, header: &str, content: impl AsRef<[u8]>) -> Self {
        self.0
            .extend_from_slice(format!("--{BOUNDARY}\r\n{header}\r\n\r\n").as_bytes());
        self.0.extend_from_slice(content.as_ref());
        self.0.extend_from_slice(b"\r\n");
        self
    }

    fn text(self, name: &str, content: &str) -> Self {
        let header = format!("Content-Disposition: form-data; name=\"{name}\"");
        self.part(&header, content)
    }

    fn file(self, name: &str, file_name: &str, kind: &str, content: impl AsRef<[u8]>) -> Self {
        let header = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             Content-Type: {kind}"
        );
        self.part(&header, content)
    }

    fn end(mut self) -> Vec<u8> {
        self.0
            .extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }
}

/// `name=Ada`, and the text file `a.txt`.
fn plain() -> Form {
    Form::new()
        .text("name", "Ada")
        .file("file", "a.txt", "text/plain", "Hello")
}

fn request(body: impl Into<Body>) -> Request<Body> {
    Request::post("/files")
        .header(
            "content-type",
            format!("multipart/form-data; boundary={BOUNDARY}"),
        )
        .body(body.into())
        .unwrap()
}

/// What the handler is given, as JSON.
async fn send(options: Multipart, request: Request<Body>) -> Response<Bytes> {
    send_to::<NewFile, _>(options, request, |form| {
        let file = |file: &UploadedFile| {
            json!({
                "name": file.original_name(),
                "saved": file.file_name(),
                "type": file.content_type(),
                "declared": file.declared_type(),
                "size": file.size(),
                "sha256": file.sha256(),
                "bytes": file.bytes().map(|bytes| String::from_utf8_lossy(bytes)),
            })
        };
        json!({
            "name": form.name,
            "count": form.count,
            "tags": form.tags,
            "file": file(&form.file),
            "other": form.other.as_ref().map(file),
            "more": form.more.iter().map(file).collect::<Vec<_>>(),
        })
    })
    .await
}

async fn send_to<T, F>(options: Multipart, request: Request<Body>, show: F) -> Response<Bytes>
where
    T: DeserializeOwned + Validate<Context = ()> + Send + 'static,
    F: Fn(T) -> Value + Clone + Send + 'static,
{
    let handler = service_fn(move |mut request: Request<Body>| {
        let form = Valid::<Upload<T>>::from_extensions(request.extensions_mut()).unwrap();
        let Upload(form) = form.into_inner();
        let shown = show(form);
        async move {
            let rest = request.into_body().collect().await.unwrap().to_bytes();
            assert!(rest.is_empty(), "the body is consumed");
            Ok::<_, std::convert::Infallible>(Response::new(Body::from(shown.to_string())))
        }
    });
    let response = with_multipart::<T>(options).layer(handler);
    let response = response.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

fn given(response: &Response<Bytes>) -> Value {
    let text = String::from_utf8_lossy(response.body());
    assert_eq!(response.status(), StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}
