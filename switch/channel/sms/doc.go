// Package sms is what every way of speaking with a short message centre has in common: the SMS device and the SMS channel
// of Ringback, by which notices go out and payees' commands come in. What is particular to a protocol (frames, logging in,
// alphabets, results) is a [Protocol], each in a package of its own.
//
// What holds in both directions: nothing is acknowledged before it is durable. A notice is handed on when the centre
// has taken every part of it; a receipt is acknowledged when [acquirer.Receipts] has stored it; a command when
// [acquirer.Inbox] has stored it and the centre has taken the answer to its sender. Whatever cannot be done now is
// refused for now, and the centre brings it again.
//
// [SMS.Run] owns every goroutine and is at its end when they are.
package sms
