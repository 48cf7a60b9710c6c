-- What DSPs are owed: notices of won bids that wait for the media's word, and notices that could not be delivered yet.

-- Prices are CPM in millionths of the currency; quantity is in thousandths of an impression. posted_at_ms is NULL until the charge
-- is known to be posted.
CREATE TABLE notice_waiting (
    auction BLOB NOT NULL CHECK (length(auction) = 16),
    imp INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    dsp INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    posted_at_ms INTEGER,
    told INTEGER NOT NULL CHECK (told IN (0, 1)),
    price INTEGER NOT NULL,
    bid INTEGER NOT NULL,
    currency TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    imp_id TEXT NOT NULL,
    response TEXT,
    seat TEXT,
    ad TEXT,
    win_url TEXT,
    bill_url TEXT,
    PRIMARY KEY (auction, imp, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_waiting_end ON notice_waiting (expires_at_ms);

-- Kinds are those of `event::NoticeKind`; next_at_ms is NULL when a notice is not tried by itself any more. Ids are never given twice.
CREATE TABLE notice_owed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    auction BLOB NOT NULL CHECK (length(auction) = 16),
    imp INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    dsp INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    url TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at_ms INTEGER,
    error TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX notice_owed_due ON notice_owed (dsp, next_at_ms);
CREATE INDEX notice_owed_age ON notice_owed (made_at_ms);
