package cmpp

import (
	"bufio"
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	cmpp "github.com/bigwhite/gocmpp"
)

// protocol is CMPP as a configuration wants it.
type protocol struct {
	Config
	lower atomic.Bool // the gateway said that the version is too high: 2.0 is asked for next
}

var _ sms.Protocol = (*protocol)(nil)

// statusTooHigh is the Status of a connect_resp that says that the version is too high.
const statusTooHigh = 4

// statuses name the other ones (CMPP 3.0, section 7.4.1.2).
var statuses = []string{"accepted", "structure", "source address", "authentication", "version too high"}

// Login implements [sms.Protocol]: it sends connect and waits for the answer. Which version is spoken the form of the answer
// says.
func (p *protocol) Login(conn net.Conn, r *bufio.Reader) (sms.Dialect, error) {
	version := p.Version
	if p.lower.Swap(false) {
		version = V20
	}
	password, err := p.Password()
	if err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	stamp, err := strconv.ParseUint(time.Now().In(acquirer.Beijing).Format("0102150405"), 10, 32)
	if err != nil {
		return nil, err
	}
	req := &cmpp.CmppConnReqPkt{SrcAddr: p.Account, Secret: password, Version: cmpp.Type(version), Timestamp: uint32(stamp)}
	b, err := pack(req, 1)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	a, err := readConnected(r)
	if err != nil {
		return nil, err
	}
	return p.agree(version, a, req.AuthSrc, password)
}

// agree looks at the answer to connect.
func (p *protocol) agree(version Version, a connected, ours, password string) (sms.Dialect, error) {
	switch {
	case a.status == statusTooHigh && version == V30:
		p.lower.Store(true)
		return nil, fmt.Errorf("gateway has no %s: %s is tried next", version, V20)
	case a.status != 0:
		return nil, errors.New("status " + word(statuses, a.status))
	case a.form > version:
		return nil, fmt.Errorf("%s was asked for and the answer has the form of %s", version, a.form)
	case !p.AnyGateway && !a.knows(ours, password):
		return nil, errors.New("gateway does not show that it knows the password")
	}
	p.lower.Store(a.form < p.Version) // it will hardly have learned the other by the next time
	return &dialect{p, a.form}, nil
}

// connected is a connect_resp.
type connected struct {
	form   Version
	status uint32
	auth   string // AuthenticatorISMG
}

// readConnected reads frames up to the answer to connect.
func readConnected(r *bufio.Reader) (connected, error) {
	for {
		f, err := readFrame(r)
		if err != nil {
			return connected{}, err
		}
		if f.command == cmpp.CMPP_CONNECT_RESP {
			return decodeConnected(f)
		}
	}
}

// decodeConnected reads a connect_resp: Status has one byte in 2.0 and four in 3.0.
func decodeConnected(f frame) (connected, error) {
	var a cmpp.Cmpp2ConnRspPkt
	if f.unpack(&a, 1+16+1) == nil {
		return connected{V20, uint32(a.Status), a.AuthIsmg}, nil
	}
	var b cmpp.Cmpp3ConnRspPkt
	if err := f.unpack(&b, 4+16+1); err != nil {
		return connected{}, fmt.Errorf("connect_resp: %w", err)
	}
	return connected{V30, b.Status, b.AuthIsmg}, nil
}

// knows reports whether AuthenticatorISMG is MD5 of Status, AuthenticatorSource and the shared secret. Gateways of 3.0
// differ in whether Status has one byte or four there.
func (a connected) knows(ours, password string) bool {
	one := md5.Sum(append([]byte{byte(a.status)}, ours+password...))
	four := md5.Sum(append(binary.BigEndian.AppendUint32(nil, a.status), ours+password...))
	return subtle.ConstantTimeCompare(one[:], []byte(a.auth))|subtle.ConstantTimeCompare(four[:], []byte(a.auth)) == 1
}

// word names a number as the standard does, and others by number only.
func word(names []string, n uint32) string {
	if n < uint32(len(names)) {
		return fmt.Sprintf("%d %s", n, names[n])
	}
	return strconv.FormatUint(uint64(n), 10)
}
