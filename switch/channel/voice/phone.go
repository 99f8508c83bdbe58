package voice

import (
	"context"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
)

// phone is a call that was answered, as a conversation sees it.
type phone struct {
	call *call
}

var _ dialogue.Phone = phone{}

// gone is what a failed step means: the other side has gone, or ctx ended for another reason.
func (p phone) gone(err error) error {
	select {
	case <-p.call.over:
		return dialogue.ErrHungUp
	case <-p.call.stream.Gone():
		return dialogue.ErrHungUp
	default:
		return err
	}
}

// Say implements [dialogue.Phone].
func (p phone) Say(ctx context.Context, l acquirer.Language, text string) error {
	if err := ctx.Err(); err != nil {
		return p.gone(err)
	}
	if len(p.call.stream.Keys()) > 0 {
		return nil
	}
	samples, err := p.call.voice.config.Speaker.Speak(ctx, l, text)
	if err == nil {
		err = p.call.stream.Play(ctx, samples)
	}
	if err != nil {
		return p.gone(err)
	}
	return nil
}

// Keys implements [dialogue.Phone].
func (p phone) Keys(ctx context.Context, most int, first, between time.Duration) (string, error) {
	var keys []byte
	wait := time.NewTimer(first)
	defer wait.Stop()
	for len(keys) < most {
		select {
		case k := <-p.call.stream.Keys():
			if k == '#' {
				return string(keys), nil
			}
			keys = append(keys, k)
			wait.Reset(between)
		case <-wait.C:
			return string(keys), nil
		case <-ctx.Done():
			return "", p.gone(ctx.Err())
		}
	}
	return string(keys), nil
}
