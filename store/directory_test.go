package store

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

func key(u acquirer.KeyUsage, blob string) acquirer.KeyBlock {
	return acquirer.KeyBlock{Usage: u, Blob: blob}
}

func TestTerminal(t *testing.T) {
	db := openNew(t)
	_, err := db.Terminal(t.Context(), "10000001")
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	plain := acquirer.Terminal{ID: "10000002", Merchant: "898110000000001"}
	full := acquirer.Terminal{ID: "10000001", Merchant: "898110000000001", Line: "01088886666", Blocked: true,
		Profile: acquirer.Profile{MAC: acquirer.MACX919, SingleMAK: true, SingleDES: true, SM4: true, KeyedEntry: true},
		TMK:     key(acquirer.UsageTMK, "tmk"),
		Session: acquirer.Session{Batch: 9, SignedOn: true, PIK: key(acquirer.UsagePIK, "pik"), MAK: key(acquirer.UsageMAK, "mak"),
			TDK: key(acquirer.UsageTDK, "tdk"), OldMAK: key(acquirer.UsageMAK, "old"), Since: timeOf(micros(noon))}}
	require.NoError(t, db.AddTerminal(t.Context(), plain))
	require.NoError(t, db.AddTerminal(t.Context(), full))
	require.ErrorIs(t, db.AddTerminal(t.Context(), full), acquirer.ErrDuplicate)
	got, err := db.Terminal(t.Context(), "10000001")
	require.NoError(t, err)
	require.Equal(t, full, *got)
	all, err := db.Terminals(t.Context())
	require.NoError(t, err)
	require.Equal(t, []acquirer.Terminal{full, plain}, all)

	session := acquirer.Session{Batch: 10, PIK: key(acquirer.UsagePIK, "new"), Ended: timeOf(micros(noon))}
	require.ErrorIs(t, db.SaveSession(t.Context(), full.ID, session), acquirer.ErrNotFound, "blocked")
	require.NoError(t, db.SetBlocked(t.Context(), full.ID, false))
	require.NoError(t, db.SaveSession(t.Context(), full.ID, session))
	full.Session, full.Blocked = session, false
	got, err = db.Terminal(t.Context(), full.ID)
	require.NoError(t, err)
	require.Equal(t, full, *got)
	require.ErrorIs(t, db.SaveSession(t.Context(), "99999999", session), acquirer.ErrNotFound)
	require.ErrorIs(t, db.SetBlocked(t.Context(), "99999999", true), acquirer.ErrNotFound)
}

func TestAlarms(t *testing.T) {
	db := openNew(t)
	for _, id := range []acquirer.TerminalID{"10000001", "10000002", "10000003"} {
		require.NoError(t, db.AddTerminal(t.Context(), acquirer.Terminal{ID: id, Merchant: "898110000000001", Blocked: id == "10000003"}))
	}
	blocked := func() (out []bool) {
		all, err := db.Terminals(t.Context())
		require.NoError(t, err)
		for _, term := range all {
			out = append(out, term.Blocked)
		}
		return out
	}
	marks := func() []AlarmMark {
		all, err := db.Alarms(t.Context())
		require.NoError(t, err)
		return all
	}
	at := timeOf(micros(noon))
	require.Empty(t, marks())
	for _, a := range []acquirer.Alarm{
		{Terminal: "10000002", Kind: acquirer.AlarmLookUps, At: at},
		{Terminal: "10000002", Kind: acquirer.AlarmLookUps, At: at.Add(time.Hour), Block: true},
		{Terminal: "10000002", Kind: acquirer.AlarmLookUps, At: at.Add(2 * time.Hour), Count: 5}, // it stays blocked
		{Terminal: "10000003", Kind: "another", At: at},
	} {
		require.NoError(t, db.RaiseAlarm(t.Context(), a))
	}
	require.ErrorIs(t, db.RaiseAlarm(t.Context(), acquirer.Alarm{Terminal: "99999999", Kind: "another", At: at}), acquirer.ErrNotFound)
	require.Equal(t, []AlarmMark{
		{"10000002", acquirer.AlarmLookUps, at, at.Add(2 * time.Hour), 7},
		{"10000003", "another", at, at, 1},
	}, marks())
	require.Equal(t, []bool{false, true, true}, blocked())

	require.NoError(t, db.SetBlocked(t.Context(), "10000003", true), "who blocks has not seen to anything")
	require.Len(t, marks(), 2)
	require.NoError(t, db.SetBlocked(t.Context(), "10000002", false))
	require.Equal(t, []AlarmMark{{"10000003", "another", at, at, 1}}, marks())
	require.Equal(t, []bool{false, false, true}, blocked())
}

// A block ends the session in the same write: of the keys only those stay that verify an undo, and those not for ever.
func TestBlockEndsTheSession(t *testing.T) {
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), Config{Path: path, Vault: testVault{}})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		session := func(id acquirer.TerminalID) acquirer.Session {
			got, err := db.Terminal(t.Context(), id)
			require.NoError(t, err)
			return got.Session
		}
		now := time.Now().UTC()
		live := acquirer.Session{Batch: 9, SignedOn: true, PIK: key(acquirer.UsagePIK, "pik"), MAK: key(acquirer.UsageMAK, "mak"),
			TDK: key(acquirer.UsageTDK, "tdk"), OldMAK: key(acquirer.UsageMAK, "old"), Since: now.Add(-acquirer.OldKeyLife + time.Microsecond)}
		older := live
		older.Since = now.Add(-acquirer.OldKeyLife)
		require.NoError(t, db.AddTerminal(t.Context(), acquirer.Terminal{ID: "10000001", Session: live}))
		require.NoError(t, db.AddTerminal(t.Context(), acquirer.Terminal{ID: "10000002", Session: older}))
		require.NoError(t, db.AddTerminal(t.Context(), acquirer.Terminal{ID: "10000003"}))
		require.NoError(t, db.AddTerminal(t.Context(), acquirer.Terminal{ID: "10000004", Session: live}))
		require.NoError(t, db.RaiseAlarm(t.Context(), acquirer.Alarm{Terminal: "10000004", Kind: "any", At: now}))
		require.Equal(t, live, session("10000004"))
		require.NoError(t, db.RaiseAlarm(t.Context(), acquirer.Alarm{Terminal: "10000004", Kind: "any", At: now, Block: true}))
		for _, id := range []acquirer.TerminalID{"10000001", "10000002", "10000003"} {
			require.NoError(t, db.SetBlocked(t.Context(), id, true))
		}
		want := acquirer.Session{Batch: 9, MAK: live.MAK, OldMAK: live.OldMAK, Since: live.Since, Ended: now}
		require.Equal(t, want, session("10000001"))
		require.Equal(t, want, session("10000004"), "an alarm that blocks does, too")
		require.Equal(t, acquirer.Session{Batch: 9, MAK: live.MAK, Since: older.Since, Ended: now}, session("10000002"),
			"no message under the key before can be in flight any more")
		require.Equal(t, acquirer.Session{}, session("10000003"))

		time.Sleep(time.Hour)
		require.NoError(t, db.SetBlocked(t.Context(), "10000001", true), "again")
		require.Equal(t, now, session("10000001").Ended, "it has ended once")
		require.NoError(t, db.SetBlocked(t.Context(), "10000001", false))
		require.Equal(t, acquirer.Session{Batch: 9, MAK: live.MAK, Since: live.Since, Ended: now}, session("10000001"))

		time.Sleep(acquirer.EndedKeyLife - time.Hour - time.Microsecond)
		require.NoError(t, db.EraseEndedKeys(t.Context(), time.Now()))
		require.Equal(t, live.MAK, session("10000001").MAK)
		time.Sleep(time.Microsecond)
		require.NoError(t, db.EraseEndedKeys(t.Context(), time.Now()))
		require.Equal(t, acquirer.Session{Batch: 9, Since: live.Since}, session("10000001"))
		require.Equal(t, acquirer.Session{Batch: 9, Since: older.Since}, session("10000002"))
	})
}

func TestZoneKey(t *testing.T) {
	db := openNew(t)
	_, err := db.ZoneKey(t.Context(), acquirer.UsageZPK)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	for _, k := range []acquirer.KeyBlock{key(acquirer.UsageZPK, "1"), key(acquirer.UsageZAK, "2"), key(acquirer.UsageZPK, "3")} {
		require.NoError(t, db.SaveZoneKey(t.Context(), k))
		got, err := db.ZoneKey(t.Context(), k.Usage)
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	got, err := db.ZoneKey(t.Context(), acquirer.UsageZAK)
	require.NoError(t, err)
	require.Equal(t, key(acquirer.UsageZAK, "2"), got)
}

func wang(t testing.TB) acquirer.Payee {
	return acquirer.Payee{Number: msisdn(t, "13800138001"), Name: "王小明", Card: pan(t, "6217000000000000012"), Status: acquirer.PayeeActive,
		Alive: timeOf(micros(noon)), Revision: 1}
}

func TestPayee(t *testing.T) {
	db := openNew(t)
	p := wang(t)
	_, err := db.PayeeByNumber(t.Context(), p.Number)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	p.Ref, err = db.AddPayee(t.Context(), p)
	require.NoError(t, err)
	require.EqualValues(t, 1, p.Ref.CardVersion)
	_, err = db.AddPayee(t.Context(), p)
	require.ErrorIs(t, err, acquirer.ErrDuplicate)

	other := acquirer.Payee{Number: msisdn(t, "13800138002"), Name: "李明", Status: acquirer.PayeeRegistered, Alive: timeOf(1), Revision: 1}
	other.Ref, err = db.AddPayee(t.Context(), other)
	require.NoError(t, err)
	require.NotEqual(t, p.Ref.ID, other.Ref.ID)
	for _, want := range []acquirer.Payee{p, other} {
		got, err := db.PayeeByNumber(t.Context(), want.Number)
		require.NoError(t, err)
		require.Equal(t, want, *got)
		got, err = db.PayeeByRef(t.Context(), want.Ref)
		require.NoError(t, err)
		require.Equal(t, want, *got)
	}
	require.NoError(t, db.SetPayeeStatus(t.Context(), p.Ref.ID, acquirer.PayeeSuspended))
	got, err := db.PayeeByNumber(t.Context(), p.Number)
	require.NoError(t, err)
	require.Equal(t, acquirer.PayeeSuspended, got.Status, "whatever the status")
	require.ErrorIs(t, db.SetPayeeStatus(t.Context(), 999, acquirer.PayeeActive), acquirer.ErrNotFound)
	require.ErrorIs(t, db.SetPayeeStatus(t.Context(), 0, acquirer.PayeeActive), acquirer.ErrNotFound)
	for _, ref := range []acquirer.PayeeRef{{}, {CardVersion: 1}, {ID: p.Ref.ID}, {ID: p.Ref.ID, CardVersion: 2}, {ID: 999, CardVersion: 1}} {
		_, err := db.PayeeByRef(t.Context(), ref)
		require.ErrorIs(t, err, acquirer.ErrNotFound, "%v", ref)
	}
}

// An old reference keeps its card, and the status is that of now.
func TestPayeeByRefKeepsTheCard(t *testing.T) {
	db := openNew(t)
	p := wang(t)
	var err error
	p.Ref, err = db.AddPayee(t.Context(), p)
	require.NoError(t, err)
	record, err := encodeRecord("6228480000000000018")
	require.NoError(t, err)
	second := acquirer.PayeeRef{ID: p.Ref.ID, CardVersion: 2}
	date := acquirer.DateOf(noon)
	sealed, err := db.keys.seal(t.Context(), date, "payee_card", cardRow(second), record)
	require.NoError(t, err)
	index := db.numberIndex(p.Number)
	require.NoError(t, db.insert(t.Context(), call{writePayeeCard, []any{int64(p.Ref.ID), int64(2), int64(date), sealed, index[:]}}))
	_, err = db.conn.ExecContext(t.Context(), "UPDATE payee SET card_version = 2 WHERE id = $1", int64(p.Ref.ID))
	require.NoError(t, err)

	got, err := db.PayeeByRef(t.Context(), p.Ref)
	require.NoError(t, err)
	require.Equal(t, p, *got)
	got, err = db.PayeeByNumber(t.Context(), p.Number)
	require.NoError(t, err)
	require.Equal(t, second, got.Ref)
	require.Equal(t, "6228480000000000018", got.Card.Reveal())
}

// An unknown number opens a sealed record as a known one does: when every record is damaged both fail alike.
func TestUnknownNumberDoesTheSameWork(t *testing.T) {
	db := openNew(t)
	p := wang(t)
	_, err := db.AddPayee(t.Context(), p)
	require.NoError(t, err)
	unknown := make([]acquirer.MSISDN, 20) // some fall before the payee in the index, some behind
	for i := range unknown {
		unknown[i] = msisdn(t, fmt.Sprintf("139%08d", i))
		_, err := db.PayeeByNumber(t.Context(), unknown[i])
		require.ErrorIs(t, err, acquirer.ErrNotFound)
	}
	_, err = db.conn.ExecContext(t.Context(), "UPDATE payee SET sealed = zeroblob(60)")
	require.NoError(t, err)
	for _, number := range append(unknown, p.Number) {
		_, err := db.PayeeByNumber(t.Context(), number)
		require.ErrorIs(t, err, acquirer.ErrKey)
	}
}

func TestAddPayeeAtOnce(t *testing.T) {
	path := newPath(t)
	dbs := []*DB{openAt(t, path), openAt(t, path)} // both processes choose ids
	var group sync.WaitGroup
	var mu sync.Mutex
	seen := map[acquirer.PayeeID]bool{}
	for i := range 100 {
		p := wang(t)
		p.Number = msisdn(t, fmt.Sprintf("138%08d", i))
		group.Go(func() {
			ref, err := dbs[i%2].AddPayee(t.Context(), p)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[ref.ID] {
				t.Errorf("payee %d: id %d, seen %v, %v", i, ref.ID, seen[ref.ID], err)
			}
			seen[ref.ID] = true
		})
	}
	group.Wait()
	require.Equal(t, 101, count(t, dbs[0], "payee_card"), "and nobody's")
}

func TestList(t *testing.T) {
	db := openNew(t)
	var ids []acquirer.ID
	for i := range 6 {
		tx := opened(t, db, noon.AddDate(0, 0, i/3))
		if i%2 == 0 {
			moved(t, db, tx, acquirer.Approved, change(acquirer.EventApprove))
		}
		ids = append(ids, tx.ID)
	}
	for name, c := range map[string]struct {
		filter Filter
		want   []int
	}{
		"any":               {Filter{}, []int{0, 1, 2, 3, 4, 5}},
		"date":              {Filter{Date: acquirer.DateOf(noon)}, []int{0, 1, 2}},
		"next date":         {Filter{Date: acquirer.DateOf(noon.Add(day))}, []int{3, 4, 5}},
		"empty date":        {Filter{Date: acquirer.DateOf(noon.Add(2 * day))}, nil},
		"state":             {Filter{State: acquirer.Approved}, []int{0, 2, 4}},
		"limit":             {Filter{Limit: 2}, []int{0, 1}},
		"after":             {Filter{After: ids[1]}, []int{2, 3, 4, 5}},
		"date, state, page": {Filter{Date: acquirer.DateOf(noon.Add(day)), State: acquirer.Sent, After: ids[3], Limit: 5}, []int{5}},
		"date before after": {Filter{Date: acquirer.DateOf(noon), After: ids[4]}, nil},
	} {
		rows, err := db.List(t.Context(), c.filter)
		require.NoError(t, err)
		require.Len(t, rows, len(c.want), name)
		for i, row := range rows {
			require.Equal(t, ids[c.want[i]], row.ID, name)
			require.Equal(t, "6225880000000000019", row.Card.Reveal())
		}
	}
}
