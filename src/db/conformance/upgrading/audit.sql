-- The beginning of a trail, under the key that the tests' secret gives (32 bytes 07).
INSERT INTO audit_rows (chain, number, time, actor, token, action, project, run, outcome, details, previous, hash, mac) VALUES
    ('{a1}', 1, 1600000000000001, 'anyone', '', 'project.created', '{a1}', '', 'ok', '{}',
     X'0000000000000000000000000000000000000000000000000000000000000000',
     X'9bfc0d40c1ae72e09c3425983cc53a62b0e7f61ef0b2ded56c3bb1cf69233024',
     X'5b87df068224401344f6c5dc7abc182ebc25cead8778eff93840a904331638a1'),
    ('{a1}', 2, 1600000001000000, 'result', '10101010', 'run.created', '{a1}', '{01}', 'ok', '{}',
     X'9bfc0d40c1ae72e09c3425983cc53a62b0e7f61ef0b2ded56c3bb1cf69233024',
     X'541ddbabc79f2cff0f01050789a30795ddbc42855d1fc632dfe6a594dffd7a6a',
     X'3a849294a83170b9be02c4c820da8ffa8421b8794df6fb2f533f56c86c783d5b'),
    ('server', 1, 1600000000000001, 'anyone', '', 'project.created', '{a1}', '', 'ok', '{"first":"9bfc0d40c1ae72e09c3425983cc53a62b0e7f61ef0b2ded56c3bb1cf69233024"}',
     X'0000000000000000000000000000000000000000000000000000000000000000',
     X'890a71402e505ba299e45ac246f7527fb2ea5a7b6a2ff463cad9d4713e1e6447',
     X'5ec8b208f93b9811238106377feff942627a42b7c8d4ae77ada0853301883f78');
INSERT INTO audit_heads (chain, number, hash, ended, mac) VALUES
    ('{a1}', 2, X'541ddbabc79f2cff0f01050789a30795ddbc42855d1fc632dfe6a594dffd7a6a', '0',
     X'17a0b27de9f6d0d05aad8f5a0531d392fb8ab06f6bafbb52205beb93db38d60a'),
    ('server', 1, X'890a71402e505ba299e45ac246f7527fb2ea5a7b6a2ff463cad9d4713e1e6447', '0',
     X'896a9b9f93b25be5402b86b1f4691670d61d80d505b0da253ab30148c2b03e67');
