// Package emulator is a POS terminal as a library: it stands opposite the switch on the terminal line, signs on, looks
// a payee up, sends the debit, undoes what it does not know the outcome of, and prints the receipt.
//
// It follows the terminal dialect and the protocol page of the project's documentation and shares with the switch
// nothing but the wire primitives of package spec, so that the two sides cannot agree on one mistake.
//
// What makes a terminal trustworthy is what it remembers. A Terminal writes its state, atomically and durably, before
// the message it concerns leaves: a trace number is never used twice, and a debit is on record as one to be undone
// before its first byte is sent. The record goes only when a verified answer settled the debit, or when the switch has
// taken the undo over. Killing the process at any point changes nothing of that.
//
// The state holds no card number, no track and no PIN. Working keys stand in it as they came, sealed under the terminal
// master key, which is never written.
package emulator
