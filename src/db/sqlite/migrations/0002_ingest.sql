-- Data that lie in an object store are brought in by a task. CHECKs can't be altered in place: the two tables that get another
-- state or kind are made anew. Nothing refers to either.

CREATE TABLE new_parties (
    project_id      TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    party           INTEGER NOT NULL CHECK (party >= 0),
    state           TEXT NOT NULL CHECK (state IN ('waiting', 'uploading', 'ingesting', 'ready', 'error')),
    lease           BLOB,
    lease_expires   INTEGER,
    encodings       INTEGER NOT NULL DEFAULT 0 CHECK (encodings >= 0),
    digest          BLOB,
    encodings_object TEXT,
    blocks_object   TEXT,
    warnings        TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (project_id, party),
    CHECK ((state = 'uploading') = (lease IS NOT NULL AND lease_expires IS NOT NULL)),
    CHECK ((state = 'ready') = (encodings_object IS NOT NULL AND digest IS NOT NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO new_parties SELECT * FROM parties;
DROP TABLE parties;
ALTER TABLE new_parties RENAME TO parties;

CREATE TRIGGER parties_go_forward BEFORE UPDATE OF state ON parties
WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN
    ('waiting>uploading', 'uploading>waiting', 'uploading>ingesting', 'uploading>ready', 'uploading>error',
     'ingesting>ready', 'ingesting>error')
BEGIN SELECT RAISE(ABORT, 'a party may not change its state like that'); END;

CREATE TABLE new_tasks (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT NOT NULL CHECK (kind IN ('ingest', 'plan', 'compare', 'finish')),
    queue           TEXT NOT NULL CHECK (queue IN ('default', 'compute', 'highmemory')),
    state           TEXT NOT NULL CHECK (state IN ('ready', 'leased')),
    project_id      TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    run_id          TEXT REFERENCES runs (id) ON DELETE CASCADE,
    comparison_id   INTEGER REFERENCES comparisons (id) ON DELETE CASCADE,
    number          INTEGER NOT NULL DEFAULT 0,
    payload_version INTEGER NOT NULL,
    payload         TEXT NOT NULL,
    comparisons     INTEGER NOT NULL DEFAULT 0,
    place           INTEGER NOT NULL,
    run_after       INTEGER NOT NULL,
    lease           BLOB,
    lease_expires   INTEGER,
    worker          TEXT,
    claims          INTEGER NOT NULL DEFAULT 0,
    errors          INTEGER NOT NULL DEFAULT 0,
    expiries        INTEGER NOT NULL DEFAULT 0,
    hand_backs      INTEGER NOT NULL DEFAULT 0,
    CHECK ((state = 'leased') = (lease IS NOT NULL AND lease_expires IS NOT NULL AND worker IS NOT NULL)),
    CHECK ((kind IN ('ingest', 'compare')) = (run_id IS NULL)),
    CHECK ((kind IN ('ingest', 'plan')) = (comparison_id IS NULL))
) STRICT;
INSERT INTO new_tasks SELECT * FROM tasks;
DROP TABLE tasks;
ALTER TABLE new_tasks RENAME TO tasks;
CREATE INDEX tasks_ready ON tasks (queue, place, id) WHERE state = 'ready';
CREATE INDEX tasks_leased ON tasks (lease_expires) WHERE state = 'leased';
CREATE INDEX tasks_by_run ON tasks (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX tasks_by_comparison ON tasks (comparison_id) WHERE comparison_id IS NOT NULL;
