//! A stored document, which a test compares with that of the program.

use std::{env, error::Error, fmt, fs, io, path::Path};

use serde::Serialize;
use serde_json::{Map, Value};

use super::difference::Differences;

const VARIABLE: &str = "WYTHE_SNAPSHOT";

/// Compares a document with the stored one.
///
/// The file should be under version control, so that reviewers see each change of the API. The content
/// is compared: indentation and the order of members do not matter. A relative path starts in the
/// folder of the package, where Cargo runs tests.
///
/// | `WYTHE_SNAPSHOT` | |
/// |---|---|
/// | not set | any difference fails |
/// | `overwrite` | the document is stored, whatever has changed |
/// | `compatible` | the document is stored if no change is breaking, or if there is no file yet |
///
/// # Example
///
/// ```
/// use serde_json::json;
/// use wythe::testing::assert_snapshot;
///
/// # let folder = std::env::temp_dir().join(format!("wythe-snapshot-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("openapi.json");
/// # std::fs::write(&path, r#"{"openapi": "3.1.0", "paths": {}}"#).unwrap();
/// let document = json!({"openapi": "3.1.0", "paths": {}});
/// // In your test: `assert_snapshot("openapi.json", &document)`.
/// assert_snapshot(&path, &document);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// ```
///
/// # Panics
///
/// With the [report](Differences) of what has changed, if the documents differ; if the file can't be
/// read, is not JSON or can't be written; or if the variable has another value.
#[track_caller]
pub fn assert_snapshot(path: impl AsRef<Path>, document: &impl Serialize) {
    if let Err(error) = check_snapshot(path, document) {
        panic!("{error}");
    }
}

/// Like [`assert_snapshot`], with the differences as a value, for a test that makes its own decision.
///
/// # Example
///
/// ```
/// use serde_json::json;
/// use wythe::testing::check_snapshot;
///
/// let error = check_snapshot("no/such/file.json", &json!({"paths": {}})).unwrap_err();
/// assert!(error.is_missing());
/// assert!(error.differences().is_none());
/// ```
///
/// # Errors
///
/// If the documents differ; if the file can't be read, is not JSON or can't be written; or if
/// `WYTHE_SNAPSHOT` has another value.
pub fn check_snapshot(
    path: impl AsRef<Path>,
    document: &impl Serialize,
) -> Result<(), SnapshotError> {
    let accept = env::var_os(VARIABLE);
    let accept = match accept
        .as_deref()
        .map(|value| value.to_str().unwrap_or_default())
    {
        None | Some("") => Accept::Nothing,
        Some("compatible") => Accept::Compatible,
        Some("overwrite") => Accept::Everything,
        Some(_) => {
            let message = format!("{VARIABLE} is neither `overwrite` nor `compatible`");
            return Err(SnapshotError::new(path.as_ref(), Cause::Other(message)));
        }
    };
    settle(path.as_ref(), document, accept)
}

/// Which changes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accept {
    Nothing,
    Compatible,
    Everything,
}

fn settle(path: &Path, document: &impl Serialize, accept: Accept) -> Result<(), SnapshotError> {
    let error = |cause| SnapshotError::new(path, cause);
    let other = |source: &dyn fmt::Display| error(Cause::Other(source.to_string()));
    let new = serde_json::to_value(document).map_err(|source| other(&source))?;
    let store = || {
        let text = serde_json::to_string_pretty(&sorted(&new)).map_err(|source| other(&source))?;
        fs::write(path, text + "\n").map_err(|source| other(&source))
    };
    let stored = match fs::read_to_string(path) {
        Ok(stored) => stored,
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            return match accept {
                Accept::Nothing => Err(error(Cause::Missing)),
                Accept::Compatible | Accept::Everything => store(),
            };
        }
        Err(_) if accept == Accept::Everything => return store(),
        Err(source) => return Err(other(&source)),
    };
    let old: Value = match serde_json::from_str(&stored) {
        Ok(old) => old,
        Err(_) if accept == Accept::Everything => return store(),
        Err(source) => return Err(other(&source)),
    };
    if old == new {
        return Ok(());
    }
    let differences = Differences::between(&old, &new);
    match accept {
        Accept::Everything => store(),
        Accept::Compatible if !differences.is_breaking() => store(),
        Accept::Compatible | Accept::Nothing => Err(error(Cause::Differs(differences))),
    }
}

/// A copy with sorted members: another crate can make `serde_json` keep them as they come.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members = members.into_iter();
            let members = members.map(|(name, value)| (name.clone(), sorted(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// The document differs from the stored one, or could not be compared.
///
/// [`Display`](fmt::Display) writes what has changed, and how to accept it.
pub struct SnapshotError {
    path: String,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Missing,
    Differs(Differences),
    Other(String),
}

impl SnapshotError {
    fn new(path: &Path, cause: Cause) -> Self {
        Self {
            path: path.display().to_string(),
            cause,
        }
    }

    /// What has changed; `None` if the documents could not be compared.
    #[must_use]
    pub const fn differences(&self) -> Option<&Differences> {
        match &self.cause {
            Cause::Differs(differences) => Some(differences),
            Cause::Missing | Cause::Other(_) => None,
        }
    }

    /// Whether there is no file yet.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self.cause, Cause::Missing)
    }
}

/// As [`Display`](fmt::Display) writes it: `unwrap` prints it this way.
impl fmt::Debug for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.cause {
            Cause::Missing => write!(
                f,
                "{path} does not exist; run this test with `{VARIABLE}=overwrite` to create it"
            ),
            Cause::Differs(differences) => {
                write!(f, "the API differs from {path}\n\n{differences}\n")?;
                write!(
                    f,
                    "if this is intended, run this test with `{VARIABLE}=overwrite`"
                )
            }
            Cause::Other(message) => write!(f, "{path}: {message}"),
        }
    }
}

impl Error for SnapshotError {}
