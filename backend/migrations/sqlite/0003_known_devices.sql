CREATE TABLE known_devices (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (user_id, hash)
);
