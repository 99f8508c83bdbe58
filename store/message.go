package store

import (
	"context"
	"strings"

	acquirer "example.com/ringback/switch"
)

// labelled is a keyed hash over texts, each behind its length, under a label that keeps uses apart.
func (db *DB) labelled(label string, texts ...string) sum {
	s := db.subjects.begin(label)
	for _, t := range texts {
		s.text(t)
	}
	return db.subjects.end(s)
}

// messageCells are those of a row of message.
func (db *DB) messageCells(h acquirer.Heard) []any {
	id := db.labelled("message", string(h.Channel), h.MessageID)
	reasons := make([]string, len(h.Reasons))
	for i, r := range h.Reasons {
		reasons[i] = string(r)
	}
	return []any{id[:], micros(h.At), int64(h.Kind), string(h.Outcome), string(h.Language), flag(h.Silent), strings.Join(reasons, " "),
		micros(h.Effective)}
}

// NoteMessage implements [acquirer.Registry].
func (db *DB) NoteMessage(ctx context.Context, h acquirer.Heard) error {
	return db.insert(ctx, call{writeMessage, db.messageCells(h)})
}

// Message implements [acquirer.Registry].
func (db *DB) Message(ctx context.Context, channel acquirer.Channel, messageID string) (acquirer.Heard, error) {
	h := acquirer.Heard{Channel: channel, MessageID: messageID}
	id := db.labelled("message", string(channel), messageID)
	var at, effective int64
	var reasons string
	err := db.one(ctx, readMessage, id[:]).Scan(&at, &h.Kind, &h.Outcome, &h.Language, &h.Silent, &reasons, &effective)
	if err != nil {
		return acquirer.Heard{}, absent(err)
	}
	h.At, h.Effective = timeOf(at), timeOf(effective)
	for _, r := range strings.Fields(reasons) {
		h.Reasons = append(h.Reasons, acquirer.Reason(r))
	}
	return h, nil
}

// Take implements [acquirer.Registry]. The statement that counts is the one that looks, so that of many at once none is
// too much.
func (db *DB) Take(ctx context.Context, u acquirer.Use) (bool, error) {
	if u.Most <= 0 {
		return false, nil
	}
	subject := db.labelled(u.Scope, u.Subject)
	rows, err := db.commits.submit(ctx, newOp(call{writeUse, []any{u.Scope, subject[:], micros(u.At.Add(u.Window)), micros(u.At),
		int64(u.Most), u.Gap.Microseconds()}}))
	return rows > 0, err
}

// Forgive implements [acquirer.Registry].
func (db *DB) Forgive(ctx context.Context, scope, subject string) error {
	hash := db.labelled(scope, subject)
	_, err := db.commits.submit(ctx, newOp(call{writeForgiven, []any{scope, hash[:]}}))
	return err
}
