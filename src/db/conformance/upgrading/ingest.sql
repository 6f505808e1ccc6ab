-- Data that lie in an object store and are to be brought in.
INSERT INTO projects (id, name, notes, schema, result_type, parties, uses_blocking, encoding_size, error, time_added) VALUES
    ('{a7}', 'ingesting', '', '{}', 'groups', 2, '0', 128, NULL, 1600000000000007);
INSERT INTO tokens (digest, project_id, kind, party) VALUES
    (X[70], '{a7}', 'result', NULL), (X[71], '{a7}', 'receipt', 0), (X[72], '{a7}', 'receipt', 1);
INSERT INTO parties (project_id, party, state, encodings, digest, encodings_object) VALUES
    ('{a7}', 0, 'ready', 10, X[71], 'a7/encodings-0'), ('{a7}', 1, 'ingesting', 0, NULL, NULL);
INSERT INTO tasks (kind, queue, state, project_id, payload_version, payload, place, run_after) VALUES
    ('ingest', 'default', 'ready', '{a7}', 1, '{"party":1,"source":"{}"}', 1600000000000000, 1600000000000000);
INSERT INTO objects (name, project_id, state) VALUES ('a7/encodings-0', '{a7}', 'live');
