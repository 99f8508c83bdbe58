package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	netmail "net/mail"
	"slices"
	"time"

	acquirer "example.com/ringback/switch"
)

// subjects of answers. What the person wrote is never repeated: the From line may be forged, and then it would reach
// somebody under our name.
var subjects = map[acquirer.Language]string{acquirer.Chinese: "手机号付款：回复", acquirer.English: "Pay a phone number: your message"}

// answer sends a reply to the address that the message claims to be from: the one that the inbox counts answers by. The
// envelope sender is empty, so that nothing bounces and nobody's program answers. It returns nil when the smart host
// has the answer or refuses the address for ever.
func (m *Mail) answer(ctx context.Context, x *mail, box string, r acquirer.Reply) error {
	subject, ok := subjects[r.Language]
	if !ok {
		subject = subjects[acquirer.Chinese]
	}
	sum := sha256.Sum256([]byte(x.key()))
	l := letter{from: netmail.Address{Name: m.from.Name, Address: box}, to: x.from, replyTo: box,
		id: m.tags.messageID("a", hex.EncodeToString(sum[:12])), automatic: "auto-replied", language: r.Language,
		subject: subject, text: r.Text, date: time.Now(), inReplyTo: x.messageID, refers: thread(x)}
	err := m.post(ctx, "", l)
	switch {
	case errors.Is(err, acquirer.ErrUndeliverable):
		m.counts.add("answer-refused")
		m.config.Log.Warn().Err(err).Msg("an answer was refused by the smart host and is dropped")
		return nil
	case err != nil:
		m.counts.add("answer-later")
		return err
	}
	m.counts.add("answered")
	return nil
}

// thread lists what an answer refers to (RFC 5322, 3.6.4).
func thread(x *mail) []string {
	if x.messageID == "" {
		return nil
	}
	ids := append(slices.Clone(x.references), x.messageID)
	return ids[max(0, len(ids)-maxReferences):]
}
