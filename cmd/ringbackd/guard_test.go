package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/store"
)

// Who it is: SUDO_UID counts where sudo must have set it, and nowhere else.
func TestPersonOf(t *testing.T) {
	key := filepath.Join(t.TempDir(), "master.key")
	require.NoError(t, os.WriteFile(key, []byte("x"), 0o600))
	info, err := os.Stat(key)
	require.NoError(t, err)
	owner := uidOf(info)
	other := owner + 7
	list := []OperatorConfig{{Name: "Vera", User: "2001", Roles: []role{roleView}}, {Name: "Cert", Cert: "x", Roles: []role{roleKeys}},
		{Name: "Otto", User: "2002", Roles: []role{roleOperate}}}
	for _, v := range []struct {
		name           string
		me             caller
		key            string
		uid            int
		operator       string
		through, owner bool
		problem        string
	}{
		{"an account by itself", caller{uid: 2001}, key, 2001, "Vera", false, false, ""},
		{"listed nowhere", caller{uid: 2009}, key, 2009, "", false, false, ""},
		{"the owner of the key", caller{uid: owner}, key, owner, "", false, true, ""},
		{"root", caller{uid: 0}, key, 0, "", false, true, ""},
		{"sudo to the owner", caller{uid: owner, sudo: "2002"}, key, 2002, "Otto", true, false, ""},
		{"sudo to root", caller{uid: 0, sudo: "2002"}, key, 2002, "Otto", true, false, ""},
		{"root by sudo to the owner", caller{uid: owner, sudo: "0"}, key, 0, "", true, false, ""},
		{"a variable that anybody can set", caller{uid: 2001, sudo: "2002"}, key, 2001, "Vera", false, false, ""},
		{"of another who is not the owner", caller{uid: other, sudo: "2002"}, key, other, "", false, false, ""},
		{"no key yet", caller{uid: 2001, sudo: "2002"}, key + "x", 2001, "Vera", false, false, ""},
		{"no number", caller{uid: owner, sudo: "otto"}, key, 0, "", false, false, "SUDO_UID"},
		{"negative", caller{uid: owner, sudo: "-1"}, key, 0, "", false, false, "SUDO_UID"},
		{"empty", caller{uid: owner, sudo: ""}, key, owner, "", false, true, ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			p, err := Config{Keys: KeysConfig{MasterFile: v.key}, Admin: AdminConfig{Operators: list}}.personOf(v.me)
			if v.problem != "" {
				require.ErrorContains(t, err, v.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, v.uid, p.uid)
			require.Equal(t, v.operator, p.name)
			require.Equal(t, v.through, p.through)
			require.Equal(t, v.owner, p.owner)
		})
	}
}

// An account can be named by name or number, but one account is not two operators.
func TestOperatorsByName(t *testing.T) {
	me := caller{uid: os.Getuid()}
	p, err := Config{}.personOf(me)
	require.NoError(t, err)
	if p.account == "" {
		t.Skip("the account that runs the tests has no name")
	}
	for _, user := range []string{p.account, strconv.Itoa(me.uid)} {
		c := Config{Admin: AdminConfig{Operators: []OperatorConfig{{Name: "Me", User: user, Roles: []role{roleKeys}}}}}
		p, err := c.personOf(me)
		require.NoError(t, err)
		require.Equal(t, "Me", p.name)
		require.Equal(t, []role{roleKeys}, p.roles)
	}
	c := Config{Admin: AdminConfig{Operators: []OperatorConfig{{Name: "Me", User: p.account}, {Name: "Myself", User: strconv.Itoa(me.uid)}}}}
	_, err = c.personOf(me)
	require.ErrorContains(t, err, "Me and Myself are listed as operators for one user")
}

// The switch's own account starts it without being listed; what else it wants needs a role, and so does a start through
// sudo.
func TestServiceAccount(t *testing.T) {
	config := newInstallation(t, operatorsYAML)
	own := os.Getuid()
	guard := func(me caller, name string, target any) error {
		return act{name: name, verb: verbs[name], me: me}.guard(t.Context(), target)
	}
	flag := configFlag{config}
	require.NoError(t, guard(caller{uid: own}, "serve", &serveCmd{flag}))
	require.ErrorIs(t, guard(caller{uid: own}, "terminal block", &terminalBlockCmd{configFlag: flag}), errDenied)
	require.ErrorIs(t, guard(caller{uid: own}, "audit", &auditCmd{configFlag: flag}), errDenied)
	require.ErrorIs(t, guard(caller{uid: own, sudo: "2001"}, "serve", &serveCmd{flag}), errDenied)
	require.NoError(t, guard(caller{uid: own, sudo: "2002"}, "serve", &serveCmd{flag}))
	require.ErrorIs(t, guard(caller{uid: viewer}, "serve", &serveCmd{flag}), errDenied)
	require.NoError(t, guard(caller{uid: own, sudo: "2001"}, "audit", &auditCmd{configFlag: flag}))
}

// Through sudo a configuration is taken only from where nobody else could have put it: it names the operators.
func TestTrusted(t *testing.T) {
	own := os.Getuid()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	inner := filepath.Join(dir, "inner")
	require.NoError(t, os.Mkdir(inner, 0o755))
	file := filepath.Join(inner, "c.yaml")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	link := filepath.Join(dir, "link.yaml")
	require.NoError(t, os.Symlink(file, link))
	for _, v := range []struct {
		name    string
		path    string
		account int
		change  func() error
		problem string
	}{
		{"as it should be", file, own, nil, ""},
		{"by a link", link, own, nil, ""},
		{"no such file", file + "x", own, nil, "no such file"},
		{"file that its group can write", file, own, func() error { return os.Chmod(file, 0o664) }, "others can write " + file},
		{"file that all can write", file, own, func() error { return os.Chmod(file, 0o606) }, "others can write " + file},
		{"folder that its group can write", file, own, func() error { return os.Chmod(inner, 0o775) }, "others can write " + inner},
		{"folder above it", file, own, func() error { return os.Chmod(dir, 0o777) }, "others can write " + dir},
		{"by a link", link, own, func() error { return os.Chmod(inner, 0o777) }, "others can write " + inner},
		{"folder in which others cannot exchange", file, own, func() error { return os.Chmod(dir, 0o777|os.ModeSticky) }, ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			if v.change != nil {
				require.NoError(t, v.change())
			}
			err := trusted(v.path, v.account)
			if v.problem == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, v.problem)
			}
			for path, mode := range map[string]os.FileMode{file: 0o644, inner: 0o755, dir: 0o755} {
				require.NoError(t, os.Chmod(path, mode))
			}
		})
	}
	if own == 0 { // only root can give files away
		require.NoError(t, os.Chown(file, 2009, 2009))
		require.ErrorContains(t, trusted(file, 0), "is of uid 2009")
		require.NoError(t, trusted(file, 2009))
	}
}

// A person behind sudo cannot bring a configuration of its own.
func TestForeignConfigurationThroughSudo(t *testing.T) {
	config := newInstallation(t, operatorsYAML)
	require.NoError(t, os.Chmod(filepath.Dir(config), 0o777))
	me := caller{uid: os.Getuid(), sudo: "2001"}
	err := runAs(t.Context(), t, me, config, "payment", "list")
	require.ErrorIs(t, err, errDenied)
	require.ErrorContains(t, err, "others can write")
	require.ErrorContains(t, runAs(t.Context(), t, me, config+"x", "decode", "--dialect", "pos"), "no such file")
	require.NoError(t, os.Chmod(filepath.Dir(config), 0o700))
	require.NoError(t, runAs(t.Context(), t, me, config, "payment", "list"))
	require.NoError(t, runAs(t.Context(), t, caller{uid: 2001}, config+"x", "decode", "--dialect", "pos"), "nothing there to ask")
}

// init and up make installations: not as another account through sudo, and not over one that names operators.
func TestFoundingVerbs(t *testing.T) {
	for _, name := range []string{"init", "up"} {
		a := act{name: name, verb: verbs[name]}
		require.True(t, a.verb.founding)
		for _, v := range []struct {
			me     caller
			denied bool
		}{{caller{uid: 2001}, false}, {caller{uid: 0, sudo: "2001"}, false}, {caller{uid: 0}, false}, {caller{uid: 990, sudo: "2001"}, true}} {
			a.me = v.me
			err := a.guard(t.Context(), &initCmd{})
			require.Equal(t, v.denied, err != nil, v)
		}
	}
	for text, ok := range map[string]bool{
		demoYAML: true, demoYAML + operatorsYAML: false, plainYAML: false, "demo: false\n": false, "demo: [": false, "nothing": false,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "ringbackd.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := initialise(dir, true)
		require.Equal(t, ok, err == nil, "%s: %v", text, err)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, !ok, string(left) == text)
	}
}

// What a second person must be, and what a request must still be.
func TestJudge(t *testing.T) {
	c := Config{Admin: AdminConfig{Operators: []OperatorConfig{{Name: "Kim", User: "2003", Roles: []role{roleKeys}}}}}
	asked := store.Request{Args: `{"TID":"20000001","MID":"898110000000009","Line":"","Profile":"ecb"}`, Operation: store.Operation{
		Seq: 7, At: time.Now(), Operator: "Kim", UID: keeper, Verb: "terminal add",
		Object: "terminal 20000001, merchant 898110000000009, any line, profile ecb"}}
	kay := person{uid: keeperToo, name: "Kay", roles: []role{roleKeys}}
	for _, v := range []struct {
		name    string
		who     person
		change  func(*store.Request)
		problem string
	}{
		{"another keeper", kay, nil, ""},
		{"a moment before it expires", kay, func(r *store.Request) { r.At = time.Now().Add(time.Hour - store.RequestLife) }, ""},
		{"expired", kay, func(r *store.Request) { r.At = time.Now().Add(-store.RequestLife) }, "has expired"},
		{"approved", kay, func(r *store.Request) { r.Closed = 9 }, "approved already"},
		{"the same operator", person{uid: keeper, name: "Kim", roles: []role{roleKeys}}, nil, "Kim asked for it"},
		{"the same operator by another account", person{uid: 2099, name: "Kim", roles: []role{roleKeys}}, nil, "Kim asked for it"},
		{"the same account by another name", person{uid: keeper, name: "Kay", roles: []role{roleKeys}}, nil, "Kay asked for it"},
		{"without the role", person{uid: operator, name: "Otto", roles: []role{roleView, roleOperate}}, nil, `"terminal add" needs keys`},
		{"unlisted", person{uid: stranger}, nil, "not listed"},
		{"a verb that is none", kay, func(r *store.Request) { r.Verb = "terminal explode" }, "knows no"},
		{"a verb of one person", kay, func(r *store.Request) { r.Verb = "payee add" }, "knows no"},
		{"other arguments", kay, func(r *store.Request) { r.Args = `{"TIDs":"1"}` }, "not for this program"},
		{"no arguments", kay, func(r *store.Request) { r.Args = "" }, "not for this program"},
		{"arguments of something else", kay, func(r *store.Request) { r.Object = "terminal 20000002" }, "does not say what its line says"},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := asked
			if v.change != nil {
				v.change(&r)
			}
			wanted, err := judge(c, v.who, &r)
			if v.problem != "" {
				require.ErrorIs(t, err, errDenied)
				require.ErrorContains(t, err, v.problem)
				require.Nil(t, wanted)
				return
			}
			require.NoError(t, err)
			require.Equal(t, asked.Object, wanted.object())
		})
	}
}

func TestAdminConfig(t *testing.T) {
	base := "store: {path: a.db}\nkeys: {master_file: /m.key}\nhost: {zmk_file: z.key}\n"
	list := func(lines ...string) string {
		return "admin:\n  operators:\n    - " + strings.Join(lines, "\n    - ") + "\n"
	}
	const a, b = "{name: A, roles: [keys], user: a}", "{name: B, roles: [keys, view], user: b, cert: bb}"
	tls := "http: {addr: \"0.0.0.0:1\", tls: {cert_file: c, key_file: k, client_ca_file: a}}\n"
	for _, v := range []struct{ name, yaml, env, problem string }{
		{"a list", list(a, b), "", ""},
		{"one role as a word", list("{name: A, roles: view, user: a}"), "", ""},
		{"no role", list("{name: A, user: a}"), "", "admin.operators[0].roles"},
		{"unknown role", list("{name: A, roles: [root], user: a}"), "", "oneof view operate keys"},
		{"no name", list("{roles: [view], user: a}"), "", "name: required"},
		{"nobody", list("{name: A, roles: [view]}"), "", "neither user nor cert"},
		{"unknown key", list("{name: A, roles: [view], user: a, mail: x}"), "", "mail"},
		{"name twice", list(a, "{name: A, roles: [view], user: b}"), "", `"A" is another operator's`},
		{"user twice", list(a, "{name: B, roles: [view], user: a}"), "", `"a" is another operator's`},
		{"cert twice", list(b, "{name: C, roles: [view], cert: bb}"), "", `"bb" is another operator's`},
		{"a line break in a name", list(`{name: "A\nB", roles: [view], user: a}`), "", "control character"},
		{"two persons", list(a, b, "{name: C, roles: [operate], user: c}", "{name: D, roles: [operate], user: d}") + "  two_persons: true\n", "", ""},
		{"two persons, nobody to close the worklist", list(a, b) + "  two_persons: true\n", "", `"discrepancy resolve" needs two operators with role operate`},
		{"two persons without a list", "admin: {two_persons: true}\n", "", `"terminal add" needs two operators with role keys`},
		{"two persons, one with keys", list(a, "{name: B, roles: [view, operate], user: b}") + "  two_persons: true\n", "", "there are 1"},
		{"two persons, one by certificate only", list(a, "{name: B, roles: [keys], cert: b}") + "  two_persons: true\n", "", "there are 1"},
		{"by the environment", list(a, b), "RINGBACK_ADMIN__TWO_PERSONS", "read from the file only"},
		{"the whole list by the environment", list(a, b), "RINGBACK_ADMIN", "read from the file only"},

		{"HTTP on loopback", "http: {addr: \"127.0.0.1:1\"}\n", "", ""},
		{"HTTP on all of loopback", "http: {addr: \"127.1.2.3:1\"}\n", "", ""},
		{"HTTP on loopback 6", "http: {addr: \"[::1]:1\"}\n", "", ""},
		{"HTTP on localhost", "http: {addr: \"localhost:1\"}\n", "", ""},
		{"HTTP off", "http: {addr: \"\"}\n", "", ""},
		{"HTTP on all addresses", "http: {addr: \":1\"}\n", "", "is not loopback"},
		{"HTTP on 0.0.0.0", "http: {addr: \"0.0.0.0:1\"}\n", "", "is not loopback"},
		{"HTTP on an address", "http: {addr: \"192.0.2.1:1\"}\n", "", "is not loopback"},
		{"HTTP on a name", "http: {addr: \"switch.example:1\"}\n", "", "is not loopback"},
		{"HTTP behind a proxy", "http: {addr: \"0.0.0.0:1\", insecure: true}\n", "", ""},
		{"HTTP with TLS", tls + list(b), "", ""},
		{"HTTP with TLS and clear", "http: {insecure: true, tls: {cert_file: c, key_file: k, client_ca_file: a}}\n" + list(b), "", "http.insecure"},
		{"HTTP with half of TLS", "http: {addr: \"0.0.0.0:1\", tls: {cert_file: c, key_file: k}}\n", "", "go together"},
		{"HTTP with TLS for nobody", tls + list(a), "", "nobody could read"},
		{"health for all", "http: {health_addr: \"0.0.0.0:1\"}\n", "", ""},
		{"health nowhere", "http: {health_addr: nowhere}\n", "", "http.healthaddr"},
	} {
		t.Run(v.name, func(t *testing.T) {
			path := t.TempDir() + "/c.yaml"
			require.NoError(t, os.WriteFile(path, []byte(base+v.yaml), 0o600))
			if v.env != "" {
				t.Setenv(v.env, "false")
			}
			config, err := loadConfig(path)
			if v.problem != "" {
				require.ErrorContains(t, err, v.problem)
				return
			}
			require.NoError(t, err)
			if config.HTTP.TLS.on() {
				require.True(t, filepath.IsAbs(config.HTTP.TLS.ClientCAFile), "relative paths count from the file")
			}
		})
	}
}
