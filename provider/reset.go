package provider

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// keyReset is what an 0800 brings (host dialect page, section 3.3).
type keyReset struct {
	usage   acquirer.KeyUsage
	wrapped acquirer.WrappedKey
	mac     [4]byte // first four bytes of F128
	// signing is the new key when all was checked: it makes the MACs over the key reset itself, whatever its usage.
	signing acquirer.KeyBlock
	// fresh is the new key as it was stored; zero when the host repeated the one in force.
	fresh acquirer.KeyBlock
}

// errKeyReset: fields 48, 53, 70, 96 or 128 are not what a key reset consists of.
var errKeyReset = errors.New("key reset is malformed")

// decodeKeyReset reads the key out of F96 (single length) or F48 (NK and 16 bytes), as the second digit of F53 says, and
// its usage from the first.
func decodeKeyReset(m *cups.Message) (keyReset, error) {
	var r keyReset
	control, f128 := m.Get(53), m.Bytes(128)
	if len(control) < 2 || len(f128) != 8 || m.Get(70) != cups.NetKeyReset {
		return r, errKeyReset
	}
	switch control[0] {
	case '1':
		r.usage = acquirer.UsageZPK
	case '2':
		r.usage = acquirer.UsageZAK
	default:
		return r, errKeyReset
	}
	r.mac, r.wrapped.Check = [4]byte(f128), [4]byte(f128[4:])
	switch double, isNK := strings.CutPrefix(m.Get(48), "NK"); {
	case control[1] == '0' && m.Has(96):
		r.wrapped.Enciphered = m.Bytes(96)
	case control[1] == '6' && isNK && len(double) == 16:
		r.wrapped.Enciphered = []byte(double)
	default:
		return r, errKeyReset
	}
	return r, nil
}

// resetKey handles an 0800: the key is checked, stored, acknowledged and only then used. Repeated with the key in
// force, it is acknowledged again and changes nothing. When the 0810 could not be written the key in force stays: the
// host goes on with it, and repeats.
func (n *Network) resetKey(ctx context.Context, d delivery) error {
	r, err := decodeKeyReset(d.message)
	if err == nil {
		err = n.takeKey(ctx, d.message, &r)
	}
	if errors.Is(err, acquirer.ErrStore) {
		return err
	}
	code := resetCode(err)
	n.log.Info().Str("link", d.link.addr).Str("usage", string(rune(r.usage))).Str("f39", string(code)).Err(err).Msg("key reset")
	if err := n.acknowledge(ctx, d, r, code); err != nil {
		return err
	}
	if code != acquirer.CodeApproved {
		n.counts.resetsRefused.Add(1)
		return nil
	}
	n.counts.resets.Add(1)
	if n.zone.asked == r.usage {
		n.zone.asked = 0
	}
	if !r.fresh.Zero() {
		n.keys.adopt(r.fresh, time.Now())
	}
	return nil
}

// takeKey deciphers the new key, checks its check value and the MAC under it, and stores it.
func (n *Network) takeKey(ctx context.Context, m *cups.Message, r *keyReset) error {
	fresh, err := n.config.HSM.ImportKey(r.usage, n.config.ZMK, r.wrapped)
	if err != nil {
		return err
	}
	mac, err := n.config.HSM.KeyResetMAC(fresh, cups.MAB(m))
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(mac[:4], r.mac[:]) != 1 {
		return acquirer.ErrMAC
	}
	if n.keys.same(r.usage, r.wrapped.Check) {
		r.signing = fresh
		return nil
	}
	if err := n.config.Keys.SaveZoneKey(ctx, fresh); err != nil {
		return err
	}
	r.signing, r.fresh = fresh, fresh
	return nil
}

// acknowledge sends the 0810, on the link of the 0800 if it lives. Its F128 is made with the new key; a refusal, for
// which there is none, has no F128.
func (n *Network) acknowledge(ctx context.Context, d delivery, r keyReset, code acquirer.ResponseCode) error {
	m := encodeKeyResetResponse(d.message, code)
	if !r.signing.Zero() {
		mac, err := n.config.HSM.KeyResetMAC(r.signing, cups.MAB(m))
		if err != nil {
			return err
		}
		f128 := cups.KeyResetMAC(mac, [8]byte{r.wrapped.Check[0], r.wrapped.Check[1], r.wrapped.Check[2], r.wrapped.Check[3]})
		m.SetBytes(128, f128[:])
	}
	wire, err := encodeWire(m)
	if err != nil {
		return err
	}
	// The link of the 0800 comes first even if it has not signed on yet.
	if err = d.link.write(wire); errors.Is(err, acquirer.ErrNotSent) {
		_, err = n.transmit(ctx, wire, 0)
	}
	return err
}

// resetCode is the F39 of an 0810: 30 malformed, A0 wrong check value or MAC, 96 the key was not accepted or not stored.
func resetCode(err error) acquirer.ResponseCode {
	switch {
	case err == nil:
		return acquirer.CodeApproved
	case errors.Is(err, errKeyReset):
		return acquirer.CodeFormat
	case errors.Is(err, acquirer.ErrCheckValue), errors.Is(err, acquirer.ErrMAC):
		return acquirer.CodeMAC
	}
	return acquirer.CodeMalfunction
}
