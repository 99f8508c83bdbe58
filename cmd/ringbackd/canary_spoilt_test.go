package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	acquirer "example.com/ringback/switch"
)

// spoilt is ringbackd serve as a process in which a part is spoilt, that which the environment variable SPOIL names: what a
// sound program never does, so that the scan has something to find.
func spoilt() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := serveSpoilt(ctx, os.Args[len(os.Args)-1])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ringbackd:", err)
		os.Exit(1)
	}
}

func serveSpoilt(ctx context.Context, path string) error {
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	if err := sealHalf(os.Getenv("SPOIL")); err != nil {
		return err
	}
	log, err := newLogger(c.Log)
	if err != nil {
		return err
	}
	app, err := newApp(ctx, path, log)
	if err != nil {
		return err
	}
	switch os.Getenv("SPOIL") {
	case "limited", "hidden":
	case "panic":
		app.Switch.Network = falling{Network: app.Network, at: 9808}
	case "stack":
		app.Switch.Network = falling{Network: app.Network, at: 9806, loud: true}
	case "store":
		app.Switch.Journal = telltale{app.db}
	default:
		return errors.New("SPOIL names no part")
	}
	log.Info().Stringer("addr", app.listeners[0].Addr()).Msg("serving terminals")
	return app.run(ctx, func() { fmt.Println("ready") })
}

// sealHalf turns one of the two locks against core files, and makes the runtime end a failing process by a signal that
// writes one.
func sealHalf(spoil string) error {
	switch spoil {
	case "limited":
		debug.SetTraceback("crash")
		return limitCores()
	case "hidden":
		debug.SetTraceback("crash")
		return hideMemory()
	}
	return errors.Join(limitCores(), hideMemory())
}

// falling panics where nothing catches it, in the worker that sends reversals, at one amount. A loud one has a clear PIN
// block in its arguments.
type falling struct {
	acquirer.Network
	at   acquirer.Fen
	loud bool
}

func (f falling) Reverse(ctx context.Context, r acquirer.Reversal, t *acquirer.Transaction) (acquirer.ResponseCode, error) {
	switch {
	case t.Amount != f.at:
		return f.Network.Reverse(ctx, r, t)
	case f.loud:
		return spill(plantedBlock(), t.Card.Reveal()), nil
	}
	return acquirer.ResponseCode(*noCode(r, t)), nil
}

// plantedBlock is the clear PIN block that the scan looks for.
func plantedBlock() (b [8]byte) {
	_, _ = hex.Decode(b[:], []byte(clearBlock(canaryPIN, canaryCard))) // it is hex
	return b
}

// noCode points nowhere.
//
//go:noinline
func noCode(acquirer.Reversal, *acquirer.Transaction) *string { return nil }

// spill panics with a PIN block in its arguments.
//
//go:noinline
func spill(block [8]byte, card string) acquirer.ResponseCode {
	panic(fmt.Sprint("cannot use ", len(block), " bytes of ", len(card)))
}

// telltale shows a card in the error of a write that failed.
type telltale struct{ acquirer.Journal }

func (j telltale) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	err := j.Journal.Open(ctx, t, c)
	if errors.Is(err, acquirer.ErrStore) {
		err = fmt.Errorf("writing the debit of %s: %w", t.Card.Reveal(), err)
	}
	return err
}
