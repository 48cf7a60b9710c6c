-- What was entered, found by whom it concerns and by what it says, each in the order of its entry.
CREATE INDEX fact_of_buyer ON fact (buyer);
CREATE INDEX fact_of_kind ON fact (kind);
CREATE INDEX fact_of_buyer_and_kind ON fact (buyer, kind);
