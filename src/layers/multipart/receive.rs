//! Receives a form: reads the body piece by piece, and passes each part on before the next piece is
//! read.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http_body::Body;
use sha2::{Digest, Sha256};

use super::{
    content::{self, ContentProbe},
    digest::BodyDigests,
    file::ReceivedFile,
    part::{self, Disposition},
    policy::Multipart,
    refusal,
    store::FileHead,
};
use crate::{
    layers::validation::parse::FormPart,
    wire::{Problem, field::Excerpt, read_body::ReadError},
};

/// A form that has been received completely.
pub(super) struct ReceivedForm {
    pub(super) parts: Vec<(String, FormPart)>,
    pub(super) files: Vec<ReceivedFile>,
}

/// Receives a form. Dropping the future removes all files.
pub(super) async fn receive<B>(
    options: &Multipart,
    body: B,
    boundary: String,
    digests: BodyDigests,
) -> Result<ReceivedForm, Problem>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let source = SharedSource(Arc::new(Mutex::new(Source {
        body,
        frame: Bytes::new(),
        is_open: false,
        waits: false,
        left: options.max_body_bytes,
        allowance: None,
        digests,
        fault: None,
    })));
    let mut form = Receiving {
        multipart: multer::Multipart::new(source.clone(), boundary),
        source,
        options,
        received: ReceivedForm {
            parts: Vec::new(),
            files: Vec::new(),
        },
    };
    while let Some(field) = form.next_part().await? {
        form.receive_part(field).await?;
    }
    form.finish().await
}

/// The form of one request.
struct Receiving<'o, B> {
    multipart: multer::Multipart<'static>,
    source: SharedSource<B>,
    options: &'o Multipart,
    received: ReceivedForm,
}

impl<B> Receiving<'_, B>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    async fn next_part(&mut self) -> Result<Option<multer::Field<'static>>, Problem> {
        // The header, the boundary before it, and the text before the first boundary.
        let max_bytes = self.options.max_header_bytes.saturating_add(1024);
        self.source.lock().allowance = Some(max_bytes);
        let (source, multipart) = (&self.source, &mut self.multipart);
        let next = poll_fn(|cx| source.drive(cx, |cx| multipart.poll_next_field(cx))).await;
        let field = next.map_err(|error| self.refuse(error))?;
        self.source.lock().allowance = None;
        if let Some(field) = &field {
            let fields = field.headers().iter();
            // `name: value`, and the end of the line.
            let bytes = fields.map(|(name, value)| name.as_str().len() + value.len() + 4);
            if bytes.sum::<usize>() > self.options.max_header_bytes {
                return Err(refusal::large_header(self.options.max_header_bytes));
            }
        }
        Ok(field)
    }

    /// The next bytes of a part; `None` at its end.
    async fn chunk(&self, field: &mut multer::Field<'static>) -> Result<Option<Bytes>, Problem> {
        let next = poll_fn(|cx| {
            self.source
                .drive(cx, |cx| Pin::new(&mut *field).poll_next(cx))
        });
        next.await.transpose().map_err(|error| self.refuse(error))
    }

    async fn receive_part(&mut self, field: multer::Field<'static>) -> Result<(), Problem> {
        let Disposition { name, file_name } = part::disposition(field.headers())
            .ok_or_else(|| refusal::malformed("A part has no well-formed name."))?;
        let Some(file_name) = file_name else {
            return self.receive_text(name, field).await;
        };
        self.receive_file(name, file_name, field).await
    }

    async fn receive_text(
        &mut self,
        name: String,
        mut field: multer::Field<'static>,
    ) -> Result<(), Problem> {
        // Each file is a part as well.
        let received = &self.received;
        let texts = received.parts.len().saturating_sub(received.files.len());
        if texts >= self.options.max_fields {
            return Err(refusal::many_fields(self.options.max_fields));
        }
        let max_bytes = self
            .options
            .max_bytes_of(&name, self.options.max_field_bytes);
        let mut text = Vec::new();
        while let Some(bytes) = self.chunk(&mut field).await? {
            if text.len().saturating_add(bytes.len())
                > usize::try_from(max_bytes).unwrap_or(usize::MAX)
            {
                return Err(refusal::large_part(&name, max_bytes));
            }
            text.extend_from_slice(&bytes);
        }
        let text = String::from_utf8(text).map_err(|_not_utf8| {
            let name = Excerpt(name.as_bytes());
            refusal::malformed(format!("The field `{name}` is not UTF-8."))
        })?;
        self.received.parts.push((name, FormPart::Text(text)));
        Ok(())
    }

    async fn receive_file(
        &mut self,
        name: String,
        original_name: String,
        mut field: multer::Field<'static>,
    ) -> Result<(), Problem> {
        let declared_type = part::declared_type(field.headers());
        let declared = declared_type.as_deref().map(content::canonical);
        let accepted = self.options.accepted(&name);
        let max_bytes = self
            .options
            .max_bytes_of(&name, self.options.max_file_bytes);
        let head = FileHead {
            field: name,
            original_name,
            declared_type: declared_type.clone(),
        };
        let mut next = self.chunk(&mut field).await?;
        while next.as_ref().is_some_and(Bytes::is_empty) {
            next = self.chunk(&mut field).await?;
        }
        // HTML, section 4.10.22.4: what a browser sends where no file was selected.
        if head.original_name.is_empty() && next.is_none() {
            return Ok(());
        }
        if self.received.files.len() >= self.options.max_files {
            return Err(refusal::many_files(self.options.max_files));
        }
        if let Some(accepted) = accepted
            && !content::may_declare(declared, accepted)
        {
            return Err(refusal::wrong_type(&head.field, accepted));
        }
        let mut writing = self.options.destination.open(&head).await?;
        let (mut probe, mut sha256, mut size) = (ContentProbe::default(), Sha256::new(), 0_u64);
        while let Some(bytes) = next {
            size = size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if size > max_bytes {
                return Err(refusal::large_part(&head.field, max_bytes));
            }
            sha256.update(&bytes);
            probe.push(&bytes);
            if let Some(accepted) = accepted
                && probe.is_excluded(accepted)
            {
                return Err(refusal::wrong_type(&head.field, accepted));
            }
            writing.write(bytes).await?;
            next = self.chunk(&mut field).await?;
        }
        let found = probe.finish(declared);
        if let Some(accepted) = accepted
            && !content::agrees(&found, declared, &head.original_name, accepted)
        {
            return Err(refusal::wrong_type(&head.field, accepted));
        }
        let content = writing.finish().await?;
        let index = self.received.files.len();
        self.received.files.push(ReceivedFile {
            original_name: head.original_name,
            declared_type,
            content_type: found.name,
            extension: found.extension,
            size,
            sha256: hexadecimal(&sha256.finalize()),
            content,
        });
        self.received
            .parts
            .push((head.field, FormPart::File(index)));
        Ok(())
    }

    /// Reads what follows the last boundary, and checks the digests of the whole body.
    async fn finish(self) -> Result<ReceivedForm, Problem> {
        let source = &self.source;
        let rest = poll_fn(|cx| {
            source.drive(cx, |cx| {
                // The parser is done. Nothing reads these bytes but the digests.
                match ready!(source.lock().poll_piece(cx)) {
                    Some(Ok(_)) => Poll::Pending,
                    Some(Err(BodyFault)) => Poll::Ready(Err(BodyFault)),
                    None => Poll::Ready(Ok(())),
                }
            })
        });
        if rest.await.is_err() {
            return Err(self.refuse(multer::Error::IncompleteStream));
        }
        let digests = std::mem::take(&mut self.source.lock().digests);
        digests.check()?;
        Ok(self.received)
    }

    /// The answer to what keeps the form from being read.
    fn refuse(&self, error: multer::Error) -> Problem {
        match self.source.lock().fault.take() {
            Some(Fault::Read(ReadError::TooLarge)) => {
                Problem::large_body(self.options.max_body_bytes)
            }
            Some(Fault::Read(ReadError::TooSlow)) => Problem::slow_body(),
            Some(Fault::Read(ReadError::Broken(error))) => Problem::broken_body().because(error),
            Some(Fault::Header) => refusal::large_header(self.options.max_header_bytes),
            None => match error {
                multer::Error::IncompleteStream | multer::Error::IncompleteFieldData { .. } => {
                    refusal::malformed(
                        "The form ends before its last boundary, or a boundary is malformed.",
                    )
                }
                error => refusal::malformed("The header of a part is malformed.").because(error),
            },
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing into a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

// The body in pieces

/// How many bytes the parser gets at once.
const PIECE: usize = 64 * 1024;

/// How many pieces are read before other tasks run.
const MAX_PIECES_PER_POLL: usize = 16;

/// How many frames without data are skipped before other tasks run.
const MAX_EMPTY_FRAMES: usize = 256;

/// The body, as the parser reads it.
///
/// multer reads whatever its stream has before it looks at any of it. So that it holds one piece and not
/// the whole body, the stream has nothing unless the parser has used up what it has.
struct Source<B> {
    body: B,
    /// What has arrived and was not asked for yet.
    frame: Bytes,
    /// The parser may take a piece.
    is_open: bool,
    /// The client has not sent more yet.
    waits: bool,
    /// How many more bytes the body may have.
    left: u64,
    /// How many bytes may be read until the next part begins.
    allowance: Option<usize>,
    digests: BodyDigests,
    fault: Option<Fault>,
}

enum Fault {
    Read(ReadError),
    Header,
}

struct SharedSource<B>(Arc<Mutex<Source<B>>>);

impl<B> Clone for SharedSource<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B> SharedSource<B> {
    fn lock(&self) -> MutexGuard<'_, Source<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls the parser, and gives it a piece only when it needs one.
    fn drive<T>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        for _ in 0..MAX_PIECES_PER_POLL {
            if let Poll::Ready(done) = poll(cx) {
                return Poll::Ready(done);
            }
            {
                let source = &mut *self.lock();
                source.is_open = true;
                source.waits = false;
            }
            let done = poll(cx);
            let source = &mut *self.lock();
            source.is_open = false;
            if done.is_ready() || source.waits {
                return done;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<B> Source<B>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        if self.fault.is_some() {
            return Poll::Ready(Some(Err(BodyFault)));
        }
        if !self.is_open {
            return Poll::Pending;
        }
        for _ in 0..MAX_EMPTY_FRAMES {
            if !self.frame.is_empty() {
                return Poll::Ready(Some(self.piece()));
            }
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) => {
                    self.fault = Some(Fault::Read(ReadError::by(error.into())));
                    return Poll::Ready(Some(Err(BodyFault)));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    self.waits = true;
                    return Poll::Pending;
                }
            };
            // Any other frame holds trailers.
            if let Ok(mut data) = frame.into_data() {
                let length = u64::try_from(data.remaining()).unwrap_or(u64::MAX);
                let Some(left) = self.left.checked_sub(length) else {
                    self.fault = Some(Fault::Read(ReadError::TooLarge));
                    return Poll::Ready(Some(Err(BodyFault)));
                };
                self.left = left;
                self.frame = data.copy_to_bytes(data.remaining());
                self.digests.update(&self.frame);
            }
        }
        cx.waker().wake_by_ref();
        self.waits = true;
        Poll::Pending
    }

    fn piece(&mut self) -> Result<Bytes, BodyFault> {
        let mut length = PIECE.min(self.frame.len());
        if let Some(allowance) = &mut self.allowance {
            if *allowance == 0 {
                self.fault = Some(Fault::Header);
                return Err(BodyFault);
            }
            length = length.min(*allowance);
            *allowance = allowance.saturating_sub(length);
        }
        // One piece, and no more until the parser has used it up.
        self.is_open = false;
        Ok(self.frame.split_to(length))
    }
}

impl<B> Stream for SharedSource<B>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Item = Result<Bytes, BodyFault>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.lock().poll_piece(cx)
    }
}

/// The body can't be read; why is noted at its source.
#[derive(Debug)]
struct BodyFault;

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body can't be read")
    }
}

impl Error for BodyFault {}
