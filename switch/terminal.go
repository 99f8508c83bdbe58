package acquirer

import (
	"errors"
	"time"
)

// TerminalID is F41, eight characters: the terminal's identity.
type TerminalID string

// MerchantID is F42, fifteen characters.
type MerchantID string

// ParseTerminalID accepts eight printable ASCII characters.
func ParseTerminalID(s string) (TerminalID, error) {
	if len(s) != 8 || !printable(s) {
		return "", errors.New("terminal number is not 8 characters")
	}
	return TerminalID(s), nil
}

// ParseMerchantID accepts fifteen printable ASCII characters.
func ParseMerchantID(s string) (MerchantID, error) {
	if len(s) != 15 || !printable(s) {
		return "", errors.New("merchant number is not 15 characters")
	}
	return MerchantID(s), nil
}

// printable reports whether s holds printable ASCII without spaces at either end.
func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7E {
			return false
		}
	}
	return s != "" && s[0] != ' ' && s[len(s)-1] != ' '
}

// Profile is what the acquirer agreed with the maker of a terminal.
type Profile struct {
	MAC        MACAlgorithm // how F64 is computed, both ways
	SingleMAK  bool         // sign-on 003 and 004 give a MAK of 8 bytes + 8 zeros
	SingleDES  bool         // sign-on 001 is allowed (single-length keys)
	SM4        bool         // all its keys are SM4: sign-on 006 and no other
	KeyedEntry bool         // a card may be keyed: F2 and F14 in place of F35
}

// Terminal is a registered terminal with the state of its session. The values are a copy: changing them changes
// nothing but the copy.
type Terminal struct {
	ID       TerminalID
	Merchant MerchantID
	Line     string // digits of the telephone line it must call from (the LRI's ANI); empty: any line, or none
	Blocked  bool
	Profile  Profile
	TMK      KeyBlock
	Session  Session
}

// Cipher is that of the terminal's master key.
func (p Profile) Cipher() Cipher {
	if p.SM4 {
		return CipherSM4
	}
	return CipherTDES
}

// Session is what sign-on (0800 with 60.3 = 001, 003, 004 or 006) established. It is durable, so that a restart of the
// switch does not send every terminal back to sign-on. The zero value is a terminal that never signed on.
type Session struct {
	Batch    int      // 60.2, 1 to 999999, one more at each sign-on; kept after sign-off
	SignedOn bool     // false again after sign-off
	Closed   bool     // the terminal has closed Batch: it takes no new debit, until the next sign-on gives another
	PIK      KeyBlock // PIN key
	MAK      KeyBlock // MAC key
	TDK      KeyBlock // track key, after 004 only
	OldMAK   KeyBlock // the MAK before this sign-on: accepted for [OldKeyLife] for messages that were in flight
	Since    time.Time
	Ended    time.Time // when a block ended it, else zero: PIK and TDK are gone, the MAK is for undos only, see [EndedKeyLife]
}

// Verifies reports whether there is a key for the F64 of a message: of any while the session lives, of an undo also for
// [EndedKeyLife] after a block has ended it.
func (s Session) Verifies(undo bool, now time.Time) bool {
	return s.SignedOn || undo && !s.MAK.Zero() && !s.Ended.IsZero() && now.Sub(s.Ended) < EndedKeyLife
}

// NextBatch returns the batch number of the next sign-on; after 999999 comes 1.
func (s Session) NextBatch() int { return s.Batch%999999 + 1 }
