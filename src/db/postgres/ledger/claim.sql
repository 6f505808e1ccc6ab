-- Takes the next task. $1 queues, $2 payload version, $3 lease, $4 its length in microseconds, $5 worker, $6 the longest pause in
-- microseconds (what waits for longer was put there before the clock was set back), $7 the schema's version that this binary knows.
-- The commit isn't synced: a claim that a crash undoes is made again.
-- One statement: an idle worker's look costs one round trip and writes nothing. Waits for nobody: what is locked is skipped.
WITH clock AS MATERIALIZED (SELECT now_micros() AS now, set_config('synchronous_commit', 'off', true)),
-- The queues that have something, the one whose turn it is first.
turns AS MATERIALIZED (
    SELECT queues.queue
    FROM clock CROSS JOIN unnest($1) AS queues (queue) CROSS JOIN LATERAL (
        SELECT place, id FROM tasks
        WHERE tasks.queue = queues.queue AND state = 'ready' AND payload_version <= $2
            AND (run_after <= clock.now OR run_after > clock.now + $6)
        ORDER BY place, id LIMIT 1) AS head
    -- A binary that the schema has left behind doesn't know what it would be doing.
    WHERE (SELECT min_binary <= $7 FROM schema_version)
    ORDER BY head.place, head.id),
-- The first row stops the search, so that no other queue's task is locked.
next AS (
    SELECT head.id
    FROM turns CROSS JOIN clock CROSS JOIN LATERAL (
        SELECT id FROM tasks
        WHERE tasks.queue = turns.queue AND state = 'ready' AND payload_version <= $2
            AND (run_after <= clock.now OR run_after > clock.now + $6)
        ORDER BY place, id LIMIT 1 FOR UPDATE SKIP LOCKED) AS head
    LIMIT 1)
UPDATE tasks
SET state = 'leased', lease = $3, lease_expires = clock.now + $4, worker = $5, claims = claims + 1,
    time_claimed = clock.now
FROM next, clock WHERE tasks.id = next.id
RETURNING tasks.id, kind, project_id, run_id, comparison_id, number, payload, claims, cause, traceparent,
    (SELECT threshold FROM comparisons WHERE comparisons.id = tasks.comparison_id) AS threshold
