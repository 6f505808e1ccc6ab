-- How far the positions of a project's permutations reach. A binary that doesn't know this column would draw them in the smaller form, which
-- tells more: so it may no longer work.
ALTER TABLE projects ADD COLUMN permutation_positions text NOT NULL DEFAULT 'smaller'
    CHECK (permutation_positions IN ('smaller', 'larger'));
