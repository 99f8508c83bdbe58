// Package acquirer is the middle of Ringback: the nouns of a phone-number payment, the flows over them and the
// ports the flows need. It lives in the folder switch/ and is called acquirer because switch is a Go keyword;
// every import is written acquirer "example.com/ringback/switch".
//
// A payer at a terminal keys the payee's mobile number. [Switch.Inquire] answers with the payee's name, its second
// character hidden, and a confirmation token. [Switch.Debit] takes the token, the card and the PIN block, and has
// the network debit the card. [Switch.Undo] takes a debit back. The steps follow paragraphs [0045] to [0052] of
// patent CN101976403A.
//
// Nothing here knows a socket, a database or ISO 8583: the edges (terminal, provider) translate to and from these
// nouns, the store implements [Journal] and [Directory], and hsm implements [HSM]. Amounts are in fen, clock times
// are Beijing time on the wires and time.Time here, and anything that decides behaviour by chance is injected.
//
// The rules that keep money safe are written beside the code that keeps them: [Moves] is the only table of
// permitted state changes, [Journal.Open] is durable before a byte leaves for the host, and [Journal.Move] is
// durable before an answer leaves for the terminal.
package acquirer
