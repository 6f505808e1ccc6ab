-- What operators look at. Binaries that don't know it go on working: they leave the new columns empty.

-- Processes that do tasks; a row is renewed every few seconds.
CREATE TABLE workers (
    name            TEXT PRIMARY KEY,
    version         TEXT NOT NULL,
    queues          TEXT NOT NULL,
    concurrency     INTEGER NOT NULL,
    seen            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE tasks ADD COLUMN time_claimed INTEGER;
ALTER TABLE projects ADD COLUMN time_failed INTEGER;
CREATE INDEX runs_open ON runs (time_added) WHERE state IN ('queued', 'running');
CREATE INDEX runs_failed ON runs (time_completed) WHERE state = 'error';
CREATE INDEX projects_failed ON projects (coalesce(time_failed, time_added)) WHERE error IS NOT NULL;
