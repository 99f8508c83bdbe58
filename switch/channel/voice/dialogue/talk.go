package dialogue

import (
	"context"
	"errors"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
)

// What a person's keys, or their absence, decide about the way on. They never leave the package.
var (
	errBack = errors.New("back")             // the star key
	errEnd  = errors.New("the call is over") // too many tries, questions or requests
)

// talk is one conversation with one person.
type talk struct {
	phone  Phone
	limits Limits
	l      acquirer.Language
	asked  int
}

// say speaks a line with its values, which are spoken text already.
func (t *talk) say(ctx context.Context, w line, values ...any) error {
	return t.phone.Say(ctx, t.l, Spoken(t.l, w.in(t.l, values...)))
}

// keys waits for an answer of up to most keys, for its first one at most first. The star among them is errBack.
func (t *talk) keys(ctx context.Context, most int, first time.Duration) (string, error) {
	if t.asked++; t.asked > t.limits.Questions {
		return "", errEnd
	}
	s, err := t.phone.Keys(ctx, most, first, t.limits.Between)
	if err == nil && strings.Contains(s, "*") {
		err = errBack
	}
	return s, err
}

// choose asks a question until one of the keys is pressed, or the star: errBack. errEnd: too many tries.
func (t *talk) choose(ctx context.Context, question func(context.Context) error, keys string) (byte, error) {
	for range t.limits.Tries {
		if err := question(ctx); err != nil {
			return 0, err
		}
		s, err := t.keys(ctx, 1, t.limits.First)
		if err != nil {
			return 0, err
		}
		if len(s) == 1 && strings.Contains(keys, s) {
			return s[0], nil
		}
		if err := t.complain(ctx, s, lineWrong); err != nil {
			return 0, err
		}
	}
	return 0, errEnd
}

// complain says that nothing was keyed, or what is wrong with what was.
func (t *talk) complain(ctx context.Context, keyed string, wrong line) error {
	if keyed == "" {
		wrong = lineSilent
	}
	return t.say(ctx, wrong)
}

// entry is a row of keys that a person is asked for.
type entry struct {
	ask, bad line
	most     int                     // keys without the #
	good     func(s string) bool     // reports whether they can be what was asked for
	read     func(s string) []spoken // how they are read back, to be confirmed; nil: they are not
}

// spoken is a line with its values.
type spoken struct {
	w      line
	values []any
}

// enter asks for an entry until a good one was confirmed. errBack: the person went back. errEnd: too many tries.
func (t *talk) enter(ctx context.Context, e entry) (string, error) {
	for range t.limits.Tries {
		if err := t.say(ctx, e.ask); err != nil {
			return "", err
		}
		s, err := t.keys(ctx, e.most+1, t.limits.First) // one more, so that the # behind the last is not left over
		if err != nil {
			return "", err
		}
		if !e.good(s) {
			if err := t.complain(ctx, s, e.bad); err != nil {
				return "", err
			}
			continue
		}
		if e.read == nil {
			return s, nil
		}
		key, err := t.choose(ctx, func(ctx context.Context) error { return t.sayAll(ctx, e.read(s)) }, "12")
		if err != nil || key == '1' {
			return s, err
		}
	}
	return "", errEnd
}

func (t *talk) sayAll(ctx context.Context, all []spoken) error {
	for _, s := range all {
		if err := t.say(ctx, s.w, s.values...); err != nil {
			return err
		}
	}
	return nil
}
