//! What a script has got from `fetch`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What a page could see of an answer.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Fetched {
    /// Why the script got nothing: `TypeError` is what CORS comes to.
    pub error: Option<String>,
    /// 0 if the answer is opaque.
    #[serde(default)]
    pub status: u16,
    /// `basic`, `cors` or `opaque`.
    #[serde(default)]
    pub r#type: String,
    /// Those that the script may read.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
}

impl Fetched {
    /// The body, read as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Whether the browser kept the answer from the script.
    pub fn is_withheld(&self) -> bool {
        self.error.as_deref() == Some("TypeError")
    }
}
