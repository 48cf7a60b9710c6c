-- Who paid for what was delivered, sums by day, and balances by account.

-- Lines now also say which account paid, and for which quantity, in thousandths of an impression: unknown in older ones, whose payer
-- follows from the method (3: a preferred deal, paid from cash; else from the commitment).
CREATE TABLE ledger_line (
    transaction_id INTEGER NOT NULL REFERENCES ledger_transaction (id),
    buyer INTEGER NOT NULL,
    deal INTEGER NOT NULL,
    media INTEGER NOT NULL,
    method INTEGER NOT NULL,
    payer_kind INTEGER NOT NULL,
    payer_owner INTEGER NOT NULL,
    count INTEGER NOT NULL,
    quantity INTEGER,
    amount INTEGER NOT NULL,
    earned INTEGER NOT NULL,
    PRIMARY KEY (transaction_id, buyer, deal, media, method, payer_kind, payer_owner)
) STRICT, WITHOUT ROWID;
INSERT INTO ledger_line
    SELECT transaction_id, buyer, deal, media, method, CASE method WHEN 3 THEN 200 ELSE 201 END, buyer, count, NULL, amount, earned
    FROM ledger_delivery;
DROP TABLE ledger_delivery;
ALTER TABLE ledger_line RENAME TO ledger_delivery;
CREATE TRIGGER ledger_delivery_keep BEFORE UPDATE ON ledger_delivery BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_delivery_stay BEFORE DELETE ON ledger_delivery BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- How much a delivery took of each lease that draws on several accounts: they are used up one after the other.
CREATE TABLE ledger_lease (
    lease INTEGER NOT NULL,
    transaction_id INTEGER NOT NULL REFERENCES ledger_transaction (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    PRIMARY KEY (lease, transaction_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_lease_of ON ledger_lease (transaction_id);
CREATE TRIGGER ledger_lease_keep BEFORE UPDATE ON ledger_lease BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_lease_stay BEFORE DELETE ON ledger_lease BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- What the deliveries of a settlement day add up to. Derived from ledger_delivery, kept with each booking.
CREATE TABLE day_sum (
    day INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    deal INTEGER NOT NULL,
    media INTEGER NOT NULL,
    method INTEGER NOT NULL,
    payer_kind INTEGER NOT NULL,
    payer_owner INTEGER NOT NULL,
    count INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    earned INTEGER NOT NULL,
    PRIMARY KEY (day, buyer, deal, media, method, payer_kind, payer_owner)
) STRICT, WITHOUT ROWID;
INSERT INTO day_sum
    SELECT day, buyer, deal, media, method, payer_kind, payer_owner, sum(count), sum(coalesce(quantity, count * 1000)), sum(amount), sum(earned)
    FROM ledger_delivery JOIN ledger_transaction ON id = transaction_id GROUP BY 1, 2, 3, 4, 5, 6, 7;

-- What the entries of each account add up to: debit positive, credit negative. Derived from ledger_entry, kept with each booking.
CREATE TABLE balance (
    account_kind INTEGER NOT NULL,
    account_owner INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (account_kind, account_owner)
) STRICT, WITHOUT ROWID;
INSERT INTO balance SELECT account_kind, account_owner, sum(amount) FROM ledger_entry GROUP BY 1, 2;
