-- What was entered about money. body is a JSON object; buyer is NULL where it concerns everybody.
CREATE TABLE fact (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    kind INTEGER NOT NULL,
    reference TEXT NOT NULL,
    buyer INTEGER,
    day INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, reference)
) STRICT;
CREATE TRIGGER fact_keep BEFORE UPDATE ON fact BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;
CREATE TRIGGER fact_stay BEFORE DELETE ON fact BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;
