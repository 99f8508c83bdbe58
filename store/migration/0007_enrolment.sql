-- Payees register themselves, and both sides are told. Sealed columns, times and keyed hashes as in the first file.

-- When a payee's number last proved that it is still the payee's; since when a deleted payee is deleted; one more at each
-- change. Who is there already counts as alive now.
ALTER TABLE payee ADD COLUMN alive INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payee ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payee ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
UPDATE payee SET alive = CAST(strftime('%s', 'now') AS INTEGER) * 1000000 WHERE id > 0;

-- How a payee is told; no row: as the configuration says for numbers.
CREATE TABLE payee_contact (
	payee_id INTEGER PRIMARY KEY,
	key_id   INTEGER NOT NULL,
	sealed   BLOB    NOT NULL -- language, devices with their addresses
) STRICT;

-- A statement reads a payee's payments date by date.
CREATE INDEX txn_payee ON txn (biz_date, payee_id);

-- Requests of payees: registrations and changes, by whatever channel.
CREATE TABLE enrolment (
	id           INTEGER PRIMARY KEY, -- date x 10^8 + sequence
	version      INTEGER NOT NULL,
	kind         INTEGER NOT NULL,
	state        INTEGER NOT NULL,
	channel      TEXT    NOT NULL,
	number_index BLOB    NOT NULL,    -- keyed hash of the number
	new_index    BLOB,                -- of the new number; null: there is none
	sender_index BLOB    NOT NULL,    -- of channel and sender
	payee_id     INTEGER NOT NULL,    -- 0: nobody yet
	opened       INTEGER NOT NULL,
	changed      INTEGER NOT NULL,
	due          INTEGER NOT NULL,    -- when it is looked at next; 0: it has ended
	key_id       INTEGER NOT NULL,
	sealed       BLOB    NOT NULL     -- all else: numbers, name, card, sender, evidence, nonces of codes
) STRICT;

CREATE INDEX enrolment_number ON enrolment (number_index, state);
CREATE INDEX enrolment_new ON enrolment (new_index, state) WHERE new_index IS NOT NULL;
CREATE INDEX enrolment_sender ON enrolment (sender_index, id);
CREATE INDEX enrolment_payee ON enrolment (payee_id, id) WHERE payee_id > 0;
CREATE INDEX enrolment_due ON enrolment (due) WHERE due > 0;

-- The history of a request, a line for each move. It is no chain: no money hangs on it alone.
CREATE TABLE enrolment_step (
	enrolment  INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	from_state INTEGER NOT NULL, -- 0 for the first
	to_state   INTEGER NOT NULL,
	event      TEXT    NOT NULL,
	detail     TEXT    NOT NULL,
	PRIMARY KEY (enrolment, version)
) STRICT, WITHOUT ROWID;

-- Messages that were answered, against doubles.
CREATE TABLE message (
	id        BLOB    NOT NULL PRIMARY KEY, -- keyed hash of the channel and its id
	at        INTEGER NOT NULL,
	kind      INTEGER NOT NULL,
	outcome   TEXT    NOT NULL,
	language  TEXT    NOT NULL,
	silent    INTEGER NOT NULL,
	reasons   TEXT    NOT NULL, -- with blanks between them
	effective INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX message_at ON message (at);

-- Uses of limits, a row for each limit and subject that was used within its window.
CREATE TABLE quota (
	scope   TEXT    NOT NULL,
	subject BLOB    NOT NULL, -- keyed hash of a number, a sender or a source
	ends    INTEGER NOT NULL, -- of the window
	last    INTEGER NOT NULL, -- use
	used    INTEGER NOT NULL,
	PRIMARY KEY (scope, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX quota_ends ON quota (ends);

-- Business dates whose data key was destroyed on purpose; what was sealed under it nobody can open any more.
CREATE TABLE shredded (
	id  INTEGER PRIMARY KEY, -- the business date, yyyymmdd
	at  INTEGER NOT NULL,
	mac BLOB    NOT NULL     -- keyed hash of both: only the switch can say so
) STRICT;

-- The outbox begins anew, with how each notice stands.
ALTER TABLE outbox RENAME TO outbox_before;

CREATE TABLE outbox (
	txn      INTEGER NOT NULL, -- what it is about: a transaction; or an enrolment or a payee, whose ids are smaller
	kind     INTEGER NOT NULL,
	copy     INTEGER NOT NULL,
	created  INTEGER NOT NULL,
	state    INTEGER NOT NULL, -- 0 queued, 1 handed, 2 delivered, 3 dead, 4 withdrawn
	fixed    INTEGER NOT NULL,
	turn     INTEGER NOT NULL,
	device   TEXT    NOT NULL, -- empty: none was chosen
	lane     BLOB,             -- keyed hash of device and address: those of one lane go in their order
	tries    INTEGER NOT NULL, -- how often it was given to a device; counted before it is given
	start    INTEGER NOT NULL, -- what tries was when the device was chosen
	due      INTEGER NOT NULL, -- not to be sent before; 0: at once
	sent     INTEGER NOT NULL, -- 0: it was never handed on
	receipt  TEXT    NOT NULL,
	detail   TEXT    NOT NULL,
	revision INTEGER NOT NULL,
	key_id   INTEGER NOT NULL,
	sealed   BLOB,             -- address; null: none
	mac      BLOB,             -- keyed hash of all other columns; null: the row is as it was put here
	PRIMARY KEY (txn, kind, copy)
) STRICT, WITHOUT ROWID;

INSERT INTO outbox SELECT txn, kind, 0, created, state, 0, 0, '', NULL, tries, tries, 0, sent, '', '', 0, 0, NULL, NULL FROM outbox_before;
DROP TABLE outbox_before;

CREATE INDEX outbox_due ON outbox (device, due) WHERE state = 0;
CREATE INDEX outbox_lane ON outbox (lane, created) WHERE state = 0 AND lane IS NOT NULL;
CREATE INDEX outbox_receipt ON outbox (device, receipt) WHERE receipt <> '';
CREATE INDEX outbox_sealed ON outbox (created) WHERE sealed IS NOT NULL;
