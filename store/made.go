package store

import (
	"encoding/binary"
	"errors"
	"time"

	acquirer "example.com/ringback/switch"
)

// Made is what a step wrote beside the row. It stays with the step when a notice is gone or a reversal has left the
// queue.
type Made struct {
	Notices  []acquirer.Notice   // as put into the outbox; Sent and Tries are zero
	Withdrew acquirer.NoticeKind // the kind of notice that was withdrawn, if it had not been sent; 0: none
	Reversal *acquirer.Reversal  // as queued, but for Tries, Due and HostCode, which are zero; nil: none
	Finished acquirer.ID         // the reversal that left the queue; 0: none
}

// The column made holds the parts one behind the other, each behind its kind:
//
//	1 | kind 1 | created 8                     4 | kind 1     one created at the time of the step
//	2 | id 8 | trace number 4 | F7 | reason     a text is a length byte and its bytes
//	3 | id 8
//	5 | kind 1
//	6 | kind 1 | copy 8 | created 8            one of which there are several
const (
	madeNotice    = 1
	madeReversal  = 2
	madeFinished  = 3
	madeNoticeNow = 4
	madeWithdrawn = 5
	madeCopy      = 6
)

var errMade = errors.New("what the step made is malformed")

// encodeMade writes what a change makes; nil when it makes nothing.
func encodeMade(c acquirer.Change) (out []byte) {
	for _, n := range c.Notices {
		if n.Copy > 0 {
			out = binary.BigEndian.AppendUint64(append(out, madeCopy, byte(n.Kind)), uint64(n.Copy))
			out = binary.BigEndian.AppendUint64(out, uint64(micros(n.Created)))
			continue
		}
		if n.Created.Equal(c.At) {
			out = append(out, madeNoticeNow, byte(n.Kind))
			continue
		}
		out = binary.BigEndian.AppendUint64(append(out, madeNotice, byte(n.Kind)), uint64(micros(n.Created)))
	}
	if c.Withdraw != 0 {
		out = append(out, madeWithdrawn, byte(c.Withdraw))
	}
	if r := c.Reversal; r != nil {
		out = binary.BigEndian.AppendUint64(append(out, madeReversal), uint64(r.ID))
		out = binary.BigEndian.AppendUint32(out, uint32(r.Host.STAN))
		for _, s := range [...]string{r.Host.Time, string(r.Reason)} {
			out = append(append(out, byte(len(s))), s...)
		}
	}
	if c.Finished != 0 {
		out = binary.BigEndian.AppendUint64(append(out, madeFinished), uint64(c.Finished))
	}
	return out
}

// decodeMade reverses encodeMade for a step of transaction id at a time.
func decodeMade(id acquirer.ID, at time.Time, column []byte) (m Made, err error) {
	p := parts{rest: column}
	for len(p.rest) > 0 && !p.short {
		switch p.take(1)[0] {
		case madeNotice:
			kind := acquirer.NoticeKind(p.take(1)[0])
			m.Notices = append(m.Notices, acquirer.Notice{Transaction: id, Kind: kind, Created: timeOf(p.number())})
		case madeNoticeNow:
			m.Notices = append(m.Notices, acquirer.Notice{Transaction: id, Kind: acquirer.NoticeKind(p.take(1)[0]), Created: at})
		case madeCopy:
			n := acquirer.Notice{Transaction: id, Kind: acquirer.NoticeKind(p.take(1)[0]), Copy: int(p.number())}
			n.Created = timeOf(p.number())
			if n.Copy <= 0 && !p.short {
				return Made{}, errMade
			}
			m.Notices = append(m.Notices, n)
		case madeWithdrawn:
			m.Withdrew = acquirer.NoticeKind(p.take(1)[0])
		case madeReversal:
			r := &acquirer.Reversal{Transaction: id, ID: acquirer.ID(p.number())}
			r.Host.STAN = acquirer.STAN(binary.BigEndian.Uint32(p.take(4)))
			r.Host.Time, r.Reason = p.text(), acquirer.ResponseCode(p.text())
			m.Reversal = r
		case madeFinished:
			m.Finished = acquirer.ID(p.number())
		default:
			return Made{}, errMade
		}
	}
	if p.short {
		return Made{}, errMade
	}
	return m, nil
}

// parts reads a column from its front. Behind its end it reads zeros and is short.
type parts struct {
	rest  []byte
	short bool
}

func (p *parts) take(n int) []byte {
	if len(p.rest) < n {
		p.rest, p.short = nil, true
		return make([]byte, n)
	}
	out := p.rest[:n]
	p.rest = p.rest[n:]
	return out
}

func (p *parts) number() int64 { return int64(binary.BigEndian.Uint64(p.take(8))) }

func (p *parts) text() string { return string(p.take(int(p.take(1)[0]))) }
