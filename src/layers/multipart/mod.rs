//! Receives forms with files (`multipart/form-data`, RFC 7578), validates them, and passes them to the
//! handler as [`Valid`]`<`[`Upload`]`<T>>`.
//!
//! ```text
//! Content-Type -> size -> parts -> types of files -> type (serde) -> rules (garde) -> Valid<Upload<T>>
//!     415          413    400, 413       415             422             422
//! ```
//!
//! A form passes if all of these hold:
//!
//! 1. It has no content coding, and its `Content-Type` is `multipart/form-data` with a `boundary`.
//! 2. The body, each field and file, their number, and the header of each part are within the limits of
//!    [`Multipart`].
//! 3. Each part has a name. A part with a `filename` is a file; any other is a text in UTF-8.
//! 4. Each file is of an accepted type, if there is a list of them.
//! 5. The body has the `Content-Digest` and the `Repr-Digest` (RFC 9530) that were sent: `sha-256` and
//!    `sha-512` are checked, other algorithms are ignored.
//! 6. serde can deserialize the form into a `T`, and it satisfies the [garde] rules of `T`.
//!
//! A repeated field becomes a `Vec`, and a number or a boolean is read from its text, as by
//! [`with_validation`](crate::with_validation); the errors have the same shape and the same codes. A file
//! input without a selected file is like a field that was not sent.
//!
//! The body is consumed: unlike with [`Json`](crate::Json), the handler finds an empty one.
//!
//! # Files
//!
//! A field of type [`UploadedFile`], `Option<UploadedFile>` or `Vec<UploadedFile>` is a file.
//!
//! | destination | content | kept by |
//! |---|---|---|
//! | [`Multipart::in_memory`] | [`bytes`](UploadedFile::bytes) | [`persist`](UploadedFile::persist) writes it |
//! | [`Multipart::temporary_files`] | [`path`](UploadedFile::path) | [`persist`](UploadedFile::persist) renames it |
//! | [`Multipart::to_sink`] | [`stored`](UploadedFile::stored) | the sink |
//!
//! A temporary file is deleted when its [`UploadedFile`] is dropped: after the handler, a refusal, a
//! disconnect or a panic. Only a process that is killed leaves some behind; their names begin with
//! `upload-`.
//!
//! Files are streamed, unless they are kept in memory. A process that received a file of 32 MiB used at
//! most 7.8 MB of memory, and after a file of 1 GiB, at most 7.9 MB (in frames of 1 MiB, on Linux).
//!
//! # Types of files
//!
//! The first 8 KiB of a file tell what it is ([`infer`](https://docs.rs/infer)). If they do not, and
//! the whole file is UTF-8 without NUL, it is a text: of the type that the client declares, if that is
//! a kind of text other than HTML, XML and JavaScript, and otherwise `text/plain`. With a list of
//! accepted types ([`Multipart::accept`]),
//!
//! - the type of the content must be in the list;
//! - the type that the client declares must be the same, or missing, or `application/octet-stream`;
//! - the extension of the name, if there is one, must belong to the type.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceExt, service_fn};
//! use wythe::{Multipart, Provided, Upload, UploadedFile, Valid, compose, with_multipart};
//!
//! #[derive(serde::Deserialize, garde::Validate)]
//! struct NewFile {
//!     #[garde(length(chars, min = 2, max = 50))]
//!     name: String,
//!     #[garde(skip)]
//!     file: UploadedFile,
//! }
//!
//! async fn create(mut request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, String> {
//!     let form = Valid::<Upload<NewFile>>::from_extensions(request.extensions_mut());
//!     let form = form.ok_or("with_multipart is not in the stack")?;
//!     let text = format!("{}: {}", form.file.content_type(), form.file.size());
//!     Ok(Response::new(Full::from(text)))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Multipart::in_memory().accept(["text/plain"])?;
//! let stack = compose((with_multipart::<NewFile>(options),));
//! let form = "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAda\r\n\
//!             --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nHello\r\n\
//!             --x--\r\n";
//! let request = Request::post("/files")
//!     .header("content-type", "multipart/form-data; boundary=x")
//!     .body(Full::from(form))?;
//! let response = stack.service(service_fn(create)).oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | members and fields |
//! |---|---|---|
//! | 400 | no body, a body that ends early, a malformed part, a part without a name, a text that is not UTF-8 | |
//! | 400 | no `boundary`, or one of more than 70 characters | |
//! | 400 | a malformed `Content-Digest` or `Repr-Digest`, or a body with another digest | |
//! | 413 | a body that is too large | `max_body_bytes` |
//! | 413 | a field or a file that is too large | `field`, `max_bytes` |
//! | 413 | a header of a part that is too large | `max_header_bytes` |
//! | 413 | too many files or fields | `max_files`, `max_fields` |
//! | 415 | another `Content-Type`, none, or two | field `Accept` |
//! | 415 | a `Content-Encoding` | field `Accept-Encoding: identity` |
//! | 415 | a file whose type is not accepted or does not match its content | `field`, `accepted` |
//! | 422 | not a `T`, or the rules of `T` are violated | `errors`, `error_count` |
//! | 507 | no room on the disk | |
//!
//! All are [`Problem`](crate::Problem)s. Another fault of the disk is a 500. A limit further out
//! ([`with_body_limit`](crate::with_body_limit)) is answered with its 413 or 408.
//!
//! # Order
//!
//! Stage [`Validate`](crate::stage::Validate), like [`with_validation`](crate::with_validation), which can
//! stand beside it for the path, the query or header fields.
//!
//! # Security
//!
//! - Nothing that the client says is a path: [`original_name`](UploadedFile::original_name) is data, and
//!   [`file_name`](UploadedFile::file_name) has nothing from the client in it. `filename*`, which RFC 7578
//!   forbids, is not read.
//! - A type says what a file is, not that it is harmless. Serve files of users from another origin, or
//!   with `Content-Disposition: attachment` and `X-Content-Type-Options: nosniff`.
//! - Pages of other origins can send forms without a preflight, with the user's cookies: use
//!   [`with_csrf`](crate::with_csrf) where cookies identify a user.
//! - The disk is shared: a rate limit, a concurrency limit and the limits here bound what clients can fill.
//!   [`with_body_limit`](crate::with_body_limit) bounds how long a body may take.
//!
//! # Compared with
//!
//! - axum's `Multipart` yields the parts one after another; limits, types, files and rules are up to
//!   the handler. Both parse with [`multer`](https://docs.rs/multer), which on its own reads everything
//!   that has arrived before it parses any of it; here it gets one piece of at most 64 KiB at a time.
//! - `axum_typed_multipart` has a derive of its own, and its limits are per field; types are not checked.
//!
//! [`Upload`]: crate::Upload
//! [`Valid`]: crate::Valid

mod content;
mod digest;
pub(crate) mod file;
mod part;
pub(crate) mod policy;
mod receive;
mod refusal;
mod store;

#[cfg(doc)]
use self::{file::UploadedFile, policy::Multipart};
pub use self::{
    policy::ReceiveMultipart,
    store::{FileHead, FileSink, FileWriter},
};
