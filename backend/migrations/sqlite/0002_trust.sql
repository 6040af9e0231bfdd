ALTER TABLE users ADD COLUMN token_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN two_factor_enabled BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN totp_secret BLOB;
ALTER TABLE users ADD COLUMN totp_last_step BIGINT;

ALTER TABLE sessions ADD COLUMN family_hash BLOB;
ALTER TABLE sessions ADD COLUMN sealed_successor BLOB;
ALTER TABLE sessions ADD COLUMN remember BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE sessions ADD COLUMN authenticated_at TEXT NOT NULL DEFAULT '1970-01-01T00:00:00+00:00';

CREATE TABLE audit_events (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    event TEXT NOT NULL,
    ip_address TEXT,
    user_agent TEXT,
    request_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (user_id, id)
);

CREATE TABLE one_time_tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    email TEXT,
    expires_at TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX one_time_tokens_user_id ON one_time_tokens (user_id);

CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    PRIMARY KEY (user_id, hash)
);

CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_user_id ON identities (user_id);

CREATE TABLE throttles (
    key BLOB NOT NULL PRIMARY KEY,
    hits BIGINT NOT NULL,
    retry_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX throttles_expires_at ON throttles (expires_at);
