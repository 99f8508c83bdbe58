package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	"github.com/stretchr/testify/require"
)

func TestPayApproved(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		ui := rightPIN()
		r, err := term.Pay(t.Context(), testPayment(), ui)
		require.NoError(t, err)
		require.Equal(t, []string{"0800 000001", "0100 000002", "0200 000003"}, d.requests())
		require.Equal(t, []string{"王*明"}, ui.names)
		require.Empty(t, ui.shown)
		require.Equal(t, Receipt{
			Terminal: testTID, Merchant: testMID, Operator: "01", Batch: "000007", STAN: "000003",
			Outcome: Approved, Phase: PhaseDebit, Code: "00", Text: "交易成功",
			PayeeName: "王*明", Payee: "138****8001", Payer: "139****9001", AmountFen: 1234,
			Card: "622202*********0018", EntryMode: "021",
			RRN: "632800000001", AuthCode: "A12345", SettleDate: "1124", Time: "1999-11-24T09:30:00",
		}, r)
		require.Equal(t, []Receipt{r}, term.Receipts())
		require.Equal(t, Status{NextSTAN: 4, Batch: "000007", SignedOn: true}, term.Status())
	})
}

// The fields of each request, as the protocol page lists them.
func TestRequestFields(t *testing.T) {
	chip := SwipedCard(testCard, "3012")
	chip.Chip, chip.Sequence = []byte{0x9F, 0x26, 0x00}, "001"
	for _, v := range []struct {
		name  string
		card  Card
		debit []int
		entry string
	}{
		{"stripe", SwipedCard(testCard, "3012"), []int{3, 4, 11, 22, 25, 26, 35, 41, 42, 49, 52, 53, 60, 62, 64}, "021"},
		{"keyed", KeyedCard(testCard, "3012"), []int{2, 3, 4, 11, 14, 22, 25, 26, 41, 42, 49, 52, 53, 60, 62, 64}, "011"},
		{"chip", chip, []int{3, 4, 11, 22, 23, 25, 26, 35, 41, 42, 49, 52, 53, 55, 60, 62, 64}, "051"},
	} {
		t.Run(v.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				p := testPayment()
				p.Card, p.Memo = v.card, "房租"
				d.on("0200", refuse("98"))
				_, err := term.Pay(t.Context(), p, rightPIN())
				require.Error(t, err)

				require.Equal(t, []int{11, 41, 42, 60, 63}, d.last("0800").Fields())
				require.Equal(t, []int{3, 4, 11, 22, 25, 41, 42, 49, 60, 62, 64}, d.last("0100").Fields())
				require.Equal(t, v.debit, d.last("0200").Fields())
				require.Equal(t, []int{3, 4, 11, 22, 25, 39, 41, 42, 49, 60, 64}, d.last("0400").Fields())

				debit := d.last("0200")
				for id, want := range map[int]string{
					3: "480000", 4: "000000001234", 22: v.entry, 25: "82", 26: "06", 41: testTID, 42: testMID, 49: "156",
					53: "2600000000000000", 60: "72000007000",
					62: string(elements("PE", testPayee, "PR", testPayer, "CT", testToken, "MO", "房租")),
				} {
					require.Equal(t, want, debit.Get(id), "F%d", id)
				}
				require.Equal(t, string(elements("PE", testPayee, "PR", testPayer, "MO", "房租")), d.last("0100").Get(62))
				require.Equal(t, "71000007000", d.last("0100").Get(60))
				require.Equal(t, "00000000003", d.last("0800").Get(60))
				require.Equal(t, "01 ", d.last("0800").Get(63))
				pin, err := spec.OpenPIN(testPIK(), [8]byte(debit.Bytes(52)), testCard)
				require.NoError(t, err)
				require.Equal(t, testPIN, pin)

				undo := d.last("0400")
				for _, id := range []int{3, 4, 11, 22, 25, 41, 42, 49, 60} {
					require.Equal(t, debit.Get(id), undo.Get(id), "F%d", id)
				}
			})
		})
	}
}

func TestEnvelope(t *testing.T) {
	d := newDouble(t)
	c := testConfig(d)
	c.Line, c.Dialled = "01088886666", "95516"
	c.TPDU, c.Header = [5]byte{0x60, 0x12, 0x34, 0x00, 0x01}, [6]byte{0x60, 0x31, 0, 0, 0, 9}
	term, err := Open(c)
	require.NoError(t, err)
	require.NoError(t, term.SignOn(t.Context(), ""))
	e := d.last("0800").Envelope()
	require.Equal(t, c.TPDU, e.TPDU)
	require.Equal(t, c.Header, e.Header)
	require.Equal(t, "4C5249001C00000010888866660000000000095516580009490006000000000000", spec.Hex(e.LRI))
	require.NoError(t, term.Close())
}

// F64 is over the bytes as sent: the double computes it by itself.
func TestMAC(t *testing.T) {
	for _, v := range []struct {
		mac  MAC
		kind string
		want func(data []byte) [8]byte
	}{
		{MACECB, "003", func(b []byte) [8]byte { return spec.MACCUP(testMAK(), b) }},
		{MACX919, "003", func(b []byte) [8]byte { return spec.MACX919(testMAK(), b) }},
		{MACECB, "001", func(b []byte) [8]byte { return spec.MACCUP(testMAK()[:8], b) }},
		{MACX919, "001", func(b []byte) [8]byte { return spec.MACX99(testMAK()[:8], b) }},
	} {
		t.Run(string(v.mac)+v.kind, func(t *testing.T) {
			d := newDouble(t)
			c := testConfig(d)
			c.MAC, c.SignOnKind = v.mac, v.kind
			signed := make(chan []byte, 1)
			d.on("0100", func(call *call) { signed <- call.frame; hangUp(call) })
			term, err := Open(c)
			require.NoError(t, err)
			_, err = term.Inquire(t.Context(), testPayee, testPayer, 1, "")
			require.ErrorIs(t, err, ErrNoAnswer)
			frame := <-signed
			want := v.want(frame[11 : len(frame)-8]) // TPDU and header before, F64 behind
			require.Equal(t, want[:], frame[len(frame)-8:])
			require.NoError(t, term.Close())
		})
	}
}

func TestChecksBeforeDialling(t *testing.T) {
	for _, v := range []struct {
		change func(p *Payment)
		code   string
		cause  error
	}{
		{func(p *Payment) { p.Payee = "12800138001" }, "P1", nil},
		{func(p *Payment) { p.Payer = "1380013800" }, "P2", nil},
		{func(p *Payment) { p.Payee, p.Payer = "", "" }, "P1", nil},
		{func(p *Payment) { p.AmountFen = 0 }, "13", nil},
		{func(p *Payment) { p.AmountFen = -1 }, "13", nil},
		{func(p *Payment) { p.AmountFen = MaxAmountFen + 1 }, "13", nil},
		{func(p *Payment) { p.Memo = strings.Repeat("房", 31) }, "", ErrPayment},
		{func(p *Payment) { p.Card.PAN = "622202000000" }, "", ErrCard},
		{func(p *Payment) { p.Card.PAN = "62220200000000000180" }, "", ErrCard},
		{func(p *Payment) { p.Card.Expiry = "" }, "", ErrCard},
	} {
		inBubble(t, func(t *testing.T, d *double, term *Terminal) {
			p := testPayment()
			v.change(&p)
			r, err := term.Pay(t.Context(), p, rightPIN())
			e := phaseOf(t, err)
			require.Equal(t, PhaseCheck, e.Phase)
			require.Equal(t, v.code, e.Code)
			require.Equal(t, Refused, r.Outcome)
			require.Equal(t, PhaseCheck, r.Phase)
			if v.cause != nil {
				require.ErrorIs(t, err, v.cause)
			}
			require.Empty(t, d.requests())
			require.Empty(t, d.conns)
		})
	}
}

// Without the terminal's own check the switch sees every number.
func TestUncheckedNumbersAreSent(t *testing.T) {
	d := newDouble(t)
	c := testConfig(d)
	c.CheckNumbers = false
	term, err := Open(c)
	require.NoError(t, err)
	d.on("0100", refuse("P1"))
	_, err = term.Inquire(t.Context(), "1", testPayer, 1, "")
	require.Equal(t, &Error{Phase: PhaseInquiry, Code: "P1", Text: "说明P1"}, phaseOf(t, err))
	require.NoError(t, term.Close())
}

func TestLongestMemoIsSent(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		_, err := term.Inquire(t.Context(), testPayee, testPayer, MaxAmountFen, strings.Repeat("房", 30))
		require.NoError(t, err)
		require.Equal(t, "999999999999", d.last("0100").Get(4))
	})
}

func TestInquiryAnswers(t *testing.T) {
	set62 := func(pairs ...string) func(*call) {
		return alter(func(m *pos.Message) { m.SetBytes(62, elements(pairs...)) })
	}
	for _, v := range []struct {
		name   string
		script func(*call)
		code   string
		cause  error
	}{
		{"no payee", refuse("P3"), "P3", nil},
		{"unknown terminal, unsigned", unsigned("97"), "97", nil},
		{"approval without F64", unsigned("00"), "", ErrBadAnswer},
		{"wrong F64", alter(func(m *pos.Message) { m.SetBytes(64, []byte("00000000")) }), "", ErrBadAnswer},
		{"refusal with wrong F64", alter(func(m *pos.Message) { m.Set(39, "P3"); m.SetBytes(64, []byte("00000000")) }), "", ErrBadAnswer},
		{"other amount", alter(func(m *pos.Message) { m.Set(4, "000000001235") }), "", ErrBadAnswer},
		{"no token", set62("NM", "王*明"), "", ErrBadAnswer},
		{"no name", set62("CT", testToken), "", ErrBadAnswer},
		{"empty token", set62("NM", "王*明", "CT", ""), "", ErrBadAnswer},
		{"token of 64", set62("NM", "王*明", "CT", strings.Repeat("x", 64)), "ok", nil},
		{"token of 65", set62("NM", "王*明", "CT", strings.Repeat("x", 65)), "", ErrBadAnswer},
		{"token not ASCII", set62("NM", "王*明", "CT", "确认"), "", ErrBadAnswer},
		{"unknown tag", set62("ZZ", "", "NM", "王*明", "CT", testToken), "ok", nil},
		{"broken list", alter(func(m *pos.Message) { m.SetBytes(62, []byte("NM")) }), "", ErrBadAnswer},
		{"connection lost", hangUp, "", ErrNoAnswer},
	} {
		t.Run(v.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				d.on("0100", v.script)
				q, err := term.Inquire(t.Context(), testPayee, testPayer, 1234, "")
				if v.code == "ok" {
					require.NoError(t, err)
					require.Equal(t, "王*明", q.Name)
					return
				}
				e := phaseOf(t, err)
				require.Equal(t, PhaseInquiry, e.Phase)
				require.Equal(t, v.code, e.Code)
				if v.cause != nil {
					require.ErrorIs(t, err, v.cause)
				}
				require.Empty(t, term.Status().UndoOwed)
			})
		})
	}
}

func TestNameRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		r, err := term.Pay(t.Context(), testPayment(), &testUI{no: true})
		require.ErrorIs(t, err, ErrCancelled)
		require.Equal(t, Refused, r.Outcome)
		require.Equal(t, PhaseInquiry, r.Phase)
		require.Equal(t, []string{"0800 000001", "0100 000002"}, d.requests())
	})
}

// Nothing that prints shows a card or a number.
func TestPrintsMasked(t *testing.T) {
	q := Inquiry{Payment: testPayment(), Token: testToken}
	js, err := json.Marshal(q.Card)
	require.NoError(t, err)
	text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v %s", q, q, q, q.Payment, q.Card, q.Card, q.Card, js)
	for _, secret := range []string{testCard, testPayee, testPayer, testToken, "0000000000018"} {
		require.NotContains(t, text, secret)
	}
	require.Contains(t, text, "138****8001")
	e := &Error{Phase: PhaseDebit, Code: "51", Text: "卡" + testCard, Err: errors.New("x")}
	require.NotContains(t, e.Error(), testCard)
	require.Equal(t, "debit: answered with 51 卡62*************0018: x", e.Error())
	require.Equal(t, "debit: refused with 55 密码错", (&Error{Phase: PhaseDebit, Code: "55", Text: "密码错"}).Error())
	require.Equal(t, "debit: no answer", (&Error{Phase: PhaseDebit, Err: ErrNoAnswer}).Error())
}
