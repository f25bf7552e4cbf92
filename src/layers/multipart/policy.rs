//! [`with_multipart`] and its options.

use std::{
    collections::HashMap,
    env,
    error::Error,
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use garde::Validate;
use http::{HeaderMap, Request, header};
use http_body::Body;
use serde::de::DeserializeOwned;

use super::{
    digest::{self, BodyDigests},
    file::with_files,
    receive::receive,
    refusal,
    store::{Destination, FileSink, storage_full},
};
use crate::{
    contract::{
        Always, Description, Later, Middleware, Place, Step, With,
        description::{Answer, InputSource, RequestInput},
        stage, with,
    },
    layers::validation::{
        input::{Upload, Valid},
        parse::{invalid_form, read_form},
    },
    request::take_once::TakeOnce,
    wire::{
        ConfigError, Problem,
        field::{media_type::MediaType, only_line},
        read_body::{announced_bytes, is_encoded},
        type_name,
    },
};

const NAME: &str = "with_multipart";

/// Receives a form with files, and validates it.
///
/// # Example
///
/// ```
/// use wythe::{Multipart, Upload, UploadedFile, Valid, compose, with_multipart};
///
/// #[derive(serde::Deserialize, garde::Validate)]
/// struct NewPicture {
///     #[garde(length(chars, min = 1, max = 100))]
///     title: String,
///     #[garde(skip)]
///     picture: UploadedFile,
///     #[garde(skip)]
///     thumbnail: Option<UploadedFile>,
/// }
///
/// let options = Multipart::temporary_files()?
///     .max_file_bytes(5 * 1024 * 1024)?
///     .accept(["image/png", "image/jpeg"])?;
/// let stack = compose((with_multipart::<NewPicture>(options),));
///
/// async fn create(form: Valid<Upload<NewPicture>>) -> String {
///     let Upload(form) = form.into_inner();
///     format!("{}: {} bytes", form.title, form.picture.size())
/// }
/// # #[cfg(feature = "axum")]
/// # let _: axum::routing::MethodRouter = axum::routing::post(stack.handler(create));
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// See the [module](crate::multipart) for what passes and what is rejected.
pub fn with_multipart<T>(options: Multipart) -> With<ReceiveMultipart<T>>
where
    T: DeserializeOwned + Validate<Context: Default + Send + Sync + 'static> + Send + 'static,
{
    with(ReceiveMultipart {
        receiver: Arc::new(Receiver {
            options,
            context: T::Context::default(),
        }),
        form: PhantomData,
    })
}

/// Where the files of a form go, which are accepted, and how large everything may be.
///
/// | limit | default |
/// |---|---|
/// | [`max_body_bytes`](Self::max_body_bytes) | 16 MiB; 1 MiB for files in memory |
/// | [`max_file_bytes`](Self::max_file_bytes) | as the whole body |
/// | [`max_field_bytes`](Self::max_field_bytes) | 64 KiB |
/// | [`max_files`](Self::max_files) | 10 |
/// | [`max_fields`](Self::max_fields) | 100 |
/// | [`max_header_bytes`](Self::max_header_bytes) | 8 KiB |
#[derive(Clone)]
#[must_use]
pub struct Multipart {
    pub(super) destination: Destination,
    pub(super) max_body_bytes: u64,
    pub(super) max_file_bytes: u64,
    pub(super) max_field_bytes: u64,
    pub(super) max_files: usize,
    pub(super) max_fields: usize,
    pub(super) max_header_bytes: usize,
    has_nested_keys: bool,
    rejects_unknown_names: bool,
    accepted: Option<Arc<[String]>>,
    accepted_of: HashMap<String, Arc<[String]>>,
    max_bytes_of: HashMap<String, u64>,
}

impl Multipart {
    /// Files are kept in memory: at most 1 MiB for all of them together, unless
    /// [`max_body_bytes`](Self::max_body_bytes) is set.
    pub fn in_memory() -> Self {
        Self::new(Destination::Memory, 1024 * 1024)
    }

    /// Files are written to temporary files in the system's directory for them.
    ///
    /// # Errors
    ///
    /// The directory does not exist.
    pub fn temporary_files() -> Result<Self, ConfigError> {
        Self::temporary_files_in(env::temp_dir())
    }

    /// Files are written to temporary files in this directory. If it is on the same file system as
    /// their final place, [`UploadedFile::persist`](crate::UploadedFile::persist) renames them.
    ///
    /// # Errors
    ///
    /// The directory does not exist.
    pub fn temporary_files_in(directory: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let directory = directory.into();
        if !directory.is_dir() {
            let message = format!("`{}` is not a directory", directory.display());
            return Err(ConfigError::new(NAME, message));
        }
        let directory: Arc<Path> = directory.into();
        Ok(Self::new(
            Destination::Directory(directory),
            16 * 1024 * 1024,
        ))
    }

    /// Files go to a sink of the application: an object store, for example.
    pub fn to_sink(sink: impl FileSink) -> Self {
        Self::new(Destination::Sink(Arc::new(sink)), 16 * 1024 * 1024)
    }

    fn new(destination: Destination, max_body_bytes: u64) -> Self {
        Self {
            destination,
            max_body_bytes,
            max_file_bytes: u64::MAX,
            max_field_bytes: 64 * 1024,
            max_files: 10,
            max_fields: 100,
            max_header_bytes: 8 * 1024,
            has_nested_keys: false,
            rejects_unknown_names: false,
            accepted: None,
            accepted_of: HashMap::new(),
            max_bytes_of: HashMap::new(),
        }
    }

    /// The largest body, in bytes.
    ///
    /// # Errors
    ///
    /// It is 0.
    pub fn max_body_bytes(mut self, bytes: u64) -> Result<Self, ConfigError> {
        self.max_body_bytes = positive("max_body_bytes", bytes)?;
        Ok(self)
    }

    /// The largest file, in bytes.
    ///
    /// # Errors
    ///
    /// It is 0.
    pub fn max_file_bytes(mut self, bytes: u64) -> Result<Self, ConfigError> {
        self.max_file_bytes = positive("max_file_bytes", bytes)?;
        Ok(self)
    }

    /// The largest field without a file, in bytes.
    ///
    /// # Errors
    ///
    /// It is 0.
    pub fn max_field_bytes(mut self, bytes: u64) -> Result<Self, ConfigError> {
        self.max_field_bytes = positive("max_field_bytes", bytes)?;
        Ok(self)
    }

    /// The largest value of one field, file or not, in bytes.
    ///
    /// # Errors
    ///
    /// It is 0.
    pub fn max_bytes_for(
        mut self,
        field: impl Into<String>,
        bytes: u64,
    ) -> Result<Self, ConfigError> {
        let bytes = positive("max_bytes_for", bytes)?;
        self.max_bytes_of.insert(field.into(), bytes);
        Ok(self)
    }

    /// How many files a form may have.
    pub const fn max_files(mut self, files: usize) -> Self {
        self.max_files = files;
        self
    }

    /// How many fields without a file a form may have.
    pub const fn max_fields(mut self, fields: usize) -> Self {
        self.max_fields = fields;
        self
    }

    /// The largest header of a part, in bytes.
    ///
    /// # Errors
    ///
    /// It is less than 256: browsers could not send a name.
    pub fn max_header_bytes(mut self, bytes: usize) -> Result<Self, ConfigError> {
        if bytes < 256 {
            let message = format!("`max_header_bytes` must be at least 256, but is {bytes}");
            return Err(ConfigError::new(NAME, message));
        }
        self.max_header_bytes = bytes;
        Ok(self)
    }

    /// The content types that files may have. By default any.
    ///
    /// The content decides, and the declared type and the extension of the name have to agree with it.
    ///
    /// # Errors
    ///
    /// The list is empty, or a text is not a media type in lowercase without parameters.
    pub fn accept<T: Into<String>>(
        mut self,
        types: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        self.accepted = Some(media_types(types)?);
        Ok(self)
    }

    /// The content types of the files of one field, instead of those of [`accept`](Self::accept).
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn accept_for<T: Into<String>>(
        mut self,
        field: impl Into<String>,
        types: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        self.accepted_of.insert(field.into(), media_types(types)?);
        Ok(self)
    }

    /// Reads nested keys: `address[city]`, `tags[]`, `items[0][price]`; see
    /// [`Validation::nested_keys`](crate::Validation::nested_keys).
    pub const fn nested_keys(mut self) -> Self {
        self.has_nested_keys = true;
        self
    }

    /// Rejects fields that the type does not have. By default they are ignored, and their files are
    /// deleted.
    pub const fn reject_unknown_names(mut self) -> Self {
        self.rejects_unknown_names = true;
        self
    }

    pub(super) fn max_bytes_of(&self, field: &str, otherwise: u64) -> u64 {
        self.max_bytes_of.get(field).copied().unwrap_or(otherwise)
    }

    pub(super) fn accepted(&self, field: &str) -> Option<&[String]> {
        let own = self.accepted_of.get(field);
        own.or(self.accepted.as_ref()).map(|types| &**types)
    }
}

fn positive(option: &str, bytes: u64) -> Result<u64, ConfigError> {
    if bytes == 0 {
        let message = format!("`{option}` must not be 0: no form would pass");
        return Err(ConfigError::new(NAME, message));
    }
    Ok(bytes)
}

fn media_types<T: Into<String>>(
    types: impl IntoIterator<Item = T>,
) -> Result<Arc<[String]>, ConfigError> {
    let types: Vec<String> = types.into_iter().map(Into::into).collect();
    if types.is_empty() {
        return Err(ConfigError::new(
            NAME,
            "a list of types is empty: no file would pass",
        ));
    }
    let is_plain = |text: &String| {
        MediaType::parse(text.as_bytes()).is_some()
            && !text.contains([';', ' ', '*'])
            && !text.contains(|c: char| c.is_ascii_uppercase())
    };
    if let Some(invalid) = types.iter().find(|text| !is_plain(text)) {
        let message = format!("`{invalid}` is not a media type; write it like `image/png`");
        return Err(ConfigError::new(NAME, message));
    }
    Ok(types.into())
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let destination = match &self.destination {
            Destination::Memory => "memory",
            Destination::Directory(_) => "temporary files",
            Destination::Sink(_) => "sink",
        };
        f.debug_struct("Multipart")
            .field("destination", &destination)
            .field("max_body_bytes", &self.max_body_bytes)
            .field("max_file_bytes", &self.max_file_bytes)
            .field("max_files", &self.max_files)
            .finish_non_exhaustive()
    }
}

/// The middleware of [`with_multipart`].
#[must_use]
pub struct ReceiveMultipart<T: Validate> {
    receiver: Arc<Receiver<T::Context>>,
    form: PhantomData<fn() -> T>,
}

struct Receiver<C> {
    options: Multipart,
    /// What the rules need to know.
    context: C,
}

impl<T: Validate> Clone for ReceiveMultipart<T> {
    fn clone(&self) -> Self {
        Self {
            receiver: Arc::clone(&self.receiver),
            form: PhantomData,
        }
    }
}

impl<T: Validate> fmt::Debug for ReceiveMultipart<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReceiveMultipart")
            .field(&self.receiver.options)
            .finish()
    }
}

impl<T> Place for ReceiveMultipart<T>
where
    T: Validate<Context: Send + Sync + 'static> + Send + 'static,
{
    type Stage = stage::Validate;
    type Provides = Always<Valid<Upload<T>>>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let options = &self.receiver.options;
        let input = RequestInput::new(InputSource::Body, type_name::<Upload<T>>())
            .media_type("multipart/form-data")
            .max_bytes(options.max_body_bytes);
        let when_too_large = format!(
            "when the body has more than {} bytes, or when a part is too large or there are too \
             many parts",
            options.max_body_bytes
        );
        let too_large = Answer::of(&Problem::large_body(options.max_body_bytes))
            .or(&refusal::large_part("", options.max_file_bytes))
            .or(&refusal::large_header(options.max_header_bytes))
            .or(&refusal::many_fields(options.max_fields))
            .or(&refusal::many_files(options.max_files))
            .when(when_too_large);
        let malformed = Answer::of(&refusal::malformed(""))
            .or(&refusal::no_body())
            .or(&Problem::broken_body())
            .or(&digest::mismatch())
            .reason("malformed_digest")
            .when("when the form is malformed or incomplete, or does not match its digest");
        let unsupported = Answer::of(&refusal::other_media_type())
            .or(&Problem::coded_body())
            .or(&refusal::wrong_type("", &[]))
            .when(
                "when the body is not a form with files, or the type of a file is not accepted or \
                 does not match its content",
            );
        let invalid = Answer::of(&invalid_form())
            .when("when the form is well-formed but invalid")
            .not_provoked("a test does not write forms with files");
        let full = Answer::of(&storage_full())
            .when("when there is no room for the file")
            .not_provoked("the disk is not full");
        Description::new(NAME)
            .reads(input)
            .answer(malformed)
            .answer(too_large)
            .answer(unsupported)
            .answer(invalid)
            .answer(full)
    }
}

impl<T, B> Middleware<B> for ReceiveMultipart<T>
where
    T: DeserializeOwned + Validate<Context: Send + Sync + 'static> + Send + 'static,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + Unpin + 'static,
{
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let (boundary, digests) = match admit(&self.receiver.options, &request) {
            Ok(admitted) => admitted,
            Err(problem) => return Step::reply(problem),
        };
        let receiver = Arc::clone(&self.receiver);
        Later::pending(async move {
            let Receiver { options, context } = &*receiver;
            let (mut parts, body) = request.into_parts();
            let form = match receive(options, body, boundary, digests).await {
                Ok(form) => form,
                Err(problem) => return Step::Reply(problem.into()),
            };
            let read = with_files(form.files, || {
                read_form::<T>(
                    &mut parts,
                    &form.parts,
                    options.has_nested_keys,
                    options.rejects_unknown_names,
                    context,
                )
            });
            match read {
                Ok(form) => {
                    parts.extensions.insert(TakeOnce::new(form));
                    Step::Next(Request::from_parts(parts, B::from(Bytes::new())), ())
                }
                Err(problem) => Step::Reply(problem.into()),
            }
        })
    }
}

/// The boundary and the digests of a form, or why its body is not read.
fn admit<B: Body>(
    options: &Multipart,
    request: &Request<B>,
) -> Result<(String, BodyDigests), Problem> {
    let headers = request.headers();
    if is_encoded(headers) {
        return Err(Problem::coded_body());
    }
    let content_type = content_type(headers, request.body().is_end_stream())?;
    if announced_bytes(headers, request.body()) > options.max_body_bytes {
        return Err(Problem::large_body(options.max_body_bytes));
    }
    // RFC 2046, section 5.1.1: 1 to 70 characters.
    let boundary = multer::parse_boundary(content_type).ok();
    let boundary = boundary.filter(|boundary| (1..=70).contains(&boundary.len()));
    let boundary = boundary.ok_or_else(refusal::no_boundary)?;
    Ok((boundary, BodyDigests::of(headers)?))
}

/// The content type, which is that of a form with files.
fn content_type(headers: &HeaderMap, is_empty: bool) -> Result<&str, Problem> {
    let field = only_line(headers, header::CONTENT_TYPE)
        .map_err(|_repeated| refusal::other_media_type())?;
    let Some(field) = field else {
        return Err(if is_empty {
            refusal::no_body()
        } else {
            refusal::other_media_type()
        });
    };
    let is_form = MediaType::parse(field.as_bytes())
        .is_some_and(|media_type| media_type.is("multipart", "form-data"));
    let field = field.to_str().ok().filter(|_| is_form);
    field.ok_or_else(refusal::other_media_type)
}

#[cfg(test)]
mod tests {
    use super::Multipart;

    #[test]
    fn options_that_no_form_passes_are_errors() {
        let form = Multipart::in_memory;
        let refused = [
            form().max_body_bytes(0),
            form().max_file_bytes(0),
            form().max_field_bytes(0),
            form().max_bytes_for("file", 0),
            form().max_header_bytes(255),
            form().accept([""; 0]),
            Multipart::temporary_files_in("/nonexistent"),
        ];
        for (place, refused) in refused.into_iter().enumerate() {
            assert!(refused.is_err(), "{place}");
        }
        for invalid in ["png", "image/*", "image/png; q=1", "Image/PNG", ""] {
            let refused = [
                form().accept([invalid]),
                form().accept_for("file", [invalid]),
            ];
            for refused in refused {
                assert!(refused.is_err(), "{invalid}");
            }
        }
    }
}
