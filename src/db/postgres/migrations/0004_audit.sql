-- The audit trail. No reference to projects: it outlives them. How rows are hashed and authenticated: src/codec/audit.

CREATE TABLE audit_rows (
    chain           text NOT NULL COLLATE "C",
    number          bigint NOT NULL CHECK (number > 0),
    time            bigint NOT NULL,
    actor           text NOT NULL,
    token           text NOT NULL,
    action          text NOT NULL,
    project         text NOT NULL,
    run             text NOT NULL,
    outcome         text NOT NULL,
    details         text NOT NULL,
    previous        bytea NOT NULL CHECK (length(previous) = 32),
    hash            bytea NOT NULL CHECK (length(hash) = 32),
    mac             bytea NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (chain, number)
);

CREATE TABLE audit_heads (
    chain           text COLLATE "C" PRIMARY KEY,
    number          bigint NOT NULL CHECK (number > 0),
    hash            bytea NOT NULL CHECK (length(hash) = 32),
    ended           boolean NOT NULL,
    mac             bytea NOT NULL CHECK (length(mac) = 32)
) WITH (fillfactor = 70); -- the server's is changed in place by every new project

-- Rows are only ever added.
CREATE FUNCTION audit_row_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'rows and heads of the audit trail may not be changed or deleted'; END $$;
CREATE FUNCTION audit_head_advances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.chain <> OLD.chain OR NEW.number <= OLD.number OR OLD.ended
    THEN RAISE EXCEPTION 'heads of the audit trail only go forward'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON audit_rows FOR EACH ROW EXECUTE FUNCTION audit_row_stays();
CREATE TRIGGER audit_rows_remain BEFORE TRUNCATE ON audit_rows FOR EACH STATEMENT EXECUTE FUNCTION audit_row_stays();
CREATE TRIGGER audit_heads_advance BEFORE UPDATE ON audit_heads FOR EACH ROW EXECUTE FUNCTION audit_head_advances();
CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION audit_row_stays();
CREATE TRIGGER audit_heads_remain BEFORE TRUNCATE ON audit_heads FOR EACH STATEMENT EXECUTE FUNCTION audit_row_stays();
