-- The first schema. A migration that was released is never edited: its digest is kept in each data folder.
-- Amounts are micro-yuan, times are Unix milliseconds, days are days since 1970-01-01 in Asia/Shanghai, codes are those of `event` and `ids`.

CREATE TABLE migration (
    version INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    applied_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE identity (
    kind INTEGER NOT NULL,
    number INTEGER NOT NULL,
    wire TEXT NOT NULL,
    PRIMARY KEY (kind, number),
    UNIQUE (kind, wire)
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
    node INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL CHECK (boot < 16777216)
) STRICT;

-- The days that have a table of charges.
CREATE TABLE charge_day (day INTEGER PRIMARY KEY) STRICT;

CREATE TABLE tally (
    day INTEGER NOT NULL,
    deal INTEGER NOT NULL,
    measure INTEGER NOT NULL,
    node INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (day, deal, measure, node)
) STRICT, WITHOUT ROWID;

-- Money by source (architecture, invariant 8). source_kind 1: owner is a buyer, day is 0; 2: owner is a deal.
CREATE TABLE purse (
    source_kind INTEGER NOT NULL CHECK (source_kind IN (1, 2)),
    source_owner INTEGER NOT NULL,
    source_day INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    funded INTEGER NOT NULL CHECK (funded >= 0),
    settled INTEGER NOT NULL CHECK (settled >= 0),
    held INTEGER NOT NULL CHECK (held >= 0),
    PRIMARY KEY (source_kind, source_owner, source_day),
    CHECK (funded - settled - held >= 0)
) STRICT, WITHOUT ROWID;

-- state 0 open, 1 retired, 2 closed.
CREATE TABLE lease (
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
    FOREIGN KEY (source_kind, source_owner, source_day) REFERENCES purse,
    CHECK (posted <= coalesce(awarded, amount))
) STRICT;
CREATE INDEX lease_unclosed ON lease (closes_at_ms) WHERE state <> 2;

-- How the funding of a day ended (R-COMMIT).
CREATE TABLE commitment (
    deal INTEGER NOT NULL,
    day INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    funded INTEGER NOT NULL CHECK (funded IN (0, 1)),
    decided_at_ms INTEGER NOT NULL,
    PRIMARY KEY (deal, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_transaction (
    id INTEGER PRIMARY KEY CHECK (id > 0),
    kind INTEGER NOT NULL,
    reference TEXT NOT NULL,
    day INTEGER NOT NULL,
    made_at_ms INTEGER NOT NULL,
    first_seq INTEGER,
    last_seq INTEGER,
    digest BLOB CHECK (length(digest) = 32),
    note TEXT NOT NULL,
    UNIQUE (kind, reference),
    CHECK ((first_seq IS NULL) = (last_seq IS NULL) AND (first_seq IS NULL) = (digest IS NULL))
) STRICT;
CREATE INDEX ledger_span ON ledger_transaction (last_seq) WHERE last_seq IS NOT NULL;

CREATE TABLE ledger_entry (
    transaction_id INTEGER NOT NULL REFERENCES ledger_transaction (id),
    account_kind INTEGER NOT NULL,
    account_owner INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (transaction_id, account_kind, account_owner)
) STRICT, WITHOUT ROWID;

-- What a delivery transaction was made of, by the dimensions that accounts do not have.
CREATE TABLE ledger_delivery (
    transaction_id INTEGER NOT NULL REFERENCES ledger_transaction (id),
    buyer INTEGER NOT NULL,
    deal INTEGER NOT NULL,
    media INTEGER NOT NULL,
    method INTEGER NOT NULL,
    count INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    earned INTEGER NOT NULL,
    PRIMARY KEY (transaction_id, buyer, deal, media, method)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER migration_keep BEFORE UPDATE ON migration BEGIN SELECT RAISE(ABORT, 'migration is append-only'); END;
CREATE TRIGGER migration_stay BEFORE DELETE ON migration BEGIN SELECT RAISE(ABORT, 'migration is append-only'); END;
CREATE TRIGGER identity_keep BEFORE UPDATE ON identity BEGIN SELECT RAISE(ABORT, 'identity is append-only'); END;
CREATE TRIGGER identity_stay BEFORE DELETE ON identity BEGIN SELECT RAISE(ABORT, 'identity is append-only'); END;
CREATE TRIGGER charge_day_keep BEFORE UPDATE ON charge_day BEGIN SELECT RAISE(ABORT, 'charge_day is append-only'); END;
CREATE TRIGGER charge_day_stay BEFORE DELETE ON charge_day BEGIN SELECT RAISE(ABORT, 'charge_day is append-only'); END;
CREATE TRIGGER ledger_transaction_keep BEFORE UPDATE ON ledger_transaction BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_transaction_stay BEFORE DELETE ON ledger_transaction BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_entry_keep BEFORE UPDATE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_entry_stay BEFORE DELETE ON ledger_entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_delivery_keep BEFORE UPDATE ON ledger_delivery BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_delivery_stay BEFORE DELETE ON ledger_delivery BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
