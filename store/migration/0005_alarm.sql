-- Why a person should look at a terminal: a row for each kind of alarm that was raised and not yet seen to.
CREATE TABLE alarm (
	terminal TEXT    NOT NULL,
	kind     TEXT    NOT NULL,
	first    INTEGER NOT NULL,
	last     INTEGER NOT NULL,
	count    INTEGER NOT NULL,
	PRIMARY KEY (terminal, kind)
) STRICT, WITHOUT ROWID;
