package emulator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// Terminal is one POS terminal. It does one thing at a time, on one connection: its methods may be called by any number
// of goroutines and take turns. Open makes one; Close ends it.
type Terminal struct {
	cfg   Config
	store storage

	turn chan struct{} // holds one token: who has it may use all below

	line       *line     // nil when hung up
	keys       *workKeys // nil when not signed on
	mustSignOn bool      // the switch asked for it

	mu    sync.Mutex // the turn's holder alone writes state, under mu; others read under mu
	state state
}

// Open takes up a terminal where its state file left it, or starts a new one. It dials nothing. The error is ErrConfig,
// ErrState or ErrStateInUse, wrapped, or that of the file system.
func Open(cfg Config) (*Terminal, error) {
	cfg, err := cfg.normal()
	if err != nil {
		return nil, err
	}
	var store storage = &memory{}
	if cfg.StateFile != "" {
		if store, err = openStateFile(cfg.StateFile); err != nil {
			return nil, err
		}
	}
	t, err := open(cfg, store)
	if err != nil {
		return nil, errors.Join(err, store.close())
	}
	return t, nil
}

func open(cfg Config, store storage) (*Terminal, error) {
	b, err := store.load()
	if err != nil {
		return nil, err
	}
	s, err := decodeState(b, cfg)
	if err != nil {
		return nil, err
	}
	t := &Terminal{cfg: cfg, store: store, turn: make(chan struct{}, 1)}
	if s.Keys != nil {
		if t.keys, err = s.Keys.open(cfg); err != nil {
			s.Keys = nil // sealed under another master key: as good as none
		}
	}
	t.state = s
	return t, nil
}

// Close hangs up and lets go of the state file. It waits for its turn. The terminal must not be used afterwards.
func (t *Terminal) Close() error {
	t.turn <- struct{}{}
	return errors.Join(t.hangUp(), t.store.close())
}

// Status is what a terminal knows about itself.
type Status struct {
	NextSTAN int    // the trace number of its next message
	Batch    string // "" before the first sign-on
	SignedOn bool
	UndoOwed string // trace number of the debit that must be undone; "": none
}

// Status tells how the terminal stands. It does not wait for a turn.
func (t *Terminal) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Status{NextSTAN: t.state.NextSTAN, Batch: t.state.Batch, SignedOn: t.state.Keys != nil}
	if t.state.Owed != nil {
		s.UndoOwed = t.state.Owed.STAN
	}
	return s
}

// Receipts lists the receipts that are kept, newest last. It does not wait for a turn.
func (t *Terminal) Receipts() []Receipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.state.Receipts)
}

// take waits for the turn; the result gives it back.
func (t *Terminal) take(ctx context.Context) (release func(), err error) {
	select {
	case t.turn <- struct{}{}:
		return func() { <-t.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// commit makes a change durable, then takes it over. If it fails, nothing has changed here; the file is as before, or,
// when only the last flush failed, one change ahead, which is safe: numbers are skipped and debits undone once more.
func (t *Terminal) commit(change func(*state)) error {
	next := t.state.clone()
	change(&next)
	b, err := next.encode()
	if err == nil {
		err = t.store.save(b)
	}
	if err != nil {
		return fmt.Errorf("storing the terminal's state: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state = next
	return nil
}

// connect makes sure of a connection that stood a moment ago.
func (t *Terminal) connect(ctx context.Context) error {
	if t.line != nil && t.line.alive() {
		return nil
	}
	if err := t.hangUp(); err != nil {
		return err
	}
	conn, err := t.cfg.Dial(ctx, t.cfg.Addr)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConnect, err)
	}
	t.line = newLine(conn)
	return nil
}

func (t *Terminal) hangUp() error {
	if t.line == nil {
		return nil
	}
	l := t.line
	t.line = nil
	return l.hangUp()
}

// newMessage is a message with what every message has.
func (t *Terminal) newMessage(mti string) *pos.Message {
	m := pos.New(mti)
	m.SetEnvelope(t.cfg.envelope())
	m.Set(41, t.cfg.TerminalID)
	m.Set(42, t.cfg.MerchantID)
	return m
}

// number gives a message the next trace number. It is used up when transmit makes the change takeNumber durable.
func (t *Terminal) number(m *pos.Message) string {
	stan := fmt.Sprintf("%06d", t.state.NextSTAN)
	m.Set(11, stan)
	return stan
}

func takeNumber(s *state) { s.NextSTAN = nextSTAN(s.NextSTAN) }

// transmit sends a message and waits for its answer. With a connection standing, and before the first byte leaves, it
// makes change durable. An error that is not ErrNoAnswer means that nothing was sent.
func (t *Terminal) transmit(ctx context.Context, m *pos.Message, mac func([]byte) [8]byte, change func(*state)) (answer, error) {
	frame, err := pack(m, mac)
	if err != nil {
		return answer{}, err
	}
	if err := t.connect(ctx); err != nil {
		return answer{}, err
	}
	if err := t.commit(change); err != nil {
		return answer{}, err
	}
	a, err := t.exchange(ctx, frame, m, mac)
	if err != nil {
		// A late answer must not meet the next message: the connection goes.
		return answer{}, errors.Join(fmt.Errorf("%w: %w", ErrNoAnswer, err), t.hangUp())
	}
	t.mustSignOn = t.mustSignOn || a.wantsSignOn()
	return a, nil
}

func (t *Terminal) exchange(ctx context.Context, frame []byte, req *pos.Message, mac func([]byte) [8]byte) (a answer, err error) {
	t.cfg.Trace(Sent, frame)
	if err := t.line.send(frame); err != nil {
		return a, err
	}
	err = t.line.await(ctx, t.cfg.AnswerTimeout, func(frame []byte) bool {
		t.cfg.Trace(Received, frame)
		var ok bool
		a, ok = readAnswer(frame, req, mac)
		return ok
	})
	return a, err
}

// pack writes the frame, with F64 if mac is not nil.
func pack(m *pos.Message, mac func([]byte) [8]byte) ([]byte, error) {
	if mac != nil {
		m.SetBytes(64, make([]byte, pos.MACLen))
	}
	frame, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPayment, err)
	}
	if mac != nil {
		err = pos.SignFrame(frame, mac)
	}
	return frame, err
}

// mac computes F64 under the working key of this moment.
func (t *Terminal) mac() func([]byte) [8]byte {
	key, x919 := t.keys.mak, t.cfg.MAC == MACX919
	return func(data []byte) [8]byte {
		switch {
		case t.cfg.SM4 && x919:
			return spec.MACCBCSM4(key, data)
		case t.cfg.SM4:
			return spec.MACCUPSM4(key, data)
		case !x919:
			return spec.MACCUP(key, data)
		case len(key) == 8:
			return spec.MACX99(key, data) // what X9.19 comes to with one key
		}
		return spec.MACX919(key, data)
	}
}
