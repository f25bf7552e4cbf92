//! What a script got from `fetch`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What a page could see of a response.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Fetched {
    /// Why the script got nothing: a CORS failure is a `TypeError`.
    pub error: Option<String>,
    /// 0 if the response is opaque.
    #[serde(default)]
    pub status: u16,
    /// `basic`, `cors` or `opaque`.
    #[serde(default)]
    pub r#type: String,
    /// The header fields that the script may read.
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

    /// Whether the browser withheld the response from the script.
    pub fn is_withheld(&self) -> bool {
        self.error.as_deref() == Some("TypeError")
    }
}
