-- How each day of a guaranteed deal was closed: counts in impressions, amounts in micro-yuan (event::ClosedDay).
CREATE TABLE day_closing (
    deal INTEGER NOT NULL,
    day INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    price INTEGER NOT NULL,
    ordered INTEGER NOT NULL,
    offered INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    made_good INTEGER NOT NULL,
    at_cost INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    exempted INTEGER NOT NULL,
    by_buyer INTEGER NOT NULL,
    good_until INTEGER NOT NULL,
    made_good_on INTEGER,
    closed_at_ms INTEGER NOT NULL,
    funded INTEGER NOT NULL CHECK (funded IN (0, 1)),
    payable INTEGER NOT NULL CHECK (payable >= 0),
    from_grants INTEGER NOT NULL CHECK (from_grants >= 0),
    from_cash INTEGER NOT NULL CHECK (from_cash >= 0),
    owed INTEGER NOT NULL CHECK (owed >= 0),
    kept INTEGER NOT NULL CHECK (kept >= 0),
    released INTEGER NOT NULL CHECK (released >= 0),
    PRIMARY KEY (deal, day),
    FOREIGN KEY (deal, day) REFERENCES commitment,
    CHECK (delivered + failed + exempted + by_buyer = ordered),
    CHECK (made_good_on > day AND made_good_on <= good_until)
) STRICT, WITHOUT ROWID;
CREATE INDEX day_closing_day ON day_closing (day);
CREATE INDEX day_closing_buyer ON day_closing (buyer, day);
CREATE INDEX day_closing_made_good_on ON day_closing (made_good_on) WHERE made_good_on IS NOT NULL AND kept > 0;

-- What of it is undelivered, each unit under one cause.
CREATE TABLE day_closing_cause (
    deal INTEGER NOT NULL,
    day INTEGER NOT NULL,
    cause INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (deal, day, cause),
    FOREIGN KEY (deal, day) REFERENCES day_closing
) STRICT, WITHOUT ROWID;

CREATE TRIGGER day_closing_keep BEFORE UPDATE ON day_closing BEGIN SELECT RAISE(ABORT, 'closings are append-only'); END;
CREATE TRIGGER day_closing_stay BEFORE DELETE ON day_closing BEGIN SELECT RAISE(ABORT, 'closings are append-only'); END;
CREATE TRIGGER day_closing_cause_keep BEFORE UPDATE ON day_closing_cause BEGIN SELECT RAISE(ABORT, 'closings are append-only'); END;
CREATE TRIGGER day_closing_cause_stay BEFORE DELETE ON day_closing_cause BEGIN SELECT RAISE(ABORT, 'closings are append-only'); END;
