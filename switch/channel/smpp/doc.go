// Package smpp is the SMS device and the SMS channel of Ringback: one transceiver bind to a short message centre over
// SMPP 3.4, by which notices go out and payees' commands come in.
//
// Only the pdu package of gosmpp is used, and only to write: its Session ends the whole bind for one malformed header that
// any handset can send, forgets the number of a data_coding that it does not know, sleeps the same time between binds
// and leaves goroutines that nobody waits for. So the bind is kept here: [SMS.Run] owns every goroutine and is at its end
// when they are.
//
// What holds in both directions: nothing is acknowledged before it is durable. A notice is handed on when the centre
// has taken every part of it; a receipt is acknowledged when [acquirer.Receipts] has stored it; a command when
// [acquirer.Inbox] has stored it and the centre has taken the answer to its sender. Whatever cannot be done now is
// refused as a temporary error, and the centre brings it again.
package smpp
