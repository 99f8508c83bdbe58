// Package provider is the right edge of the switch: the line to UnionPay's interchange. A [Network] implements
// [acquirer.Network] over one or more TCP links that it dials itself. It signs on, keeps each link awake with an echo,
// takes new zone keys, and turns a debit (0200) or its reversal (0420) into a message of the host dialect and the
// answer back into a noun. Which fields stand on the wire is fixed by PROTOCOL section 2 and the host dialect page.
//
// What a caller can build on:
//
//   - [acquirer.ErrNotSent] is returned only when no byte of the request was handed to a socket.
//   - An answer is matched on message class, F7, F11, F32 and F33, on whatever link it comes. A link that is cut does not
//     end the wait, since the answer may come on another.
//   - An answer is believed only with a right F128 and the F4, F37 and F41 of the request. One that fails is consumed:
//     the outcome is unknown at once, and the debit must be undone.
//   - Cut-offs (0820) and payouts (0220) of the host go to [Config.Settlement], in the order of their link, and are answered
//     with what it says. Detail files come through a [DropFolder].
//   - An answer that nobody waits for goes to [Config.Late], if its F128 is right. It never becomes an approval.
//
// # The library underneath
//
// Each link is a connection of moov-io/iso8583-connection v0.9.0, from which only the writer, the read loop and the
// end signal are used. Its Send, Reply, Pool and server cross answers, lose them or hang for ever under load; here
// requests wait in a table of our own, frames are read and dispatched inside the library's message reader, which
// hands it no message, and they leave through Connection.Write as one slice. Three of its habits are cured by the type
// that stands between it and the socket: it sets no deadlines; on a failed write it would close the socket and throw
// away answers that stand in its buffer; and nothing tells when its read loop has ended.
package provider
