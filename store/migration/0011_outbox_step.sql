-- What happened to each notice, a row a step: which device, which try of it, and what came of it. Nothing here says who was
-- told or what. txn, kind and copy are the notice's; revision is the one that the step made, so that the order of steps
-- is that of the key. It lies in one tree, so that a step costs its cells and no index.
CREATE TABLE outbox_step (
	txn       INTEGER NOT NULL,
	kind      INTEGER NOT NULL,
	copy      INTEGER NOT NULL,
	revision  INTEGER NOT NULL,
	at        INTEGER NOT NULL,
	device    TEXT    NOT NULL, -- empty: none
	try       INTEGER NOT NULL, -- of the device; 0: before any
	state     INTEGER NOT NULL, -- of the notice from here on
	detail    TEXT    NOT NULL,
	reference TEXT    NOT NULL, -- of the device's peer
	PRIMARY KEY (txn, kind, copy, revision)
) WITHOUT ROWID;
