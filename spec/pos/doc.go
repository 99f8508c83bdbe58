// Package pos is the terminal line: the ISO 8583 dialect of UnionPay's
// direct-connected POS terminals (UnionPay POS dialect, sections 1 to 7), as
// frames, as messages and as an offset walk that reads a frame's head without
// building a message.
package pos
