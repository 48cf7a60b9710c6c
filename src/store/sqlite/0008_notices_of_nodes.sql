-- Which node tells a DSP of a won bid; NULL where an older program kept it.
ALTER TABLE notice_waiting ADD COLUMN node INTEGER;
CREATE INDEX notice_waiting_marked ON notice_waiting (node) WHERE posted_at_ms IS NOT NULL;
