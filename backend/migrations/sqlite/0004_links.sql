-- The sign-ups that wait for their link, each with its own password. The account is created when the link is used.
CREATE TABLE pending_sign_ups (
    hash BLOB NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX pending_sign_ups_email ON pending_sign_ups (email, created_at);

-- Links by address, so that the same rows are written whether or not the address has an account.
CREATE TABLE email_links (
    hash BLOB NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    purpose TEXT NOT NULL,
    token_version BIGINT,
    sent_by_mail BOOLEAN NOT NULL,
    expires_at TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX email_links_email ON email_links (email, purpose);

-- Events of addresses without an account, written as those of an account are.
CREATE TABLE events_without_account (
    address_hash BLOB NOT NULL,
    id BLOB NOT NULL,
    event TEXT NOT NULL,
    ip_address TEXT,
    user_agent TEXT,
    request_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (address_hash, id)
);
CREATE INDEX events_without_account_expires_at ON events_without_account (expires_at);

-- A link ends with the session that asked for it.
ALTER TABLE one_time_tokens ADD COLUMN session_id BLOB REFERENCES sessions (id) ON DELETE CASCADE;
CREATE INDEX one_time_tokens_session_id ON one_time_tokens (session_id);

-- Accounts of earlier versions whose address was never confirmed and which were never used.
DELETE FROM users WHERE NOT email_verified AND password_hash IS NOT NULL AND revision = 0
    AND NOT EXISTS (SELECT 1 FROM sessions WHERE user_id = users.id)
    AND NOT EXISTS (SELECT 1 FROM known_devices WHERE user_id = users.id)
    AND NOT EXISTS (SELECT 1 FROM audit_events WHERE user_id = users.id AND event = 'signed_in');
