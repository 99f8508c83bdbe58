package portal

import "time"

// The figures of the portal. None is for an operator to set.
const (
	// requestBurst and requestsPerSecond bound the requests of one client address, postBurst and postsPerSecond those of
	// them that send something. A carrier has many phones behind one address.
	requestBurst      = 120
	requestsPerSecond = 10
	postBurst         = 60
	postsPerSecond    = 1

	// sessionBurst and sessionPerMinute bound what one session sends.
	sessionBurst     = 12
	sessionPerMinute = 6

	// maxCounted bounds the clients, and the sessions, that are counted one by one. All other clients are counted together,
	// all other sessions by the core only.
	maxCounted = 10_000

	// maxBody and maxHeader bound a request in bytes.
	maxBody   = 16 << 10
	maxHeader = 8 << 10

	// maxConnections bounds the open connections; more are closed at once.
	maxConnections = 4_096

	// headerTimeout, requestTimeout, answerTimeout and idleTimeout bound how long a connection is waited for; coreTimeout
	// how long the switch may take to answer one request; drainTimeout how long a clean end waits for open requests.
	headerTimeout  = 5 * time.Second
	requestTimeout = 15 * time.Second
	answerTimeout  = 40 * time.Second
	idleTimeout    = time.Minute
	coreTimeout    = 20 * time.Second
	drainTimeout   = 10 * time.Second

	// retryLimited is what a client is told to wait whose limit the switch keeps, by the day; retrySoon any other.
	retryLimited = time.Hour
	retrySoon    = 10 * time.Second

	// pcLife is how long a browser remembers that it is a device of a payee, languageLife which language was chosen.
	pcLife       = 365 * 24 * time.Hour
	languageLife = 365 * 24 * time.Hour

	// formDevices is how many places the form for a list of devices has.
	formDevices = 4

	// defaultDays is the span of a statement when none is asked for.
	defaultDays = 30

	// minKey and maxKey bound an Idempotency-Key.
	minKey = 8
	maxKey = 128

	// noisyLines in noisyPeriod are the most lines of the log that clients can cause.
	noisyLines  = 20
	noisyPeriod = time.Minute
)

// Figures of streams.
const (
	// maxStreams bounds all open streams, streamsPerPage those of one page's token, streamsPerClient those of an address.
	maxStreams       = 1_000
	streamsPerPage   = 4
	streamsPerClient = 64

	// maxPages bounds the tokens that are remembered; recentEvents and recentAge what is kept of each for a page that
	// comes back.
	maxPages     = 4_096
	recentEvents = 32
	recentAge    = 15 * time.Minute

	// streamQueue is how many events may wait to be written to one page; one that is slower is closed.
	streamQueue = 16

	// ackTimeout is how long a page may take to say that it shows an event.
	ackTimeout = 5 * time.Second

	// keepAlive is the pause between comments that keep a stream open, streamWrite the time for one write, streamLife when
	// a stream is closed so that its page opens another, streamRetry how soon it shall.
	keepAlive   = 15 * time.Second
	streamWrite = 10 * time.Second
	streamLife  = time.Hour
	streamRetry = 3 * time.Second
)
