//! Opens the database: SQLite or PostgreSQL.
//!
//! All statements are such that both understand them: parameters are `$1`, `$2` .., and a change that depends
//! on what is stored is one statement, or locks the row first.

use std::{fmt, time::Duration};

use sqlx::{
    AnyPool, ConnectOptions, any::AnyPoolOptions, any::install_drivers, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};

use crate::BoxError;

/// Where the database is. What is shown of it has no password.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// `postgres://name:password@host/database`, or an SQLite file.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    fn is_postgres(&self) -> bool {
        self.0.starts_with("postgres:") || self.0.starts_with("postgresql:")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_postgres() {
            return self.0.fmt(f);
        }
        match self.0.parse::<PgConnectOptions>() {
            Ok(server) => write!(
                f,
                "PostgreSQL at {}:{}",
                server.get_host(),
                server.get_port()
            ),
            Err(_) => f.write_str("PostgreSQL"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Opens this database, or one in memory, and creates the tables.
pub(crate) async fn open(url: Option<&DatabaseUrl>) -> Result<AnyPool, BoxError> {
    // An error says that another test of this process has done it.
    let _ = install_drivers(&[sqlx::sqlite::any::DRIVER, sqlx::postgres::any::DRIVER]);
    let pool = AnyPoolOptions::new().acquire_timeout(Duration::from_secs(5));
    let Some(url) = url.filter(|url| !url.0.contains(":memory:")) else {
        // Such a database lives as long as its connection, so there is exactly one, which is never closed:
        // not because of its age, and not if a client disconnects while it is being tested.
        let forever = pool.max_connections(1).max_lifetime(None);
        let forever = forever.idle_timeout(None).test_before_acquire(false);
        let pool = forever.connect("sqlite::memory:").await?;
        sqlx::raw_sql(include_str!("sqlite.sql"))
            .execute(&pool)
            .await?;
        return Ok(pool);
    };
    if url.is_postgres() {
        let pool = pool.connect(&url.0).await;
        let pool = pool.map_err(|error| format!("{url}: {error}"))?;
        sqlx::raw_sql(include_str!("postgres.sql"))
            .execute(&pool)
            .await?;
        return Ok(pool);
    }
    let file = url
        .0
        .parse::<SqliteConnectOptions>()?
        .create_if_missing(true);
    let pool = pool.connect(file.to_url_lossy().as_str()).await?;
    // Readers do not wait for a writer. The file keeps this.
    sqlx::raw_sql("PRAGMA journal_mode = WAL")
        .execute(&pool)
        .await?;
    sqlx::raw_sql(include_str!("sqlite.sql"))
        .execute(&pool)
        .await?;
    // A file of an older version of this program.
    let has_version = "SELECT count(*) FROM pragma_table_info('users') WHERE name = 'version'";
    let has_version: i64 = sqlx::query_scalar(has_version).fetch_one(&pool).await?;
    if has_version == 0 {
        let add = "ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 1";
        sqlx::query(add).execute(&pool).await?;
    }
    Ok(pool)
}

/// The pattern of a text that both databases can store, for JSON Schema.
pub(crate) const STORABLE: &str = r"^[^\u0000]*$";

/// Rejects U+0000, which PostgreSQL does not store.
pub(crate) fn storable(text: &str, (): &()) -> garde::Result {
    match text.contains('\0') {
        true => Err(garde::Error::new("contains the character U+0000")),
        false => Ok(()),
    }
}
