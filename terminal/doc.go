// Package terminal is the left edge of Ringback: the TCP server for POS terminals and concentrators. It reads frames of
// the terminal dialect (spec/pos), finds out who sent them, checks their MAC over the bytes as they came, turns them
// into the nouns of package acquirer, runs the flow, and turns its outcome into a response (PROTOCOL, section 1).
//
// One frame's way through the package:
//
//	Server.Serve        accepts, caps the number of connections
//	(*conn).read        the only goroutine of an idle connection; handles what it read while another reads on
//	(*conn).next        length, deadlines, pos.Peek; what cannot be answered is dropped here (PROTOCOL 1.3)
//	(*conn).admit       rates, and turns of connections whose frames pile up: 96, or reading rests
//	(*lanes).enter      the lane of the terminal: one message at a time, in the order they came, across connections
//	(*session).answer   Identify, verify, decodeX, flow, encodeXResponse
//	(*conn).send        queued for its own connection, written by (*conn).flush
//
// A lane goes on as soon as the flow says that its message has its place in the order of things, so that an undo is
// handled while its debit waits at the host. A lane never writes to a socket: a peer that does not read holds up
// nobody but itself.
//
// The roster knows which terminals are at work and where: whom it would disturb if a connection ended, whose rate a message
// counts against, and when two terminals seem to have one number.
//
// What bounds memory: connections, requests in flight on a connection (reading stops, TCP holds the peer), requests
// queued for a terminal. All figures are in [Limits].
package terminal
