UPDATE projects SET permutation_positions = 'larger' WHERE id = '{a1}';
