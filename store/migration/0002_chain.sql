-- The history of transactions becomes a chain: each step holds a keyed hash over the one in front of it, its own
-- content and the row as it left it. What cannot be said in SQL (the hashes of the steps that are there already) is done
-- by the program behind this file, in the same transaction; it drops step_before.
ALTER TABLE step RENAME TO step_before;

-- The history of a transaction, a line for each move. There is no index by chain and seq: only the audit reads in that
-- order, and it sorts.
CREATE TABLE step (
	txn        INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	from_state INTEGER NOT NULL, -- 0 for the first
	to_state   INTEGER NOT NULL,
	event      TEXT    NOT NULL,
	detail     TEXT    NOT NULL,
	made       BLOB,             -- notices and reversals written with it; null: none
	fixed_sum  BLOB,             -- first step only: keyed hash of what no move changes in the row
	moved_sum  BLOB,             -- of the rest of the row after this step; null in a step older than this file and not the last
	chain      INTEGER NOT NULL, -- one for each lane that writes; SQLite has one lane
	seq        INTEGER NOT NULL, -- 1, 2, 3 ... without a gap in a chain
	hash       BLOB    NOT NULL, -- keyed hash of the hash in front and of all other columns
	PRIMARY KEY (txn, version)
) STRICT, WITHOUT ROWID;

-- The ends of the chains: the last step, under a keyed hash of its own, so that a chain that was cut cannot be given an
-- earlier end.
CREATE TABLE chain (
	id      INTEGER PRIMARY KEY,
	seq     INTEGER NOT NULL,
	txn     INTEGER NOT NULL,
	version INTEGER NOT NULL,
	hash    BLOB    NOT NULL,
	mac     BLOB    NOT NULL
) STRICT;

-- What changes in a queued reversal: keyed hash of id, tries, due and host_code. The rest stands in a step.
ALTER TABLE saf ADD COLUMN mac BLOB;

CREATE INDEX saf_txn ON saf (txn, id);
