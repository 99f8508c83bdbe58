package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
)

// The demo world of PROTOCOL 3.1: test keys and invented people.
var demoTerminals = []struct {
	id       acquirer.TerminalID
	merchant acquirer.MerchantID
	tmk      string
	line     string
	blocked  bool
	mac      acquirer.MACAlgorithm
}{
	{id: "10000001", merchant: "898110000000001", tmk: "0123456789ABCDEFFEDCBA9876543210", mac: acquirer.MACECB},
	{id: "10000002", merchant: "898110000000001", tmk: "FEDCBA98765432100123456789ABCDEF", mac: acquirer.MACECB, line: "01088886666"},
	{id: "10000003", merchant: "898110000000002", tmk: "00112233445566778899AABBCCDDEEFF", mac: acquirer.MACECB, blocked: true},
	{id: "10000004", merchant: "898110000000002", tmk: "89ABCDEF0123456776543210FEDCBA98", mac: acquirer.MACX919},
}

var demoPayees = []struct {
	number, name, card string
	status             acquirer.PayeeStatus
}{
	{"13800138001", "王小明", "6217000000000000012", acquirer.PayeeActive},
	{"13800138002", "李明", "6228480000000000018", acquirer.PayeeActive},
	{"13800138003", "欧阳小明", "6216610000000000016", acquirer.PayeeActive},
	{"13800138004", "买买提·艾力", "6212260000000000018", acquirer.PayeeActive},
	{"13800138009", "张三丰", "6227000000000000011", acquirer.PayeeRegistered},
}

// enterDemoWorld registers what is not there yet; a second start changes nothing.
func enterDemoWorld(ctx context.Context, db *store.DB, module *hsm.Module) error {
	for _, d := range demoTerminals {
		tmk, err := hex.DecodeString(d.tmk)
		if err != nil {
			return fmt.Errorf("terminal %s: %w", d.id, err)
		}
		block, err := module.WrapKey(acquirer.UsageTMK, acquirer.CipherTDES, acquirer.NewKey(tmk))
		if err != nil {
			return fmt.Errorf("terminal %s: %w", d.id, err)
		}
		err = db.AddTerminal(ctx, acquirer.Terminal{ID: d.id, Merchant: d.merchant, Line: d.line, Blocked: d.blocked,
			Profile: acquirer.Profile{MAC: d.mac}, TMK: block})
		if err != nil && !errors.Is(err, acquirer.ErrDuplicate) {
			return fmt.Errorf("terminal %s: %w", d.id, err)
		}
	}
	for _, d := range demoPayees {
		p, err := newPayee(d.number, d.name, d.card, d.status)
		if err != nil {
			return fmt.Errorf("demo payee: %w", err)
		}
		if _, err := db.AddPayee(ctx, p); err != nil && !errors.Is(err, acquirer.ErrDuplicate) {
			return fmt.Errorf("demo payee: %w", err)
		}
	}
	return nil
}

// refuseDemoKeys fails when a terminal's master key is one of the demo world's: in production nobody may know it.
func refuseDemoKeys(ctx context.Context, db *store.DB, module *hsm.Module) error {
	known := make(map[[4]byte]bool)
	for _, d := range demoTerminals {
		tmk, err := hex.DecodeString(d.tmk)
		if err != nil {
			return err
		}
		block, err := module.WrapKey(acquirer.UsageTMK, acquirer.CipherTDES, acquirer.NewKey(tmk))
		if err != nil {
			return err
		}
		check, err := module.CheckValue(block)
		if err != nil {
			return err
		}
		known[check] = true
	}
	terminals, err := db.Terminals(ctx)
	if err != nil {
		return err
	}
	for _, t := range terminals {
		check, err := module.CheckValue(t.TMK)
		if err != nil {
			return fmt.Errorf("terminal %s: %w", t.ID, err)
		}
		if known[check] {
			return fmt.Errorf("terminal %s has a public test key, refused while production is true", t.ID)
		}
	}
	return nil
}
