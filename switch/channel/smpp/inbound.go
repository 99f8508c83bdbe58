package smpp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/linxGnu/gosmpp/data"
)

// job is what a lane works on: a message of a person, or a receipt.
type job struct {
	receipt *offered

	sender  string // mobile number
	from    Party  // as the centre gave it: the answer goes there
	text    string
	id      string
	checks  string
	respond func(status data.CommandStatusType) bool
}

// deliver takes a deliver_sm from the reader and does not wait.
func (s *SMS) deliver(l *link, f frame) {
	h := held{l, f.seq}
	d, err := decodeDeliver(f.body)
	if err != nil {
		s.refuse(h, statusNever, "deliver_sm is malformed")
		return
	}
	switch d.class & classMask {
	case classMessage:
		s.message(h, d)
	case classReceipt:
		r, err := decodeReceipt(d)
		if err != nil {
			s.refuse(h, statusNever, "receipt names no message")
			return
		}
		s.queue(d.source, job{receipt: &offered{receipt: r, held: h}, respond: h.respond})
	default: // acknowledgements of handsets and news on the way mean nothing here
		h.respond(statusOK)
	}
}

// refuse answers a message that nothing is done with.
func (s *SMS) refuse(h held, status data.CommandStatusType, why string) {
	s.noisy.Info().Str("why", why).Str("status", statusText(status)).Msg("message refused")
	h.respond(status)
}

// message takes a text, whole or in parts. Only a mobile number can be a payee: what comes from service numbers, names and
// foreign numbers is refused, also so that two machines never answer each other.
func (s *SMS) message(h held, d deliver) {
	sender, ok := mobile(d.source.Addr)
	if !ok {
		s.refuse(h, statusReject, "sender is no mobile number of the mainland")
		return
	}
	c, text, err := partOf(d)
	if err != nil {
		s.refuse(h, statusNever, "concatenation header is malformed")
		return
	}
	if len(text) > maxInBytes {
		s.refuse(h, statusNever, "text is too long")
		return
	}
	j := job{sender: sender, from: d.source, respond: h.respond}
	if c.total == 0 {
		s.receive(j, d, c, text)
		return
	}
	key := messageKey{d.source, d.dest, c, d.coding}
	key.seq = 0
	whole := s.assembly.add(key, c.seq, text, h, time.Now())
	if whole == nil {
		return
	}
	j.respond = func(status data.CommandStatusType) bool { s.assembly.finish(whole, status, time.Now()); return true }
	s.receive(j, d, c, whole.text())
}

// receive reads a whole text and queues it.
func (s *SMS) receive(j job, d deliver, c concat, b []byte) {
	text, err := decodeText(d.coding, b, s.Alphabet)
	if err != nil || len(b) > maxInBytes {
		s.noisy.Info().Uint8("data_coding", d.coding).Int("bytes", len(b)).Msg("text that cannot be read: refused")
		j.respond(statusNever)
		return
	}
	j.text, j.id = text, s.nameOf(d, c, b)
	j.checks = fmt.Sprintf("data_coding=%d parts=%d", d.coding, max(c.total, 1))
	s.queue(d.source, j)
}

// nameOf names a message, the same each time the centre sends it: by the centre's own name when it gives one. Else all
// that the PDU says is hashed, and since a person may well write the same again, the name holds for Limits.Double only:
// from its first coming while the process lives, and over a restart for the same stretch of the clock.
func (s *SMS) nameOf(d deliver, c concat, text []byte) string {
	h := hmac.New(sha256.New, s.NameKey.Reveal())
	if own := strings.TrimRight(string(d.tlv[tagReceiptedID]), "\x00"); own != "" {
		fmt.Fprintf(h, "own|%q|%q", d.source.Addr, own)
		return hex.EncodeToString(h.Sum(nil)[:20])
	}
	fmt.Fprintf(h, "all|%q|%q|%d|%v|%d|%d|%x|%x", d.source.Addr, d.dest.Addr, c.ref, c.wide, c.total, d.coding, d.tlv[tagUserRef], text)
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

// queue gives a job to the lane of its number; when that is full, the centre is asked to send it again.
func (s *SMS) queue(from Party, j job) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(from.Addr)) // a hash does not fail
	select {
	case s.lanes[h.Sum32()%lanes] <- j:
	default:
		s.noisy.Warn().Msg("too many messages at once: the centre is asked to send them again")
		j.respond(statusLater)
	}
}

// lane works on jobs one by one until ctx ends; receipts that came too early are offered again between them.
func (s *SMS) lane(ctx context.Context, jobs <-chan job) {
	var later []offered // in the order of due, near enough
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, o := range later {
				o.held.respond(statusLater)
			}
			return
		case j := <-jobs:
			if j.receipt == nil {
				s.work(ctx, j)
			} else {
				later = s.postpone(ctx, later, *j.receipt)
			}
		case now := <-t.C:
			later = s.retry(ctx, later, now)
		}
		t.Reset(untilFirst(later, time.Now()))
	}
}

// postpone offers a receipt, and puts it with the others when its message is not written down yet.
func (s *SMS) postpone(ctx context.Context, later []offered, o offered) []offered {
	if !s.offer(ctx, o) {
		return later
	}
	if len(later) >= laterReceipts {
		o.held.respond(statusLater)
		return later
	}
	o.due = time.Now().Add(receiptFirst << o.tries)
	o.tries++
	return append(later, o)
}

// retry offers again what is due.
func (s *SMS) retry(ctx context.Context, later []offered, now time.Time) []offered {
	var kept []offered
	for _, o := range later {
		if o.due.After(now) {
			kept = append(kept, o)
		} else {
			kept = s.postpone(ctx, kept, o)
		}
	}
	return kept
}

// untilFirst is how long it is until the first of later is due.
func untilFirst(later []offered, now time.Time) time.Duration {
	d := time.Hour
	for _, o := range later {
		d = min(d, o.due.Sub(now))
	}
	return max(d, 0)
}

// work hands a message to the core, sends the answer, and only then acknowledges: a process that ends in between is sent
// the message again, the core answers as it did, and the answer goes out once more.
func (s *SMS) work(ctx context.Context, j job) {
	reply, err := s.Inbox.Receive(ctx, acquirer.Inbound{Channel: acquirer.ChannelSMS, MessageID: j.id, Sender: j.sender,
		Evidence: acquirer.Evidence{Source: "smpp:" + s.SystemID, Checks: j.checks}, Text: j.text})
	switch {
	case errors.Is(err, acquirer.ErrStore):
		s.fail(err)
		j.respond(statusLater)
	case errors.Is(err, acquirer.ErrInbound):
		s.noisy.Info().Err(err).Msg("message refused")
		j.respond(statusNever)
	case err != nil:
		s.noisy.Warn().Err(err).Msg("message could not be taken: the centre is asked to send it again")
		j.respond(statusLater)
	default:
		s.log.Debug().Str("outcome", string(reply.Outcome)).Bool("again", reply.Again).Str("checks", j.checks).Msg("message taken")
		j.respond(s.reply(ctx, j, reply.Text))
	}
}

// reply sends the answer of the core to the sender. An answer that the centre refuses for ever is given up: the sender's
// number takes none. One that cannot be sent now makes the message come again.
func (s *SMS) reply(ctx context.Context, j job, text string) data.CommandStatusType {
	if text == "" {
		return statusOK
	}
	ctx, stop := context.WithTimeout(ctx, s.Limits.Reply)
	defer stop()
	err := s.answer(ctx, j, text)
	switch {
	case err == nil:
		return statusOK
	case errors.Is(err, acquirer.ErrUndeliverable):
		s.noisy.Warn().Err(err).Msg("answer to a sender given up")
		return statusOK
	}
	s.noisy.Warn().Err(err).Msg("answer to a sender could not be sent: the centre is asked to send the message again")
	return statusLater
}

// answer submits the parts of an answer.
func (s *SMS) answer(ctx context.Context, j job, text string) error {
	l := s.bound.Load()
	if l == nil {
		return acquirer.ErrDeviceDown
	}
	ref := reference(j.id)
	parts, err := split(text, s.Alphabet, byte(ref), maxReplyParts)
	if err != nil {
		return err
	}
	dest, err := j.from.address()
	if err != nil {
		return err
	}
	sub := submission{source: s.source, dest: dest, ref: ref}
	for _, p := range parts {
		if _, err := s.submit(ctx, l, sub, p, func(string) {}); err != nil {
			return err
		}
	}
	return nil
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
