-- What was entered, found by whom it concerns and by what it says, each in the order of its entry.
CREATE INDEX fact_of_buyer ON fact (buyer);
CREATE INDEX fact_of_kind ON fact (kind);
CREATE INDEX fact_of_buyer_and_kind ON fact (buyer, kind);

-- Days of guaranteed deals that were decided and are not closed: few, however many there were. A deal's days are closed in order.
CREATE TABLE open_day (
    day INTEGER NOT NULL,
    deal INTEGER NOT NULL,
    PRIMARY KEY (day, deal)
) STRICT, WITHOUT ROWID;
INSERT INTO open_day SELECT day, deal FROM commitment WHERE ordered IS NOT NULL
    AND day > coalesce((SELECT max(day_closing.day) FROM day_closing WHERE day_closing.deal = commitment.deal), -1);

-- What an exemption changed of a day that was closed before it was entered, in micro-yuan (event::LateExemption).
CREATE TABLE day_exemption (
    deal INTEGER NOT NULL,
    day INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    back INTEGER NOT NULL CHECK (back >= 0),
    to_grants INTEGER NOT NULL CHECK (to_grants BETWEEN 0 AND back),
    kept INTEGER NOT NULL CHECK (kept BETWEEN 0 AND back),
    made_good_on INTEGER CHECK (made_good_on > day),
    PRIMARY KEY (deal, day),
    FOREIGN KEY (deal, day) REFERENCES day_closing
) STRICT, WITHOUT ROWID;
CREATE INDEX day_exemption_made_good_on ON day_exemption (made_good_on) WHERE made_good_on IS NOT NULL AND kept > 0;
CREATE TRIGGER day_exemption_keep BEFORE UPDATE ON day_exemption BEGIN SELECT RAISE(ABORT, 'exemptions are append-only'); END;
CREATE TRIGGER day_exemption_stay BEFORE DELETE ON day_exemption BEGIN SELECT RAISE(ABORT, 'exemptions are append-only'); END;
