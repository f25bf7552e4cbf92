//! Where the bytes of a file go: memory, a temporary file, or a sink of the application.

use std::{
    any::Any,
    fs::File,
    future::Future,
    io::{self, Write},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use http::StatusCode;
use tempfile::{NamedTempFile, TempPath};

use super::file::{FileContent, in_background};
use crate::wire::Problem;

/// A place for files: an object store, for example.
///
/// # Example
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use bytes::Bytes;
/// use wythe::{Multipart, Problem, multipart::{FileHead, FileSink, FileWriter}};
///
/// #[derive(Clone, Default)]
/// struct Store(Arc<Mutex<Vec<Vec<u8>>>>);
///
/// struct Upload(Store, Vec<u8>);
///
/// impl FileSink for Store {
///     type Writer = Upload;
///
///     async fn open(&self, _: &FileHead) -> Result<Upload, Problem> {
///         Ok(Upload(self.clone(), Vec::new()))
///     }
/// }
///
/// impl FileWriter for Upload {
///     type Stored = usize;
///
///     async fn write(&mut self, bytes: Bytes) -> Result<(), Problem> {
///         self.1.extend_from_slice(&bytes);
///         Ok(())
///     }
///
///     async fn finish(self) -> Result<usize, Problem> {
///         let mut files = self.0.0.lock().map_err(|error| Problem::internal(error.to_string()))?;
///         files.push(self.1);
///         Ok(files.len() - 1)
///     }
/// }
///
/// let uploads = Multipart::to_sink(Store::default());
/// ```
pub trait FileSink: Send + Sync + 'static {
    /// Takes one file.
    type Writer: FileWriter;

    /// Begins a file.
    ///
    /// # Errors
    ///
    /// The problem is the answer to the client.
    fn open(&self, head: &FileHead) -> impl Future<Output = Result<Self::Writer, Problem>> + Send;
}

/// Takes the bytes of one file. If it is dropped before [`finish`](Self::finish) has returned, the file
/// was not accepted, and none of it may be kept.
pub trait FileWriter: Send + 'static {
    /// What the handler gets, by [`UploadedFile::stored`](super::UploadedFile::stored): the key of an
    /// object, for example.
    ///
    /// It is also dropped if the request is rejected because of a part that follows: a type whose
    /// `Drop` removes the file, unless the handler has confirmed it, leaves nothing behind.
    type Stored: Send + Sync + 'static;

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// The problem is the answer to the client.
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), Problem>> + Send;

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// The problem is the answer to the client.
    fn finish(self) -> impl Future<Output = Result<Self::Stored, Problem>> + Send;
}

/// What is known about a file before its content.
#[derive(Debug)]
pub struct FileHead {
    pub(super) field: String,
    pub(super) original_name: String,
    pub(super) declared_type: Option<String>,
}

impl FileHead {
    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The client's name of the file: data, never a path.
    #[must_use]
    pub fn original_name(&self) -> &str {
        &self.original_name
    }

    /// The content type that the client declares.
    #[must_use]
    pub fn declared_type(&self) -> Option<&str> {
        self.declared_type.as_deref()
    }
}

/// Where files go.
#[derive(Clone)]
pub(super) enum Destination {
    Memory,
    Directory(Arc<Path>),
    Sink(Arc<dyn ErasedSink>),
}

/// A file that is being written. Dropping it removes what has been written.
pub(super) enum Writing {
    Memory(Vec<u8>),
    File(TempWriting),
    Sink(Box<dyn ErasedWriter>),
}

impl Destination {
    pub(super) async fn open(&self, head: &FileHead) -> Result<Writing, Problem> {
        Ok(match self {
            Self::Memory => Writing::Memory(Vec::new()),
            Self::Directory(directory) => Writing::File(TempWriting {
                directory: directory.to_path_buf(),
                file: None,
                buffer: Vec::new(),
            }),
            Self::Sink(sink) => Writing::Sink(sink.open(head).await?),
        })
    }
}

impl Writing {
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Problem> {
        match self {
            Self::Memory(all) => all.extend_from_slice(&bytes),
            Self::File(file) => {
                file.buffer.extend_from_slice(&bytes);
                if file.buffer.len() >= BUFFER {
                    file.flush().await.map_err(not_written)?;
                }
            }
            Self::Sink(writer) => writer.write(bytes).await?,
        }
        Ok(())
    }

    pub(super) async fn finish(self) -> Result<FileContent, Problem> {
        match self {
            Self::Memory(all) => Ok(FileContent::Memory(all.into())),
            Self::File(mut file) => {
                file.flush().await.map_err(not_written)?;
                let path = file.file.map(|(path, _)| path);
                path.map(FileContent::File)
                    .ok_or_else(|| not_written(io::Error::other("no file")))
            }
            Self::Sink(writer) => writer.finish().await.map(FileContent::Stored),
        }
    }
}

/// How many bytes are written at once: each write is a task for a thread that may block.
const BUFFER: usize = 256 * 1024;

/// A temporary file that is being written. It is made with the first write.
pub(super) struct TempWriting {
    directory: PathBuf,
    file: Option<(TempPath, File)>,
    buffer: Vec<u8>,
}

impl TempWriting {
    async fn flush(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let directory = self.directory.clone();
        let opened = self.file.take();
        // If nobody is waiting any more, the result is dropped, and the file with it.
        let (file, mut buffer) = in_background(move || {
            let (path, mut file) = match opened {
                Some((path, file)) => (path, file),
                None => {
                    let (file, path) =
                        NamedTempFile::with_prefix_in("upload-", &directory)?.into_parts();
                    (path, file)
                }
            };
            file.write_all(&buffer)?;
            Ok(((path, file), buffer))
        })
        .await?;
        self.file = Some(file);
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }
}

/// 507 if there is no room, otherwise 500.
pub(super) fn not_written(error: io::Error) -> Problem {
    let is_full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    );
    if is_full {
        return storage_full().because(error);
    }
    Problem::internal(error)
}

pub(super) fn storage_full() -> Problem {
    Problem::new(StatusCode::INSUFFICIENT_STORAGE)
        .reason("storage_full")
        .detail("There is not enough storage for the file. Try again later.")
}

// Sinks without their types

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send + 'a>>;

pub(super) trait ErasedSink: Send + Sync {
    fn open<'a>(&'a self, head: &'a FileHead) -> BoxFuture<'a, Box<dyn ErasedWriter>>;
}

pub(super) trait ErasedWriter: Send {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, ()>;

    fn finish(self: Box<Self>) -> BoxFuture<'static, Box<dyn Any + Send + Sync>>;
}

impl<S: FileSink> ErasedSink for S {
    fn open<'a>(&'a self, head: &'a FileHead) -> BoxFuture<'a, Box<dyn ErasedWriter>> {
        Box::pin(async move {
            let writer = FileSink::open(self, head).await?;
            Ok(Box::new(writer) as Box<dyn ErasedWriter>)
        })
    }
}

impl<W: FileWriter> ErasedWriter for W {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, ()> {
        Box::pin(FileWriter::write(self, bytes))
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Box<dyn Any + Send + Sync>> {
        Box::pin(async move {
            let stored = FileWriter::finish(*self).await?;
            Ok(Box::new(stored) as Box<dyn Any + Send + Sync>)
        })
    }
}
