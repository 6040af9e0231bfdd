ALTER TABLE users ADD COLUMN task_count BIGINT NOT NULL DEFAULT 0;
UPDATE users SET task_count = (SELECT count(*) FROM tasks WHERE tasks.user_id = users.id AND tasks.deleted_at IS NULL);
