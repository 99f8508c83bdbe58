// Package rtp is the sound of one telephone call: the session descriptions by which two sides agree on it (RFC 4566, RFC 3264), the
// packets that carry it (RFC 3550, G.711 by RFC 3551) and the keys among them (RFC 4733). It knows nothing of SIP.
//
// It is our own, beside sipgo's SIP, because the media part of diago v0.28.0 does not fit a channel that strangers can ring: its
// range of ports is one for the process and is not begun anew at its end; telephone-event is agreed on by the number 101 only;
// its readers wait for sound, not for keys, and drop keys whose sequence numbers begin again; and its monitors are goroutines
// that nobody waits for.
package rtp
