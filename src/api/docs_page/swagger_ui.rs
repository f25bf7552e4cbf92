//! The files of Swagger UI.
//!
//! `utoipa-swagger-ui-vendored` has a release archive of Swagger UI, a ZIP file, in a constant. What
//! the page needs is copied out of it by the compiler, compressed as it is, so that nothing else of
//! the archive gets into a program. A file in gzip format differs only in what surrounds the same
//! compressed bytes.

use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

use crate::wire::field::accept_encoding::accepted;

/// A file of Swagger UI.
pub(super) struct File {
    /// Its path under the folder of the archive.
    name: &'static str,
    content_type: &'static str,
    crc: u32,
    size: usize,
    gzip: &'static [u8],
    plain: OnceLock<Bytes>,
}

macro_rules! file {
    ($name:literal, $content_type:literal) => {{
        const ENTRY: Entry = Entry::find($name.as_bytes());
        static GZIP: [u8; HEADER.len() + ENTRY.compressed + TRAILER] = gzip(&ENTRY);
        File {
            name: $name,
            content_type: $content_type,
            crc: ENTRY.crc,
            size: ENTRY.size as usize,
            gzip: &GZIP,
            plain: OnceLock::new(),
        }
    }};
}

pub(super) static SCRIPT: File = file!("dist/swagger-ui-bundle.js", "text/javascript");
pub(super) static STYLES: File = file!("dist/swagger-ui.css", "text/css");
pub(super) static PAGE_STYLES: File = file!("dist/index.css", "text/css");
/// A copy comes with each copy of the files (Apache License 2.0, section 4).
pub(super) static LICENSE: File = file!("LICENSE", "text/plain; charset=utf-8");

static FILES: [&File; 4] = [&SCRIPT, &STYLES, &PAGE_STYLES, &LICENSE];

impl File {
    /// The path under the prefix of the page. It changes with the content, so that a file can be cached
    /// forever.
    pub(super) fn path(&self) -> String {
        format!("{:08x}/{}", self.crc, self.name)
    }

    /// The file with this path.
    pub(super) fn find(path: &str) -> Option<&'static Self> {
        FILES.into_iter().find(|file| file.path() == path)
    }

    /// The response to a request with these fields.
    pub(super) fn response(&'static self, headers: &HeaderMap) -> Response<Bytes> {
        let [zipped] = accepted(headers, ["gzip"]);
        let mut response = Response::new(if zipped {
            Bytes::from_static(self.gzip)
        } else {
            self.plain().clone()
        });
        let fields = response.headers_mut();
        if zipped {
            let gzip = HeaderValue::from_static("gzip");
            fields.insert(header::CONTENT_ENCODING, gzip);
        }
        for (name, value) in [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (header::VARY, "accept-encoding"),
        ] {
            fields.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    /// The content. It is decompressed once: few clients lack gzip.
    fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| {
            let end = self.gzip.len() - TRAILER;
            let compressed = self.gzip.get(HEADER.len()..end).unwrap_or_default();
            let content = miniz_oxide::inflate::decompress_to_vec_with_limit(compressed, self.size);
            // A test decompresses every file.
            content.unwrap_or_default().into()
        })
    }
}

/// The start of a file in gzip format: no name, no time (RFC 1952, section 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// Its end has the checksum and the size.
const TRAILER: usize = 8;

const fn gzip<const N: usize>(entry: &Entry) -> [u8; N] {
    let mut file = [0; N];
    let (header, rest) = file.split_at_mut(HEADER.len());
    let (content, trailer) = rest.split_at_mut(entry.compressed);
    let (crc, size) = trailer.split_at_mut(4);
    header.copy_from_slice(&HEADER);
    content.copy_from_slice(ARCHIVE.split_at(entry.start).1.split_at(entry.compressed).0);
    crc.copy_from_slice(&entry.crc.to_le_bytes());
    size.copy_from_slice(&entry.size.to_le_bytes());
    file
}

/// Where the archive has a file, in the format of PKWARE's APPNOTE 6.3.10. What does not fit it
/// fails to compile.
struct Entry {
    start: usize,
    compressed: usize,
    size: u32,
    crc: u32,
}

impl Entry {
    /// The entry of a file by its path in the only folder of the archive.
    const fn find(path: &[u8]) -> Self {
        // Section 4.3.16: the end record is followed by a comment.
        let mut end = ARCHIVE.len() - 22;
        while long(end) != 0x0605_4b50 {
            end -= 1;
        }
        let mut entries = short(end + 10);
        // Section 4.3.12: the central directory.
        let mut at = long(end + 16) as usize;
        while entries > 0 {
            let name_length = short(at + 28);
            let name = ARCHIVE.split_at(at + 46).1.split_at(name_length).0;
            if is_in_folder(name, path) {
                return Self::read(at);
            }
            at += 46 + name_length + short(at + 30) + short(at + 32);
            entries -= 1;
        }
        panic!("the archive of Swagger UI lacks a file");
    }

    const fn read(at: usize) -> Self {
        assert!(long(at) == 0x0201_4b50, "not an entry of a ZIP archive");
        assert!(
            short(at + 10) == 8,
            "the file is not compressed with Deflate"
        );
        let local = long(at + 42) as usize;
        Self {
            // Section 4.3.7: the local header.
            start: local + 30 + short(local + 26) + short(local + 28),
            compressed: long(at + 20) as usize,
            size: long(at + 24),
            crc: long(at + 16),
        }
    }
}

/// Whether a name is a folder, `/` and this path.
const fn is_in_folder(mut name: &[u8], mut path: &[u8]) -> bool {
    while let Some((expected, rest)) = path.split_last() {
        path = rest;
        match name.split_last() {
            Some((byte, rest)) if *byte == *expected => name = rest,
            _ => return false,
        }
    }
    let Some((b'/', mut folder)) = name.split_last() else {
        return false;
    };
    while let Some((byte, rest)) = folder.split_last() {
        if *byte == b'/' {
            return false;
        }
        folder = rest;
    }
    true
}

const fn short(at: usize) -> usize {
    match ARCHIVE.split_at(at).1.first_chunk() {
        Some(bytes) => u16::from_le_bytes(*bytes) as usize,
        None => panic!("the archive is truncated"),
    }
}

const fn long(at: usize) -> u32 {
    match ARCHIVE.split_at(at).1.first_chunk() {
        Some(bytes) => u32::from_le_bytes(*bytes),
        None => panic!("the archive is truncated"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_complete() {
        for file in FILES {
            assert_eq!(file.plain().len(), file.size, "{}", file.name);
            assert_eq!(crc32(file.plain()), file.crc, "{}", file.name);
        }
    }

    /// RFC 1952, section 8, bit by bit.
    fn crc32(content: &[u8]) -> u32 {
        !content.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
            })
        })
    }
}
