//! [`UploadedFile`], and how serde gets one.

use std::{
    any::Any,
    cell::RefCell,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use tempfile::TempPath;

use crate::layers::validation::params::FILE;

/// A file that a client has sent. A temporary file is deleted when this is dropped.
///
/// It can be a field of the type of [`with_multipart`](crate::with_multipart), and so can an `Option` or
/// a `Vec` of it. It is deserialized only from such a form.
pub struct UploadedFile(Arc<ReceivedFile>);

/// A file that has been received completely.
pub(super) struct ReceivedFile {
    pub(super) original_name: String,
    pub(super) declared_type: Option<String>,
    pub(super) content_type: String,
    pub(super) extension: &'static str,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) content: FileContent,
}

/// Where the bytes of a file are.
pub(super) enum FileContent {
    Memory(Bytes),
    File(TempPath),
    /// What the sink of the application has made of them.
    Stored(Box<dyn Any + Send + Sync>),
}

impl UploadedFile {
    /// The name that the client sent. It can be anything: `../../etc/passwd`, or the name of another
    /// user's file.
    ///
    /// # Security
    ///
    /// It is data to show. Never use it as a path: [`file_name`](Self::file_name) is safe.
    #[must_use]
    pub fn original_name(&self) -> &str {
        &self.0.original_name
    }

    /// A name to store the file under: its SHA-256, and the extension of its type. Nothing in it comes
    /// from the client, and files with the same content have the same name.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.0.sha256, self.0.extension)
    }

    /// The content type of the content: `image/png`. It is `application/octet-stream` if it is not
    /// known.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// The content type that the client declared, in lowercase and without parameters.
    #[must_use]
    pub fn declared_type(&self) -> Option<&str> {
        self.0.declared_type.as_deref()
    }

    /// The size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// The SHA-256 of the content, in lowercase hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// The content, if it is in memory.
    #[must_use]
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.0.content {
            FileContent::Memory(bytes) => Some(bytes),
            FileContent::File(_) | FileContent::Stored(_) => None,
        }
    }

    /// The path of the temporary file, if it is in one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0.content {
            FileContent::File(path) => Some(path),
            FileContent::Memory(_) | FileContent::Stored(_) => None,
        }
    }

    /// What the sink of the application has made of the file; see [`FileSink`](super::FileSink).
    #[must_use]
    pub fn stored<T: 'static>(&self) -> Option<&T> {
        match &self.0.content {
            FileContent::Stored(stored) => stored.downcast_ref(),
            FileContent::Memory(_) | FileContent::File(_) => None,
        }
    }

    /// The whole content, from memory or from the temporary file.
    ///
    /// # Errors
    ///
    /// The temporary file can't be read, or a sink has the content.
    pub async fn read(&self) -> io::Result<Bytes> {
        match &self.0.content {
            FileContent::Memory(bytes) => Ok(bytes.clone()),
            FileContent::File(_) => {
                // The task keeps the file, even if nobody is waiting for it any more.
                let file = Arc::clone(&self.0);
                in_background(move || match &file.content {
                    FileContent::File(path) => fs::read(path).map(Bytes::from),
                    FileContent::Memory(_) | FileContent::Stored(_) => Err(not_in_file()),
                })
                .await
            }
            FileContent::Stored(_) => Err(not_in_file()),
        }
    }

    /// Keeps the file under this path, which must not exist yet. On the same file system a temporary
    /// file is renamed; otherwise the content is copied.
    ///
    /// # Errors
    ///
    /// The path exists or can't be written, or a sink has the content. Nothing is kept then.
    pub async fn persist(self, to: impl Into<PathBuf>) -> io::Result<()> {
        let to = to.into();
        in_background(move || match Arc::try_unwrap(self.0) {
            Ok(file) => match file.content {
                FileContent::File(path) => match path.persist_noclobber(&to) {
                    Ok(()) => Ok(()),
                    Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                        Err(error.error)
                    }
                    // Another file system, for example.
                    Err(error) => copy(&error.path, &to),
                },
                FileContent::Memory(bytes) => write_new(&to, &mut &*bytes),
                FileContent::Stored(_) => Err(not_in_file()),
            },
            // The type has read the same file twice.
            Err(file) => match &file.content {
                FileContent::File(path) => copy(path, &to),
                FileContent::Memory(bytes) => write_new(&to, &mut &**bytes),
                FileContent::Stored(_) => Err(not_in_file()),
            },
        })
        .await
    }
}

/// Without the name and the content.
impl fmt::Debug for UploadedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadedFile")
            .field("content_type", &self.0.content_type)
            .field("size", &self.0.size)
            .finish_non_exhaustive()
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    write_new(to, &mut fs::File::open(from)?)
}

/// Writes a file that does not exist yet, whole or not at all.
fn write_new(to: &Path, content: &mut impl io::Read) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(to)?;
    let written = io::copy(content, &mut file);
    if written.is_err() {
        drop(file);
        // The first error is the one to report.
        drop(fs::remove_file(to));
    }
    written.map(|_| ())
}

fn not_in_file() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the content is in the sink of the application",
    )
}

/// Runs blocking work on a thread that may block.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(io::Error::other(error)),
    }
}

// How serde gets a file

thread_local! {
    /// The files of the form that this thread deserializes.
    static FILES: RefCell<Vec<Arc<ReceivedFile>>> = const { RefCell::new(Vec::new()) };
}

/// Deserializes with these files at hand. Those that the value does not take are deleted.
pub(super) fn with_files<T>(files: Vec<ReceivedFile>, read: impl FnOnce() -> T) -> T {
    /// Also if `read` panics.
    struct Restore(Vec<Arc<ReceivedFile>>);

    impl Drop for Restore {
        fn drop(&mut self) {
            drop(FILES.replace(std::mem::take(&mut self.0)));
        }
    }

    let files = files.into_iter().map(Arc::new).collect();
    let _restore = Restore(FILES.replace(files));
    read()
}

impl<'de> Deserialize<'de> for UploadedFile {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_newtype_struct(FILE, FileVisitor)
    }
}

/// Takes the index of a file.
struct FileVisitor;

impl<'de> Visitor<'de> for FileVisitor {
    type Value = UploadedFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        reader: D,
    ) -> Result<UploadedFile, D::Error> {
        reader.deserialize_bytes(self)
    }

    fn visit_bytes<E: Error>(self, index: &[u8]) -> Result<UploadedFile, E> {
        let index = index.try_into().map(usize::from_le_bytes).ok();
        let file =
            index.and_then(|index| FILES.with_borrow(|files| files.get(index).map(Arc::clone)));
        file.map(UploadedFile)
            .ok_or_else(|| E::custom("invalid type: not a file of a form, expected a file"))
    }
}
