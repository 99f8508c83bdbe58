package smpp

import (
	"fmt"

	"example.com/ringback/switch/channel/sms"
	"github.com/linxGnu/gosmpp/pdu"
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
type Party = sms.Party

// Config is what the bind is made of. All of Common that must be, SystemID, Password and Source must be set.
type Config struct {
	sms.Common
	SystemID   string
	SystemType string
	Password   func() (string, error) // asked at each bind, so that it can be changed while the switch runs
	Source     Party                  // who notices and answers come from
	// Prefix is put in front of a number's 11 digits; DestTON and DestNPI go with it. Usual: "86", 1, 1.
	Prefix           string
	DestTON, DestNPI byte
	Alphabet         Alphabet   // empty: GSM7
	ReceiptIDs       ReceiptIDs // empty: SameIDs
}

// New returns the bind as device and channel; it has started nothing: call its Run.
func New(c Config) *sms.SMS {
	p := newProtocol(c)
	return sms.New(sms.Config{Common: c.Common, Name: "smpp", Protocol: p, Source: "smpp:" + c.SystemID, Check: p.check})
}

// check names everything that is missing or wrong, one a line.
func (p *protocol) check() error {
	out := &sms.Faults{Name: "smpp"}
	out.Want(p.SystemID != "" && len(p.SystemID) <= 15, "system id is empty or longer than 15 characters")
	out.Want(len(p.SystemType) <= 12, "system type is longer than 12 characters")
	out.Want(p.Password != nil, "no password")
	out.Want(p.Source.Addr != "" && len(p.Source.Addr) <= 20, "source address is empty or longer than 20 characters")
	out.Want(len(p.Prefix) <= 4, "prefix is longer than 4 digits")
	out.Want(p.Alphabet == GSM7 || p.Alphabet == Latin1, "alphabet is neither gsm7 nor latin1")
	out.Want(p.ReceiptIDs == SameIDs || p.ReceiptIDs == HexIDs, "receipt ids are neither same nor hex-dec")
	return out.Err()
}

// address makes the library's form of a party.
func address(p Party) (pdu.Address, error) {
	a, err := pdu.NewAddressWithTonNpiAddr(p.TON, p.NPI, p.Addr)
	if err != nil {
		return a, fmt.Errorf("address: %d characters are too many", len(p.Addr))
	}
	return a, nil
}
