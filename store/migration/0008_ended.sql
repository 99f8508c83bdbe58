-- A block ends a terminal's session: when it did, for its MAC key is kept for a while to verify undos; 0: no block has.
ALTER TABLE terminal ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;

-- Terminals that are blocked already lose their keys now.
UPDATE terminal SET ended = CAST(strftime('%s', 'now') AS INTEGER) * 1000000, signed_on = 0, pik = NULL, tdk = NULL, old_mak = NULL
	WHERE blocked = 1 AND signed_on = 1;
