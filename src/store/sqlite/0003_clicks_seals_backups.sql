-- Clicks, sealed days, restored backups.

-- The days that have a table of clicks.
CREATE TABLE click_day (day INTEGER PRIMARY KEY) STRICT;
CREATE TRIGGER click_day_keep BEFORE UPDATE ON click_day BEGIN SELECT RAISE(ABORT, 'click_day is append-only'); END;
CREATE TRIGGER click_day_stay BEFORE DELETE ON click_day BEGIN SELECT RAISE(ABORT, 'click_day is append-only'); END;

-- How many journal rows of the transaction's day its span has; the digest is then over that day's rows. Empty in older deliveries, whose
-- digest is over the rows of all days.
ALTER TABLE ledger_transaction ADD COLUMN rows INTEGER CHECK (rows > 0);
CREATE INDEX ledger_day ON ledger_transaction (day) WHERE last_seq IS NOT NULL;

-- A sealed day takes no more rows. Its groups are laid down before, and count only once this row is there.
CREATE TABLE sealed_day (
    day INTEGER PRIMARY KEY,
    sealed_at_ms INTEGER NOT NULL,
    rows INTEGER NOT NULL CHECK (rows >= 0),
    last_seq INTEGER NOT NULL CHECK (last_seq >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    groups_digest BLOB NOT NULL CHECK (length(groups_digest) = 32)
) STRICT;

-- What a day's charges come to. resolution: 0 posted, otherwise the code of the void's reason.
CREATE TABLE sealed_charge (
    day INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    media INTEGER NOT NULL,
    deal INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    creative INTEGER NOT NULL,
    creative_version INTEGER NOT NULL,
    method INTEGER NOT NULL,
    resolution INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    earned INTEGER NOT NULL CHECK (earned >= 0),
    PRIMARY KEY (day, buyer, media, deal, lease, creative, creative_version, method, resolution)
) STRICT, WITHOUT ROWID;

-- What a day's clicks come to.
CREATE TABLE sealed_click (
    day INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    media INTEGER NOT NULL,
    deal INTEGER NOT NULL,
    creative INTEGER NOT NULL,
    creative_version INTEGER NOT NULL,
    ads INTEGER NOT NULL CHECK (ads > 0),
    clicks INTEGER NOT NULL CHECK (clicks >= ads),
    PRIMARY KEY (day, buyer, media, deal, creative, creative_version)
) STRICT, WITHOUT ROWID;

-- The detail of these days was let go (R-RETAIN): whatever is left of their tables is being swept out.
CREATE TABLE gone_day (
    day INTEGER PRIMARY KEY REFERENCES sealed_day (day),
    gone_at_ms INTEGER NOT NULL
) STRICT;

-- Which leases stand in the way of sealing.
CREATE INDEX lease_unclosed_window ON lease (window_ends_ms) WHERE state <> 2;

CREATE TRIGGER sealed_day_keep BEFORE UPDATE ON sealed_day BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER sealed_day_stay BEFORE DELETE ON sealed_day BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER gone_day_keep BEFORE UPDATE ON gone_day BEGIN SELECT RAISE(ABORT, 'gone_day is append-only'); END;
CREATE TRIGGER gone_day_stay BEFORE DELETE ON gone_day BEGIN SELECT RAISE(ABORT, 'gone_day is append-only'); END;
CREATE TRIGGER sealed_charge_keep BEFORE UPDATE ON sealed_charge BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER sealed_charge_more BEFORE INSERT ON sealed_charge WHEN EXISTS (SELECT 1 FROM sealed_day WHERE day = NEW.day)
    BEGIN SELECT RAISE(ABORT, 'the day is sealed'); END;
CREATE TRIGGER sealed_charge_stay BEFORE DELETE ON sealed_charge WHEN EXISTS (SELECT 1 FROM sealed_day WHERE day = OLD.day)
    BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER sealed_click_keep BEFORE UPDATE ON sealed_click BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER sealed_click_more BEFORE INSERT ON sealed_click WHEN EXISTS (SELECT 1 FROM sealed_day WHERE day = NEW.day)
    BEGIN SELECT RAISE(ABORT, 'the day is sealed'); END;
CREATE TRIGGER sealed_click_stay BEFORE DELETE ON sealed_click WHEN EXISTS (SELECT 1 FROM sealed_day WHERE day = OLD.day)
    BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;

-- From which backups this store was restored. Auctions that began between the two moments belong to the disk that was lost, and leases
-- are numbered on from first_lease.
CREATE TABLE restored (
    number INTEGER PRIMARY KEY,
    taken_at_ms INTEGER NOT NULL,
    restored_at_ms INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    first_lease INTEGER NOT NULL
) STRICT;
CREATE TRIGGER restored_keep BEFORE UPDATE ON restored BEGIN SELECT RAISE(ABORT, 'restored is append-only'); END;
CREATE TRIGGER restored_stay BEFORE DELETE ON restored BEGIN SELECT RAISE(ABORT, 'restored is append-only'); END;
