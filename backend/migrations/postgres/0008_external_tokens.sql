ALTER TABLE identities ADD COLUMN tokens_revoked_at TIMESTAMPTZ;
