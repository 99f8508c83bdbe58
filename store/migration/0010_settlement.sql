-- Settlement: what was agreed with the host on each settlement date, where the two sides differ, and what is paid out. Every row
-- but a staged line, which is read from the host's file and can be read again, carries a keyed hash over its other columns.
CREATE TABLE settlement (
	date              INTEGER PRIMARY KEY, -- yyyymmdd
	version           INTEGER NOT NULL,
	stage             INTEGER NOT NULL,
	asked             INTEGER NOT NULL,
	ended             INTEGER NOT NULL,    -- a run is owed while this is before asked
	note              TEXT    NOT NULL,
	cut_off           TEXT    NOT NULL,
	file              TEXT    NOT NULL,
	hash              BLOB    NOT NULL,    -- SHA-256 of the file
	lines             INTEGER NOT NULL,
	our_debits        INTEGER NOT NULL,
	our_debit_sum     INTEGER NOT NULL,    -- fen
	our_reversals     INTEGER NOT NULL,
	our_reversal_sum  INTEGER NOT NULL,
	their_debits      INTEGER NOT NULL,
	their_debit_sum   INTEGER NOT NULL,
	their_reversals   INTEGER NOT NULL,
	their_reversal_sum INTEGER NOT NULL,
	staged            INTEGER NOT NULL,    -- all lines of the file are
	whole             INTEGER NOT NULL,
	balance           TEXT    NOT NULL,    -- F66 of the 0530; empty: not told
	mac               BLOB    NOT NULL
) STRICT;

CREATE INDEX settlement_owed ON settlement (date) WHERE ended < asked;

-- Lines of the host's detail file, without cards.
CREATE TABLE clearing_line (
	date   INTEGER NOT NULL,
	number INTEGER NOT NULL,
	kind   INTEGER NOT NULL, -- 1 debit, 2 reversal
	txn    INTEGER NOT NULL, -- 0: none of ours
	amount INTEGER NOT NULL,
	PRIMARY KEY (date, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX clearing_line_txn ON clearing_line (txn, date, kind) WHERE txn > 0;

-- The worklist. A row never changes; a row of resolution closes it.
CREATE TABLE discrepancy (
	id      INTEGER PRIMARY KEY, -- 1, 2, 3 ... without a gap
	kind    TEXT    NOT NULL,
	date    INTEGER NOT NULL,
	subject TEXT    NOT NULL,
	txn     INTEGER NOT NULL,    -- 0: none of ours
	rrn     TEXT    NOT NULL,
	ours    INTEGER NOT NULL,
	theirs  INTEGER NOT NULL,
	opened  INTEGER NOT NULL,
	why     TEXT    NOT NULL,
	mac     BLOB    NOT NULL,
	UNIQUE (kind, date, subject)
) STRICT;

CREATE INDEX discrepancy_txn ON discrepancy (txn) WHERE txn > 0;

CREATE TABLE resolution (
	discrepancy INTEGER PRIMARY KEY,
	subject     TEXT    NOT NULL,
	resolution  TEXT    NOT NULL,
	why         TEXT    NOT NULL,
	who         TEXT    NOT NULL,
	line        INTEGER NOT NULL, -- of the operators' journal
	at          INTEGER NOT NULL,
	mac         BLOB    NOT NULL
) STRICT;

-- One payout a debit: the key is the debit's.
CREATE TABLE payout (
	txn          INTEGER PRIMARY KEY,
	state        INTEGER NOT NULL,
	date         INTEGER NOT NULL,
	amount       INTEGER NOT NULL,
	card_version INTEGER NOT NULL,
	attempt      INTEGER NOT NULL,
	host_time    TEXT    NOT NULL, -- of the instruction; empty: none was sent
	host_stan    INTEGER NOT NULL,
	code         TEXT    NOT NULL,
	at           INTEGER NOT NULL,
	mac          BLOB    NOT NULL
) STRICT;
