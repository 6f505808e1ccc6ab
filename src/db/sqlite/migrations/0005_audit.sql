-- The audit trail. No reference to projects: it outlives them. How rows are hashed and authenticated: src/codec/audit.

CREATE TABLE audit_rows (
    chain           TEXT NOT NULL,
    number          INTEGER NOT NULL CHECK (number > 0),
    time            INTEGER NOT NULL,
    actor           TEXT NOT NULL,
    token           TEXT NOT NULL,
    action          TEXT NOT NULL,
    project         TEXT NOT NULL,
    run             TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    details         TEXT NOT NULL,
    previous        BLOB NOT NULL CHECK (length(previous) = 32),
    hash            BLOB NOT NULL CHECK (length(hash) = 32),
    mac             BLOB NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (chain, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_heads (
    chain           TEXT NOT NULL PRIMARY KEY,
    number          INTEGER NOT NULL CHECK (number > 0),
    hash            BLOB NOT NULL CHECK (length(hash) = 32),
    ended           INTEGER NOT NULL CHECK (ended IN (0, 1)),
    mac             BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT, WITHOUT ROWID;

-- Rows are only ever added, at the end. (REPLACE would delete without asking the trigger for deletions.)
CREATE TRIGGER audit_rows_follow BEFORE INSERT ON audit_rows
WHEN NEW.number <> coalesce((SELECT max(number) FROM audit_rows WHERE chain = NEW.chain), 0) + 1
BEGIN SELECT RAISE(ABORT, 'a row of the audit trail must follow the last one of its chain'); END;
CREATE TRIGGER audit_rows_stay BEFORE UPDATE ON audit_rows
BEGIN SELECT RAISE(ABORT, 'rows of the audit trail may not be changed'); END;
CREATE TRIGGER audit_rows_remain BEFORE DELETE ON audit_rows
BEGIN SELECT RAISE(ABORT, 'rows of the audit trail may not be deleted'); END;
CREATE TRIGGER audit_heads_advance BEFORE UPDATE ON audit_heads
WHEN NEW.chain <> OLD.chain OR NEW.number <= OLD.number OR OLD.ended
BEGIN SELECT RAISE(ABORT, 'heads of the audit trail only go forward'); END;
CREATE TRIGGER audit_heads_remain BEFORE DELETE ON audit_heads
BEGIN SELECT RAISE(ABORT, 'heads of the audit trail may not be deleted'); END;
