-- The journal and the directory. Times are microseconds since 1970 UTC, 0 for none; money is in fen; sealed columns
-- are AES-256-GCM under the data key named beside them. Names and columns are those of any other engine's twin of this
-- file; INTEGER PRIMARY KEY, WITHOUT ROWID and STRICT are SQLite's.

-- One row says to which master key this file belongs.
CREATE TABLE vault (
	id    INTEGER PRIMARY KEY,
	proof BLOB    NOT NULL
) STRICT;

-- Data keys, one a business date, wrapped under the master key.
CREATE TABLE data_key (
	id      INTEGER PRIMARY KEY, -- the business date, yyyymmdd
	wrapped BLOB    NOT NULL
) STRICT;

-- Payment transactions. Every key begins with a date, so that today's part of each index stays small and hot.
CREATE TABLE txn (
	id           INTEGER PRIMARY KEY, -- business date x 10^10 + sequence
	version      INTEGER NOT NULL,
	state        INTEGER NOT NULL,
	biz_date     INTEGER NOT NULL,    -- yyyymmdd
	merchant     TEXT    NOT NULL,
	terminal     TEXT    NOT NULL,
	batch        INTEGER NOT NULL,
	stan         INTEGER NOT NULL,
	amount       INTEGER NOT NULL,    -- fen
	payee_id     INTEGER NOT NULL,
	card_version INTEGER NOT NULL,
	entry_mode   TEXT    NOT NULL,
	card_seq     TEXT    NOT NULL,
	token        BLOB,                -- null: the debit came without a usable one
	host_time    TEXT,                -- F7, MMDDhhmmss; null: nothing was to be sent
	host_stan    INTEGER,
	deadline     INTEGER NOT NULL,
	opened       INTEGER NOT NULL,
	answered     INTEGER NOT NULL,
	code         TEXT    NOT NULL,
	auth_code    TEXT    NOT NULL,
	settle_date  TEXT    NOT NULL,
	host_text    TEXT    NOT NULL,
	host_code    TEXT    NOT NULL,
	undo_wanted  INTEGER NOT NULL,
	confirmed    INTEGER NOT NULL,
	exception    TEXT    NOT NULL,
	key_id       INTEGER NOT NULL,
	sealed       BLOB    NOT NULL,    -- card, expiry, payer, payee's number, masked name, memo
	UNIQUE (biz_date, merchant, terminal, batch, stan)
) STRICT;

-- F7 has no year but begins with month and day: appended like a date, and found without knowing the date.
CREATE UNIQUE INDEX txn_host ON txn (host_time, host_stan, biz_date) WHERE host_time IS NOT NULL;

-- One token makes one debit that is not declined (state 1).
CREATE UNIQUE INDEX txn_token ON txn (biz_date, token) WHERE state <> 1 AND token IS NOT NULL;

-- Sent and Reversing: what a restart must find at once.
CREATE INDEX txn_unfinished ON txn (state, id) WHERE state IN (2, 4);

-- The history of a transaction, a line for each move.
CREATE TABLE step (
	txn        INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	from_state INTEGER NOT NULL, -- 0 for the first
	to_state   INTEGER NOT NULL,
	event      TEXT    NOT NULL,
	detail     TEXT    NOT NULL,
	PRIMARY KEY (txn, version)
) STRICT, WITHOUT ROWID;

-- Notices owed to people.
CREATE TABLE outbox (
	txn     INTEGER NOT NULL,
	kind    INTEGER NOT NULL,
	created INTEGER NOT NULL,
	sent    INTEGER NOT NULL, -- 0: it waits
	tries   INTEGER NOT NULL,
	PRIMARY KEY (txn, kind)
) STRICT, WITHOUT ROWID;

-- Reversals owed to the host; a row goes when the host has answered.
CREATE TABLE saf (
	id        INTEGER PRIMARY KEY, -- of the sequence of txn
	txn       INTEGER NOT NULL,
	host_time TEXT    NOT NULL,
	host_stan INTEGER NOT NULL,
	reason    TEXT    NOT NULL,
	tries     INTEGER NOT NULL,
	due       INTEGER NOT NULL,
	host_code TEXT    NOT NULL
) STRICT;

CREATE INDEX saf_due ON saf (due, id);

-- The greatest id of a date that was in saf and has gone: it must not be given again.
CREATE TABLE spent (
	biz_date INTEGER PRIMARY KEY,
	id       INTEGER NOT NULL
) STRICT;

-- Terminals with their sessions. Keys are wrapped under the master key, a usage byte in front; null: no key.
CREATE TABLE terminal (
	id          TEXT    NOT NULL PRIMARY KEY,
	merchant    TEXT    NOT NULL,
	line        TEXT    NOT NULL,
	blocked     INTEGER NOT NULL,
	mac         TEXT    NOT NULL,
	single_mak  INTEGER NOT NULL,
	single_des  INTEGER NOT NULL,
	keyed_entry INTEGER NOT NULL,
	tmk         BLOB,
	batch       INTEGER NOT NULL,
	signed_on   INTEGER NOT NULL,
	pik         BLOB,
	mak         BLOB,
	tdk         BLOB,
	old_mak     BLOB,
	since       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Payees. Row 0 is nobody: its number_index is greater than any, so that a search for the next one always ends at a row.
CREATE TABLE payee (
	id           INTEGER PRIMARY KEY,
	number_index BLOB    NOT NULL UNIQUE, -- keyed hash of the number
	card_version INTEGER NOT NULL,        -- of the card bound now
	status       INTEGER NOT NULL,
	key_id       INTEGER NOT NULL,
	sealed       BLOB    NOT NULL         -- number, name
) STRICT;

-- Every card a payee ever had: a payment is for the one that was bound at name-confirm.
CREATE TABLE payee_card (
	payee_id INTEGER NOT NULL,
	version  INTEGER NOT NULL,
	key_id   INTEGER NOT NULL,
	sealed   BLOB    NOT NULL, -- card
	PRIMARY KEY (payee_id, version)
) STRICT, WITHOUT ROWID;

-- The zone's working keys now in force.
CREATE TABLE zone_key (
	usage INTEGER PRIMARY KEY,
	block BLOB    NOT NULL
) STRICT;
