// Package sim runs whole payments, with faults, in virtual time: inside a testing/synctest bubble, by seed. Nothing of
// it is part of a running switch. Two kinds share the package.
//
// The pure core (core*.go) runs the real flows of [acquirer.Switch], with its Run and its Recover, over doubles that
// pass structs and no bytes: [Memory] is the journal, a ledger is the host, goroutines are terminals. It is made for
// numbers: a million payments in less than a minute. The full stack (stack*.go) runs the real store, the real edges
// and their wire formats as well, and is made for depth.
//
// Every fault is a hash of the seed and of what it befalls (which life of the switch, which message, which step of
// its way), never the next draw of a stream that goroutines share: so that a seed is the whole description of a run.
// Times are spread to the nanosecond so that hardly two events share an instant, and a crash is carried out one
// nanosecond after it was decided, when all that could run at that instant has run.
package sim
