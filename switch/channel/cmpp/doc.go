// Package cmpp speaks CMPP 2.0 and 3.0 (China Mobile Peer to Peer) with an Internet short message gateway (ISMG). What it
// does with the messages is package sms.
//
// Of gocmpp the packets are used, to write and to read: they allocate no more than a frame holds and read nothing behind it,
// but they take what is behind their last field and any declared length for good, so that lengths are checked here. Its
// connections are not used: a time-out in the middle of a frame loses the place in the stream, an unknown command ends
// the session, sequence numbers come from a goroutine that nobody waits for, and there is no window, no sending again and no
// reconnecting. Its errors hold the first ten characters of a field, which may be a number: none of them is passed on.
package cmpp
