package terminal

import (
	"context"
	"time"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// batch handles batch totals (0500) and the upload of a batch (0320). The dialect gives them no F64 (page, section 4); one
// that is there is verified, and the answer has one, too.
func (q *session) batch(ctx context.Context) (*pos.Message, error) {
	if err := q.vouched(time.Now()); err != nil {
		return nil, err
	}
	if err := q.unpack(); err != nil {
		return nil, err
	}
	settle := q.mti() == pos.MTISettle
	switch code := q.f60.NetMgmt; {
	case q.f60.Kind != pos.KindNetwork:
		return nil, refusal(acquirer.CodeNotSupported, nil)
	case settle && code == pos.NetSettle:
		return q.closeBatch(ctx)
	case settle:
		return nil, refusal(acquirer.CodeNotSupported, nil)
	case code == pos.NetSettle, code == pos.NetChipEven, code == pos.NetChipUneven:
		return q.uploadBatch(ctx)
	case code == pos.NetBatchUneven, code == pos.NetBatchEven:
		return q.endBatch(ctx)
	}
	return nil, refusal(acquirer.CodeNotSupported, nil)
}

// vouched verifies F64 where there is one. A terminal that is not signed on is told to sign on in any case.
func (q *session) vouched(now time.Time) error {
	if q.head.Has(64) {
		return q.verify(now)
	}
	if !q.terminal.Session.Verifies(false, now) {
		return refusal(acquirer.CodeSignOn, nil)
	}
	return nil
}

func (q *session) closeBatch(ctx context.Context) (*pos.Message, error) {
	r, err := q.decodeClose()
	if err != nil {
		return nil, err
	}
	b, err := q.server.Switch.CloseBatch(ctx, r)
	if err != nil {
		return nil, err
	}
	return q.encodeCloseResponse(b)
}

func (q *session) uploadBatch(ctx context.Context) (*pos.Message, error) {
	r, err := q.decodeUpload()
	if err != nil {
		return nil, err
	}
	if err := q.server.Switch.UploadBatch(ctx, r); err != nil {
		return nil, err
	}
	return q.encodeUploadResponse(time.Now()), nil
}

func (q *session) endBatch(ctx context.Context) (*pos.Message, error) {
	if err := q.require(endFields); err != nil {
		return nil, err
	}
	n, err := pos.ParseEndOfBatch(q.message.Get(48))
	if err != nil {
		return nil, refusal(acquirer.CodeFormat, err)
	}
	err = q.server.Switch.EndBatch(ctx, acquirer.EndRequest{Terminal: q.terminal, Batch: batchOf(q.f60), Count: n,
		Even: q.f60.NetMgmt == pos.NetBatchEven, Signed: q.head.Has(64)})
	if err != nil {
		return nil, err
	}
	return q.encodeUploadResponse(time.Now()), nil
}

// Bits of the fields that must be there; see debitFields.
const (
	endFields   uint64 = 1<<(64-11) | 1<<(64-48)
	closeFields        = endFields | 1<<(64-49)
	chipFields  uint64 = 1<<(64-2) | 1<<(64-4) | 1<<(64-11)
)

func (q *session) require(fields uint64) error {
	if q.head.Bits&fields != fields {
		return malformedField("a required field is missing")
	}
	return nil
}

// decodeClose reads a 0500.
func (q *session) decodeClose() (r acquirer.CloseRequest, err error) {
	if err := q.require(closeFields); err != nil {
		return r, err
	}
	if q.message.Get(49) != currencyYuan {
		return r, malformedField("F49 is not 156")
	}
	totals, err := pos.ParseTotals(q.message.Get(48))
	if err != nil {
		return r, refusal(acquirer.CodeFormat, err)
	}
	r = acquirer.CloseRequest{Terminal: q.terminal, Batch: batchOf(q.f60), Domestic: decodeBlock(totals.Domestic),
		Foreign: decodeBlock(totals.Foreign), Signed: q.head.Has(64), Received: q.received}
	r.STAN, err = q.stan()
	return r, err
}

func decodeBlock(b pos.Block) acquirer.BatchTotals {
	return acquirer.BatchTotals{Debits: acquirer.BatchSum{Count: b.Debits, Amount: acquirer.Fen(b.DebitFen)},
		Credits: acquirer.BatchSum{Count: b.Credits, Amount: acquirer.Fen(b.CreditFen)}}
}

// decodeUpload reads a 0320 with details: several of stripe payments, or the one of a chip payment.
func (q *session) decodeUpload() (r acquirer.UploadRequest, err error) {
	r = acquirer.UploadRequest{Terminal: q.terminal, Batch: batchOf(q.f60), Signed: q.head.Has(64)}
	if q.f60.NetMgmt != pos.NetSettle {
		line, err := q.decodeChipLine()
		r.Lines = []acquirer.BatchLine{line}
		return r, err
	}
	if err := q.require(endFields); err != nil {
		return r, err
	}
	details, err := pos.ParseDetails(q.message.Get(48))
	if err != nil {
		return r, refusal(acquirer.CodeFormat, err)
	}
	for _, d := range details {
		line, err := decodeLine(d.STAN, d.PAN, acquirer.Fen(d.AmountFen))
		if err != nil {
			return r, err
		}
		r.Lines = append(r.Lines, line)
	}
	return r, nil
}

func (q *session) decodeChipLine() (line acquirer.BatchLine, err error) {
	if err := q.require(chipFields); err != nil {
		return line, err
	}
	amount, err := acquirer.ParseFen(q.message.Get(4))
	if err != nil {
		return line, refusal(acquirer.CodeFormat, err)
	}
	return decodeLine(q.message.Get(11), q.message.Get(2), amount)
}

func decodeLine(stan, pan string, amount acquirer.Fen) (line acquirer.BatchLine, err error) {
	line.Amount = amount
	if line.STAN, err = acquirer.ParseSTAN(stan); err == nil {
		line.Card, err = acquirer.ParsePAN(pan)
	}
	if err != nil {
		return line, refusal(acquirer.CodeFormat, err)
	}
	return line, nil
}

// encodeCloseResponse makes the 0510 from the record alone, so that a repeat gets the same. It has no F39: the codes in
// F48 are the answer.
func (q *session) encodeCloseResponse(b *acquirer.Batch) (*pos.Message, error) {
	totals := pos.Totals{Domestic: encodeBlock(b.Domestic, b.DomesticAgrees), Foreign: encodeBlock(b.Foreign, b.ForeignAgrees)}
	text, err := totals.Encode()
	if err != nil {
		return nil, err // a figure that came in three or twelve digits goes out in as many
	}
	m := q.reply(acquirer.CodeApproved, b.At, b.Reference)
	m.Unset(39)
	m.Set(15, b.At.In(acquirer.Beijing).Format("0102"))
	m.Set(48, text)
	if text := q.message.Bytes(63); len(text) > 0 {
		m.SetBytes(63, text)
	}
	return m, nil
}

func encodeBlock(t acquirer.BatchTotals, agrees bool) pos.Block {
	b := pos.Block{DebitFen: int64(t.Debits.Amount), Debits: t.Debits.Count, CreditFen: int64(t.Credits.Amount),
		Credits: t.Credits.Count, Match: pos.MatchOdd}
	if agrees {
		b.Match = pos.MatchEven
	}
	return b
}

// encodeUploadResponse makes the 0330.
func (q *session) encodeUploadResponse(at time.Time) *pos.Message {
	m := q.reply(acquirer.CodeApproved, at, q.server.Switch.Reference(at))
	if q.f60.NetMgmt == pos.NetBatchUneven || q.f60.NetMgmt == pos.NetBatchEven {
		m.Set(48, q.message.Get(48))
	}
	for _, id := range []int{2, 23} { // of a chip payment
		if v := q.message.Get(id); v != "" {
			m.Set(id, v)
		}
	}
	return m
}

// explainTotals adds to the refusal of a 0500 its totals with the code 3, not compared, for terminals that look there and
// not at F39.
func (q *session) explainTotals(m *pos.Message) {
	if q.mti() != pos.MTISettle || q.message == nil {
		return
	}
	totals, err := pos.ParseTotals(q.message.Get(48))
	if err != nil {
		return
	}
	totals.Domestic.Match, totals.Foreign.Match = pos.MatchError, pos.MatchError
	if text, err := totals.Encode(); err == nil {
		m.Set(48, text)
	}
}
