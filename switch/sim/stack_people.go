package sim

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"example.com/ringback/provider/mockhost"
	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
)

// The invented people of a run. Every terminal has a payer of its own, so that the payer's account tells what became of
// the terminal's payments.
const (
	stackPayees     = 3
	stackPIN        = "123456"
	stackExpiry     = "3012"
	stackBalance    = 10_000_000 // fen, of a payer
	stackPoor       = 60_000     // fen, of the last terminal's payer: some of his debits are declined
	stackMaxPayment = 40_000     // fen
)

// stackModule is the security module of a run, under a master key of its own.
func stackModule(f fate) (*hsm.Module, error) {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(f.of("master key", int64(i)).below(256))
	}
	master, err := hsm.NewMasterKey(key)
	if err != nil {
		return nil, err
	}
	return hsm.New(master), nil
}

// stackCard is the n-th card of an issuer, with its check digit.
func stackCard(bin string, n int) string {
	body := fmt.Sprintf("%s%012d", bin, n)
	sum := 0
	for i := range body {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return fmt.Sprintf("%s%d", body, (10-sum%10)%10)
}

// stackPayeeNumber is the mobile number of the n-th payee.
func stackPayeeNumber(n int) string { return fmt.Sprintf("1380013%04d", n+1) }

// terminalKey is a terminal master key: sixteen bytes of odd parity.
func (p *stackPOS) terminalKey() []byte {
	key := make([]byte, 16)
	for i := range key {
		b := byte(p.fate.of("master key", int64(i)).below(256))
		if bits.OnesCount8(b)%2 == 0 {
			b ^= 1
		}
		key[i] = b
	}
	return key
}

// balance is what the terminal's payer has.
func (p *stackPOS) balance() int64 {
	if p.n == p.world.terminals-1 && p.n > 0 {
		return stackPoor
	}
	return stackBalance
}

// accounts are all cards at the host.
func (s *stack) accounts() (all []mockhost.Account, total int64) {
	for _, p := range s.pos {
		all = append(all, mockhost.Account{PAN: p.card, PIN: stackPIN, Expiry: stackExpiry, Status: mockhost.StatusNormal,
			Institution: "01020000", BalanceFen: p.balance()})
		total += p.balance()
	}
	return all, total
}

// enterPeople makes the database and registers terminals and payees.
func (s *stack) enterPeople() error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{Path: s.database(), Vault: s.module})
	if err != nil {
		return err
	}
	for _, p := range s.pos {
		err = errors.Join(err, s.enterTerminal(ctx, db, p))
	}
	for n := range stackPayees {
		err = errors.Join(err, enterStackPayee(ctx, db, n))
	}
	return errors.Join(err, db.Close())
}

func (s *stack) enterTerminal(ctx context.Context, db *store.DB, p *stackPOS) error {
	tmk, err := s.module.WrapKey(acquirer.UsageTMK, acquirer.CipherTDES, acquirer.NewKey(p.terminalKey()))
	if err != nil {
		return err
	}
	algorithm := acquirer.MACECB
	if p.n%2 == 1 {
		algorithm = acquirer.MACX919
	}
	return db.AddTerminal(ctx, acquirer.Terminal{ID: acquirer.TerminalID(p.id), Merchant: acquirer.MerchantID(p.merchant),
		Profile: acquirer.Profile{MAC: algorithm}, TMK: tmk})
}

func enterStackPayee(ctx context.Context, db *store.DB, n int) error {
	number, err := acquirer.ParseMSISDN(stackPayeeNumber(n))
	if err != nil {
		return err
	}
	card, err := acquirer.ParsePAN(stackCard("621700", n))
	if err != nil {
		return err
	}
	_, err = db.AddPayee(ctx, acquirer.Payee{Number: number, Name: []string{"王小明", "李明", "欧阳小明"}[n], Card: card,
		Status: acquirer.PayeeActive})
	return err
}
