-- What operators did and were refused, a line each, never changed: each line holds a keyed hash over the one in front of
-- it and its own content. The end, which needs the key, is written by the program behind this file, in the same transaction.
CREATE TABLE operation (
	seq      INTEGER PRIMARY KEY, -- 1, 2, 3 ... without a gap
	at       INTEGER NOT NULL,
	operator TEXT    NOT NULL,    -- name in the configuration; empty: the configuration names nobody, or not this one
	account  TEXT    NOT NULL,    -- of the operating system; empty: it has no name there
	uid      INTEGER NOT NULL,
	verb     TEXT    NOT NULL,
	object   TEXT    NOT NULL,    -- what it was done to, masked
	outcome  TEXT    NOT NULL,    -- begun, done, failed, denied, filed, approved
	detail   TEXT    NOT NULL,
	about    INTEGER NOT NULL,    -- the line that this one goes on from; 0: none
	hash     BLOB    NOT NULL     -- keyed hash of the hash in front and of all other columns
) STRICT;

-- The last line, under a keyed hash of its own, so that a journal that was cut cannot be given an earlier end.
CREATE TABLE operation_end (
	id   INTEGER PRIMARY KEY, -- 1
	seq  INTEGER NOT NULL,    -- 0: there is no line yet
	hash BLOB    NOT NULL,
	mac  BLOB    NOT NULL
) STRICT;

-- What waits for a second person, or has been approved by one. What it says is bound to the line that filed it.
CREATE TABLE request (
	id     INTEGER PRIMARY KEY, -- seq of the line that filed it
	closed INTEGER NOT NULL,    -- seq of the line that approved it; 0: it waits
	key_id INTEGER NOT NULL,
	sealed BLOB    NOT NULL     -- the verb's arguments
) STRICT;
