INSERT INTO workers (name, version, queues, concurrency, seen) VALUES ('work-gone', '0.1.0', 'default,compute', 2, 1600000002000000);
UPDATE tasks SET time_claimed = 1600000002000000 WHERE state = 'leased';
UPDATE projects SET time_failed = 1600000002000000 WHERE error IS NOT NULL;
