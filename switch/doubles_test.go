package acquirer

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// plainHSM stands in for the security module where keys are not what is tested: MACs and PIN blocks are recognisable,
// confirmations are really enciphered.
type plainHSM struct{}

func (plainHSM) GenerateKey(u KeyUsage, c Cipher) (KeyBlock, error) {
	return KeyBlock{Usage: u, Blob: rand.Text()[:map[Cipher]int{CipherDES: 8, CipherTDES: 16, CipherSM4: 17}[c]]}, nil
}
func (plainHSM) WrapKey(u KeyUsage, _ Cipher, k Key) (KeyBlock, error) {
	return KeyBlock{Usage: u, Blob: string(k.Reveal())}, nil
}
func (plainHSM) NewTMK(Cipher) (Key, KeyBlock, error) { return Key{}, KeyBlock{}, nil }
func (plainHSM) ExportKey(k, _ KeyBlock) (WrappedKey, error) {
	return WrappedKey{Enciphered: []byte(k.Blob)}, nil
}
func (plainHSM) ImportKey(u KeyUsage, _ KeyBlock, k WrappedKey) (KeyBlock, error) {
	return KeyBlock{Usage: u, Blob: string(k.Enciphered)}, nil
}
func (plainHSM) CheckValue(KeyBlock) (cv [4]byte, err error) { return }
func (plainHSM) TranslatePIN(b PINBlock, _, _ KeyBlock, _ PAN) (PINBlock, error) {
	if string(b.Reveal()) == "malforme" {
		return PINBlock{}, ErrPINFormat
	}
	return b, nil
}
func (plainHSM) MAC(k KeyBlock, _ MACAlgorithm, data []byte) ([8]byte, error) {
	sum := sha256.Sum256(append([]byte(k.Blob), data...))
	return [8]byte(sum[:8]), nil
}
func (h plainHSM) VerifyMAC(k KeyBlock, a MACAlgorithm, data []byte, mac [8]byte) error {
	if want, _ := h.MAC(k, a, data); want != mac {
		return ErrMAC
	}
	return nil
}
func (plainHSM) KeyResetMAC(KeyBlock, []byte) (mac [8]byte, err error) { return }
func (plainHSM) ZoneMAC(KeyBlock, []byte) (mac [8]byte, err error)     { return }

func aead(at time.Time) cipher.AEAD {
	key := sha256.Sum256([]byte(at.Truncate(time.Hour).String()))
	b, _ := aes.NewCipher(key[:])
	g, _ := cipher.NewGCM(b)
	return g
}
func (plainHSM) SealConfirmation(at time.Time, nonce, plain, bound []byte) ([]byte, error) {
	return aead(at).Seal(nil, nonce, plain, bound), nil
}
func (plainHSM) OpenConfirmation(now time.Time, nonce, sealed, bound []byte) ([]byte, error) {
	for _, at := range []time.Time{now, now.Add(-time.Hour)} {
		if p, err := aead(at).Open(nil, nonce, sealed, bound); err == nil {
			return p, nil
		}
	}
	return nil, ErrConfirmation
}

// scripted is the card network: each debit and each reversal is answered by the functions of the test.
type scripted struct {
	mu        sync.Mutex
	down      error
	authorize func(context.Context, AuthorizationRequest) (Authorization, error)
	reverse   func(context.Context, Reversal, *Transaction) (ResponseCode, error)
	debits    []AuthorizationRequest
	reversals []Reversal
}

func (n *scripted) Ready() error { return n.down }
func (n *scripted) Authorize(ctx context.Context, r AuthorizationRequest) (Authorization, error) {
	n.mu.Lock()
	n.debits = append(n.debits, r)
	n.mu.Unlock()
	return n.authorize(ctx, r)
}
func (n *scripted) Reverse(ctx context.Context, r Reversal, t *Transaction) (ResponseCode, error) {
	n.mu.Lock()
	n.reversals = append(n.reversals, r)
	n.mu.Unlock()
	return n.reverse(ctx, r, t)
}
func (n *scripted) sent() (debits, reversals int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.debits), len(n.reversals)
}

func answer(code ResponseCode) func(context.Context, AuthorizationRequest) (Authorization, error) {
	return func(context.Context, AuthorizationRequest) (Authorization, error) {
		return Authorization{Code: code, AuthCode: "A12345", SettleDate: "1124", At: time.Now()}, nil
	}
}

func refused(err error) func(context.Context, AuthorizationRequest) (Authorization, error) {
	return func(context.Context, AuthorizationRequest) (Authorization, error) { return Authorization{}, err }
}

func silence(ctx context.Context, _ AuthorizationRequest) (Authorization, error) {
	<-ctx.Done()
	return Authorization{}, errors.Join(ErrUnknown, ctx.Err())
}

func undone(code ResponseCode) func(context.Context, Reversal, *Transaction) (ResponseCode, error) {
	return func(context.Context, Reversal, *Transaction) (ResponseCode, error) { return code, nil }
}

// world is a switch over doubles with one terminal and one payee.
type world struct {
	*Switch
	mem  *memory
	net  *scripted
	term *Terminal
}

const (
	payeeNumber = "13800138001"
	payerNumber = "13900139001"
	payerCard   = "6222020000000000018"
)

func mustPAN(t testing.TB, s string) PAN {
	t.Helper()
	p, err := ParsePAN(s)
	require.NoError(t, err)
	return p
}

func mustMSISDN(t testing.TB, s string) MSISDN {
	t.Helper()
	m, err := ParseMSISDN(s)
	require.NoError(t, err)
	return m
}

func newWorld(t testing.TB, options ...func(*Config)) *world {
	t.Helper()
	numbers, err := LoadNumberingPlan()
	require.NoError(t, err)
	issuers, err := LoadIssuerTable("03080000")
	require.NoError(t, err)
	w := &world{mem: newMemory(), net: &scripted{authorize: answer("00"), reverse: undone("00")}}
	w.term = &Terminal{ID: "10000001", Merchant: "898110000000001", Profile: Profile{MAC: MACECB},
		Session: Session{Batch: 7, SignedOn: true, PIK: KeyBlock{UsagePIK, "pik"}, MAK: KeyBlock{UsageMAK, "mak"}}}
	w.mem.terminals[w.term.ID] = *w.term
	for i, p := range []struct {
		number, name string
		status       PayeeStatus
	}{
		{payeeNumber, "王小明", PayeeActive},
		{"13800138002", "李明", PayeeSuspended},
		{"13800138009", "张三丰", PayeeRegistered},
	} {
		w.mem.payees = append(w.mem.payees, Payee{Ref: PayeeRef{PayeeID(i + 1), 1}, Number: mustMSISDN(t, p.number),
			Name: p.name, Card: mustPAN(t, "6217000000000000012"), Status: p.status})
	}
	c := Config{Journal: w.mem, Directory: w.mem, HSM: plainHSM{}, Network: w.net, Numbers: numbers, Issuers: issuers,
		Institution: "48020000", Random: rand.Reader, Batches: w.mem, Witnesses: w.mem}
	for _, o := range options {
		o(&c)
	}
	w.Switch = New(c)
	return w
}

// confirm runs phase 1 and returns its token.
func (w *world) confirm(t testing.TB, amount Fen) string {
	t.Helper()
	i, err := w.Inquire(t.Context(), InquiryRequest{Terminal: w.term, Amount: amount, Payee: payeeNumber, Payer: payerNumber})
	require.NoError(t, err)
	return i.Token
}

// request makes a debit of a fresh confirmation.
func (w *world) request(t testing.TB, stan STAN, amount Fen) DebitRequest {
	t.Helper()
	pin, err := NewPINBlock([]byte("pinblock"))
	require.NoError(t, err)
	return DebitRequest{Terminal: w.term, Batch: 7, STAN: stan, Amount: amount, Payee: payeeNumber, Payer: payerNumber,
		Token: w.confirm(t, amount), Card: mustPAN(t, payerCard), Expiry: "3012", EntryMode: "021", PIN: pin}
}

func nothing() {}

// start runs the switch's background work until the test ends.
func (w *world) start(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
}
