package console

import "time"

// The figures of the console. None is for an operator to set.
const (
	// requestBurst and requestsPerSecond bound the requests of one client. A scraper asks four times a minute; behind a
	// proxy all clients are one.
	requestBurst      = 60
	requestsPerSecond = 10

	// handshakeBurst and handshakesPerMinute bound the TLS connections of one client that come to nothing: without a
	// certificate, with a wrong one, in clear. Beyond them its connections are closed before anything is read.
	handshakeBurst      = 10
	handshakesPerMinute = 10

	// maxClients bounds the clients that are counted one by one; all others are counted together.
	maxClients = 1_024

	// maxConnections and maxPerClient bound the connections that are open; more are closed at once.
	maxConnections = 256
	maxPerClient   = 32

	// maxScrapes bounds the answers of /metrics that are being made.
	maxScrapes = 4

	// headerTimeout, requestTimeout, answerTimeout and idleTimeout bound how long a connection is waited for.
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	answerTimeout  = 30 * time.Second
	idleTimeout    = time.Minute

	// maxHeader bounds a request's header in bytes.
	maxHeader = 8 << 10

	// noisyLines in noisyPeriod are the most lines of the log that clients can cause.
	noisyLines  = 20
	noisyPeriod = time.Minute
)
