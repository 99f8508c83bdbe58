// Ringhost is the mock UnionPay host as a program: it takes links from a switch,
// keeps issuers' accounts in a durable ledger, shows it over HTTP, and
// misbehaves on request.
//
// It logs to stderr and prints nothing to stdout. SIGINT and SIGTERM end it with
// exit code 0; it exits with 1 when it cannot run and with 2 when it was called
// wrongly. It may be killed at any time: what it has answered is on the disk.
package main
