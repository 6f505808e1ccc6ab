-- What a store of the first version may have held: projects in all states. {a1} stands for 24 bytes a1 in hex, X[10] for a blob of
-- 32 bytes 10; truth values are '0' and '1', which both databases read.

INSERT INTO projects (id, name, notes, schema, result_type, parties, uses_blocking, encoding_size, error, time_added) VALUES
    ('{a1}', 'done', 'notes', '{"b": 1.50, "a": 1}', 'groups', 2, '0', 128, NULL, 1600000000000001),
    ('{a2}', 'queued', '', '{}', 'permutations', 2, '0', 128, NULL, 1600000000000002),
    ('{a3}', 'half', '', '{}', 'similarity_scores', 2, '0', 128, NULL, 1600000000000003),
    ('{a4}', 'broken', '', '{}', 'groups', 2, '0', NULL, 'encoding 3 is odd', 1600000000000004),
    ('{a5}', 'comparing', '', '{}', 'groups', 2, '1', 128, NULL, 1600000000000005),
    ('{a6}', 'uploading', '', '{}', 'groups', 3, '0', NULL, NULL, 1600000000000006);

INSERT INTO tokens (digest, project_id, kind, party) VALUES
    (X[10], '{a1}', 'result', NULL), (X[11], '{a1}', 'receipt', 0), (X[12], '{a1}', 'receipt', 1),
    (X[20], '{a2}', 'result', NULL), (X[21], '{a2}', 'receipt', 0), (X[22], '{a2}', 'receipt', 1),
    (X[30], '{a3}', 'result', NULL), (X[31], '{a3}', 'receipt', 0), (X[32], '{a3}', 'update', 1),
    (X[40], '{a4}', 'result', NULL), (X[41], '{a4}', 'receipt', 0), (X[42], '{a4}', 'update', 1),
    (X[50], '{a5}', 'result', NULL), (X[51], '{a5}', 'receipt', 0), (X[52], '{a5}', 'receipt', 1),
    (X[60], '{a6}', 'result', NULL), (X[61], '{a6}', 'update', 0), (X[62], '{a6}', 'update', 1), (X[63], '{a6}', 'update', 2);

INSERT INTO parties (project_id, party, state, lease, lease_expires, encodings, digest, encodings_object, blocks_object, warnings)
VALUES
    ('{a1}', 0, 'ready', NULL, NULL, 10, X[11], 'a1/encodings-0', NULL, '["odd"]'),
    ('{a1}', 1, 'ready', NULL, NULL, 20, X[12], 'a1/encodings-1', NULL, '[]'),
    ('{a2}', 0, 'ready', NULL, NULL, 10, X[21], 'a2/encodings-0', NULL, '[]'),
    ('{a2}', 1, 'ready', NULL, NULL, 10, X[22], 'a2/encodings-1', NULL, '[]'),
    ('{a3}', 0, 'ready', NULL, NULL, 10, X[31], 'a3/encodings-0', NULL, '[]'),
    ('{a3}', 1, 'waiting', NULL, NULL, 0, NULL, NULL, NULL, '[]'),
    ('{a4}', 0, 'error', NULL, NULL, 0, NULL, NULL, NULL, '[]'),
    ('{a4}', 1, 'waiting', NULL, NULL, 0, NULL, NULL, NULL, '[]'),
    ('{a5}', 0, 'ready', NULL, NULL, 10, X[51], 'a5/encodings-0', 'a5/blocks-0', '[]'),
    ('{a5}', 1, 'ready', NULL, NULL, 10, X[52], 'a5/encodings-1', 'a5/blocks-1', '[]'),
    ('{a6}', 0, 'uploading', X[66], 1600000030000000, 0, NULL, NULL, NULL, '[]'),
    ('{a6}', 1, 'waiting', NULL, NULL, 0, NULL, NULL, NULL, '[]'),
    ('{a6}', 2, 'waiting', NULL, NULL, 0, NULL, NULL, NULL, '[]');

-- They get the numbers 1 and 2.
INSERT INTO comparisons (project_id, key, threshold, state, outstanding, total, done, candidates) VALUES
    ('{a1}', X[c1], 0.8, 'complete', 0, 200, 200, 5);
INSERT INTO comparisons (project_id, key, threshold, state, outstanding, total, done, candidates) VALUES
    ('{a5}', X[c5], 0.7, 'open', 2, 300, 100, 4);

INSERT INTO candidate_files (comparison_id, number, object, candidates) VALUES
    (1, 0, 'a1/candidates-0', 5), (2, 0, 'a5/candidates-0', 4);

INSERT INTO runs (id, project_id, name, notes, threshold, state, stage, seed, comparison_id, result, message, time_added,
                  time_started, time_completed) VALUES
    ('{01}', '{a1}', 'first', 'n', 0.8, 'completed', 3, X[01], 1, '{"type":"groups","object":"a1/result","groups":3}', NULL,
     1600000001000000, 1600000002000000, 1600000003000000),
    ('{02}', '{a2}', '', '', 0.9, 'queued', 1, X[02], NULL, NULL, NULL, 1600000001000000, NULL, NULL),
    ('{03}', '{a3}', '', '', 0.9, 'created', 1, X[03], NULL, NULL, NULL, 1600000001000000, NULL, NULL),
    ('{04}', '{a4}', '', '', 0.9, 'error', 1, X[04], NULL, NULL, 'encoding 3 is odd', 1600000001000000, NULL, 1600000002000000),
    ('{05}', '{a5}', '', '', 0.7, 'running', 2, X[05], 2, NULL, NULL, 1600000001000000, 1600000002000000, NULL);

-- A plan that waits, a part that a worker has left behind, and one that waits.
INSERT INTO tasks (kind, queue, state, project_id, run_id, comparison_id, number, payload_version, payload, comparisons, place,
                   run_after, lease, lease_expires, worker, claims) VALUES
    ('plan', 'default', 'ready', '{a2}', '{02}', NULL, 0, 1, '{}', 0, 1600000001000000, 1600000001000000, NULL, NULL, NULL, 0),
    ('compare', 'compute', 'leased', '{a5}', NULL, 2, 1, 1,
     '{"by":"blocks","party0":0,"party1":1,"target":100,"batch":1}', 100, 1600000062000000, 1600000002000000, X[55],
     1600000032000000, 'work-gone', 1),
    ('compare', 'compute', 'ready', '{a5}', NULL, 2, 2, 1,
     '{"by":"blocks","party0":0,"party1":1,"target":100,"batch":2}', 100, 1600000122000000, 1600000002000000, NULL, NULL, NULL, 0);

INSERT INTO objects (name, project_id, state, lease, expires) VALUES
    ('a1/encodings-0', '{a1}', 'live', NULL, NULL), ('a1/encodings-1', '{a1}', 'live', NULL, NULL),
    ('a1/candidates-0', '{a1}', 'live', NULL, NULL), ('a1/result', '{a1}', 'live', NULL, NULL),
    ('a2/encodings-0', '{a2}', 'live', NULL, NULL), ('a2/encodings-1', '{a2}', 'live', NULL, NULL),
    ('a3/encodings-0', '{a3}', 'live', NULL, NULL),
    ('a5/encodings-0', '{a5}', 'live', NULL, NULL), ('a5/encodings-1', '{a5}', 'live', NULL, NULL),
    ('a5/blocks-0', '{a5}', 'live', NULL, NULL), ('a5/blocks-1', '{a5}', 'live', NULL, NULL),
    ('a5/candidates-0', '{a5}', 'live', NULL, NULL),
    ('a5/candidates-1', '{a5}', 'writing', X[55], 1600000032000000),
    ('a6/encodings-0', '{a6}', 'writing', X[66], 1600000030000000),
    ('gone/result', '{ff}', 'doomed', NULL, NULL);
