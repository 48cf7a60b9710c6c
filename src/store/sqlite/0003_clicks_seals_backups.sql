-- Clicks, sealed days, restored backups.

-- The days that have a table of clicks.
CREATE TABLE click_day (day INTEGER PRIMARY KEY) STRICT;
CREATE TRIGGER click_day_keep BEFORE UPDATE ON click_day BEGIN SELECT RAISE(ABORT, 'click_day is append-only'); END;
CREATE TRIGGER click_day_stay BEFORE DELETE ON click_day BEGIN SELECT RAISE(ABORT, 'click_day is append-only'); END;
