-- What operators did: generations of the market with their sources, kill switches, the audit log, answers that are given once.

-- Codes of cause are those of `event::Trigger`; size is 0 when the sources are not kept any more.
CREATE TABLE generation (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    published_at_ms INTEGER NOT NULL,
    cause INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    changes TEXT NOT NULL,
    restores INTEGER,
    pinned INTEGER NOT NULL CHECK (pinned IN (0, 1)),
    size INTEGER NOT NULL CHECK (size >= 0)
) STRICT;

-- The packed sources by their digest, in parts, so that no commit is long; complete when a generation names the digest.
CREATE TABLE generation_source (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    part INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (digest, part)
) STRICT;

-- Kill switches: the last row of a subject is its state. Kinds and numbers are those of `identity`.
CREATE TABLE suspension (
    seq INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    suspended INTEGER NOT NULL CHECK (suspended IN (0, 1)),
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX suspension_subject ON suspension (kind, number, seq);
CREATE TRIGGER suspension_keep BEFORE UPDATE ON suspension BEGIN SELECT RAISE(ABORT, 'suspensions are append-only'); END;
CREATE TRIGGER suspension_stay BEFORE DELETE ON suspension BEGIN SELECT RAISE(ABORT, 'suspensions are append-only'); END;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_keep BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_stay BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE answer (
    key TEXT PRIMARY KEY,
    request BLOB NOT NULL CHECK (length(request) = 32),
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX answer_age ON answer (at_ms);
