package acquirer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Caller is what a terminal's message says and shows about its sender.
type Caller struct {
	Terminal TerminalID
	Merchant MerchantID
	Line     string // digits of the LRI's ANI, leading zeros as sent; empty: the message had no LRI
}

// Identify returns the registered terminal of a message. Errors, by F39: 97 the terminal is not registered, 03 F42 is
// not its merchant, P5 it has a registered line and calls from another or shows none, 58 it is blocked.
func (s *Switch) Identify(ctx context.Context, c Caller) (*Terminal, error) {
	const op = "switch.Identify"
	t, err := s.Directory.Terminal(ctx, c.Terminal)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, refuse(op, CodeUnknownTerminal, nil)
	case err != nil:
		return nil, refuse(op, CodeMalfunction, s.checked(err))
	case t.Merchant != c.Merchant:
		return t, refuse(op, CodeBadMerchant, nil)
	case t.Line != "" && !sameLine(t.Line, c.Line):
		return t, refuse(op, CodeLine, nil)
	case t.Blocked:
		return t, refuse(op, CodeBlocked, nil)
	}
	return t, nil
}

// sameLine compares two telephone numbers without the zeros in front: an ANI is filled with zeros to 16 digits, so
// that the zero of an area code cannot be told from filling (dialect page, section 1.2).
func sameLine(registered, ani string) bool {
	return ani != "" && strings.TrimLeft(registered, "0") == strings.TrimLeft(ani, "0")
}

// Authenticate verifies F64 over data, the received bytes from MTI up to before F64, and returns the MAK that fits:
// the answer is signed with it. Errors, by F39: 77 not signed on, A0 the MAC differs.
func (s *Switch) Authenticate(t *Terminal, data []byte, mac [8]byte, now time.Time) (KeyBlock, error) {
	return s.authenticate(t, false, data, mac, now)
}

// AuthenticateUndo is Authenticate for a 0400: it also takes the MAK of a session that a block has ended, for
// [EndedKeyLife], because an authentic undo is taken in every state (PROTOCOL 1.2).
func (s *Switch) AuthenticateUndo(t *Terminal, data []byte, mac [8]byte, now time.Time) (KeyBlock, error) {
	return s.authenticate(t, true, data, mac, now)
}

func (s *Switch) authenticate(t *Terminal, undo bool, data []byte, mac [8]byte, now time.Time) (KeyBlock, error) {
	const op = "switch.Authenticate"
	if !t.Session.Verifies(undo, now) {
		return KeyBlock{}, refuse(op, CodeSignOn, nil)
	}
	err := s.HSM.VerifyMAC(t.Session.MAK, t.Profile.MAC, data, mac)
	if err == nil {
		return t.Session.MAK, nil
	}
	if old := t.Session.OldMAK; !old.Zero() && now.Sub(t.Session.Since) < OldKeyLife {
		if s.HSM.VerifyMAC(old, t.Profile.MAC, data, mac) == nil {
			return old, nil
		}
	}
	if errors.Is(err, ErrMAC) {
		return t.Session.MAK, refuse(op, CodeMAC, err)
	}
	return KeyBlock{}, refuse(op, CodeMalfunction, err)
}

// CheckBatch compares 60.2 with the batch of the session: 77 when they differ. A 0400 is not checked, for it carries
// its debit's batch, also after a new sign-on.
func (s *Switch) CheckBatch(t *Terminal, batch int) error {
	if batch != t.Session.Batch {
		return refuse("switch.CheckBatch", CodeSignOn, nil)
	}
	return nil
}

// checkOpen refuses a look-up or a new debit in a batch that is closed: 77, for the next sign-on gives another batch.
func checkOpen(op string, t *Terminal) error {
	if t.Session.Closed {
		return refuse(op, CodeSignOn, errors.New("the batch is closed"))
	}
	return nil
}

// SignOnKind is 60.3 of a 0800: which keys the terminal wants.
type SignOnKind string

// The kinds of sign-on.
const (
	SignOnSingle SignOnKind = "001" // single-length keys: only where the profile allows it
	SignOnDouble SignOnKind = "003" // double-length PIK and MAK
	SignOnTrack  SignOnKind = "004" // the same with a track key
	SignOnSM4    SignOnKind = "006" // SM4 PIK and MAK: of a terminal with SM4 keys, which has no other kind
)

// SignOnAnswer is what a 0810 carries.
type SignOnAnswer struct {
	Batch int
	PIK   WrappedKey
	MAK   WrappedKey // Enciphered is 8 bytes for a profile with a single-length MAK
	TDK   WrappedKey // Enciphered is nil but for 004
}

// SignOn gives the terminal new working keys and the next batch number, durable before it returns. The keys before
// end with it, but for the MAK of a living session, which is accepted for [OldKeyLife] more. Errors, by F39: 40 the
// kind is unknown or not allowed for the terminal, 58 the terminal was blocked meanwhile.
func (s *Switch) SignOn(ctx context.Context, t *Terminal, kind SignOnKind) (SignOnAnswer, error) {
	const op = "switch.SignOn"
	pik, mak, tdk, ok := keyCiphers(t.Profile, kind)
	if !ok {
		return SignOnAnswer{}, refuse(op, CodeNotSupported, nil)
	}
	old := t.Session
	next := Session{Batch: old.NextBatch(), SignedOn: true, Since: time.Now()}
	if old.SignedOn {
		next.OldMAK = old.MAK
	}
	answer := SignOnAnswer{Batch: next.Batch}
	for _, k := range []struct {
		usage  KeyUsage
		cipher Cipher
		block  *KeyBlock
		out    *WrappedKey
	}{
		{UsagePIK, pik, &next.PIK, &answer.PIK},
		{UsageMAK, mak, &next.MAK, &answer.MAK},
		{UsageTDK, tdk, &next.TDK, &answer.TDK},
	} {
		if k.cipher == "" {
			continue
		}
		var err error
		if *k.block, *k.out, err = s.workingKey(k.usage, k.cipher, t.TMK); err != nil {
			return SignOnAnswer{}, refuse(op, CodeMalfunction, err)
		}
	}
	if err := s.saveSession(ctx, t, next); err != nil {
		return SignOnAnswer{}, err
	}
	return answer, nil
}

// keyCiphers says what each working key of a sign-on is; empty means no such key.
func keyCiphers(p Profile, kind SignOnKind) (pik, mak, tdk Cipher, ok bool) {
	switch {
	case p.SM4 || kind == SignOnSM4:
		return CipherSM4, CipherSM4, "", p.SM4 && kind == SignOnSM4
	case kind == SignOnSingle:
		return CipherDES, CipherDES, "", p.SingleDES
	case kind == SignOnTrack:
		tdk = CipherTDES
	case kind != SignOnDouble:
		return "", "", "", false
	}
	if p.SingleMAK {
		return CipherTDES, CipherDES, tdk, true
	}
	return CipherTDES, CipherTDES, tdk, true
}

func (s *Switch) workingKey(u KeyUsage, c Cipher, tmk KeyBlock) (KeyBlock, WrappedKey, error) {
	k, err := s.HSM.GenerateKey(u, c)
	if err != nil {
		return KeyBlock{}, WrappedKey{}, fmt.Errorf("making a working key: %w", err)
	}
	w, err := s.HSM.ExportKey(k, tmk)
	if err != nil {
		return KeyBlock{}, WrappedKey{}, fmt.Errorf("exporting a working key: %w", err)
	}
	return k, w, nil
}

// SignOff ends the session: its keys are erased, the batch number is kept. It is durable before it returns.
func (s *Switch) SignOff(ctx context.Context, t *Terminal) error {
	return s.saveSession(ctx, t, Session{Batch: t.Session.Batch, Closed: t.Session.Closed, Since: time.Now()})
}

// saveSession makes a session durable. A terminal that was blocked since its message was let in keeps the session that
// the block has ended: no key comes back.
func (s *Switch) saveSession(ctx context.Context, t *Terminal, next Session) error {
	const op = "switch.SaveSession"
	switch err := s.checked(s.Directory.SaveSession(ctx, t.ID, next)); {
	case errors.Is(err, ErrNotFound):
		return refuse(op, CodeBlocked, err)
	case err != nil:
		return refuse(op, CodeMalfunction, err)
	}
	t.Session = next
	return nil
}
