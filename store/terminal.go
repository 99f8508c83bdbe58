package store

import (
	"context"
	"time"

	acquirer "example.com/ringback/switch"
)

// Terminal implements [acquirer.Directory].
func (db *DB) Terminal(ctx context.Context, id acquirer.TerminalID) (*acquirer.Terminal, error) {
	var t acquirer.Terminal
	if err := scanTerminal(db.one(ctx, readTerminal, string(id)), &t); err != nil {
		return nil, absent(err)
	}
	return &t, nil
}

// Terminals returns every terminal, in the order of their numbers.
func (db *DB) Terminals(ctx context.Context) (all []acquirer.Terminal, err error) {
	err = db.many(ctx, func(row scanner) error {
		var t acquirer.Terminal
		err := scanTerminal(row, &t)
		all = append(all, t)
		return err
	}, readTerminals)
	return all, err
}

// scanTerminal reads the columns of selectTerminal.
func scanTerminal(row scanner, t *acquirer.Terminal) error {
	var tmk, pik, mak, tdk, oldMAK []byte
	var since, ended int64
	s := &t.Session
	err := row.Scan(&t.ID, &t.Merchant, &t.Line, &t.Blocked, &t.Profile.MAC, &t.Profile.SingleMAK, &t.Profile.SingleDES,
		&t.Profile.SM4, &t.Profile.KeyedEntry, &tmk, &s.Batch, &s.SignedOn, &pik, &mak, &tdk, &oldMAK, &since, &ended,
		&s.Closed)
	t.TMK, s.PIK, s.MAK, s.TDK, s.OldMAK = blockOf(tmk), blockOf(pik), blockOf(mak), blockOf(tdk), blockOf(oldMAK)
	s.Since, s.Ended = timeOf(since), timeOf(ended)
	return err
}

// AddTerminal registers a terminal, durably. [acquirer.ErrDuplicate]: its number is taken.
func (db *DB) AddTerminal(ctx context.Context, t acquirer.Terminal) error {
	s, p := t.Session, t.Profile
	return db.insert(ctx, call{writeTerminal, []any{string(t.ID), string(t.Merchant), t.Line, flag(t.Blocked), string(p.MAC),
		flag(p.SingleMAK), flag(p.SingleDES), flag(p.SM4), flag(p.KeyedEntry), column(t.TMK), int64(s.Batch), flag(s.SignedOn),
		column(s.PIK), column(s.MAK), column(s.TDK), column(s.OldMAK), micros(s.Since)}})
}

// SaveSession implements [acquirer.Directory].
func (db *DB) SaveSession(ctx context.Context, id acquirer.TerminalID, s acquirer.Session) error {
	return db.update(ctx, call{writeSession, []any{int64(s.Batch), flag(s.SignedOn), column(s.PIK), column(s.MAK),
		column(s.TDK), column(s.OldMAK), micros(s.Since), micros(s.Ended), flag(s.Closed), string(id)}})
}

// SetBlocked blocks a terminal or lets it work again; it holds from the terminal's next message. A block ends the session:
// PIN key and track key are erased with it, the MAK stays for undos until [DB.EraseEndedKeys]. After an unblock the
// terminal must sign on again; who lets it work has seen to its alarms, which go. [acquirer.ErrNotFound]: no such terminal.
func (db *DB) SetBlocked(ctx context.Context, id acquirer.TerminalID, blocked bool) error {
	if !blocked {
		return db.update(ctx, call{writeUnblock, []any{string(id)}}, call{writeAlarmsSeen, []any{string(id)}})
	}
	return db.update(ctx, blockOn(id, time.Now()))
}

// blockOn is the write that blocks a terminal.
func blockOn(id acquirer.TerminalID, now time.Time) call {
	return call{writeBlock, []any{micros(now.Add(-acquirer.OldKeyLife)), micros(now), string(id)}}
}

// EraseEndedKeys erases what is left of the keys of sessions that a block ended [acquirer.EndedKeyLife] ago or longer.
func (db *DB) EraseEndedKeys(ctx context.Context, now time.Time) error {
	all, err := db.Terminals(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Session.Ended.IsZero() || now.Sub(t.Session.Ended) < acquirer.EndedKeyLife {
			continue
		}
		_, err := db.commits.submit(ctx, newOp(call{writeEndedKeys, []any{string(t.ID), micros(t.Session.Ended)}}))
		if err != nil {
			return err
		}
	}
	return nil
}

// ZoneKey implements [acquirer.Directory].
func (db *DB) ZoneKey(ctx context.Context, usage acquirer.KeyUsage) (acquirer.KeyBlock, error) {
	var block []byte
	if err := db.one(ctx, readZoneKey, int64(usage)).Scan(&block); err != nil {
		return acquirer.KeyBlock{}, absent(err)
	}
	return blockOf(block), nil
}

// SaveZoneKey implements [acquirer.Directory].
func (db *DB) SaveZoneKey(ctx context.Context, k acquirer.KeyBlock) error {
	return db.update(ctx, call{writeZoneKey, []any{int64(k.Usage), append([]byte{byte(k.Usage)}, k.Blob...)}})
}

// column writes a key block with its usage in front; no key is null.
func column(k acquirer.KeyBlock) any {
	if k.Zero() {
		return nil
	}
	return append([]byte{byte(k.Usage)}, k.Blob...)
}

// blockOf reverses column.
func blockOf(b []byte) acquirer.KeyBlock {
	if len(b) < 2 {
		return acquirer.KeyBlock{}
	}
	return acquirer.KeyBlock{Usage: acquirer.KeyUsage(b[0]), Blob: string(b[1:])}
}
