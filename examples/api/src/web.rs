//! The page in `web/`, if it has been built.
//!
//! `npm ci && npm run build` in `examples/api/web` builds it, and `WEB_DIR=examples/api/web/dist` lets the
//! program serve it.

use std::{
    fs,
    future::{Ready, ready},
    path::Path,
};

use axum::{
    body::Bytes,
    http::header::{CONTENT_TYPE, HeaderName},
};
use wythe::security_headers::{ContentSecurityPolicy, Source};

use crate::BoxError;

/// Everything comes from the origin of the page, and nothing is inline.
pub(crate) fn policy() -> ContentSecurityPolicy {
    let own = || [Source::this_origin()];
    ContentSecurityPolicy::nothing()
        .connect_src(own())
        .img_src([Source::data()])
        .script_src(own())
        .style_src(own())
}

/// Whether this is the path of a file of the page.
pub(crate) fn is_file(path: &str) -> bool {
    matches!(path, "/" | "/app.js" | "/styles.css")
}

/// The files of the page, read when the program starts.
#[derive(Clone)]
pub(crate) struct WebPage {
    pub(crate) index: File,
    pub(crate) script: File,
    pub(crate) styles: File,
}

/// A file in memory.
#[derive(Clone)]
pub(crate) struct File {
    content_type: &'static str,
    content: Bytes,
}

impl WebPage {
    /// Reads the files in this folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, BoxError> {
        let read = |name: &str, content_type| -> Result<File, BoxError> {
            let path = folder.join(name);
            let content = fs::read(&path);
            let content = content.map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(File {
                content_type,
                content: content.into(),
            })
        };
        Ok(Self {
            index: read("index.html", "text/html; charset=utf-8")?,
            script: read("app.js", "text/javascript; charset=utf-8")?,
            styles: read("styles.css", "text/css; charset=utf-8")?,
        })
    }
}

impl File {
    /// A handler that sends the file.
    pub(crate) fn handler(
        &self,
    ) -> impl Fn() -> Ready<([(HeaderName, &'static str); 1], Bytes)> + Clone + Send + Sync + 'static
    {
        let content = self.content.clone();
        let headers = [(CONTENT_TYPE, self.content_type)];
        move || ready((headers.clone(), content.clone()))
    }
}
