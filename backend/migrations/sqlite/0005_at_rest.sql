ALTER TABLE audit_events ADD COLUMN is_security BOOLEAN NOT NULL DEFAULT TRUE;
UPDATE audit_events SET is_security = FALSE WHERE event = 'name_changed';
CREATE INDEX audit_events_security ON audit_events (user_id, is_security, id);
CREATE INDEX audit_events_created ON audit_events (is_security, created_at);

CREATE INDEX tasks_deleted ON tasks (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX tasks_to_blank ON tasks (updated_at) WHERE deleted_at IS NOT NULL AND title <> '';

ALTER TABLE users ADD COLUMN totp_sealed BLOB;
CREATE INDEX users_totp ON users (id) WHERE totp_secret IS NOT NULL OR totp_sealed IS NOT NULL;
