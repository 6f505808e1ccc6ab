-- Which trace a task goes on with (a W3C traceparent), and which run brought a compare task about: for those who watch.
ALTER TABLE runs ADD COLUMN traceparent text;
ALTER TABLE tasks ADD COLUMN traceparent text;
ALTER TABLE tasks ADD COLUMN cause text;
