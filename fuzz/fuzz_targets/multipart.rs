//! Any body is answered in the same way in any framing. A form that a client writes arrives as it was
//! sent, whatever its names and contents are, unless one of them contains the boundary or the layer
//! refuses it with a status that it declares.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use garde::Validate;
use http::{Request, Response};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use serde::Deserialize;
use wythe::{
    Multipart, Provided, Upload, UploadedFile, Valid, With, multipart::ReceiveMultipart,
    with_multipart,
};
use wythe_fuzz::{Frames, Handler, problem, send};

const BOUNDARY: &str = "xYzZY";

#[derive(Deserialize, Validate)]
struct NewFile {
    #[garde(skip)]
    text: String,
    #[serde(default)]
    #[garde(skip)]
    files: Vec<UploadedFile>,
}

static LAYER: LazyLock<With<ReceiveMultipart<NewFile>>> = LazyLock::new(|| {
    let options = Multipart::in_memory().max_body_bytes(16 * 1024);
    with_multipart(
        options
            .and_then(|options| options.max_field_bytes(4 * 1024))
            .unwrap(),
    )
});

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    size: u8,
    raw: &'a [u8],
    text: &'a str,
    files: Vec<(&'a str, &'a [u8])>,
}

fn post(body: Frames) -> Response<Bytes> {
    let request = Request::post("/").header(
        "content-type",
        format!("multipart/form-data; boundary={BOUNDARY}"),
    );
    send(&*LAYER, request.body(body).unwrap(), Handler::default())
}

/// The texts and the contents that arrived; `None` if the form was refused.
fn received(response: &mut Response<Bytes>) -> Option<(String, Vec<(String, Bytes)>)> {
    if response.status() != 200 {
        assert!(matches!(response.status().as_u16(), 400 | 413 | 415 | 422));
        problem(response);
        return None;
    }
    let form = Valid::<Upload<NewFile>>::from_extensions(response.extensions_mut());
    let Upload(form) = form.unwrap().into_inner();
    let files = form.files.into_iter().map(|file| {
        let bytes = file.bytes().unwrap().clone();
        assert_eq!(file.size(), u64::try_from(bytes.len()).unwrap());
        assert!(!file.file_name().contains(['/', '\\', '\0']));
        (file.original_name().to_owned(), bytes)
    });
    Some((form.text, files.collect()))
}

/// The same in one frame and in many.
fn in_any_framing(body: &[u8], size: u8) -> Option<(String, Vec<(String, Bytes)>)> {
    let mut response = post(Bytes::copy_from_slice(body).into());
    let mut in_frames = post(Frames::slow(body, size));
    assert_eq!(in_frames.status(), response.status());
    assert_eq!(in_frames.body(), response.body());
    let whole = received(&mut response);
    assert_eq!(received(&mut in_frames), whole);
    whole
}

fuzz_target!(|input: Input<'_>| {
    // As it is, and with a part begun.
    in_any_framing(input.raw, input.size);
    let begun = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"text\"");
    in_any_framing(&[begun.as_bytes(), input.raw].concat(), input.size);

    let mut form = begun.into_bytes();
    form.extend_from_slice(b"\r\n\r\n");
    form.extend_from_slice(input.text.as_bytes());
    let mut is_clean = !input.text.contains(BOUNDARY);
    for (name, content) in &input.files {
        // What a name can't have, and what no client writes without escaping it.
        is_clean &= !name.contains(|c: char| c.is_control() || matches!(c, '"' | '\\'));
        is_clean &= !content
            .windows(BOUNDARY.len())
            .any(|part| part == BOUNDARY.as_bytes());
        // A file input without a file.
        is_clean &= !name.is_empty();
        let header = format!(
            "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\r\n"
        );
        form.extend_from_slice(header.as_bytes());
        form.extend_from_slice(content);
    }
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let fits = form.len() <= 16 * 1024 && input.text.len() <= 4 * 1024 && input.files.len() <= 10;
    let found = in_any_framing(&form, input.size);
    let has_long_name = input.files.iter().any(|(name, _)| name.len() > 8_000);
    if !is_clean || !fits || has_long_name {
        return;
    }
    let (text, files) = found.expect("a well-formed form passes");
    assert_eq!(text, input.text);
    assert_eq!(files.len(), input.files.len());
    for ((name, content), (sent_name, sent)) in files.iter().zip(&input.files) {
        assert_eq!((&**name, &**content), (*sent_name, *sent));
    }
});
