-- Times are microseconds since 1970 (UTC). States are constrained here as well as in the code.

CREATE TABLE projects (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    notes           TEXT NOT NULL,
    schema          TEXT NOT NULL,
    result_type     TEXT NOT NULL CHECK (result_type IN ('groups', 'permutations', 'similarity_scores')),
    parties         INTEGER NOT NULL CHECK (parties >= 2 AND (parties = 2 OR result_type = 'groups')),
    uses_blocking   INTEGER NOT NULL CHECK (uses_blocking IN (0, 1)),
    encoding_size   INTEGER CHECK (encoding_size > 0 AND encoding_size % 8 = 0),
    error           TEXT,
    time_added      INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    digest          BLOB NOT NULL CHECK (length(digest) = 32),
    project_id      TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kind            TEXT NOT NULL CHECK (kind IN ('update', 'result', 'receipt')),
    party           INTEGER,
    PRIMARY KEY (project_id, digest),
    CHECK ((kind = 'result') = (party IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE parties (
    project_id      TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    party           INTEGER NOT NULL CHECK (party >= 0),
    state           TEXT NOT NULL CHECK (state IN ('waiting', 'uploading', 'ready', 'error')),
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

CREATE TABLE comparisons (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id      TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    key             BLOB NOT NULL CHECK (length(key) = 32),
    threshold       REAL NOT NULL CHECK (threshold > 0 AND threshold <= 1),
    state           TEXT NOT NULL CHECK (state IN ('open', 'complete', 'failed')),
    outstanding     INTEGER NOT NULL CHECK (outstanding >= 0),
    total           INTEGER NOT NULL CHECK (total >= 0),
    done            INTEGER NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND total),
    candidates      INTEGER NOT NULL DEFAULT 0 CHECK (candidates >= 0),
    CHECK (state <> 'complete' OR (outstanding = 0 AND done = total))
) STRICT;
CREATE INDEX comparisons_by_project ON comparisons (project_id, key, threshold);

CREATE TABLE candidate_files (
    comparison_id   INTEGER NOT NULL REFERENCES comparisons (id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    object          TEXT NOT NULL,
    candidates      INTEGER NOT NULL,
    PRIMARY KEY (comparison_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id              TEXT PRIMARY KEY,
    project_id      TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    notes           TEXT NOT NULL,
    threshold       REAL NOT NULL CHECK (threshold > 0 AND threshold <= 1),
    state           TEXT NOT NULL CHECK (state IN ('created', 'queued', 'running', 'completed', 'error')),
    stage           INTEGER NOT NULL DEFAULT 1 CHECK (stage BETWEEN 1 AND 3),
    seed            BLOB NOT NULL CHECK (length(seed) = 32),
    comparison_id   INTEGER REFERENCES comparisons (id),
    result          TEXT,
    message         TEXT,
    time_added      INTEGER NOT NULL,
    time_started    INTEGER,
    time_completed  INTEGER,
    CHECK ((state = 'completed') = (result IS NOT NULL)),
    CHECK ((state = 'error') = (message IS NOT NULL)),
    CHECK ((state IN ('completed', 'error')) = (time_completed IS NOT NULL)),
    CHECK (state NOT IN ('running', 'completed') OR time_started IS NOT NULL)
) STRICT;
CREATE INDEX runs_by_project ON runs (project_id, time_added);
CREATE INDEX runs_by_comparison ON runs (comparison_id) WHERE comparison_id IS NOT NULL;
CREATE INDEX runs_by_completion ON runs (time_completed) WHERE state = 'completed';

-- A state that may not follow another can't be written.
CREATE TRIGGER runs_go_forward BEFORE UPDATE OF state ON runs
WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN
    ('created>queued', 'created>error', 'queued>running', 'queued>error', 'running>completed', 'running>error')
BEGIN SELECT RAISE(ABORT, 'a run may not change its state like that'); END;

CREATE TRIGGER parties_go_forward BEFORE UPDATE OF state ON parties
WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN
    ('waiting>uploading', 'uploading>waiting', 'uploading>ready', 'uploading>error')
BEGIN SELECT RAISE(ABORT, 'a party may not change its state like that'); END;

-- Only open tasks stand here: a completed one leaves its outcome in the tables above.
-- place: tasks are taken in ascending order of it. It is the time of enqueueing plus a minute for each earlier task of the same
-- stage, so that a run of many tasks lets later, smaller ones pass.
CREATE TABLE tasks (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT NOT NULL CHECK (kind IN ('plan', 'compare', 'finish')),
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
    CHECK ((kind = 'compare') = (run_id IS NULL)),
    CHECK ((kind = 'plan') = (comparison_id IS NULL))
) STRICT;
CREATE INDEX tasks_ready ON tasks (queue, place, id) WHERE state = 'ready';
CREATE INDEX tasks_leased ON tasks (lease_expires) WHERE state = 'leased';
CREATE INDEX tasks_by_run ON tasks (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX tasks_by_comparison ON tasks (comparison_id) WHERE comparison_id IS NOT NULL;

-- No reference to projects: the names outlive a deleted project until the sweeper has removed the objects.
CREATE TABLE objects (
    name            TEXT PRIMARY KEY,
    project_id      TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('writing', 'live', 'doomed')),
    lease           BLOB,
    expires         INTEGER,
    CHECK ((state = 'writing') = (lease IS NOT NULL AND expires IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX objects_by_lease ON objects (lease) WHERE lease IS NOT NULL;
CREATE INDEX objects_not_live ON objects (state, expires) WHERE state <> 'live';
CREATE INDEX objects_by_project ON objects (project_id);
