package terminal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// sm4Mark stands in front of a clear SM4 key in a block.
const sm4Mark = "sm4:"

// openHSM is a security module whose key blocks are the clear keys. Its crypto is that of the wire, its keys follow
// from a counter, so that a run can be compared byte by byte.
type openHSM struct {
	mu    sync.Mutex
	made  uint64
	noMAC error // when set, MAC fails with it
}

func (h *openHSM) GenerateKey(u acquirer.KeyUsage, c acquirer.Cipher) (acquirer.KeyBlock, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made++
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, h.made))
	switch c {
	case acquirer.CipherDES:
		return acquirer.KeyBlock{Usage: u, Blob: string(sum[:8])}, nil
	case acquirer.CipherSM4:
		return acquirer.KeyBlock{Usage: u, Blob: sm4Mark + string(sum[:16])}, nil
	}
	return acquirer.KeyBlock{Usage: u, Blob: string(sum[:16])}, nil
}

func (h *openHSM) WrapKey(u acquirer.KeyUsage, _ acquirer.Cipher, k acquirer.Key) (acquirer.KeyBlock, error) {
	return acquirer.KeyBlock{Usage: u, Blob: string(k.Reveal())}, nil
}

func (h *openHSM) NewTMK(acquirer.Cipher) (acquirer.Key, acquirer.KeyBlock, error) {
	return acquirer.Key{}, acquirer.KeyBlock{}, errors.New("not used here")
}

func (h *openHSM) ExportKey(k, under acquirer.KeyBlock) (acquirer.WrappedKey, error) {
	if key, ok := strings.CutPrefix(k.Blob, sm4Mark); ok {
		s := pos.SealSM4([]byte(strings.TrimPrefix(under.Blob, sm4Mark)), []byte(key))
		return acquirer.WrappedKey{Enciphered: s.Key, Check: s.CV}, nil
	}
	cv := spec.CheckValue([]byte(k.Blob))
	return acquirer.WrappedKey{Enciphered: spec.EncryptECB([]byte(under.Blob), []byte(k.Blob)), Check: [4]byte(cv[:4])}, nil
}

func (h *openHSM) ImportKey(acquirer.KeyUsage, acquirer.KeyBlock, acquirer.WrappedKey) (acquirer.KeyBlock, error) {
	return acquirer.KeyBlock{}, errors.New("not used here")
}

func (h *openHSM) CheckValue(k acquirer.KeyBlock) ([4]byte, error) {
	cv := spec.CheckValue([]byte(k.Blob))
	return [4]byte(cv[:4]), nil
}

func (h *openHSM) TranslatePIN(b acquirer.PINBlock, from, to acquirer.KeyBlock, pan acquirer.PAN) (acquirer.PINBlock, error) {
	pin, err := openPIN(from.Blob, b.Reveal(), pan.Reveal())
	if err != nil {
		return acquirer.PINBlock{}, acquirer.ErrPINFormat
	}
	out, err := spec.SealPIN([]byte(to.Blob), pin, pan.Reveal())
	if err != nil {
		return acquirer.PINBlock{}, err
	}
	return acquirer.NewPINBlock(out[:])
}

func openPIN(key string, block []byte, pan string) (string, error) {
	key, long := strings.CutPrefix(key, sm4Mark)
	switch {
	case long && len(block) == 16:
		return spec.OpenPINSM4([]byte(key), [16]byte(block), pan)
	case !long && len(block) == 8:
		return spec.OpenPIN([]byte(key), [8]byte(block), pan)
	}
	return "", acquirer.ErrPINFormat
}

func (h *openHSM) MAC(k acquirer.KeyBlock, alg acquirer.MACAlgorithm, data []byte) ([8]byte, error) {
	if h.noMAC != nil {
		return [8]byte{}, h.noMAC
	}
	return macOf([]byte(k.Blob), alg, data), nil
}

func macOf(key []byte, alg acquirer.MACAlgorithm, data []byte) [8]byte {
	if key, ok := bytes.CutPrefix(key, []byte(sm4Mark)); ok {
		if alg == acquirer.MACX919 {
			return spec.MACCBCSM4(key, data)
		}
		return spec.MACCUPSM4(key, data)
	}
	if alg == acquirer.MACX919 {
		return spec.MACX919(key, data)
	}
	return spec.MACCUP(key, data)
}

func (h *openHSM) VerifyMAC(k acquirer.KeyBlock, alg acquirer.MACAlgorithm, data []byte, mac [8]byte) error {
	if macOf([]byte(k.Blob), alg, data) != mac {
		return acquirer.ErrMAC
	}
	return nil
}

func (h *openHSM) KeyResetMAC(acquirer.KeyBlock, []byte) (mac [8]byte, err error) { return }

func (h *openHSM) ZoneMAC(acquirer.KeyBlock, []byte) (mac [8]byte, err error) { return }

func (h *openHSM) SealConfirmation(_ time.Time, nonce, plain, bound []byte) ([]byte, error) {
	return tokenCipher().Seal(nil, nonce, plain, bound), nil
}

func (h *openHSM) OpenConfirmation(_ time.Time, nonce, sealed, bound []byte) ([]byte, error) {
	plain, err := tokenCipher().Open(nil, nonce, sealed, bound)
	if err != nil {
		return nil, acquirer.ErrConfirmation
	}
	return plain, nil
}

func tokenCipher() cipher.AEAD {
	block, err := aes.NewCipher([]byte("a key of 16 byte"))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// scripted is the card network: each debit is answered by a function of the test.
type scripted struct {
	mu        sync.Mutex
	authorize func(context.Context, acquirer.AuthorizationRequest) (acquirer.Authorization, error)
	debits    []acquirer.AuthorizationRequest
}

func (n *scripted) Ready() error { return nil }

func (n *scripted) Authorize(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	n.mu.Lock()
	n.debits = append(n.debits, r)
	answer := n.authorize
	n.mu.Unlock()
	return answer(ctx, r)
}

func (n *scripted) Reverse(context.Context, acquirer.Reversal, *acquirer.Transaction) (acquirer.ResponseCode, error) {
	return acquirer.CodeApproved, nil
}

func (n *scripted) sent() []acquirer.AuthorizationRequest {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]acquirer.AuthorizationRequest(nil), n.debits...)
}

// says answers every debit with one code.
func says(code acquirer.ResponseCode) func(context.Context, acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	return func(context.Context, acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
		return acquirer.Authorization{Code: code, AuthCode: "A12345", SettleDate: "1124", Text: "03090000   03056900", At: time.Now()}, nil
	}
}

// held answers a debit once release is closed; entered gets a value as each debit arrives.
type held struct {
	entered chan struct{}
	release chan struct{}
}

func newHeld() held { return held{make(chan struct{}, 100), make(chan struct{})} }

func (h held) answer(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	h.entered <- struct{}{}
	select {
	case <-h.release:
		return says("00")(ctx, r)
	case <-ctx.Done():
		return acquirer.Authorization{}, acquirer.ErrUnknown
	}
}
