UPDATE projects SET expires = 4000000000000000 WHERE id = '{a1}';
