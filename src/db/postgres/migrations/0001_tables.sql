-- Times are microseconds since 1970 (UTC) by this server's clock. States are constrained here as well as in the code.

CREATE FUNCTION now_micros() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- JSON is kept as the text that was sent: key order and the spelling of numbers survive.
CREATE TABLE projects (
    id              text PRIMARY KEY,
    name            text NOT NULL,
    notes           text NOT NULL,
    schema          text NOT NULL,
    result_type     text NOT NULL CHECK (result_type IN ('groups', 'permutations', 'similarity_scores')),
    parties         bigint NOT NULL CHECK (parties >= 2 AND (parties = 2 OR result_type = 'groups')),
    uses_blocking   boolean NOT NULL,
    encoding_size   bigint CHECK (encoding_size > 0 AND encoding_size % 8 = 0),
    error           text,
    time_added      bigint NOT NULL
);
CREATE INDEX projects_by_time ON projects (time_added, id);

CREATE TABLE tokens (
    digest          bytea NOT NULL CHECK (length(digest) = 32),
    project_id      text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('update', 'result', 'receipt')),
    party           bigint,
    PRIMARY KEY (project_id, digest),
    CHECK ((kind = 'result') = (party IS NULL))
);

CREATE TABLE parties (
    project_id      text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    party           bigint NOT NULL CHECK (party >= 0),
    state           text NOT NULL CHECK (state IN ('waiting', 'uploading', 'ingesting', 'ready', 'error')),
    lease           bytea,
    lease_expires   bigint,
    encodings       bigint NOT NULL DEFAULT 0 CHECK (encodings >= 0),
    digest          bytea,
    encodings_object text,
    blocks_object   text,
    warnings        text NOT NULL DEFAULT '[]',
    PRIMARY KEY (project_id, party),
    CHECK ((state = 'uploading') = (lease IS NOT NULL AND lease_expires IS NOT NULL)),
    CHECK ((state = 'ready') = (encodings_object IS NOT NULL AND digest IS NOT NULL))
);

CREATE TABLE comparisons (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id      text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    key             bytea NOT NULL CHECK (length(key) = 32),
    threshold       double precision NOT NULL CHECK (threshold > 0 AND threshold <= 1),
    state           text NOT NULL CHECK (state IN ('open', 'complete', 'failed')),
    outstanding     bigint NOT NULL CHECK (outstanding >= 0),
    total           bigint NOT NULL CHECK (total >= 0),
    done            bigint NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND total),
    candidates      bigint NOT NULL DEFAULT 0 CHECK (candidates >= 0),
    CHECK (state <> 'complete' OR (outstanding = 0 AND done = total))
) WITH (fillfactor = 50); -- counted down in place by every compare task
CREATE INDEX comparisons_by_project ON comparisons (project_id, key, threshold);

CREATE TABLE candidate_files (
    comparison_id   bigint NOT NULL REFERENCES comparisons (id) ON DELETE CASCADE,
    number          bigint NOT NULL,
    object          text NOT NULL,
    candidates      bigint NOT NULL,
    PRIMARY KEY (comparison_id, number)
);

CREATE TABLE runs (
    id              text PRIMARY KEY,
    project_id      text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name            text NOT NULL,
    notes           text NOT NULL,
    threshold       double precision NOT NULL CHECK (threshold > 0 AND threshold <= 1),
    state           text NOT NULL CHECK (state IN ('created', 'queued', 'running', 'completed', 'error')),
    stage           bigint NOT NULL DEFAULT 1 CHECK (stage BETWEEN 1 AND 3),
    seed            bytea NOT NULL CHECK (length(seed) = 32),
    comparison_id   bigint REFERENCES comparisons (id),
    result          text,
    message         text,
    time_added      bigint NOT NULL,
    time_started    bigint,
    time_completed  bigint,
    CHECK ((state = 'completed') = (result IS NOT NULL)),
    CHECK ((state = 'error') = (message IS NOT NULL)),
    CHECK ((state IN ('completed', 'error')) = (time_completed IS NOT NULL)),
    CHECK (state NOT IN ('running', 'completed') OR time_started IS NOT NULL)
);
CREATE INDEX runs_by_project ON runs (project_id, time_added);
CREATE INDEX runs_by_comparison ON runs (comparison_id) WHERE comparison_id IS NOT NULL;
CREATE INDEX runs_by_completion ON runs (time_completed) WHERE state = 'completed';

-- A state that may not follow another can't be written.
CREATE FUNCTION run_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN
        ('created>queued', 'created>error', 'queued>running', 'queued>error', 'running>completed', 'running>error')
    THEN RAISE EXCEPTION 'a run may not change its state like that'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER runs_go_forward BEFORE UPDATE OF state ON runs FOR EACH ROW EXECUTE FUNCTION run_goes_forward();

CREATE FUNCTION party_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN
        ('waiting>uploading', 'uploading>waiting', 'uploading>ready', 'uploading>error',
         'uploading>ingesting', 'ingesting>ready', 'ingesting>error')
    THEN RAISE EXCEPTION 'a party may not change its state like that'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER parties_go_forward BEFORE UPDATE OF state ON parties FOR EACH ROW EXECUTE FUNCTION party_goes_forward();

-- Only open tasks stand here: a completed one leaves its outcome in the tables above.
-- place: tasks are taken in ascending order of it. It is the time of enqueueing plus a minute for each earlier task of the same
-- stage, so that a run of many tasks lets later, smaller ones pass.
CREATE TABLE tasks (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('ingest', 'plan', 'compare', 'finish')),
    queue           text NOT NULL CHECK (queue IN ('default', 'compute', 'highmemory')),
    state           text NOT NULL CHECK (state IN ('ready', 'leased')),
    project_id      text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    run_id          text REFERENCES runs (id) ON DELETE CASCADE,
    comparison_id   bigint REFERENCES comparisons (id) ON DELETE CASCADE,
    number          bigint NOT NULL DEFAULT 0,
    payload_version bigint NOT NULL,
    payload         text NOT NULL,
    comparisons     bigint NOT NULL DEFAULT 0,
    place           bigint NOT NULL,
    run_after       bigint NOT NULL,
    lease           bytea,
    lease_expires   bigint,
    worker          text,
    claims          bigint NOT NULL DEFAULT 0,
    errors          bigint NOT NULL DEFAULT 0,
    expiries        bigint NOT NULL DEFAULT 0,
    hand_backs      bigint NOT NULL DEFAULT 0,
    CHECK ((state = 'leased') = (lease IS NOT NULL AND lease_expires IS NOT NULL AND worker IS NOT NULL)),
    CHECK ((kind IN ('plan', 'finish')) = (run_id IS NOT NULL)),
    CHECK ((kind IN ('compare', 'finish')) = (comparison_id IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX tasks_ready ON tasks (queue, place, id) WHERE state = 'ready';
CREATE INDEX tasks_leased ON tasks (lease_expires) WHERE state = 'leased';
CREATE INDEX tasks_by_project ON tasks (project_id);
CREATE INDEX tasks_by_run ON tasks (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX tasks_by_comparison ON tasks (comparison_id) WHERE comparison_id IS NOT NULL;

-- No reference to projects: the names outlive a deleted project until the sweeper has removed the objects.
CREATE TABLE objects (
    name            text PRIMARY KEY,
    project_id      text NOT NULL,
    state           text NOT NULL CHECK (state IN ('writing', 'live', 'doomed')),
    lease           bytea,
    expires         bigint,
    CHECK ((state = 'writing') = (lease IS NOT NULL AND expires IS NOT NULL))
);
CREATE INDEX objects_by_lease ON objects (lease) WHERE lease IS NOT NULL;
CREATE INDEX objects_doomed ON objects (name) WHERE state = 'doomed';
CREATE INDEX objects_by_expiry ON objects (expires) WHERE state = 'writing';
CREATE INDEX objects_by_project ON objects (project_id);
