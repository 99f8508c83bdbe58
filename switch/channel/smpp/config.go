package smpp

import (
	"context"
	"errors"
	"fmt"
	"net"

	acquirer "example.com/ringback/switch"
	"github.com/linxGnu/gosmpp/pdu"
	"github.com/rs/zerolog"
)

// Alphabet says what data_coding 0, the centre's default alphabet, stands for.
type Alphabet string

// The alphabets of centres. Outgoing texts that the alphabet has are sent in it, all others as UCS-2.
const (
	GSM7   Alphabet = "gsm7"   // GSM 03.38, one septet an octet; data_coding 0
	Latin1 Alphabet = "latin1" // ISO 8859-1; incoming 0, outgoing 3
)

// ReceiptIDs says how a receipt names a message.
type ReceiptIDs string

// The habits of centres.
const (
	SameIDs ReceiptIDs = "same"    // as in submit_sm_resp
	HexIDs  ReceiptIDs = "hex-dec" // hexadecimal in submit_sm_resp, decimal in the receipt
)

// Party is an SMPP address with its type of number and numbering plan.
type Party struct {
	TON, NPI byte
	Addr     string // at most 20 characters
}

// Config is what an [SMS] is made of. Addrs, SystemID, Password, Source, Inbox, Receipts and NameKey must be set.
type Config struct {
	Addrs []string // host:port of the centre's doors: one is tried after the other
	// Dial opens a connection, which then belongs to the SMS; nil means TCP. Its ctx ends after Limits.Bind.
	Dial       func(ctx context.Context, addr string) (net.Conn, error)
	SystemID   string
	SystemType string
	Password   func() (string, error) // asked at each bind, so that it can be changed while the switch runs
	Source     Party                  // who notices and answers come from
	// Prefix is put in front of a number's 11 digits; DestTON and DestNPI go with it. Usual: "86", 1, 1.
	Prefix           string
	DestTON, DestNPI byte
	Alphabet         Alphabet   // empty: GSM7
	ReceiptIDs       ReceiptIDs // empty: SameIDs
	// EarlyParts acknowledges the parts of a long message one by one, for centres that send the next part only then. A
	// message whose last part is still to come is lost when the process ends meanwhile; its sender gets no answer.
	EarlyParts bool

	Inbox    acquirer.Inbox
	Receipts acquirer.Receipts
	// NameKey keys the names of incoming messages: 32 bytes, the same after a restart. The names are stored; without the
	// key nobody can try out which text of which number one of them stands for.
	NameKey acquirer.Key
	// Chance spreads pauses: it returns a number from 0 up to below 1, and is called concurrently.
	Chance func() float64
	Log    zerolog.Logger // the zero value logs nothing
	Limits Limits
}

// Check names everything that is missing or wrong, one a line; New and Run do not repair it. Limits must be whole.
func (c Config) Check() error {
	var out []error
	want := func(ok bool, what string) {
		if !ok {
			out = append(out, errors.New("smpp: "+what))
		}
	}
	want(len(c.Addrs) > 0, "no address of a centre")
	want(c.SystemID != "" && len(c.SystemID) <= 15, "system id is empty or longer than 15 characters")
	want(len(c.SystemType) <= 12, "system type is longer than 12 characters")
	want(c.Password != nil, "no password")
	want(c.Source.Addr != "" && len(c.Source.Addr) <= 20, "source address is empty or longer than 20 characters")
	want(len(c.Prefix) <= 4, "prefix is longer than 4 digits")
	want(c.Alphabet == GSM7 || c.Alphabet == Latin1, "alphabet is neither gsm7 nor latin1")
	want(c.ReceiptIDs == SameIDs || c.ReceiptIDs == HexIDs, "receipt ids are neither same nor hex-dec")
	want(c.Inbox != nil && c.Receipts != nil, "no inbox or no receipts")
	want(len(c.NameKey.Reveal()) == 32, "name key is not 32 bytes")
	want(c.Chance != nil, "no source of chance")
	want(c.Limits.Rate > 0 && c.Limits.Window > 0, "rate or window is below 1")
	return errors.Join(out...)
}

// address makes the library's form of a party.
func (p Party) address() (pdu.Address, error) {
	a, err := pdu.NewAddressWithTonNpiAddr(p.TON, p.NPI, p.Addr)
	if err != nil {
		return a, fmt.Errorf("address: %d characters are too many", len(p.Addr))
	}
	return a, nil
}

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}
