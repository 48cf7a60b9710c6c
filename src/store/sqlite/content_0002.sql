-- What of one owner's is in a state: how many of a buyer's creatives wait, which of them are approved.
CREATE INDEX subject_by_owner_and_state ON subject (kind, owner_kind, owner, state, seq);
