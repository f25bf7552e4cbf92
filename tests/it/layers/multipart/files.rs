//! Files: their names, where they go, and that nothing is left of those that are refused.

use std::{
    fs,
    future::poll_fn,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use garde::Validate;
use http::{Request, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    Multipart, Problem, Provided, Upload, UploadedFile, Valid,
    multipart::{FileHead, FileSink, FileWriter},
    with_multipart,
};

use super::{Form, NewFile, given, plain, request, send, send_to};
use crate::common::problem;

/// A directory of its own, which is removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "wythe-multipart-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn options(&self) -> Multipart {
        Multipart::temporary_files_in(&self.0).unwrap()
    }

    fn count(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }

    /// Waits for the writes that nobody waits for any more.
    async fn becomes_empty(&self) {
        for _ in 0..200 {
            if self.count() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} files are left", self.count());
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn hostile_names_are_data() {
    let long = "x".repeat(5_000);
    let names = [
        "../../etc/passwd",
        "/etc/passwd",
        "C:\\x",
        "..",
        "a\u{202e}txt.exe",
        &long,
    ];
    let directory = Directory::new();
    for name in names {
        let form = Form::new()
            .text("name", "Ada")
            .file("file", name, "text/plain", "Hello")
            .end();
        let given = given(&send(directory.options(), request(form)).await);
        assert_eq!(given["file"]["name"], name);
        let saved = given["file"]["saved"].as_str().unwrap();
        assert_eq!(saved.len(), 68);
        assert!(saved.ends_with(".txt") && !saved.contains(['/', '\\']));
        assert_eq!(directory.count(), 0);
    }
    // NUL can't be in a header at all.
    let form = Form::new()
        .file("file", "a\0b", "text/plain", "Hello")
        .end();
    let response = send(directory.options(), request(form)).await;
    problem(&response, StatusCode::BAD_REQUEST);
    // `filename*` is not read: the part is a text.
    let header = "Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''x";
    let form = Form::new().text("name", "Ada").part(header, "Hello").end();
    let response = send(directory.options(), request(form)).await;
    problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_temporary_file_is_read_and_kept() {
    let directory = Directory::new();
    let content = "Hello".repeat(200_000);
    let form = Form::new()
        .text("name", "Ada")
        .file("file", "a.txt", "text/plain", &content)
        .file("other", "b.txt", "text/plain", "small")
        .end();
    let handler = {
        let (to, content) = (directory.0.join("kept"), content.clone());
        service_fn(move |mut request: Request<Body>| {
            let (to, content) = (to.clone(), content.clone());
            async move {
                let form = Valid::<Upload<NewFile>>::from_extensions(request.extensions_mut());
                let Upload(form) = form.unwrap().into_inner();
                let path = form.file.path().unwrap().to_owned();
                assert!(path.exists() && form.file.bytes().is_none());
                assert_eq!(form.file.read().await.unwrap(), content.as_bytes());
                form.file.persist(&to).await.unwrap();
                assert!(!path.exists());
                // The name is taken.
                assert!(form.other.unwrap().persist(&to).await.is_err());
                Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
            }
        })
    };
    let service = with_multipart::<NewFile>(directory.options()).layer(handler);
    service.oneshot(request(form)).await.unwrap();
    assert_eq!(
        fs::read_to_string(directory.0.join("kept")).unwrap(),
        content
    );
    assert_eq!(directory.count(), 1);
}

#[tokio::test]
async fn a_file_in_memory_is_kept() {
    let directory = Directory::new();
    let to = directory.0.join("kept");
    let file = Arc::new(Mutex::new(None));
    let taken = Arc::clone(&file);
    let response = send_to::<NewFile, _>(Multipart::in_memory(), request(plain().end()), {
        move |form| {
            *taken.lock().unwrap() = Some(form.file);
            json!(null)
        }
    });
    given(&response.await);
    let file = file.lock().unwrap().take().unwrap();
    assert_eq!(file.read().await.unwrap(), "Hello");
    file.persist(&to).await.unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"Hello");
}

#[tokio::test]
async fn nothing_is_left_of_a_refused_form() {
    let directory = Directory::new();
    let large = "x".repeat(600_000);
    let file = || Form::new().file("file", "a.txt", "text/plain", &large);
    let cut = {
        let mut form = file().end();
        form.truncate(500_000);
        form
    };
    let cases = [
        (file().end(), 422),
        (file().text("name", "A").end(), 422),
        (
            file().file("other", "b.png", "image/png", "Hello").end(),
            415,
        ),
        (
            file()
                .file("other", "b.txt", "text/plain", "x".repeat(700_000))
                .end(),
            413,
        ),
        (file().part("X: y", "").end(), 400),
        (
            file()
                .text("name", "Ada")
                .file("unknown", "b.txt", "text/plain", &large)
                .end(),
            200,
        ),
        (cut, 400),
    ];
    for (form, status) in cases {
        let options = directory.options().max_file_bytes(650_000).unwrap();
        let options = options.accept(["text/plain"]).unwrap();
        let response = send(options, request(form)).await;
        assert_eq!(response.status(), status);
        directory.becomes_empty().await;
    }
}

#[tokio::test]
async fn nothing_is_left_when_the_client_disconnects_at_any_await() {
    let directory = Directory::new();
    let content = "x".repeat(600_000);
    let form = plain().file("other", "b.txt", "text/plain", &content).end();
    let service = with_multipart::<NewFile>(directory.options()).layer(service_fn(
        |_: Request<Body>| async {
            tokio::task::yield_now().await;
            Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
        },
    ));
    for polls in 0.. {
        let frames: Vec<_> = form
            .chunks(100_000)
            .map(|frame| Ok::<_, std::io::Error>(Bytes::copy_from_slice(frame)))
            .collect();
        let body = Body::from_stream(futures_util::stream::iter(frames));
        let mut future = Box::pin(service.clone().oneshot(request(body)));
        let mut left = polls;
        let done = poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(false);
            }
            left -= 1;
            future.as_mut().poll(cx).map(|_| true)
        });
        let done = done.await;
        drop(future);
        directory.becomes_empty().await;
        if done {
            // How often it is polled depends on the threads that write the file.
            assert!(polls > 1, "{polls}");
            break;
        }
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_panic_or_a_broken_body() {
    #[derive(Debug, Validate)]
    struct Panics {}

    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("in `Deserialize`")
        }
    }

    let directory = Directory::new();
    let options = directory.options();
    let task = tokio::spawn(async move {
        send_to::<Panics, _>(options, request(plain().end()), |_| json!(null)).await
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(directory.count(), 0);
    // The thread has no files for the next one.
    given(&send(directory.options(), request(plain().end())).await);

    let start = plain()
        .file("other", "b", "text/plain", "x".repeat(400_000))
        .0;
    let frames = [Ok(Bytes::from(start)), Err(std::io::Error::other("reset"))];
    let body = Body::from_stream(futures_util::stream::iter(frames));
    let response = send(directory.options(), request(body)).await;
    problem(&response, StatusCode::BAD_REQUEST);
    directory.becomes_empty().await;
}

#[tokio::test]
async fn a_directory_that_vanishes_is_a_500() {
    let directory = Directory::new();
    let options = directory.options();
    drop(directory);
    let response = send(options, request(plain().end())).await;
    problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
}

/// Counts the files that it keeps.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicU64>);

struct CountedWriter(Counted, u64);

struct Kept(Counted, u64);

impl FileSink for Counted {
    type Writer = CountedWriter;

    async fn open(&self, head: &FileHead) -> Result<CountedWriter, Problem> {
        if head.original_name() == "closed" {
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE));
        }
        assert!(["file", "other"].contains(&head.field()));
        assert_eq!(head.declared_type(), Some("text/plain"));
        Ok(CountedWriter(self.clone(), 0))
    }
}

impl FileWriter for CountedWriter {
    type Stored = Kept;

    async fn write(&mut self, bytes: Bytes) -> Result<(), Problem> {
        tokio::task::yield_now().await;
        self.1 += u64::try_from(bytes.len()).unwrap();
        Ok(())
    }

    async fn finish(self) -> Result<Kept, Problem> {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        Ok(Kept(self.0, self.1))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_sink_takes_the_files() {
    let sink = Counted::default();
    let kept = Arc::clone(&sink.0);
    let response =
        send_to::<NewFile, _>(Multipart::to_sink(sink.clone()), request(plain().end()), {
            let kept = Arc::clone(&kept);
            move |form| {
                assert_eq!(kept.load(Ordering::SeqCst), 1);
                let file: &UploadedFile = &form.file;
                json!(file.stored::<Kept>().map(|kept| kept.1))
            }
        });
    assert_eq!(given(&response.await), 5);
    assert_eq!(kept.load(Ordering::SeqCst), 0);
    // A later part is refused.
    let form = plain().part("X: y", "").end();
    let response = send(Multipart::to_sink(sink.clone()), request(form)).await;
    problem(&response, StatusCode::BAD_REQUEST);
    assert_eq!(kept.load(Ordering::SeqCst), 0);
    // The sink answers itself.
    let form = Form::new().file("file", "closed", "text/plain", "x").end();
    let response = send(Multipart::to_sink(sink), request(form)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}
