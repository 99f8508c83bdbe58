-- What terminals say of their batches: totals (0500), and the details of an upload (0320) without card numbers.
CREATE TABLE terminal_batch (
	terminal          TEXT    NOT NULL,
	merchant          TEXT    NOT NULL,
	batch             INTEGER NOT NULL,
	biz_date          INTEGER NOT NULL, -- of the first 0500: numbers come round
	version           INTEGER NOT NULL,
	state             INTEGER NOT NULL, -- 1 uploading, 2 settling, 3 closed
	stan              INTEGER NOT NULL,
	domestic_debits   INTEGER NOT NULL, -- as the terminal says; amounts in fen
	domestic_debited  INTEGER NOT NULL,
	domestic_credits  INTEGER NOT NULL,
	domestic_credited INTEGER NOT NULL,
	foreign_debits    INTEGER NOT NULL,
	foreign_debited   INTEGER NOT NULL,
	foreign_credits   INTEGER NOT NULL,
	foreign_credited  INTEGER NOT NULL,
	our_debits        INTEGER NOT NULL,
	our_debited       INTEGER NOT NULL,
	domestic_agrees   INTEGER NOT NULL,
	foreign_agrees    INTEGER NOT NULL,
	whole             INTEGER NOT NULL, -- 1: ours are all since the batch closed before
	signed            INTEGER NOT NULL,
	at                INTEGER NOT NULL,
	reference         TEXT    NOT NULL,
	closed            INTEGER NOT NULL, -- when the terminal's word was complete; 0: it is not
	PRIMARY KEY (terminal, merchant, batch, biz_date)
) STRICT, WITHOUT ROWID;

-- What a restart must finish.
CREATE INDEX terminal_batch_settling ON terminal_batch (state) WHERE state = 2;

CREATE TABLE batch_line (
	terminal TEXT    NOT NULL,
	merchant TEXT    NOT NULL,
	batch    INTEGER NOT NULL,
	biz_date INTEGER NOT NULL,
	stan     INTEGER NOT NULL,
	amount   INTEGER NOT NULL, -- fen, as the terminal says
	verdict  INTEGER NOT NULL, -- 1 known, 2 unknown, 3 another amount, 4 another card
	txn      INTEGER NOT NULL, -- 0: no such debit
	PRIMARY KEY (terminal, merchant, batch, biz_date, stan)
) STRICT, WITHOUT ROWID;

-- What a terminal lists and nobody here knows: for the worklist.
CREATE INDEX batch_line_stray ON batch_line (biz_date) WHERE verdict = 2;

-- When the last signed message of a terminal was received.
CREATE TABLE witness (
	terminal TEXT    NOT NULL PRIMARY KEY,
	at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- 1: the terminal has closed the batch of its session.
ALTER TABLE terminal ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
