// Package store keeps the journal and the directory of a switch in one SQLite file. [DB] implements
// [acquirer.Journal] and [acquirer.Directory], and has a few methods more for an operator's verbs.
//
// A write that returned nil survives a power cut: the file runs in WAL mode with synchronous=FULL, which is read back
// at the start. One goroutine writes. Whatever waits while a flush is under way goes into the next transaction
// together, so that a flush is shared by all who need one. Every statement is one that cannot fail for what the rows
// hold: it is guarded, and an operation learns from its rows affected what became of it. An SQL error is therefore
// never an answer to a caller but the end of the store: see [DB.Failed].
//
// The history is a chain: each step holds a keyed hash over the step in front of it, its own content and the row as it
// left it. The writer computes it inside the transaction, and only for what was really written; the chain's end is a
// row of its own, written with the last step of each batch. [Audit] proves it. A database of an engine with several
// writing lanes has a chain for each.
//
// Cards, numbers, names and memos are sealed with AES-256-GCM under a key of the day that the file holds only
// wrapped; look-ups by number go through a keyed hash. Tracks and PIN blocks have no column.
//
// Everything works inside a testing/synctest bubble: nothing here waits by the clock, but for a lock on the file that a
// second process holds.
package store
