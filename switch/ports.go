package acquirer

import (
	"context"
	"time"
)

// Change is what a move writes beside the row, in the same database transaction.
type Change struct {
	At       time.Time
	Event    Event
	Detail   string     // for people; holds no secret
	Notices  []Notice   // put into the outbox
	Withdraw NoticeKind // the row's notice of this kind, if it was not sent, is not to be sent any more; 0: none
	Reversal *Reversal  // queued: the 0420 that the move makes owed
	Finished ID         // reversal taken off the queue: the host answered 00 or 25

	Payout      *PayoutRecord // written anew, or over the one before; of this transaction
	Discrepancy *Discrepancy  // put on the worklist, unless it is there; of this transaction
	Resolved    *Resolved     // closes a discrepancy of this transaction
}

// Journal keeps transactions. Every method that returns nil after a write has made it durable (it survives a power
// cut). An error of kind [ErrStore] leaves the outcome of a write unknown: the process must end and must not answer.
type Journal interface {
	// NewID takes the next id of the date of now. Ids are never given twice, also across restarts, once a row that
	// holds the id, or a later one, is durable.
	NewID(now time.Time) (ID, error)
	// Open writes t as a new row and sets t.Version to 1. When another row holds the terminal key on t's date or the date
	// before, or a row of these dates that is not Declined holds the token, or another row holds the host key, nothing
	// is written and the error is [ErrDuplicate]. The same row again, after an unheard commit, is done and no duplicate.
	Open(ctx context.Context, t *Transaction, c Change) error
	// Move replaces old by next if the stored row still has old's Version, and writes c with it; next.Version
	// becomes old's plus one. When the row has moved on, nothing is written and the error is [ErrStale]. What the
	// debit is (keys, amount, parties, card, token, host key) never changes: a next in which it differs is refused. It
	// panics when [Moves] does not permit the move: that is a bug of the caller, and money must not follow it.
	Move(ctx context.Context, old, next *Transaction, c Change) error
	// Find returns the row of a terminal key on key.Date or the date before it, the newer first, or [ErrNotFound].
	Find(ctx context.Context, key TerminalKey) (*Transaction, error)
	// FindToken returns the row, not Declined, that used a token within its life, or [ErrNotFound].
	FindToken(ctx context.Context, token TokenID) (*Transaction, error)
	// FindHost returns the row of a request to the host, or [ErrNotFound].
	FindHost(ctx context.Context, key HostKey) (*Transaction, error)
	// Get returns a row by id, or [ErrNotFound].
	Get(ctx context.Context, id ID) (*Transaction, error)
	// InState returns up to limit rows in a state with an id greater than after, in the order of their ids.
	InState(ctx context.Context, s State, after ID, limit int) ([]*Transaction, error)
	// Due returns up to limit reversals that may be sent at now, the longest due first.
	Due(ctx context.Context, now time.Time, limit int) ([]Reversal, error)
	// Told reports whether the row's notice of a kind was given to a device, whatever became of it. Of one that was
	// withdrawn the answer never changes.
	Told(ctx context.Context, id ID, kind NoticeKind) (bool, error)
	// NextDue returns when the first queued reversal falls due; ok is false for an empty queue.
	NextDue(ctx context.Context) (at time.Time, ok bool, err error)
	// Reschedule stores Tries, Due and HostCode of a queued reversal, or returns [ErrNotFound] when it has left the queue.
	Reschedule(ctx context.Context, r Reversal) error
	// Fingerprint hashes what must be equal in a repeat, under a key that the database does not hold in clear.
	Fingerprint(amount Fen, payee, payer MSISDN, card PAN) Fingerprint
}

// Directory knows terminals, payees and the zone's keys. [ErrNotFound] where there is none; [ErrStore] as in
// [Journal].
type Directory interface {
	Terminal(ctx context.Context, id TerminalID) (*Terminal, error)
	// SaveSession stores what a sign-on or sign-off changed, durably. [ErrNotFound] also for a terminal that is
	// blocked: its session stays as the block left it.
	SaveSession(ctx context.Context, id TerminalID, s Session) error
	// RaiseAlarm notes, durably, that a person must look at a terminal, and blocks it when the alarm says so.
	RaiseAlarm(ctx context.Context, a Alarm) error
	// PayeeByNumber returns the payee of a number with the card bound now, whatever the status. It does the same
	// work, to the microsecond as far as can be, when there is none: the time taken must not tell (PROTOCOL 1.2).
	PayeeByNumber(ctx context.Context, number MSISDN) (*Payee, error)
	// PayeeByRef returns the payee with the card of ref.CardVersion and the status of now.
	PayeeByRef(ctx context.Context, ref PayeeRef) (*Payee, error)
	// ZoneKey returns the zone key of a usage (ZPK or ZAK) now in force.
	ZoneKey(ctx context.Context, usage KeyUsage) (KeyBlock, error)
	SaveZoneKey(ctx context.Context, key KeyBlock) error
}

// Vault gives the store its keys. They hang from the local master key, which no database holds, and may be stored in
// wrapped form. Implemented by hsm.
type Vault interface {
	// NewDataKey makes a fresh 32-byte key and returns it with its wrapped form, which may be stored.
	NewDataKey() (clear Key, wrapped []byte, err error)
	// OpenDataKey unwraps what NewDataKey wrapped; [ErrKey] for anything else.
	OpenDataKey(wrapped []byte) (Key, error)
	// NewIndexSecret returns, wrapped, the secret from which a file made under this master key derives the keys of its
	// keyed hashes. The file keeps it for good: under another master key it is wrapped anew, so that no hash changes.
	NewIndexSecret() (wrapped []byte)
	// IndexKey derives the 32-byte key of a keyed hash from a file's index secret; label keeps uses apart. [ErrKey]: the
	// secret was altered or is wrapped under another master key.
	IndexKey(secret []byte, label string) (Key, error)
	// RewrapKey returns a key block of any form that was ever stored in the form of today; [ErrKey] as in [HSM].
	RewrapKey(KeyBlock) (KeyBlock, error)
}

// AuthorizationRequest is a debit on its way to the host (0200). It lives in memory only: it carries track and PIN.
type AuthorizationRequest struct {
	Transaction *Transaction // ID, Host, Amount, Payer, PayeeNumber, Card, Expiry, EntryMode, CardSeq, Memo, Key
	PayeeCard   PAN          // F103
	Track2      Track        // F35, may be zero (keyed entry)
	Track3      Track        // F36, may be zero
	ICData      []byte       // F55 as received, may be empty; owned by the request
	PIN         PINBlock     // under the ZPK
}

// Authorization is the host's answer to a debit (0210). Its MAC has been checked; when [Network.Authorize] returns it,
// F4, F37 and F41 too. A late one has nothing to be compared with.
type Authorization struct {
	Code       ResponseCode // F39
	AuthCode   string       // F38
	SettleDate string       // F15
	Text       string       // F44
	At         time.Time
}

// Network is the line to the card network. Implementations send only what the caller has made durable before.
type Network interface {
	// Ready returns nil when a debit could be sent now: a link is signed on and the zone keys are there. Else the
	// error says what is missing.
	Ready() error
	// Authorize sends a debit and waits for its answer until ctx ends. Errors: [ErrNotSent] when no byte left;
	// [ErrUnknown] for all else: no answer, or a link cut; of its kind [ErrDisbelieved] when an answer came with a wrong
	// MAC or another F4, F37 or F41, or the centre sent the request back.
	// An answer that comes later goes to the handler of late answers.
	Authorize(ctx context.Context, r AuthorizationRequest) (Authorization, error)
	// Reverse sends a 0420 for t, unchanged at each repeat, and waits for the 0430 until ctx ends. It takes the link that
	// carried the debit while that lives. Errors as Authorize's.
	Reverse(ctx context.Context, r Reversal, t *Transaction) (ResponseCode, error)
}
