package store

import "time"

// The figures of the store. None is for an operator to set: each was measured or follows from another.
const (
	// maxBatch bounds the operations of one transaction: beyond it nothing is won and the slowest waits longer.
	maxBatch = 256

	// maxQueue bounds the operations that wait for the writer; more callers wait for room. It is above the number
	// of debits that a switch lets wait for the host.
	maxQueue = 16_384

	// maxReaders bounds the connections that read. A read takes microseconds, so that few are ever in use.
	maxReaders = 8

	// writerCache and readerCache are in KiB. A commit empties the readers' caches, so that theirs may be small.
	writerCache = 65_536
	readerCache = 8_192

	// busyTimeout is how long SQLite waits for a lock that another process holds before the write, and with it the
	// store, fails. An operator's verb holds it for milliseconds.
	busyTimeout = 5 * time.Second

	// connectPause is between two tries to open a connection, of which each may fail without waiting.
	connectPause = 5 * time.Millisecond

	// closeTimeout is the same for the checkpoint at the end: it holds the write lock while it waits for readers,
	// and must not hold it long when a switch runs on the same file.
	closeTimeout = 200 * time.Millisecond

	// emptyEvery is how often a process that writes empties the WAL, in which deleted content stays until then.
	emptyEvery = time.Hour

	// checkpointPages is how long the WAL grows before its pages go into the file: 16 MiB.
	checkpointPages = 4_000

	// minSynchronous is FULL. At NORMAL, the driver's default in WAL mode, a power cut takes acknowledged debits.
	minSynchronous = 2

	// maxField bounds one field of a sealed record: its length is written in two bytes.
	maxField = 65_535

	// maxShort bounds a text that a step keeps behind one length byte.
	maxShort = 255

	// maxKeysCached bounds the data keys kept open: one for each business date that is being read.
	maxKeysCached = 4_096

	// auditBreaks is how many breaks an audit lists; the others are counted.
	auditBreaks = 1_000

	// auditMargin is how long behind its deadline a debit may still be Sent: its answer is being written.
	auditMargin = time.Minute

	// RequestLife is how long a request waits for a second person; and maxRequests how many wait at once.
	RequestLife = 24 * time.Hour
	maxRequests = 100

	// maxOperationText bounds each text of a line of the operators' journal, in bytes; what is longer is cut.
	maxOperationText = 400

	// listLimit is how many rows [DB.List] returns when the filter names no limit.
	listLimit = 1_000

	// heardBatch is how many terminals' times go into one operation.
	heardBatch = 1_000

	// purgeBatch is how many rows a purge takes at a time.
	purgeBatch = 500

	// leastKept is how long an enrolment that has ended is kept whatever the configuration says: its id must not be given
	// again on the same date.
	leastKept = 48 * time.Hour
)
