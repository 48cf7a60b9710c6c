-- Money by pot (R-BALANCE): grants before cash before credit, free, set aside, or kept to be made good.

-- state 1 free (deal and day are 0), 2 committed, 3 make-good. fund_kind 1 grant, 2 client's cash, 3 buyer's cash, 4 credit; the owner is
-- the number of the grant, advertiser or buyer. Credit may be cut below what is used of it.
CREATE TABLE pot (
    state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),
    deal INTEGER NOT NULL,
    day INTEGER NOT NULL,
    fund_kind INTEGER NOT NULL CHECK (fund_kind IN (1, 2, 3, 4)),
    fund_owner INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    funded INTEGER NOT NULL,
    settled INTEGER NOT NULL CHECK (settled >= 0),
    held INTEGER NOT NULL CHECK (held >= 0),
    PRIMARY KEY (state, deal, day, fund_kind, fund_owner),
    CHECK (state = 1 AND fund_kind = 4 OR funded >= 0 AND funded - settled - held >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX pot_buyer ON pot (buyer);
-- Grants of which something is free: few, however many there were.
CREATE INDEX pot_grant ON pot (fund_owner) WHERE state = 1 AND fund_kind = 1 AND funded - settled - held > 0;

-- voids: by how many transactions what was left of it was voided.
CREATE TABLE grant_terms (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    buyer INTEGER NOT NULL,
    client INTEGER,
    last_day INTEGER NOT NULL,
    voids INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TRIGGER grant_terms_keep BEFORE UPDATE OF number, buyer, client, last_day ON grant_terms
    BEGIN SELECT RAISE(ABORT, 'grants are append-only'); END;
CREATE TRIGGER grant_terms_stay BEFORE DELETE ON grant_terms BEGIN SELECT RAISE(ABORT, 'grants are append-only'); END;

CREATE TABLE client_account (client INTEGER PRIMARY KEY, buyer INTEGER NOT NULL) STRICT;
CREATE INDEX client_account_buyer ON client_account (buyer);
CREATE TRIGGER client_account_keep BEFORE UPDATE ON client_account BEGIN SELECT RAISE(ABORT, 'accounts are append-only'); END;
CREATE TRIGGER client_account_stay BEFORE DELETE ON client_account BEGIN SELECT RAISE(ABORT, 'accounts are append-only'); END;

-- What a buyer and its clients may do: the bits of `event::Standing`; how much it may owe.
CREATE TABLE standing (
    buyer INTEGER PRIMARY KEY,
    measures INTEGER NOT NULL,
    credit_limit INTEGER NOT NULL CHECK (credit_limit >= 0)
) STRICT;

INSERT INTO pot SELECT 1, 0, 0, 3, source_owner, buyer, funded, settled, held FROM purse WHERE source_kind = 1;
INSERT INTO pot SELECT 2, source_owner, source_day, 3, buyer, buyer, funded, settled, held FROM purse WHERE source_kind = 2;

-- What a lease may take from which pots, in order: what is posted under it is taken from the first on.
CREATE TABLE lease_part (
    lease INTEGER NOT NULL,
    place INTEGER NOT NULL,
    state INTEGER NOT NULL,
    deal INTEGER NOT NULL,
    day INTEGER NOT NULL,
    fund_kind INTEGER NOT NULL,
    fund_owner INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    PRIMARY KEY (lease, place),
    FOREIGN KEY (state, deal, day, fund_kind, fund_owner) REFERENCES pot
) STRICT, WITHOUT ROWID;
INSERT INTO lease_part SELECT id, 0, 1, 0, 0, 3, source_owner, amount FROM lease WHERE source_kind = 1;
INSERT INTO lease_part SELECT id, 0, 2, source_owner, source_day, 3, buyer, amount FROM lease WHERE source_kind = 2;
CREATE TRIGGER lease_part_keep BEFORE UPDATE ON lease_part BEGIN SELECT RAISE(ABORT, 'leases are append-only'); END;
CREATE TRIGGER lease_part_stay BEFORE DELETE ON lease_part BEGIN SELECT RAISE(ABORT, 'leases are append-only'); END;

-- A lease without the old purse. source_kind 1 a buyer's balance, 2 a commitment, 3 a client's account.
CREATE TABLE lease_of_pots (
    id INTEGER PRIMARY KEY CHECK (id > 0),
    source_kind INTEGER NOT NULL,
    source_owner INTEGER NOT NULL,
    source_day INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    node INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    awarded INTEGER CHECK (awarded BETWEEN 0 AND amount),
    posted INTEGER NOT NULL DEFAULT 0 CHECK (posted >= 0),
    posted_count INTEGER NOT NULL DEFAULT 0,
    window_ends_ms INTEGER NOT NULL,
    closes_at_ms INTEGER NOT NULL CHECK (closes_at_ms >= window_ends_ms),
    state INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)),
    CHECK (posted <= coalesce(awarded, amount))
) STRICT;
INSERT INTO lease_of_pots SELECT id, source_kind, source_owner, source_day, buyer, node, boot, amount, awarded, posted, posted_count,
    window_ends_ms, closes_at_ms, state FROM lease;
DROP TABLE lease;
ALTER TABLE lease_of_pots RENAME TO lease;
CREATE INDEX lease_unclosed ON lease (closes_at_ms) WHERE state <> 2;
CREATE INDEX lease_unclosed_window ON lease (window_ends_ms) WHERE state <> 2;
CREATE INDEX lease_open ON lease (source_kind, source_owner, source_day) WHERE state = 0;
DROP TABLE purse;

-- The terms that a day was decided by; empty in older rows.
ALTER TABLE commitment ADD COLUMN ordered INTEGER CHECK (ordered >= 0);
ALTER TABLE commitment ADD COLUMN price INTEGER CHECK (price >= 0);
ALTER TABLE commitment ADD COLUMN push_numerator INTEGER CHECK (push_numerator > 0);
ALTER TABLE commitment ADD COLUMN push_denominator INTEGER CHECK (push_denominator > 0);
CREATE INDEX commitment_day ON commitment (day);
