//! Opens the database.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

/// `AUTOINCREMENT` never reuses an id: the token of a deleted user must not be valid for the next
/// one. `NOCASE` makes `Ada@example.com` the same address as `ada@example.com`.
///
/// The version of a user is that of what `GET /api/users/{id}` shows: its `ETag`.
///
/// A login has the hashes of the current refresh token and of the previous one. The database
/// deletes it with its account, and when the password changes, even if another program does that.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS users (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT,
        email TEXT NOT NULL UNIQUE COLLATE NOCASE,
        age INTEGER,
        password_hash TEXT,
        version INTEGER NOT NULL DEFAULT 1
    ) STRICT;
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        email TEXT NOT NULL,
        message TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS feedback (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        email TEXT NOT NULL,
        message TEXT NOT NULL,
        rating INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS files (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        file_name TEXT NOT NULL,
        original_name TEXT NOT NULL,
        type TEXT NOT NULL,
        sender TEXT NOT NULL,
        email TEXT NOT NULL,
        uploaded_at TEXT NOT NULL,
        content BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS payments (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id INTEGER NOT NULL,
        key TEXT,
        amount INTEGER NOT NULL,
        currency TEXT NOT NULL,
        UNIQUE (user_id, key)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS stripe_payments (
        id TEXT PRIMARY KEY,
        amount INTEGER NOT NULL,
        currency TEXT NOT NULL,
        status TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS logins (
        id BLOB PRIMARY KEY,
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        secret BLOB NOT NULL,
        previous BLOB,
        refreshed_at INTEGER,
        ends_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS logins_by_user ON logins (user_id);
    CREATE INDEX IF NOT EXISTS logins_by_end ON logins (ends_at);
    CREATE TRIGGER IF NOT EXISTS new_password AFTER UPDATE OF password_hash ON users BEGIN
        DELETE FROM logins WHERE user_id = new.id;
    END;
";

/// Opens the file that the URL names, or a database in memory, and creates the tables.
pub(crate) async fn open(url: Option<&str>) -> Result<SqlitePool, sqlx::Error> {
    let pool = SqlitePoolOptions::new().acquire_timeout(Duration::from_secs(5));
    let pool = match url.filter(|url| !url.contains(":memory:")) {
        Some(url) => {
            let file = url
                .parse::<SqliteConnectOptions>()?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal);
            pool.connect_with(file).await?
        }
        None => {
            // Such a database lives as long as its connection, so there is exactly one, which is
            // never closed: not because of its age, and not if a client disconnects while it is
            // being tested.
            let memory = SqliteConnectOptions::new().in_memory(true);
            let forever = pool.max_connections(1).max_lifetime(None);
            let forever = forever.idle_timeout(None).test_before_acquire(false);
            forever.connect_with(memory).await?
        }
    };
    sqlx::raw_sql(SCHEMA).execute(&pool).await?;
    // A file of an older version of this program.
    let has_version = "SELECT count(*) FROM pragma_table_info('users') WHERE name = 'version'";
    let has_version: i64 = sqlx::query_scalar(has_version).fetch_one(&pool).await?;
    if has_version == 0 {
        let add = "ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 1";
        sqlx::query(add).execute(&pool).await?;
    }
    Ok(pool)
}
