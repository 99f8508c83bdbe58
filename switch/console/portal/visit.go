package portal

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	acquirer "example.com/ringback/switch"
)

// visit is what is known about a request before it is looked at.
type visit struct {
	source   string // address of the client, for the switch's own limits; personal data
	client   string // who is counted together: an IPv4 address, or the network of an IPv6 one, of which a client has many
	secure   bool   // the browser speaks TLS, to us or to a trusted proxy
	language acquirer.Language
}

type visitKey struct{}

// visitOf returns the visit of a request that came through the guard.
func visitOf(r *http.Request) visit {
	v, _ := r.Context().Value(visitKey{}).(visit)
	return v
}

// visiting notes the visit with the request.
func (p *Portal) visiting(r *http.Request) *http.Request {
	v := visit{secure: r.TLS != nil, language: languageOf(r)}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	addr := peer.Addr().Unmap().WithZone("")
	if err == nil && p.trusted(addr) {
		v.secure = v.secure || lastOf(r.Header.Values("X-Forwarded-Proto")) == "https"
		addr = p.forwarded(addr, r.Header.Values("X-Forwarded-For"))
	}
	if err == nil {
		v.source, v.client = addr.String(), network(addr)
	}
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// trusted reports whether an address is that of a proxy whose words about its clients count.
func (p *Portal) trusted(addr netip.Addr) bool {
	for _, net := range p.TrustedProxies {
		if net.Contains(addr) {
			return true
		}
	}
	return false
}

// forwarded reads X-Forwarded-For from its end, where the nearest proxy wrote: the first address that is no trusted
// proxy's is the client. What stands before it anybody may have written.
func (p *Portal) forwarded(peer netip.Addr, headers []string) netip.Addr {
	hops := strings.Split(strings.Join(headers, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		addr, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return peer
		}
		peer = addr.Unmap().WithZone("")
		if !p.trusted(peer) {
			return peer
		}
	}
	return peer
}

func lastOf(headers []string) string {
	all := strings.Split(strings.Join(headers, ","), ",")
	return strings.ToLower(strings.TrimSpace(all[len(all)-1]))
}

// network returns the client that an address belongs to.
func network(addr netip.Addr) string {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	net, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return net.String()
}

// languageOf chooses the language of an answer: what the address says, what was chosen before, what the browser prefers,
// Chinese.
func languageOf(r *http.Request) acquirer.Language {
	if l := known(r.URL.Query().Get("lang")); l != "" {
		return l
	}
	for _, name := range []string{"__Host-" + languageCookie, languageCookie} {
		if c, err := r.Cookie(name); err == nil && known(c.Value) != "" {
			return known(c.Value)
		}
	}
	return preferred(r.Header.Get("Accept-Language"))
}

// preferred reads Accept-Language (RFC 9110, section 12.5.4) as far as two languages need it.
func preferred(header string) acquirer.Language {
	best, weight := acquirer.Chinese, 0.0
	for _, part := range strings.Split(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		main, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		l := known(main)
		q := 1.0
		if value, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			if n, err := strconv.ParseFloat(value, 64); err == nil {
				q = n
			}
		}
		if l != "" && q > weight {
			best, weight = l, q
		}
	}
	return best
}

func known(l string) acquirer.Language {
	if l := acquirer.Language(l); l == acquirer.Chinese || l == acquirer.English {
		return l
	}
	return ""
}
