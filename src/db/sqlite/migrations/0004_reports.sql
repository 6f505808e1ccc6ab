-- What uploads and candidates look like as a whole, as JSON. Data from before have none.
ALTER TABLE parties ADD COLUMN report TEXT;
ALTER TABLE parties ADD COLUMN time_uploaded INTEGER;
ALTER TABLE candidate_files ADD COLUMN scores TEXT;
