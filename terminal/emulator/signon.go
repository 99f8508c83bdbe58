package emulator

import (
	"context"
	"fmt"

	"example.com/ringback/spec/pos"
)

// SignOn fetches new working keys and a batch number. kind is 60.3: 003 for double-length keys, 004 with a track key
// too, 001 for single-length ones, 006 for SM4 ones; "" is the configured one. The keys in use stay in use unless all new ones match
// their check values (ErrKeys).
func (t *Terminal) SignOn(ctx context.Context, kind string) error {
	release, err := t.take(ctx)
	if err != nil {
		return failure(PhaseSignOn, err)
	}
	defer release()
	kind = orDefault(kind, t.cfg.SignOnKind)
	if err := t.cfg.checkKind(kind); err != nil {
		return failure(PhaseSignOn, err)
	}
	return plain(t.signOn(ctx, kind))
}

// SignOff ends the session: the working keys are forgotten. An undo that is owed goes first, for without keys it would
// have to wait.
func (t *Terminal) SignOff(ctx context.Context) error {
	release, err := t.take(ctx)
	if err != nil {
		return failure(PhaseNetwork, err)
	}
	defer release()
	if t.keys != nil {
		if err := t.sendOwed(ctx); err != nil {
			return err
		}
	}
	m := t.networkMessage(pos.MTINetwork, pos.NetSignOff)
	t.number(m)
	if err := t.manage(ctx, m, takeNumber); err != nil {
		return err
	}
	if err := t.commit(func(s *state) { s.Keys = nil }); err != nil {
		return failure(PhaseNetwork, err)
	}
	t.keys = nil
	return nil
}

// Echo asks whether the switch is there. The message has no trace number.
func (t *Terminal) Echo(ctx context.Context) error {
	release, err := t.take(ctx)
	if err != nil {
		return failure(PhaseNetwork, err)
	}
	defer release()
	return plain(t.manage(ctx, t.networkMessage(pos.MTINetwork, pos.NetEcho), func(*state) {}))
}

// plain turns a nil *Error into a nil error.
func plain(e *Error) error {
	if e == nil {
		return nil
	}
	return e
}

// manage sends a message that has no F64.
func (t *Terminal) manage(ctx context.Context, m *pos.Message, change func(*state)) *Error {
	a, err := t.transmit(ctx, m, nil, change)
	switch {
	case err != nil:
		return failure(PhaseNetwork, err)
	case a.code != "00":
		return refusal(PhaseNetwork, a)
	}
	return nil
}

func (t *Terminal) networkMessage(mti, code string) *pos.Message {
	m := t.newMessage(mti)
	m.Set(60, pos.Field60{Kind: pos.KindNetwork, Batch: t.batch(), NetMgmt: code}.String())
	return m
}

// batch is the current batch, zeros before there is one.
func (t *Terminal) batch() string { return orDefault(t.state.Batch, "000000") }

func (t *Terminal) signOn(ctx context.Context, kind string) *Error {
	m := t.networkMessage(pos.MTISignOn, kind)
	m.Set(63, fmt.Sprintf("%-3s", t.cfg.Operator))
	t.number(m)
	a, err := t.transmit(ctx, m, nil, takeNumber)
	switch {
	case err != nil:
		return failure(PhaseSignOn, err)
	case a.code != "00":
		return refusal(PhaseSignOn, a)
	}
	if err := t.adopt(a, kind); err != nil {
		return failure(PhaseSignOn, err)
	}
	return nil
}

// adopt takes batch and keys over, all or nothing.
func (t *Terminal) adopt(a answer, kind string) error {
	f60, err := pos.ParseField60(a.msg.Get(60))
	if err != nil {
		return fmt.Errorf("%w: no batch number", ErrBadAnswer)
	}
	sealed, keys, err := t.openBlock(a.msg.Bytes(62), kind)
	if err != nil {
		return err
	}
	err = t.commit(func(s *state) { s.Batch, s.Keys = f60.Batch, sealed })
	if err != nil {
		return err
	}
	t.keys, t.mustSignOn = keys, false
	return nil
}

// openBlock deciphers F62 of a sign-on response. A block of another size than was asked for is refused: shorter keys
// than wanted are worse than none.
func (t *Terminal) openBlock(block []byte, kind string) (*sealedKeys, *workKeys, error) {
	if len(block) != keyBlockSize(kind) {
		return nil, nil, fmt.Errorf("%w: key block of %d bytes", ErrKeys, len(block))
	}
	parsed, err := pos.ParseWorkKeys(block)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	sealed := sealKeys(parsed)
	keys, err := sealed.open(t.cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	return sealed, keys, nil
}

// keyBlockSize is the length of F62 after a kind of sign-on, 0 if there is no such kind.
func keyBlockSize(kind string) int {
	switch kind {
	case pos.NetSignOnDES:
		return 24
	case pos.NetSignOn, pos.NetSignOnSM4:
		return 40
	case pos.NetSignOnTrack:
		return 60
	}
	return 0
}

// ready prepares for a financial message: keys there are, and no debit is left that must be undone.
func (t *Terminal) ready(ctx context.Context) *Error {
	if t.keys == nil || t.mustSignOn {
		if err := t.signOn(ctx, t.cfg.SignOnKind); err != nil {
			return err
		}
	}
	return t.sendOwed(ctx)
}
