// Package cups is the host line: the ISO 8583 dialect of UnionPay's interchange
// (host dialect, sections 1 to 4), as frames with a 46-byte header, as messages,
// and as the text that their MAC covers.
package cups
