package acquirer

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A confirmation token (CT) is stateless: all it says is inside it, enciphered and authenticated under a key that
// changes every hour and that every node derives from the local master key. On the wire it is 64 characters of
// base64url:
//
//	nonce 12 | sealed( issued, ms since 1970, 8 | payee id 8 | card version 4 ) 20 + tag 16
//
// The terminal, its merchant, both numbers and the amount are not inside; they are bound as additional data, so that
// the token opens only for the debit that repeats them.
const tokenBytes = 12 + 20 + 16

// confirmation is what a token says once it has been opened.
type confirmation struct {
	token  TokenID
	payee  PayeeRef
	issued time.Time
}

// bound is what a token is good for.
func bound(t *Terminal, payee, payer MSISDN, amount Fen) []byte {
	return fmt.Appendf(nil, "%s|%s|%s|%s|%d", t.ID, t.Merchant, payee.Reveal(), payer.Reveal(), int64(amount))
}

// sealToken makes the token for a payee confirmed now.
func (s *Switch) sealToken(now time.Time, payee PayeeRef, bound []byte) (string, error) {
	out := make([]byte, 12, tokenBytes)
	if _, err := io.ReadFull(s.Random, out); err != nil {
		return "", fmt.Errorf("drawing a nonce: %w", err)
	}
	var plain [20]byte
	binary.BigEndian.PutUint64(plain[:], uint64(now.UnixMilli()))
	binary.BigEndian.PutUint64(plain[8:], uint64(payee.ID))
	binary.BigEndian.PutUint32(plain[16:], uint32(payee.CardVersion))
	sealed, err := s.HSM.SealConfirmation(now, out, plain[:], bound)
	if err != nil {
		return "", fmt.Errorf("sealing a confirmation: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(out, sealed...)), nil
}

// openToken returns what a token says if it is authentic, is good for bound and is not older than its life.
func (s *Switch) openToken(now time.Time, token string, bound []byte) (confirmation, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenBytes {
		return confirmation{}, ErrConfirmation
	}
	plain, err := s.HSM.OpenConfirmation(now, raw[:12], raw[12:], bound)
	if err != nil {
		return confirmation{}, err
	}
	c := confirmation{
		token:  TokenID(raw[:12]),
		issued: time.UnixMilli(int64(binary.BigEndian.Uint64(plain))),
		payee: PayeeRef{
			ID:          PayeeID(binary.BigEndian.Uint64(plain[8:])),
			CardVersion: int32(binary.BigEndian.Uint32(plain[16:])),
		},
	}
	if age := now.Sub(c.issued); age > s.Limits.TokenLife || age < -tokenSkew {
		return confirmation{}, errors.New("confirmation has expired")
	}
	return c, nil
}
