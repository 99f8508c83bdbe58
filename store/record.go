package store

import (
	"encoding/binary"
	"errors"

	acquirer "example.com/ringback/switch"
)

// A sealed record, in clear, is a format byte and then its fields, each behind its length:
//
//	format 1 | length 2 | bytes | length 2 | bytes ...
//
// Which fields there are follows from the table. A record has one form only: what decodes encodes to the same bytes.
const recordFormat = 1

var errRecord = errors.New("sealed record is malformed")

// encodeRecord writes fields. None may be longer than maxField.
func encodeRecord(fields ...string) ([]byte, error) {
	size := 1
	for _, f := range fields {
		if len(f) > maxField {
			return nil, errors.New("a field is too long to be sealed")
		}
		size += 2 + len(f)
	}
	out := append(make([]byte, 0, size), recordFormat)
	for _, f := range fields {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(f))), f...)
	}
	return out, nil
}

// decodeRecord fills fields from a record that must hold so many and nothing else.
func decodeRecord(record []byte, fields ...*string) error {
	if len(record) == 0 || record[0] != recordFormat {
		return errRecord
	}
	rest := record[1:]
	for _, f := range fields {
		if len(rest) < 2 {
			return errRecord
		}
		n := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; len(rest) < n {
			return errRecord
		}
		*f, rest = string(rest[:n]), rest[n:]
	}
	if len(rest) > 0 {
		return errRecord
	}
	return nil
}

// secrets are what a row of txn holds sealed.
type secrets struct {
	card        acquirer.PAN
	expiry      string
	payer       acquirer.MSISDN
	payeeNumber acquirer.MSISDN
	payeeName   string
	memo        string
}

func secretsOf(t *acquirer.Transaction) secrets {
	return secrets{t.Card, t.Expiry, t.Payer, t.PayeeNumber, t.PayeeName, t.Memo}
}

func (s secrets) into(t *acquirer.Transaction) {
	t.Card, t.Expiry, t.Payer, t.PayeeNumber, t.PayeeName, t.Memo = s.card, s.expiry, s.payer, s.payeeNumber, s.payeeName, s.memo
}

func (s secrets) encode() ([]byte, error) {
	return encodeRecord(s.card.Reveal(), s.expiry, s.payer.Reveal(), s.payeeNumber.Reveal(), s.payeeName, s.memo)
}

func decodeSecrets(record []byte) (s secrets, err error) {
	var card, payer, payee string
	if err := decodeRecord(record, &card, &s.expiry, &payer, &payee, &s.payeeName, &s.memo); err != nil {
		return secrets{}, err
	}
	if s.card, err = parseOrZero(card, acquirer.ParsePAN); err != nil {
		return secrets{}, errRecord
	}
	if s.payer, err = parseOrZero(payer, acquirer.ParseMSISDN); err != nil {
		return secrets{}, errRecord
	}
	if s.payeeNumber, err = parseOrZero(payee, acquirer.ParseMSISDN); err != nil {
		return secrets{}, errRecord
	}
	return s, nil
}

// parseOrZero reads the empty text as the zero value: absent.
func parseOrZero[T any](s string, parse func(string) (T, error)) (v T, err error) {
	if s == "" {
		return v, nil
	}
	return parse(s)
}
