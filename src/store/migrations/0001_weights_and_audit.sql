-- Weights that were set for now, and who changed what, when and why.
CREATE TABLE weight_overrides (
    route    TEXT PRIMARY KEY,
    -- As people write them: `legacy=95 app=5`, in percent.
    weights  TEXT NOT NULL,
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,
    -- Milliseconds since 1970, as everywhere.
    at       BIGINT NOT NULL,
    -- The entry of the audit trail that set it: of two, the one with the higher number is in force.
    entry    BIGINT NOT NULL
);

CREATE TABLE audit (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       BIGINT NOT NULL,
    who      TEXT NOT NULL,
    -- What was done, such as `weights.set`.
    action   TEXT NOT NULL,
    -- To what: the name of a route.
    subject  TEXT NOT NULL,
    before   TEXT NOT NULL,
    after    TEXT NOT NULL,
    why      TEXT NOT NULL
);

CREATE INDEX audit_by_subject ON audit (subject, id);
