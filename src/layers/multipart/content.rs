//! What a file is: by its content, by the type that the client declares, and by its name.

/// How much of a file is kept to find out what it is.
const HEAD: usize = 8 * 1024;

/// The type of unknown content, which a client also declares if it does not know the type.
const UNKNOWN: &str = "application/octet-stream";

/// Content types, and the extensions that belong to them. The first is the one for new names.
const EXTENSIONS: [(&str, &[&str]); 20] = [
    ("application/gzip", &["gz", "tgz"]),
    ("application/json", &["json"]),
    ("application/pdf", &["pdf"]),
    ("application/zip", &["zip"]),
    ("audio/mpeg", &["mp3"]),
    ("image/avif", &["avif"]),
    ("image/bmp", &["bmp"]),
    ("image/gif", &["gif"]),
    ("image/heif", &["heif", "heic"]),
    ("image/jpeg", &["jpg", "jpeg", "jpe", "jfif"]),
    ("image/png", &["png"]),
    ("image/svg+xml", &["svg"]),
    ("image/tiff", &["tif", "tiff"]),
    ("image/webp", &["webp"]),
    ("text/csv", &["csv"]),
    ("text/html", &["html", "htm"]),
    ("text/markdown", &["md", "markdown"]),
    ("text/plain", &["txt", "text", "log"]),
    ("video/mp4", &["mp4", "m4v"]),
    ("video/webm", &["webm"]),
];

/// Looks at a file while it arrives.
#[derive(Default)]
pub(super) struct ContentProbe {
    head: Vec<u8>,
    found: Option<infer::Type>,
    has_inspected: bool,
    text: TextCheck,
}

/// What a file is.
pub(super) struct ContentType {
    pub(super) name: String,
    pub(super) extension: &'static str,
}

impl ContentProbe {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.text.push(bytes);
        if !self.has_inspected {
            let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
            self.head
                .extend_from_slice(bytes.get(..room).unwrap_or_default());
            if self.head.len() >= HEAD {
                self.inspect();
            }
        }
    }

    fn inspect(&mut self) {
        self.found = infer::get(&self.head);
        self.has_inspected = true;
        self.head = Vec::new();
    }

    /// Whether the file can't be of any of these types, before all of it is there.
    pub(super) fn is_excluded(&self, accepted: &[String]) -> bool {
        self.found.is_some_and(|found| {
            !accepted
                .iter()
                .any(|accepted| accepted == found.mime_type())
        })
    }

    /// What the whole file is. A text is what the client declares, if that is a kind of text.
    pub(super) fn finish(mut self, declared: Option<&str>) -> ContentType {
        if !self.has_inspected {
            self.inspect();
        }
        if let Some(found) = self.found {
            return ContentType {
                name: found.mime_type().to_owned(),
                extension: extension(found.mime_type()).unwrap_or_else(|| found.extension()),
            };
        }
        let name = if self.text.is_text() {
            let is_text = |declared: &&str| {
                declared.starts_with("text/")
                    || declared.ends_with("+json")
                    || *declared == "application/json"
            };
            // Markup is a text too, but not to a browser.
            let is_markup =
                |declared: &&str| matches!(*declared, "text/html" | "text/xml" | "text/javascript");
            declared
                .filter(is_text)
                .filter(|declared| !is_markup(declared))
                .unwrap_or("text/plain")
        } else {
            UNKNOWN
        };
        let fallback = if name == UNKNOWN { "bin" } else { "txt" };
        ContentType {
            name: name.to_owned(),
            extension: extension(name).unwrap_or(fallback),
        }
    }
}

fn extension(name: &str) -> Option<&'static str> {
    let mut table = EXTENSIONS.iter();
    let (_, extensions) = table.find(|(listed, _)| *listed == name)?;
    extensions.first().copied()
}

/// Whether a client may declare this type, before the content is there.
pub(super) fn may_declare(declared: Option<&str>, accepted: &[String]) -> bool {
    declared.map(canonical).is_none_or(|declared| {
        declared == UNKNOWN || accepted.iter().any(|accepted| accepted == declared)
    })
}

/// Whether the content, the declared type and the name of a file agree, and are accepted.
pub(super) fn agrees(
    content: &ContentType,
    declared: Option<&str>,
    file_name: &str,
    accepted: &[String],
) -> bool {
    let is_declared = declared
        .map(canonical)
        .is_none_or(|declared| declared == UNKNOWN || declared == content.name);
    accepted.contains(&content.name) && is_declared && is_named(&content.name, file_name)
}

/// Whether the extension of the name belongs to the type. A name without one does.
fn is_named(content_type: &str, file_name: &str) -> bool {
    let Some((_, extension)) = file_name.rsplit_once('.') else {
        return true;
    };
    let mut table = EXTENSIONS.iter();
    match table.find(|(listed, _)| *listed == content_type) {
        Some((_, extensions)) => extensions
            .iter()
            .any(|listed| listed.eq_ignore_ascii_case(extension)),
        // Not a type that the table knows: the name must at least not be one of another type.
        None => !EXTENSIONS.iter().any(|(_, extensions)| {
            extensions
                .iter()
                .any(|listed| listed.eq_ignore_ascii_case(extension))
        }),
    }
}

/// The registered names of types that clients still send under others.
pub(super) fn canonical(declared: &str) -> &str {
    match declared {
        "image/jpg" | "image/pjpeg" => "image/jpeg",
        "image/x-png" => "image/png",
        "application/x-pdf" => "application/pdf",
        "application/x-gzip" => "application/gzip",
        "application/x-zip-compressed" => "application/zip",
        other => other,
    }
}

/// Whether all bytes so far are UTF-8 without NUL.
#[derive(Default)]
struct TextCheck {
    is_binary: bool,
    /// The start of a character whose end is not there yet.
    open: Vec<u8>,
}

impl TextCheck {
    fn push(&mut self, bytes: &[u8]) {
        if self.is_binary {
            return;
        }
        let mut rest = bytes;
        // At most three more bytes end an open character.
        while !self.open.is_empty() {
            let Some((first, after)) = rest.split_first() else {
                return;
            };
            self.open.push(*first);
            rest = after;
            match std::str::from_utf8(&self.open) {
                Ok(_) => self.open.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    self.is_binary = true;
                    return;
                }
            }
        }
        if rest.contains(&0) {
            self.is_binary = true;
            return;
        }
        if let Err(error) = std::str::from_utf8(rest) {
            if error.error_len().is_some() {
                self.is_binary = true;
            } else {
                let open = rest.get(error.valid_up_to()..).unwrap_or_default();
                self.open.extend_from_slice(open);
            }
        }
    }

    const fn is_text(&self) -> bool {
        !self.is_binary && self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ContentProbe, TextCheck, agrees, is_named};

    fn probe(bytes: &[u8], declared: Option<&str>) -> String {
        let mut probe = ContentProbe::default();
        probe.push(bytes);
        probe.finish(declared).name
    }

    #[test]
    fn a_type_without_registered_extensions_has_no_extension_of_another_type() {
        for (name, expected) in [("a", true), ("a.unlisted", true), ("a.PNG", false)] {
            assert_eq!(is_named("application/x-unlisted", name), expected, "{name}");
        }
    }

    #[test]
    fn a_file_is_what_its_content_says() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let cases: [(&[u8], Option<&str>, &str); 9] = [
            (png, Some("text/plain"), "image/png"),
            (b"%PDF-1.7\n", None, "application/pdf"),
            (b"Hello", None, "text/plain"),
            (b"a,b\n", Some("text/csv"), "text/csv"),
            (b"a,b\n", Some("text/html"), "text/plain"),
            (b"<html>", Some("text/plain"), "text/html"),
            (b"Hello\0lo", Some("text/plain"), "application/octet-stream"),
            (b"\xff\xfe\xfd\xfc", None, "application/octet-stream"),
            (b"", None, "text/plain"),
        ];
        for (content, declared, expected) in cases {
            assert_eq!(probe(content, declared), expected, "{content:?}");
        }
    }

    #[test]
    fn type_declaration_and_name_have_to_agree() {
        let accepted = ["image/png".to_owned(), "text/plain".to_owned()];
        let cases = [
            ("a.png", Some("image/png"), true),
            ("a", None, true),
            ("A.PNG", Some("application/octet-stream"), true),
            ("a.png", Some("image/jpeg"), false),
            ("a.png", Some("text/plain"), false),
            ("a.txt", Some("image/png"), false),
            ("a.png.php", Some("image/png"), false),
            ("../../a.png", Some("image/png"), true),
        ];
        for (name, declared, expected) in cases {
            let mut probe = ContentProbe::default();
            probe.push(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
            let content = probe.finish(declared);
            let found = agrees(&content, declared, name, &accepted);
            assert_eq!(found, expected, "{name} {declared:?}");
        }
    }

    proptest! {
        /// Wherever the bytes are split, the answer is that of the whole.
        #[test]
        fn text_is_recognized_however_it_is_split(
            bytes in prop_oneof![
                any::<String>().prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..40),
            ],
            step in 1_usize..8,
        ) {
            let mut check = TextCheck::default();
            for part in bytes.chunks(step) {
                check.push(part);
            }
            let expected = std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0'));
            prop_assert_eq!(check.is_text(), expected);
        }
    }
}
