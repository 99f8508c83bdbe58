package dialogue

import (
	"context"
	"errors"

	acquirer "example.com/ringback/switch"
)

// Outgoing holds the conversation of a call that brings a notice, with the default [Limits]: it speaks the message, plays
// it again when 2 is pressed, and asks for a 1. It returns true when the person pressed it, and false, nil when nobody
// did: an answering machine, or silence; [ErrHungUp] when the other side went before. What fails behind the key leaves true. A message that holds a code, or
// what is held about a person, is spoken only to who has pressed 1 for it: an answering machine keeps what it hears.
func Outgoing(ctx context.Context, p Phone, m acquirer.Message) (bool, error) {
	return Limits{}.WithDefaults().Outgoing(ctx, p, m)
}

// Outgoing is [Outgoing] with limits of one's own, which must be whole.
func (l Limits) Outgoing(ctx context.Context, p Phone, m acquirer.Message) (bool, error) {
	t := &talk{phone: p, limits: l, l: languageOf(m.Language)}
	if err := t.say(ctx, lineNotice); err != nil {
		return false, err
	}
	if guarded(m.Kind) {
		switch _, err := t.choose(ctx, func(ctx context.Context) error { return t.say(ctx, lineGate) }, "1"); {
		case refused(err):
			return false, nil
		case err != nil:
			return false, err
		}
	}
	heard, err := t.play(ctx, m.Text)
	if err != nil || !heard {
		return false, err
	}
	if err = t.say(ctx, lineThanks); errors.Is(err, ErrHungUp) { // who has pressed the key needs no thanks
		err = nil
	}
	return true, err
}

// guarded reports whether a message is spoken only to somebody who has asked for it.
func guarded(k acquirer.NoticeKind) bool {
	return k == acquirer.NoticeCode || k == acquirer.NoticeStaged || k == acquirer.NoticeHeld
}

// refused reports whether an error means that nobody answered as asked.
func refused(err error) bool { return errors.Is(err, errEnd) || errors.Is(err, errBack) }

// play speaks the message until its hearing is confirmed. false, nil: it was not.
func (t *talk) play(ctx context.Context, text string) (heard bool, err error) {
	silent := 0
	for range t.limits.Plays {
		if err := t.phone.Say(ctx, t.l, Spoken(t.l, text)); err != nil {
			return false, err
		}
		if err := t.say(ctx, lineHeard); err != nil {
			return false, err
		}
		switch s, err := t.keys(ctx, 1, t.limits.First); {
		case refused(err):
			return false, nil
		case err != nil:
			return false, err
		case s == "1":
			return true, nil
		case s == "":
			if silent++; silent == silentPlays {
				return false, nil
			}
		}
	}
	return false, nil
}

func languageOf(l acquirer.Language) acquirer.Language {
	if l != acquirer.English {
		return acquirer.Chinese
	}
	return l
}
