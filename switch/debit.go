package acquirer

import (
	"context"
	"errors"
	"time"
)

// DebitRequest is phase 2 (0200). Track and PIN block live as long as the request and are stored nowhere.
type DebitRequest struct {
	Terminal  *Terminal
	Batch     int    // 60.2
	STAN      STAN   // F11
	Amount    Fen    // F4
	Payee     string // PE as on the wire
	Payer     string // PR as on the wire
	Memo      string // MO in UTF-8, may be empty
	Token     string // CT as on the wire, may be empty
	Card      PAN    // F2, or the number in F35
	Expiry    string // YYMM, F14 or from F35
	EntryMode string // F22
	CardSeq   string // F23, may be empty
	Track2    Track  // F35, zero for a keyed card
	Track3    Track  // F36, may be zero
	ICData    []byte // F55, may be empty
	PIN       PINBlock

	// Received is when the first byte of the message came; zero for one whose trace number does not run on. What came after
	// a debit's answer was written is a word for it ([Witness]).
	Received time.Time
}

// Debit is phase 2 (patent [0048] to [0051]). It returns the journal row, whose Code is the answer to the terminal; or
// an error when there is no row: 94 the key is taken by a debit of other content, 77 the terminal has closed the batch, 96 too many debits wait already, P4
// the numbers are none. An error of kind [ErrStore] must not be answered at all.
//
// The same debit again gets the first one's answer, also while the first is in flight. admitted is called once, as
// soon as a later message of the same terminal may be handled: when the debit is durable as Sent, or at the return.
// The debit goes on when ctx ends: a terminal that hangs up does not stop what is at the host.
func (s *Switch) Debit(ctx context.Context, r DebitRequest, admitted func()) (*Transaction, error) {
	const op = "switch.Debit"
	ctx = context.WithoutCancel(ctx)
	t, err := s.draft(r)
	if err != nil {
		return nil, err
	}
	print := s.Journal.Fingerprint(t.Amount, t.PayeeNumber, t.Payer, t.Card)
	fl, own, full := s.flights.join(t.Key, print)
	switch {
	case full:
		return nil, refuse(op, CodeMalfunction, errors.New("too many debits wait for the host"))
	case !own && fl.print != print:
		return nil, refuse(op, CodeDuplicate, nil)
	case !own:
		admitted()
		<-fl.done
		return s.earlier(ctx, t.Key, print)
	}
	defer s.flights.land(t.Key, fl)
	earlier, err := s.earlier(ctx, t.Key, print)
	if !errors.Is(err, ErrNotFound) {
		return earlier, err
	}
	if err := checkOpen("switch.Debit", r.Terminal); err != nil {
		return nil, err
	}
	s.hear(r.Terminal.ID, r.Received)
	return s.debit(ctx, r, t, admitted)
}

// draft reads what the row will hold from the request; no state is touched.
func (s *Switch) draft(r DebitRequest) (*Transaction, error) {
	const op = "switch.Debit"
	payee, err := s.Numbers.Parse(r.Payee)
	if err != nil {
		return nil, refuse(op, CodeConfirmation, err)
	}
	payer, err := s.Numbers.Parse(r.Payer)
	if err != nil {
		return nil, refuse(op, CodeConfirmation, err)
	}
	now := time.Now()
	return &Transaction{
		Key: TerminalKey{Date: DateOf(now), Merchant: r.Terminal.Merchant, Terminal: r.Terminal.ID,
			Batch: r.Batch, STAN: r.STAN},
		Amount: r.Amount, Payer: payer, PayeeNumber: payee, Memo: r.Memo,
		Card: r.Card, Expiry: r.Expiry, EntryMode: r.EntryMode, CardSeq: r.CardSeq,
		Opened: now,
	}, nil
}

// earlier returns the answer that a key already has. ErrNotFound: it has none; 94: the content differs; a row that an
// undo left before its debit came is answered 98.
func (s *Switch) earlier(ctx context.Context, key TerminalKey, print Fingerprint) (*Transaction, error) {
	const op = "switch.Debit"
	for {
		t, err := s.Journal.Find(ctx, key)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil, err
		case err != nil:
			return nil, refuse(op, CodeMalfunction, s.checked(err))
		case t.State != Tombstone && s.printOf(t) != print:
			return nil, refuse(op, CodeDuplicate, nil)
		case t.Code != "":
			return t, nil
		}
		// The row is at the host through another node: its answer will be in the row.
		if err := sleep(ctx, pollEvery); err != nil {
			return nil, refuse(op, CodeMalfunction, err)
		}
	}
}

func (s *Switch) printOf(t *Transaction) Fingerprint {
	return s.Journal.Fingerprint(t.Amount, t.PayeeNumber, t.Payer, t.Card)
}

// debit is the one debit of a key that no row holds yet.
func (s *Switch) debit(ctx context.Context, r DebitRequest, t *Transaction, admitted func()) (*Transaction, error) {
	const op = "switch.Debit"
	if err := s.identify(t); err != nil {
		return nil, refuse(op, CodeMalfunction, s.checked(err))
	}
	if t.ID.Sequence() > maxDebitSequence {
		return nil, refuse(op, CodeMalfunction, errors.New("the day's numbers for debits are used up"))
	}
	payee, err := s.confirmed(ctx, r, t)
	if err != nil {
		return s.openRefused(ctx, r, t, err)
	}
	if err := s.contracted(t.Card); err != nil {
		return s.openRefused(ctx, r, t, err)
	}
	request := AuthorizationRequest{PayeeCard: payee.Card, Track2: r.Track2, Track3: r.Track3, ICData: r.ICData}
	if request.PIN, err = s.translate(ctx, r); err != nil {
		return s.openRefused(ctx, r, t, err)
	}
	t.State, t.Deadline = Sent, t.Opened.Add(s.Limits.HostTimeout)
	t.Host = HostKey{Time: HostTime(t.Opened), STAN: t.ID.STAN()}
	switch err := s.open(ctx, t, EventSend, ""); {
	case errors.Is(err, ErrDuplicate):
		return s.openTaken(ctx, r, t)
	case err != nil:
		return nil, refuse(op, CodeMalfunction, err)
	}
	admitted()
	request.Transaction = t
	return s.authorize(ctx, request)
}

// identify gives the row its id, from which RRN and trace number follow.
func (s *Switch) identify(t *Transaction) (err error) {
	t.ID, err = s.Journal.NewID(t.Opened)
	return err
}

// confirmed opens the token and returns the payee it fixes (patent [0047]).
func (s *Switch) confirmed(ctx context.Context, r DebitRequest, t *Transaction) (*Payee, error) {
	const op = "switch.Debit"
	if code := s.checkAmount(t.Amount); code != CodeApproved {
		return nil, refuse(op, code, nil)
	}
	c, err := s.openToken(t.Opened, r.Token, bound(r.Terminal, t.PayeeNumber, t.Payer, t.Amount))
	if err != nil {
		return nil, refuse(op, CodeConfirmation, err)
	}
	p, err := s.Directory.PayeeByRef(ctx, c.payee)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, refuse(op, CodePayeeUnavailable, err)
	case err != nil:
		return nil, refuse(op, CodeMalfunction, s.checked(err))
	case p.Status != PayeeActive:
		return nil, refuse(op, CodePayeeUnavailable, nil)
	}
	t.Token, t.Payee, t.PayeeName = c.token, p.Ref, MaskName(p.Name)
	return p, nil
}

// contracted refuses a card of no contracted bank before anything is sent (patent [0048]).
func (s *Switch) contracted(card PAN) error {
	if i, ok := s.Issuers.Lookup(card); !ok || !i.Contracted {
		return refuse("switch.Debit", CodeNotContracted, nil)
	}
	return nil
}

// translate re-enciphers the PIN block for the host, when the host can be reached at all.
func (s *Switch) translate(ctx context.Context, r DebitRequest) (PINBlock, error) {
	const op = "switch.Debit"
	if err := s.Network.Ready(); err != nil {
		return PINBlock{}, refuse(op, CodeUnreachable, err)
	}
	zpk, err := s.Directory.ZoneKey(ctx, UsageZPK)
	if err != nil {
		return PINBlock{}, refuse(op, CodeUnreachable, s.checked(err))
	}
	pin, err := s.HSM.TranslatePIN(r.PIN, r.Terminal.Session.PIK, zpk, r.Card)
	switch {
	case errors.Is(err, ErrPINFormat):
		return PINBlock{}, refuse(op, CodePINFormat, err)
	case err != nil:
		return PINBlock{}, refuse(op, CodeMalfunction, err)
	}
	return pin, nil
}

// open writes the first row of t, durably.
func (s *Switch) open(ctx context.Context, t *Transaction, e Event, detail string) error {
	return s.checked(s.Journal.Open(ctx, t, Change{At: t.Opened, Event: e, Detail: detail}))
}

// openRefused makes a refusal durable, so that a repeat gets the same answer, and returns the row. It holds no token:
// after a refusal the confirmation may be used again.
func (s *Switch) openRefused(ctx context.Context, r DebitRequest, t *Transaction, cause error) (*Transaction, error) {
	const op = "switch.Debit"
	if errors.Is(cause, ErrStore) {
		return nil, cause
	}
	t.State, t.Code, t.Answered = Declined, CodeOf(cause), t.Opened
	t.Token, t.Host, t.Deadline = TokenID{}, HostKey{}, time.Time{}
	err := s.open(ctx, t, EventRefused, cause.Error())
	if errors.Is(err, ErrDuplicate) {
		return s.earlier(ctx, t.Key, s.printOf(t))
	}
	if err != nil {
		return nil, refuse(op, CodeMalfunction, err)
	}
	return t, nil
}

// openTaken finds out which key another row holds: the terminal's, then that row has the answer; or the token, then
// this debit is refused with P4.
func (s *Switch) openTaken(ctx context.Context, r DebitRequest, t *Transaction) (*Transaction, error) {
	found, err := s.earlier(ctx, t.Key, s.printOf(t))
	if !errors.Is(err, ErrNotFound) {
		return found, err
	}
	return s.openRefused(ctx, r, t, refuse("switch.Debit", CodeConfirmation, errors.New("confirmation is used")))
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
