package provider

import (
	"context"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// encodeNetwork makes an 0820 of ours: F7, F11, F33 and F70 (host dialect page, section 3.2).
func (n *Network) encodeNetwork(code string) *cups.Message {
	m := n.newMessage(cups.MTINetwork)
	m.Set(7, acquirer.HostTime(time.Now()))
	m.Set(11, n.nextTrace())
	m.Set(33, n.config.Institution)
	m.Set(70, code)
	return m
}

// nextTrace counts the F11 of network management. It has nothing to do with those of debits, which are durable: the
// message class keeps the two apart.
func (n *Network) nextTrace() string { return fmt.Sprintf("%06d", (n.traces.Add(1)-1)%999_999+1) }

// encodeKeyRequest asks for a key (0820, F70 = 101); F53 says which (host dialect page, section 2.4).
func (n *Network) encodeKeyRequest(usage acquirer.KeyUsage) *cups.Message {
	m := n.encodeNetwork(cups.NetKeyReset)
	switch {
	case usage == acquirer.UsageZPK:
		m.Set(53, "1600000000000000")
	case n.config.DoubleMAC:
		m.Set(53, "2600000000000000")
	default:
		m.Set(53, "2000000000000000")
	}
	return m
}

// manage takes notice of an 0820 of the host and returns the F39 of its answer: 40 for what a member does not do.
func (n *Network) manage(ctx context.Context, m *cups.Message) acquirer.ResponseCode {
	switch m.Get(70) {
	case cups.NetEcho:
	case cups.NetCutoffStart:
		n.log.Info().Msg("cut-off begins")
		return n.cutOff(ctx, m, acquirer.CutOffBegins)
	case cups.NetCutoffEnd:
		date := m.Get(15)
		n.counts.settleDate.Store(&date)
		n.log.Info().Str("settles", date).Msg("cut-off has ended")
		return n.cutOff(ctx, m, acquirer.CutOffEnds)
	default:
		return acquirer.CodeNotSupported
	}
	return acquirer.CodeApproved
}

// encodeNetworkResponse makes the 0830 to an 0820 of the host.
func encodeNetworkResponse(request *cups.Message, code acquirer.ResponseCode) *cups.Message {
	return encodeResponse(cups.MTINetworkResponse, request, code, 7, 11, 15, 33, 70, 100)
}

// encodeKeyResetResponse makes the 0810 to an 0800 without its F128.
func encodeKeyResetResponse(request *cups.Message, code acquirer.ResponseCode) *cups.Message {
	return encodeResponse(cups.MTIKeyResetResponse, request, code, 7, 11, 53, 70, 100)
}

// encodeResponse repeats the fields named that the request has, and adds F39.
func encodeResponse(mti string, request *cups.Message, code acquirer.ResponseCode, ids ...int) *cups.Message {
	m := cups.New(mti)
	m.SetHeader(request.Header().Answer())
	for _, id := range ids {
		setPresent(m, id, request.Get(id))
	}
	m.Set(39, string(code))
	return m
}
