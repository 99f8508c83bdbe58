package main

import "example.com/ringback/terminal/emulator"

// demoTerminal is a terminal of the demo world (protocol page, section 3.1): test keys that everybody knows, so that
// ringpos needs to be told its number only.
type demoTerminal struct {
	merchant string
	tmk      string
	line     string
	mac      emulator.MAC
}

// demoTerminalOf returns the demo terminal with a number; the zero value for any other.
func demoTerminalOf(id string) demoTerminal {
	switch id {
	case "10000001":
		return demoTerminal{"898110000000001", "0123456789ABCDEFFEDCBA9876543210", "", emulator.MACECB}
	case "10000002":
		return demoTerminal{"898110000000001", "FEDCBA98765432100123456789ABCDEF", "01088886666", emulator.MACECB}
	case "10000003":
		return demoTerminal{"898110000000002", "00112233445566778899AABBCCDDEEFF", "", emulator.MACECB}
	case "10000004":
		return demoTerminal{"898110000000002", "89ABCDEF0123456776543210FEDCBA98", "", emulator.MACX919}
	}
	return demoTerminal{mac: emulator.MACECB}
}

// expiryOf is the expiry of a card when none is given: that of the demo world's cards.
func expiryOf(pan string) string {
	if pan == "6222020000000000026" {
		return "2001"
	}
	return "3012"
}
