// Package mail is e-mail in both directions: the device "email", which hands notices to a smart host, and the channel
// "email", a small SMTP server that takes payees' commands and the bounces of what the device sent.
//
// A [Mail] is both. Outgoing mail is plain text without links, marked as automatic (RFC 3834), and carries an envelope
// sender per notice, bounce+ID=TAG@domain, so that a bounce (RFC 3464) is matched without reading what it quotes. The
// tag is a keyed hash: who knows how ids are counted still cannot declare a notice undeliverable.
//
// Incoming mail is acknowledged with 250 only after [acquirer.Inbox] has made it durable and the answer, where there is
// one, is with the smart host. When the smart host is away the peer gets 451 and sends the message again; the inbox
// knows it and gives the same answer, so that an answer is never lost between the two, and a double of it has the same
// Message-ID. Only an address that the smart host refuses for ever gets none.
//
// A From line proves nothing. SPF and DKIM results are written down as evidence; what proves a payee is the code to the
// mobile number.
package mail
