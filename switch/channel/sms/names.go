package sms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// nameOf names a message, the same each time the centre brings it: by the centre's own name when it gives one. Else all
// that the frame says is hashed, and since a person may well write the same again, the name holds for Limits.Double only:
// from its first coming while the process lives, and over a restart for the same stretch of the clock.
func (s *SMS) nameOf(m Message) string {
	h := hmac.New(sha256.New, s.NameKey.Reveal())
	if m.Own != "" {
		fmt.Fprintf(h, "own|%q|%q", m.Source.Addr, m.Own)
		return hex.EncodeToString(h.Sum(nil)[:20])
	}
	c := m.Concat
	fmt.Fprintf(h, "all|%q|%q|%d|%v|%d|%d|%x|%x", m.Source.Addr, m.Dest.Addr, c.Ref, c.Wide, c.Total, m.Coding, m.Salt, m.Text)
	return s.names.name(hex.EncodeToString(h.Sum(nil)[:20]), time.Now())
}

// names remembers when a text came first.
type names struct {
	life time.Duration

	mu    sync.Mutex
	known map[string]named
	order []string
}

type named struct {
	name  string
	until time.Time
}

// name returns the name of the text with a hash.
func (n *names) name(hash string, now time.Time) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if k, ok := n.known[hash]; ok && now.Before(k.until) {
		return k.name
	}
	for len(n.order) >= knownTexts {
		delete(n.known, n.order[0])
		n.order = n.order[1:]
	}
	k := named{hash + "." + strconv.FormatInt(now.UnixNano()/int64(n.life), 10), now.Add(n.life)}
	n.known[hash] = k
	n.order = append(n.order, hash)
	return k.name
}

// mobile returns the 11 digits of a number as centres write it: with +86, 0086 or 86 in front, or without.
func mobile(addr string) (string, bool) {
	for _, prefix := range []string{"+86", "0086", "86", ""} {
		if rest, ok := strings.CutPrefix(addr, prefix); ok {
			if n, err := acquirer.ParseMSISDN(rest); err == nil {
				return n.Reveal(), true
			}
		}
	}
	return "", false
}
