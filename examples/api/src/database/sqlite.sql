-- AUTOINCREMENT never reuses an id: the token of a deleted user must not be valid for the next one.
-- NOCASE makes Ada@example.com the same address as ada@example.com.
--
-- The version of a user is that of what GET /api/users/{id} shows: its ETag.
--
-- A login has the hashes of the current refresh token and of the previous one. The database deletes it
-- with its account, and when the password changes, even if another program does that.

CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    age INTEGER,
    password_hash TEXT,
    version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX IF NOT EXISTS users_by_email ON users (lower(email));
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
