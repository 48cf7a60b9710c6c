CREATE TABLE migration (
    version INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    applied_at_ms INTEGER NOT NULL
) STRICT;

-- What happened to what is reviewed. owner_kind: 0 the exchange, 1 a buyer, 2 a media. body is a JSON object in the form of the
-- subject's kind: all that is known of it after the step.
CREATE TABLE step (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    before INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    owner_kind INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due_ms INTEGER,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX step_of ON step (kind, name, version, seq);
CREATE TRIGGER step_keep BEFORE UPDATE ON step BEGIN SELECT RAISE(ABORT, 'steps are append-only'); END;
CREATE TRIGGER step_stay BEFORE DELETE ON step BEGIN SELECT RAISE(ABORT, 'steps are append-only'); END;

-- Each subject's last step, for whoever looks for subjects. due_ms may have been moved since that step.
CREATE TABLE subject (
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    owner_kind INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due_ms INTEGER,
    PRIMARY KEY (kind, name, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_by_seq ON subject (kind, seq);
CREATE INDEX subject_by_state ON subject (kind, state, seq);
CREATE INDEX subject_by_owner ON subject (kind, owner_kind, owner, seq);
CREATE INDEX subject_by_due ON subject (kind, due_ms) WHERE due_ms IS NOT NULL;

-- Documents, files and pages by their SHA-256.
CREATE TABLE blob (
    seq INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    bytes BLOB NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE TRIGGER blob_keep BEFORE UPDATE ON blob BEGIN SELECT RAISE(ABORT, 'blobs do not change'); END;
