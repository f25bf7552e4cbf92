//! Writes a problem as JSON, in the order of the standard.

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::Problem;

/// The standard's own members (RFC 9457, section 3.1).
const MEMBERS: [&str; 5] = ["type", "title", "status", "detail", "instance"];

impl Problem {
    pub(super) fn render(&self) -> Bytes {
        // Most problems fit, and are not moved while they are written.
        let mut json = Vec::with_capacity(512);
        // Strings, numbers and values that are JSON already: nothing here can fail to be written.
        serde_json::to_writer(&mut json, self)
            .map_or_else(|_| Bytes::from_static(b"{}"), |()| Bytes::from(json))
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind_uri())?;
        map.serialize_entry("title", self.summary())?;
        map.serialize_entry("status", &self.status().as_u16())?;
        if let Some(detail) = self.explanation() {
            map.serialize_entry("detail", detail)?;
        }
        if let Some(instance) = &self.0.instance {
            map.serialize_entry("instance", instance)?;
        }
        for (name, value) in self.extensions() {
            if !MEMBERS.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}
