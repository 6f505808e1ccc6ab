-- Which trace a task goes on with (a W3C traceparent), and which run brought a compare task about: for those who watch.
ALTER TABLE runs ADD COLUMN traceparent TEXT;
ALTER TABLE tasks ADD COLUMN traceparent TEXT;
ALTER TABLE tasks ADD COLUMN cause TEXT;
