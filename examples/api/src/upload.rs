//! `POST /api/upload`: takes a file, and who sends it.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::AnyPool;
use wythe::{Background, ConfigError, Created, Multipart, Upload, UploadedFile, Valid};

use crate::{
    clock::Clock,
    database::{STORABLE, storable},
    error::ServerError,
    retention::Kept,
};

/// A file, and who sends it.
#[derive(Deserialize, JsonSchema, Validate)]
pub(crate) struct NewFile {
    /// The name of the sender.
    #[garde(length(chars, min = 1, max = 100), custom(storable))]
    #[schemars(regex(pattern = STORABLE))]
    name: String,
    /// The address of the sender.
    #[garde(custom(wythe::validation::email))]
    #[schemars(email)]
    email: String,
    /// A picture (PNG or JPEG), a PDF or a plain text, of at most 5 MiB.
    #[garde(skip)]
    file: UploadedFile,
}

/// The file has been stored.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Uploaded {
    message: &'static str,
    file: StoredFile,
}

/// A file that was stored.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredFile {
    /// The name that the client sent.
    original_name: String,
    /// The name under which it is stored.
    file_name: String,
    /// In bytes.
    size: u64,
    /// The type of its content.
    #[serde(rename = "type")]
    content_type: String,
    /// In hexadecimal digits.
    sha256: String,
    uploaded_by: Sender,
    /// The time, in UTC.
    #[schemars(extend("format" = "date-time"))]
    uploaded_at: String,
}

/// Who has sent a file.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Sender {
    name: String,
    email: String,
}

/// How files are received: first to a temporary file, so that slow clients take no memory.
pub(crate) fn options() -> Result<Multipart, ConfigError> {
    const MIB: u64 = 1024 * 1024;
    Multipart::temporary_files()?
        .max_body_bytes(5 * MIB + 64 * 1024)?
        .max_file_bytes(5 * MIB)?
        .max_field_bytes(4 * 1024)?
        .max_files(1)
        .max_fields(8)
        .accept(["image/png", "image/jpeg", "application/pdf", "text/plain"])
}

pub(crate) async fn upload_file(
    State(files): State<Files>,
    State(clock): State<Clock>,
    State(background): State<Background>,
    form: Valid<Upload<NewFile>>,
) -> Result<Created<Uploaded>, ServerError> {
    let Upload(NewFile { name, email, file }) = form.into_inner();
    let content = file.read().await.map_err(ServerError::internal)?;
    let stored = StoredFile {
        original_name: file.original_name().to_owned(),
        file_name: file.file_name(),
        size: file.size(),
        content_type: file.content_type().to_owned(),
        sha256: file.sha256().to_owned(),
        uploaded_by: Sender { name, email },
        uploaded_at: rfc3339(clock.now()),
    };
    files.add(&stored, &content).await?;
    Kept::Files.delete_oldest(files.0, &background);
    Ok(Created::new(Uploaded {
        message: "File uploaded successfully",
        file: stored,
    }))
}

/// The files that were uploaded.
#[derive(Clone)]
pub(crate) struct Files(AnyPool);

impl Files {
    pub(crate) fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    async fn add(&self, file: &StoredFile, content: &[u8]) -> Result<(), ServerError> {
        let add = "INSERT INTO files (file_name, original_name, type, sender, email, uploaded_at, content) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let add = sqlx::query(add)
            .bind(&file.file_name)
            .bind(&file.original_name)
            .bind(&file.content_type)
            .bind(&file.uploaded_by.name)
            .bind(&file.uploaded_by.email)
            .bind(&file.uploaded_at)
            .bind(content);
        add.execute(&self.0).await?;
        Ok(())
    }
}

/// `2026-11-27T17:00:00Z`
fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = seconds.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Eras of 400 years that begin in March, so that a leap day is the last day of its year.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::rfc3339;

    #[test]
    fn times_are_written_in_utc() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
        ];
        for (seconds, text) in cases {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
