package sim

import (
	"time"

	acquirer "example.com/ringback/switch"
)

// closeBatches has terminals settle, each in a round of its own. In two of three worlds all are good; in the others one in eight forgets a slip, one has one
// that never was, and one never settles.
func (w *coreRun) closeBatches(round uint64) {
	for _, p := range w.pos {
		kind := 0
		if w.dice.chance(3333, hopBatch) {
			kind = w.dice.below(8, hopBatch, uint64(p.n))
		}
		if kind == 7 || round != w.dice.roll(hopBatch, uint64(p.n), 1)%eveningRounds {
			continue
		}
		p.closeBatch(kind)
	}
}

// slips are the payments of the terminal's batch that it holds an approval of.
func (p *corePOS) slips() (lines []acquirer.BatchLine, totals acquirer.BatchTotals) {
	for _, y := range p.past {
		if y.holds && y.key.Batch == p.batch {
			lines = append(lines, acquirer.BatchLine{STAN: y.key.STAN, Card: y.card, Amount: y.amount})
		}
	}
	return lines, sumOf(lines)
}

func sumOf(lines []acquirer.BatchLine) (t acquirer.BatchTotals) {
	for _, l := range lines {
		t.Debits = plus(t.Debits, l.Amount)
	}
	return t
}

// closeBatch sends totals and, where they are not agreed, details. kind 5: it has lost a slip; 6: it has one of a payment that never was.
func (p *corePOS) closeBatch(kind int) {
	w := p.w
	lines, totals := p.slips()
	switch {
	case kind == 5 && len(lines) > 0:
		lost := lines[len(lines)-1]
		lines = lines[:len(lines)-1]
		totals = sumOf(lines)
		p.lose(lost.STAN)
	case kind == 6:
		lines = append(lines, acquirer.BatchLine{STAN: 900_000, Card: w.cast.cards[0], Amount: 77})
		totals = sumOf(lines)
	}
	id, _ := coreTerminalID(p.n)
	w.insist(func(l *coreLife) error {
		term, err := w.mem.Terminal(l.ctx, id)
		if err != nil {
			return err
		}
		if term.Session.Batch != p.batch {
			term.Session = acquirer.Session{Batch: p.batch, SignedOn: true}
			w.mem.PutTerminal(*term)
		}
		b, err := l.sw.CloseBatch(l.ctx, acquirer.CloseRequest{Terminal: term, Batch: p.batch, STAN: 900_001, Domestic: totals, Signed: true, Received: time.Now()})
		if err != nil || b.Agreed() {
			return err
		}
		err = l.sw.UploadBatch(l.ctx, acquirer.UploadRequest{Terminal: term, Batch: p.batch, Lines: lines, Signed: true})
		if err != nil {
			return err
		}
		return l.sw.EndBatch(l.ctx, acquirer.EndRequest{Terminal: term, Batch: p.batch, Count: len(lines), Signed: true})
	})
}

// lose takes a slip away from the terminal.
func (p *corePOS) lose(stan acquirer.STAN) {
	for _, y := range p.past {
		if y.key.Batch == p.batch && y.key.STAN == stan {
			y.holds, y.lost = false, true
		}
	}
}
