-- How far the positions of a project's permutations reach. A binary that doesn't know this column would draw them in the smaller form, which
-- tells more: so it may no longer work.
ALTER TABLE projects ADD COLUMN permutation_positions TEXT NOT NULL DEFAULT 'smaller'
    CHECK (permutation_positions IN ('smaller', 'larger'));
-- Long lists are read by pages.
CREATE INDEX projects_by_time ON projects (time_added, id);
