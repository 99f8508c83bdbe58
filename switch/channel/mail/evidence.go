package mail

import (
	"bytes"
	"context"
	"net"
	"strings"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"
)

// Resolver asks the DNS; *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) (names []string, err error)
}

// proof is what was found out about where a message came from.
type proof struct {
	spf     spf.Result // of the envelope sender's domain, or of the HELO name
	dkim    string     // pass, fail, temperror or none: the best of the signatures
	aligned []string   // which of the two passed for the domain of the From line
}

// String is for [acquirer.Evidence]: "spf=pass dkim=fail aligned=spf". No domain is in it, for some are a person's name.
func (p proof) String() string {
	aligned := "none"
	if len(p.aligned) > 0 {
		aligned = strings.Join(p.aligned, "+")
	}
	return "spf=" + string(p.spf) + " dkim=" + p.dkim + " aligned=" + aligned
}

// forged reports whether the domain's owner says that the message is not from there. It is heard all the same, for
// forwarding breaks SPF; but an answer would go to somebody who most likely has not asked.
func (p proof) forged() bool { return p.spf == spf.Fail && len(p.aligned) == 0 }

// prove asks the DNS. It never fails: what cannot be asked is temperror.
func (m *Mail) prove(ctx context.Context, ip net.IP, helo, envelope string, x *mail) proof {
	ctx, cancel := context.WithTimeout(ctx, maxEvidence)
	defer cancel()
	_, from, _ := strings.Cut(x.from, "@")
	p := proof{dkim: "none"}
	// The error says how a result came about; it is no failure.
	p.spf, _ = spf.CheckHostWithSender(ip, helo, envelope, spf.WithContext(ctx), spf.WithResolver(m.config.Resolver))
	if _, domain, _ := strings.Cut(envelope, "@"); p.spf == spf.Pass && beneath(from, strings.ToLower(domain)) {
		p.aligned = append(p.aligned, "spf")
	}
	if m.verify(ctx, from, x.raw, &p) {
		p.aligned = append(p.aligned, "dkim")
	}
	return p
}

// verify checks the signatures and reports whether one that is good is of the From line's domain.
func (m *Mail) verify(ctx context.Context, from string, raw []byte, p *proof) (aligned bool) {
	lookup := func(name string) ([]string, error) { return m.config.Resolver.LookupTXT(ctx, name) }
	found, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: lookup, MaxVerifications: maxSignatures})
	if err != nil && len(found) == 0 {
		p.dkim = "fail"
	}
	for _, v := range found {
		switch {
		case v.Err == nil:
			p.dkim = "pass"
			aligned = aligned || beneath(from, strings.ToLower(v.Domain))
		case p.dkim == "pass":
		case dkim.IsTempFail(v.Err):
			p.dkim = "temperror"
		case p.dkim == "none":
			p.dkim = "fail"
		}
	}
	return aligned
}

// beneath reports whether a domain is another one or a part of it.
func beneath(domain, of string) bool {
	return of != "" && (domain == of || strings.Contains(of, ".") && strings.HasSuffix(domain, "."+of))
}
