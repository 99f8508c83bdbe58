// Package smpp speaks SMPP 3.4 with a short message centre: one transceiver bind. What it does with the messages is
// package sms.
//
// Only the pdu package of gosmpp is used, and only to write: its Session ends the whole bind for one malformed header that
// any handset can send, forgets the number of a data_coding that it does not know, sleeps the same time between binds
// and leaves goroutines that nobody waits for.
package smpp
