// Package voice is the telephone of Ringback: the device "voice", which calls people to tell them what is in a notice, and the channel
// "voice", on which payees call in and register by keys. It speaks SIP (RFC 3261) over UDP and TCP to one proxy or gateway, with sound in
// G.711 and keys by RFC 4733. What is said is package dialogue's, speech is package speech's, sound is package rtp's.
//
// Transports, transactions and messages are sipgo's; dialogs are kept here. Those of sipgo and diago do not fit: they wait for an
// ACK that never comes without an end, give a call up without a CANCEL at the eleventh answer, put the called number into their
// errors, and diago's endpoint serves OPTIONS, REFER and INFO to everybody (an INFO without a Content-Type ends the process).
//
// What holds: a byte of somebody who is no peer never reaches the parser. A number, a code or a card never reaches a log or an error, for
// sipgo's own log is thrown away but for its fixed words. [Voice.Run] ends when every call and everything it started has.
package voice
