// Package spec holds what both wires of the switch are made of: strict packed
// digits and length prefixes, field tables, element lists, GBK text, the MAC
// and PIN block rules as pure functions, captures, and the one place where a
// message is turned into something that may be read by people.
//
// A dialect (package pos for terminals, package cups for the host) is a Table
// of Formats. From it come the moov-io/iso8583 message specification, the
// offset walk that checks a message before anything else looks at it, the
// field names, and the masks.
package spec
