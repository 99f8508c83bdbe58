// Command ringpos is a POS terminal on the command line: it signs on, looks a payee up by mobile number, pays, undoes,
// and tells what came of it, for people and, with --json, for scripts. Each terminal keeps its state (trace number,
// batch, sealed working keys, the undo it may owe, receipts) in a folder, so that one command goes on where the last
// one, or a killed one, stopped.
//
// The demo verb runs a whole day between programs it starts itself, and explains every message.
//
// Exit status: 0 done (a payment: approved), 1 refused or failed, 2 usage. With --json a verb prints one JSON value on
// standard output; everything else goes to standard error.
package main
