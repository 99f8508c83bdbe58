// Package spool is a channel and a device made of folders: notices are written as files, and commands that are dropped as
// files are read. It needs no peer, so that it serves a gateway of an operator's own, tests and the demonstration.
//
//	out/   a file for each notice, ID.json, and for each answer to a command, reply-ID.json; who reads one removes it
//	in/    commands and receipts, NAME.json; removed once they are durable
//	bad/   what could not be read
//
// A file is written under a name that begins with a dot and renamed when it is whole: whoever drops one must do so too.
package spool
