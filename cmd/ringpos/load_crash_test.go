package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/ringback/terminal/emulator"
	"github.com/stretchr/testify/require"
)

// newTill opens a till at a switch that pays.
func newTill(t *testing.T, s *testSwitch) *till {
	t.Helper()
	tmk, err := hex.DecodeString(demoTerminalOf(demoTerminalID).tmk)
	require.NoError(t, err)
	till, err := openTill(t.Context(), emulator.Config{TerminalID: demoTerminalID, MerchantID: crashMerchant, TMK: tmk, Addr: s.addr(),
		AnswerTimeout: 5 * time.Second, StateFile: filepath.Join(t.TempDir(), "pos.json")}, demoCard, rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, till.close()) })
	return till
}

func (t *till) payOnce(ctx context.Context) (emulator.Receipt, error) {
	return t.terminal.Pay(ctx, emulator.Payment{Payee: demoPayee, Payer: demoPayer, AmountFen: demoFen,
		Card: emulator.SwipedCard(demoCard, "3012")}, &customer{says: true})
}

// A terminal whose power is cut while its debit is at the switch wakes up with the debit to be undone, whatever it
// would have done in between, and sends nothing without power.
func TestPowerCut(t *testing.T) {
	s := startSwitch(t)
	till := newTill(t, s)
	_, err := till.payOnce(t.Context())
	require.NoError(t, err)
	require.NoError(t, till.harvest(t.Context()))
	require.Len(t, till.slips, 1)

	reached, release := s.holdDebit()
	ended := make(chan error, 1)
	go func() {
		_, err := till.payOnce(till.power.Load().ctx)
		ended <- err
	}()
	<-reached
	at := till.power.Load()
	require.True(t, till.cut())
	require.False(t, till.cut(), "there is no power to cut")
	require.Error(t, <-ended)
	close(release)
	before := len(s.requests())
	_, err = till.payOnce(t.Context())
	require.ErrorIs(t, err, emulator.ErrConnect)
	require.Len(t, s.requests(), before)

	require.NoError(t, till.harvest(t.Context()))
	require.Equal(t, 1, till.tally.Cuts)
	onDisk, err := os.ReadFile(till.config.StateFile)
	require.NoError(t, err)
	require.Equal(t, string(at.state), string(onDisk))
	require.NotEmpty(t, till.terminal.Status().UndoOwed)
	require.NoError(t, till.settle(t.Context()))
	require.Empty(t, till.owes)
	require.Len(t, till.slips, 1)
	sent := s.requests()
	require.True(t, strings.HasPrefix(sent[len(sent)-1], "0400"), sent)
}

// A till that never wrote anything wakes up as a new one.
func TestPowerCutBeforeAll(t *testing.T) {
	till := newTill(t, startSwitch(t))
	require.True(t, till.cut())
	require.NoError(t, till.harvest(t.Context()))
	require.NoFileExists(t, till.config.StateFile)
	_, err := till.payOnce(t.Context())
	require.NoError(t, err)
}

// settle tries until its time is over, and says what is owed; the terminal still owes it when it is taken up again.
func TestSettleGivesUp(t *testing.T) {
	s := startSwitch(t)
	till := newTill(t, s)
	reached, release := s.holdDebit()
	ended := make(chan error, 1)
	go func() {
		_, err := till.payOnce(till.power.Load().ctx)
		ended <- err
	}()
	<-reached
	require.True(t, till.cut())
	require.Error(t, <-ended)
	close(release)

	tries := make(chan struct{})
	till.config.Addr = deafSwitch(t, tries)
	ctx, cancel := context.WithCancel(t.Context())
	settled := make(chan error, 1)
	go func() { settled <- till.settle(ctx) }()
	<-tries
	<-tries // the first has failed, and it is not the last
	cancel()
	for given := false; !given; {
		select {
		case err := <-settled:
			require.NoError(t, err)
			given = true
		case <-tries:
		}
	}
	owed := till.terminal.Status().UndoOwed
	require.NotEmpty(t, owed)
	require.Contains(t, till.owes, "the undo of "+owed+": ")
	require.NoError(t, till.close())
	var err error
	till.terminal, err = emulator.Open(till.config)
	require.NoError(t, err)
	require.Equal(t, owed, till.terminal.Status().UndoOwed)
}

// deafSwitch closes every connection without a word, once its coming has been taken from tries.
func deafSwitch(t *testing.T, tries chan<- struct{}) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			select {
			case tries <- struct{}{}:
			case <-over:
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() {
		close(over)
		require.NoError(t, l.Close())
		<-ended
	})
	return l.Addr().String()
}

// The line passes on what is no debit, and does with a debit what chance says.
func TestFaultyLine(t *testing.T) {
	s := startSwitch(t)
	till := newTill(t, s)
	var debit []byte
	till.config.Trace = func(dir emulator.Direction, frame []byte) {
		if dir == emulator.Sent {
			debit = append([]byte{byte(len(frame) >> 8), byte(len(frame))}, frame...)
		}
	}
	require.NoError(t, till.close())
	require.NoError(t, till.open(t.Context()))
	_, err := till.payOnce(t.Context())
	require.NoError(t, err)
	require.True(t, isDebit(debit))
	echo := []byte{0, 21}
	echo = append(echo, make([]byte, 21)...)
	require.False(t, isDebit(echo))

	var last []byte
	var tally lineTally
	for range 500 {
		near := &sink{}
		line := &faultyLine{Conn: near, power: till.power.Load(), chance: till.chance, last: &last, tally: &tally}
		was := tally
		for _, frame := range [][]byte{debit, echo} {
			n, err := line.Write(frame)
			require.NoError(t, err)
			require.Equal(t, len(frame), n)
		}
		require.Equal(t, 1+tally.Repeats-was.Repeats+tally.Replays-was.Replays, bytes.Count(near.got, debit))
		require.Equal(t, 1, bytes.Count(near.got, echo))
		require.Equal(t, tally.Losses-was.Losses, near.closed)
	}
	require.NotZero(t, tally.Repeats)
	require.NotZero(t, tally.Replays)
	require.NotZero(t, tally.Losses)
}

// sink is a connection that takes everything.
type sink struct {
	net.Conn
	got    []byte
	closed int
}

func (s *sink) Write(b []byte) (int, error) {
	s.got = append(s.got, b...)
	return len(b), nil
}

func (s *sink) Close() error {
	s.closed++
	return nil
}

// The tills work until they are told to stop; each customer is one that the switch has an answer for.
func TestLoad(t *testing.T) {
	s := startSwitch(t)
	pos := newTill(t, s)
	l := startLoad(t.Context(), []*till{pos})
	require.Eventually(t, func() bool { return len(s.requests()) > 60 }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, l.finish())
	require.NoError(t, l.err())
	require.NotZero(t, pos.tally.Approved)
	require.GreaterOrEqual(t, len(pos.slips), pos.tally.Approved)
	seen := len(s.requests())
	require.Never(t, func() bool { return len(s.requests()) > seen }, 50*time.Millisecond, 10*time.Millisecond)
}
