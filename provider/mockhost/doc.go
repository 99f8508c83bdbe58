// Package mockhost is the UnionPay interchange host as a library: what a switch
// meets at the far end of its host line. It keeps issuers' accounts in a ledger
// of its own, answers debits, reversals and network management on any number of
// links, hands out zone keys, and misbehaves on request.
//
// It is a double for tests and demonstrations. Its cards are invented, its log
// has them in clear, and nothing in it may ever hold a real one.
//
// The wire is the UnionPay host dialect (framing and header, field table,
// transactions, MAC and keys: sections 1 to 4 of that page; behaviour of the
// double: section 10). The package imports the wire primitives only and knows
// nothing of the switch that faces it.
//
// A debit moves money from the payer's balance into the payer's held money; a
// reversal moves it back. It belongs to a settlement date, which ends on command,
// by the clock or with the calendar day and then leaves a detail file for each
// member. A reconciliation in balance moves what is held of its date to the
// payees, and each payout is told until the member has answered. The sum of all
// balances and all held money never changes. Every change is in the log, flushed
// to the disk, before the answer leaves.
package mockhost
