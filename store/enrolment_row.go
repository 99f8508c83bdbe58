package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"
)

// sealedEnrolment is a row of enrolment as it is read, its secrets not opened yet.
type sealedEnrolment struct {
	acquirer.Enrolment
	key    acquirer.Date
	sealed []byte
}

func (s *sealedEnrolment) scan(row scanner) error {
	var number, other, sender []byte
	var opened, changed, due int64
	err := row.Scan(&s.ID, &s.Version, &s.Kind, &s.State, &s.Channel, &number, &other, &sender, &s.Payee.ID, &opened, &changed, &due,
		&s.key, &s.sealed)
	s.Opened, s.Changed, s.Due = timeOf(opened), timeOf(changed), timeOf(due)
	return err
}

// enrolmentSecrets is the sealed part of a row, as JSON. Names are kept short: there is one for each request.
type enrolmentSecrets struct {
	MessageID string            `json:"id"`
	Sender    string            `json:"from"`
	Source    string            `json:"src,omitempty"`
	Checks    string            `json:"chk,omitempty"`
	Language  acquirer.Language `json:"l,omitempty"`
	Number    string            `json:"n,omitempty"`
	NewNumber string            `json:"n2,omitempty"`
	Name      string            `json:"name,omitempty"`
	Card      string            `json:"card,omitempty"`
	Devices   []routeRecord     `json:"dev,omitempty"`
	Front     bool              `json:"front,omitempty"`
	Version   int32             `json:"cv,omitempty"` // of the payee's card
	Codes     [2]codeRecord     `json:"codes"`
	Asked     int               `json:"asked,omitempty"`
	ByPeople  bool              `json:"people,omitempty"`
	Reasons   []acquirer.Reason `json:"why,omitempty"`
	Effective int64             `json:"eff,omitempty"`
}

// routeRecord is one place of a list of devices; codeRecord one code.
type routeRecord struct {
	Kind    acquirer.DeviceKind `json:"k"`
	Address string              `json:"a,omitempty"`
}

type codeRecord struct {
	Nonce   []byte `json:"n,omitempty"`
	Serial  int    `json:"s,omitempty"`
	Sent    int64  `json:"t,omitempty"`
	Expires int64  `json:"x,omitempty"`
	Done    bool   `json:"d,omitempty"`
}

// enrolmentCells are the cells of enrolmentColumns; the secrets are sealed under the key of today.
func (db *DB) enrolmentCells(ctx context.Context, e *acquirer.Enrolment) ([]any, error) {
	record, err := json.Marshal(secretsOfEnrolment(e))
	if err != nil {
		return nil, fmt.Errorf("store: enrolment %s: %w", e.ID, err)
	}
	key := acquirer.DateOf(time.Now())
	sealed, err := db.keys.seal(ctx, key, "enrolment", int64(e.ID), record)
	if err != nil {
		return nil, err
	}
	number, sender := db.numberIndex(e.Number), db.labelled("sender", string(e.Channel), e.Sender)
	var other any
	if e.NewNumber != (acquirer.MSISDN{}) {
		index := db.numberIndex(e.NewNumber)
		other = index[:]
	}
	return []any{int64(e.ID), e.Version, int64(e.Kind), int64(e.State), string(e.Channel), number[:], other, sender[:], int64(e.Payee.ID),
		micros(e.Opened), micros(e.Changed), micros(e.Due), int64(key), sealed}, nil
}

func secretsOfEnrolment(e *acquirer.Enrolment) enrolmentSecrets {
	s := enrolmentSecrets{MessageID: e.MessageID, Sender: e.Sender, Source: e.Evidence.Source, Checks: e.Evidence.Checks, Language: e.Language,
		Number: e.Number.Reveal(), NewNumber: e.NewNumber.Reveal(), Name: e.Name, Card: e.Card.Reveal(), Devices: routeRecords(e.Devices),
		Front: e.Front, Version: e.Payee.CardVersion, Asked: e.Asked, ByPeople: e.ByPeople, Reasons: e.Reasons, Effective: micros(e.Effective)}
	for i, c := range e.Codes {
		if c.Serial > 0 {
			s.Codes[i] = codeRecord{c.Nonce[:], c.Serial, micros(c.Sent), micros(c.Expires), c.Done}
		}
	}
	return s
}

func routeRecords(routes []acquirer.Route) (out []routeRecord) {
	for _, r := range routes {
		out = append(out, routeRecord{r.Kind, r.Address.Reveal()})
	}
	return out
}

// routesOf reverses routeRecords.
func routesOf(records []routeRecord) (out []acquirer.Route, err error) {
	for _, r := range records {
		route := acquirer.Route{Kind: r.Kind}
		if r.Address != "" {
			if route.Address, err = acquirer.NewAddress(r.Kind, r.Address); err != nil {
				return nil, errRecord
			}
		}
		out = append(out, route)
	}
	return out, nil
}

// unsealEnrolment opens the secrets of a row.
func (db *DB) unsealEnrolment(ctx context.Context, s *sealedEnrolment) (*acquirer.Enrolment, error) {
	record, err := db.keys.unseal(ctx, s.key, "enrolment", int64(s.ID), s.sealed)
	if err != nil {
		return nil, err
	}
	var clear enrolmentSecrets
	if err := json.Unmarshal(record, &clear); err != nil {
		return nil, fmt.Errorf("enrolment %s: %w", s.ID, errRecord)
	}
	if err := clear.into(&s.Enrolment); err != nil {
		return nil, fmt.Errorf("enrolment %s: %w", s.ID, err)
	}
	return &s.Enrolment, nil
}

func (s enrolmentSecrets) into(e *acquirer.Enrolment) error {
	e.MessageID, e.Sender, e.Evidence = s.MessageID, s.Sender, acquirer.Evidence{Source: s.Source, Checks: s.Checks}
	e.Language, e.Name, e.Front, e.Payee.CardVersion = s.Language, s.Name, s.Front, s.Version
	e.Asked, e.ByPeople, e.Reasons, e.Effective = s.Asked, s.ByPeople, s.Reasons, timeOf(s.Effective)
	for i, c := range s.Codes {
		if c.Serial > 0 && len(c.Nonce) == len(e.Codes[i].Nonce) {
			e.Codes[i] = acquirer.Code{Nonce: [16]byte(c.Nonce), Serial: c.Serial, Sent: timeOf(c.Sent), Expires: timeOf(c.Expires), Done: c.Done}
		}
	}
	var errs [4]error
	e.Number, errs[0] = parseOrZero(s.Number, acquirer.ParseMSISDN)
	e.NewNumber, errs[1] = parseOrZero(s.NewNumber, acquirer.ParseMSISDN)
	e.Card, errs[2] = parseOrZero(s.Card, acquirer.ParsePAN)
	e.Devices, errs[3] = routesOf(s.Devices)
	if errors.Join(errs[:]...) != nil {
		return errRecord
	}
	return nil
}
