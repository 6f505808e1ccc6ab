-- Records one part of a comparison. $1 comparison, $2 number of the part, $3 object, $4 candidates, $5 comparisons done, $6 lease,
-- $7 candidates by score.
-- alive = 0: the object had been swept, and the transaction must be undone.
-- The comparison's row, which all its tasks count down, is locked from here to the commit that follows.
-- Whatever else the task wrote was for itself.
WITH written AS (
    UPDATE objects SET state = CASE WHEN name = $3 THEN 'live' ELSE 'doomed' END, lease = NULL, expires = NULL
    WHERE lease = $6 RETURNING name),
file AS (
    INSERT INTO candidate_files (comparison_id, number, object, candidates, scores) VALUES ($1, $2, $3, $4, $7)),
counted AS (
    UPDATE comparisons
    SET outstanding = outstanding - 1, done = done + $5, candidates = candidates + $4,
        state = CASE WHEN outstanding = 1 AND state = 'open' THEN 'complete' ELSE state END
    WHERE id = $1
    RETURNING state = 'complete' AS complete, candidates)
SELECT (SELECT count(*) FROM written WHERE name = $3) AS alive, complete, candidates FROM counted
