-- When a project will be deleted, if ever, in microseconds since 1970.
ALTER TABLE projects ADD COLUMN expires bigint;
CREATE INDEX projects_by_expiry ON projects (expires) WHERE expires IS NOT NULL;
