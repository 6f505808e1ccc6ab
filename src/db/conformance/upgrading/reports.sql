UPDATE parties SET time_uploaded = 1600000000500000,
    report = '{"density":[1,2],"bits_set":48,"empty":1,"duplicates":{"count":0,"exact":true}}'
WHERE project_id = '{a1}' AND party = 0;
UPDATE candidate_files SET scores = '[0,3,2]' WHERE comparison_id = 1;
