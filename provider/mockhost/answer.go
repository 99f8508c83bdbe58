package mockhost

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

// answer completes the answer to a debit or reversal and sends it, in the way
// the fault wants if the answer is an approval. key is nil when there is no MAC
// key: the answer then has no F128.
func (l *link) answer(a *cups.Message, institution string, key zoneKey, v verdict, f Fault) {
	if v.lost {
		l.send(reply{batch: v.batch})
		return
	}
	if v.code != codeApproved {
		f = Fault{}
	}
	l.centreFields(a, v)
	if f.Kind == Fault98 {
		a.Set(39, codeNoAnswer)
		a.Unset(38)
	}
	if f.Kind == FaultAmount {
		a.Set(4, otherAmount(a.Get(4)))
	}
	if key != nil {
		a.SetBytes(128, mac(key, a, f.Kind == FaultBadMAC))
	}
	l.misdeliver(institution, reply{batch: v.batch, bytes: l.pack(a)}, f)
}

// centreFields are those that the centre adds to what it repeats.
func (l *link) centreFields(a *cups.Message, v verdict) {
	if v.date == "" {
		v.date = l.host.settlementDate()
	}
	a.Set(15, v.date[len("2006"):])
	a.Set(39, v.code)
	if a.MTI() == cups.MTIDebitResponse {
		a.Set(19, country)
	}
	if f60 := a.Get(60); f60 != "" && len(f60) < selfDefined {
		a.Set(60, f60+strings.Repeat("0", selfDefined-len(f60)))
	}
	if v.payer.Institution != "" {
		a.Set(100, v.payer.Institution)
	}
}

// mac is F128 of an answer; of another message if it is to be wrong.
func mac(key zoneKey, a *cups.Message, wrong bool) []byte {
	mab := cups.MAB(a)
	good := cups.NormalMAC(spec.HostMAC(key, mab))
	if !wrong {
		return good[:]
	}
	bad := bytes.Clone(good[:])
	for i, c := range bad {
		bad[i] = otherDigit(c)
	}
	return bad
}

// otherDigit is a hex digit that is not c.
func otherDigit(c byte) byte {
	if c == '0' {
		return 'F'
	}
	return '0'
}

// otherAmount is F4 with one fen more, or less where there is no more.
func otherAmount(f4 string) string {
	n, err := strconv.ParseInt(f4, 10, 64)
	if err != nil || n == 999_999_999_999 {
		return "000000000001"
	}
	text := strings.Repeat("0", 12) + strconv.FormatInt(n+1, 10)
	return text[len(text)-12:]
}

// misdeliver sends a reply in the way of a fault; the zero Fault is the right way.
func (l *link) misdeliver(institution string, r reply, f Fault) {
	switch f.Kind {
	case FaultSilent:
		r.bytes = nil
	case FaultTwice:
		r.bytes = append(r.bytes, r.bytes...)
	case FaultClose:
		r.bytes, r.close = nil, true
	case FaultTruncated:
		r.bytes, r.close = r.bytes[:len(r.bytes)/2], true
	case FaultLate, FaultDelay:
		l.later(institution, r, f.delay())
		return
	case FaultOtherLink:
		if other := l.host.linkOf(institution, l); other != nil {
			other.send(r)
			return
		}
	}
	l.send(r)
}

// later sends a reply after a delay, on another link of the member if this one
// is gone by then. The change it tells of is made durable at once.
func (l *link) later(institution string, r reply, d time.Duration) {
	h := l.host
	select {
	case h.delayed <- struct{}{}:
	default:
		l.log.Warn().Msg("too many answers are held back: one is dropped")
		l.send(reply{batch: r.batch})
		return
	}
	l.send(reply{batch: r.batch})
	started := h.goes(func() {
		defer func() { <-h.delayed }()
		if !h.pause(d) {
			return
		}
		to := l
		if l.isDead() {
			to = h.linkOf(institution, l)
		}
		if to != nil {
			to.send(r)
		}
	})
	if !started {
		<-h.delayed
	}
}
