package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"unicode"

	"example.com/ringback/switch/console"
)

// AdminConfig says who may do what. It is read from the file only, never from the environment.
type AdminConfig struct {
	// Operators are all who may. Empty: whoever can read the configuration and the store may do everything.
	Operators []OperatorConfig `koanf:"operators" validate:"dive"`
	// TwoPersons: what makes or shows a key needs a second operator.
	TwoPersons bool `koanf:"two_persons"`
}

// OperatorConfig is one operator: a person, or a program that runs verbs.
type OperatorConfig struct {
	Name  string `koanf:"name" validate:"required,max=64"`
	Roles []role `koanf:"roles" validate:"min=1,dive,oneof=view operate keys"`
	User  string `koanf:"user"` // account of the operating system, by name or number: for verbs
	Cert  string `koanf:"cert"` // common name of a client's certificate: for HTTP
}

// HTTPConfig is the operator's side: health and figures.
type HTTPConfig struct {
	Addr       string        `koanf:"addr" validate:"omitempty,listen"`
	TLS        HTTPTLSConfig `koanf:"tls"`
	Insecure   bool          `koanf:"insecure"` // Addr may be another than loopback in clear: a proxy stands in front
	HealthAddr string        `koanf:"health_addr" validate:"omitempty,listen"`
}

// HTTPTLSConfig makes HTTP ask for clients' certificates; off while empty.
type HTTPTLSConfig struct {
	CertFile     string `koanf:"cert_file"`
	KeyFile      string `koanf:"key_file"`
	ClientCAFile string `koanf:"client_ca_file"`
}

func (c HTTPTLSConfig) files() console.TLS {
	return console.TLS{CertFile: c.CertFile, KeyFile: c.KeyFile, ClientCAFile: c.ClientCAFile}
}

func (c HTTPTLSConfig) on() bool { return c != HTTPTLSConfig{} }

// adminVariable is what the environment may not set: whoever starts a verb sets its environment.
const adminVariable = "RINGBACK_ADMIN"

func refuseAdminVariables() error {
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, adminVariable) {
			name, _, _ := strings.Cut(v, "=")
			return fmt.Errorf("%s: who may do what is read from the file only, not from the environment", name)
		}
	}
	return nil
}

// problems names what is wrong with the operators.
func (c AdminConfig) problems() (out []error) {
	seen := map[string]bool{}
	for i, o := range c.Operators {
		at := fmt.Sprintf("admin.operators[%d]", i)
		if o.User == "" && o.Cert == "" {
			out = append(out, fmt.Errorf("%s: neither user nor cert says who it is", at))
		}
		for _, v := range [...]struct{ key, value string }{{"name", o.Name}, {"user", o.User}, {"cert", o.Cert}} {
			if strings.ContainsFunc(v.value, unicode.IsControl) {
				out = append(out, fmt.Errorf("%s.%s: holds a control character", at, v.key))
			}
			if v.value != "" && seen[v.key+v.value] {
				out = append(out, fmt.Errorf("%s.%s: %q is another operator's, too", at, v.key, v.value))
			}
			seen[v.key+v.value] = true
		}
	}
	if c.TwoPersons {
		out = append(out, c.loneVerbs()...)
	}
	return out
}

// loneVerbs names the verbs that need two persons and could never find a second one.
func (c AdminConfig) loneVerbs() (out []error) {
	for _, name := range slices.Sorted(maps.Keys(verbs)) {
		v, n := verbs[name], 0
		for _, o := range c.Operators {
			if o.User != "" && v.allows(o.Roles) {
				n++
			}
		}
		if v.twoPersons && n < 2 {
			out = append(out, fmt.Errorf("admin.two_persons: %q needs two operators with role %s and a user, there are %d", name, v.roles[0], n))
		}
	}
	return out
}

// readers reports whether the owner of a certificate, by its common name, may read the figures.
func (c AdminConfig) readers(commonName string) bool {
	return slices.ContainsFunc(c.Operators, func(o OperatorConfig) bool {
		return o.Cert != "" && o.Cert == commonName && slices.Contains(o.Roles, roleView)
	})
}

// problems names what is wrong with the listeners of HTTP.
func (c HTTPConfig) problems(admin AdminConfig) (out []error) {
	t := c.TLS
	switch {
	case t.on() && (t.CertFile == "" || t.KeyFile == "" || t.ClientCAFile == ""):
		out = append(out, errors.New("http.tls: cert_file, key_file and client_ca_file go together"))
	case t.on() && c.Insecure:
		out = append(out, errors.New("http.insecure: is for HTTP in clear, and http.tls is set"))
	case t.on() && !slices.ContainsFunc(admin.Operators, func(o OperatorConfig) bool { return admin.readers(o.Cert) }):
		out = append(out, errors.New("http.tls: no operator has a cert and role view, so that nobody could read the figures"))
	case !t.on() && !c.Insecure && !loopback(c.Addr):
		out = append(out, fmt.Errorf("http.addr: %s is not loopback: name http.tls.cert_file, .key_file and .client_ca_file, "+
			"or set http.insecure: true when a proxy in front asks who it is", c.Addr))
	}
	return out
}

// loopback reports whether only this machine can connect to an address; "" is none.
func loopback(addr string) bool {
	if addr == "" {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
