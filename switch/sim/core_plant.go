package sim

import acquirer "example.com/ringback/switch"

// coreBug is a planted bug: a safeguard switched off from outside, by a port that does not keep its contract. The zero
// value plants nothing.
type coreBug struct {
	name  string
	story string // what is wrong with it, for people

	journal func(*coreLife, *Memory) acquirer.Journal // stands behind the gate: what is durable is wrong
	ports   func(*coreLife, *acquirer.Config)         // stands in front of the gate: what the flows are told is wrong

	worse func(*coreOptions) // the faults that the bug needs are made more frequent; may be nil

	trusts         bool // the link takes an answer whose MAC or amount is wrong
	confuses       bool // the link takes a late 0210 for the answer to the 0420
	byTrace        bool // the link matches answers on F11 alone
	forgets        bool // the host undoes a debit at every repeat of the 0420
	forgetsPayouts bool // the host takes each order of a payout for a new one

	answers96 bool // the terminal edge answers 96 for what may have been written
}

// behind returns the journal behind the gate of a life. If it has a method crash, that is called when the life ends.
func (b coreBug) behind(l *coreLife, m *Memory) acquirer.Journal {
	if b.journal == nil {
		return m
	}
	return b.journal(l, m)
}

// before changes the ports of a life.
func (b coreBug) before(l *coreLife, c *acquirer.Config) {
	if b.ports != nil {
		b.ports(l, c)
	}
}
