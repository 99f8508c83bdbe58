package mockhost

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

var (
	// ErrNoLink is the error of ResetKey when the institution has no link.
	ErrNoLink = errors.New("institution has no link")
	// ErrRefused is the error of ResetKey when the member does not take the key.
	ErrRefused = errors.New("member refused the key")
)

// F48 and F53 of a key reset.
const (
	newKeyTag  = "NK" // F48: a double-length key follows
	singleCode = '0'  // second digit of F53
	doubleCode = '6'
)

// network answers a 0820: sign-on, sign-off, echo, and the wish for a new key or for the end of the settlement date.
func (l *link) network(m *cups.Message) {
	a := answerTo(m, cups.MTINetworkResponse, []int{7, 11, 33, 70, 100})
	code := l.networkCode(m)
	a.Set(39, code)
	l.log.Info().Str("function", m.Get(70)).Str("code", code).Msg("network management")
	l.send(reply{bytes: l.pack(a)})
	if code == codeApproved && m.Get(70) == cups.NetKeyReset {
		kind := KeyKind(m.Get(53)[:1])
		if _, err := l.offerKey(keySlot{m.Get(33), kind}, l.host.keySize(kind, m.Get(53)[1])); err != nil {
			l.log.Error().Err(err).Msg("key reset")
		}
	}
	if code == codeApproved && m.Get(70) == cups.NetCutoffStart {
		l.cutOff()
	}
}

// cutOff ends the settlement date because a member asked for it. It runs beside the link, which must stay readable; who
// asks again while it runs asks for the same one.
func (l *link) cutOff() {
	if !l.host.cutting.CompareAndSwap(false, true) {
		return
	}
	l.host.goes(func() {
		defer l.host.cutting.Store(false)
		ctx, cancel := context.WithTimeout(context.Background(), ResetTimeout)
		defer cancel()
		if _, _, err := l.host.CutOff(ctx); err != nil {
			l.log.Error().Err(err).Msg("cut-off")
		}
	})
}

// networkCode is F39 of a 0830; it changes the state of the link.
func (l *link) networkCode(m *cups.Message) string {
	institution := m.Get(33)
	if missing(m, []int{7, 11, 33, 70}) != 0 {
		return codeFormat
	}
	if !l.host.cfg.member(institution) {
		return codeStranger
	}
	switch m.Get(70) {
	case cups.NetSignOn:
		l.signedOn = true
	case cups.NetSignOff:
		l.signedOn = false
	case cups.NetEcho, cups.NetCutoffStart:
	case cups.NetKeyReset:
		if !goodSecurity(m.Get(53)) {
			return codeFormat
		}
	default:
		return codeUnsupported
	}
	l.member.Store(&institution)
	return codeApproved
}

// goodSecurity reports whether F53 asks for a PIN or MAC key of a known length.
func goodSecurity(f53 string) bool {
	return len(f53) == 16 && (f53[0] == '1' || f53[0] == '2') && (f53[1] == singleCode || f53[1] == doubleCode)
}

// keySize is the size of the key to make: PIN keys are double length, MAC keys
// as they are asked for.
func (h *Host) keySize(kind KeyKind, asked byte) int {
	if kind == KeyPIN || asked == doubleCode || h.cfg.DoubleMAC {
		return 16
	}
	return 8
}

// offerKey sends a fresh key. The returned offer tells, once, what the member
// answered.
func (l *link) offerKey(s keySlot, size int) (offer, error) {
	key, err := newKey(size)
	if err != nil {
		return offer{}, err
	}
	m := l.host.ownMessage(cups.MTIKeyReset, s.institution)
	fillKeyReset(m, s.kind, key, l.host.cfg.ZMK)
	o := offer{key: key, f7: m.Get(7), f11: m.Get(11), answer: make(chan string, 1)}
	b, ok := l.host.keys.offer(s, o)
	if !ok {
		return offer{}, fmt.Errorf("%w: keys of too many institutions", ErrConfig)
	}
	l.send(reply{batch: b, bytes: l.pack(m)})
	return o, nil
}

// fillKeyReset adds the key to an 0800: a single-length one in F96, a
// double-length one in F48 with F96 zero; F53 says which it is, and F128 proves
// it under the key itself.
func fillKeyReset(m *cups.Message, kind KeyKind, key zoneKey, zmk []byte) {
	wrapped := spec.EncryptECB(zmk, key)
	length := byte(singleCode)
	if len(key) == 8 {
		m.SetBytes(96, wrapped)
	} else {
		length = doubleCode
		m.SetBytes(48, append([]byte(newKeyTag), wrapped...))
		m.SetBytes(96, make([]byte, 8))
	}
	m.Set(53, string(kind)+string(length)+"00000000000000")
	m.Set(70, cups.NetKeyReset)
	proof := cups.KeyResetMAC(spec.HostMAC(key, cups.MAB(m)), spec.CheckValue(key))
	m.SetBytes(128, proof[:])
}

// keyTaken handles an 0810: the key is in use if the member says 00 and proves it.
func (l *link) keyTaken(m *cups.Message) {
	kind, o, ok := l.host.keys.find(m.Get(100), m.Get(7), m.Get(11))
	if !ok || !provesKey(m, o.key) {
		l.log.Warn().Str("stan", m.Get(11)).Bool("expected", ok).Msg("0810 ignored")
		return
	}
	slot := keySlot{m.Get(100), kind}
	if m.Get(39) == codeApproved {
		l.host.keys.accept(slot, o.key)
	} else {
		l.host.keys.refuse(slot, o.key)
	}
	l.log.Info().Str("kind", string(kind)).Str("code", m.Get(39)).Msg("key reset answered")
	select {
	case o.answer <- m.Get(39):
	default: // said twice
	}
}

// provesKey checks F128 of an 0810 under the new key. The form of key resets,
// MAC and check value, is right; that of normal traffic is taken too, because no
// public sample settles which one an answer has.
func provesKey(m *cups.Message, key zoneKey) bool {
	sum := spec.HostMAC(key, cups.MAB(m))
	reset, normal := cups.KeyResetMAC(sum, spec.CheckValue(key)), cups.NormalMAC(sum)
	got := m.Bytes(128)
	return subtle.ConstantTimeCompare(got, reset[:]) == 1 || bytes.Equal(got, normal[:])
}

// ResetKey sends a member a new key unasked and waits for its answer. The MAC
// key is double length if it was before, or if the configuration wants it.
//
// The error is ErrNoLink, ErrRefused with the member's F39, ErrClosed, or that
// of ctx; when ctx ends first the key stays on offer.
func (h *Host) ResetKey(ctx context.Context, institution string, kind KeyKind) error {
	l := h.linkOf(institution, nil)
	if l == nil {
		return ErrNoLink
	}
	slot := keySlot{institution, kind}
	length := byte(singleCode)
	if len(h.keys.present(slot)) == 16 {
		length = doubleCode
	}
	o, err := l.offerKey(slot, h.keySize(kind, length))
	if err != nil {
		return err
	}
	select {
	case code := <-o.answer:
		if code != codeApproved {
			return fmt.Errorf("%w: %s", ErrRefused, code)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-h.stop:
		return ErrClosed
	}
}
