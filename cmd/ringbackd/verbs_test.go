package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"example.com/ringback/store"
)

// The operators of the tests, by their uid; 2009 is listed nowhere.
const (
	viewer, operator, keeper, keeperToo, stranger = 2001, 2002, 2003, 2004, 2009

	operatorsYAML = `admin:
  operators:
    - {name: Vera, roles: [view], user: 2001, cert: vera}
    - {name: Otto, roles: [operate], user: "2002", cert: otto}
    - {name: Kim, roles: [keys], user: "2003"}
    - {name: Kay, roles: [keys], user: "2004"}
`
)

// newInstallation makes an installation whose configuration ends with text, and an empty store.
func newInstallation(t *testing.T, text string) (config string) {
	t.Helper()
	dir := t.TempDir()
	path, err := initialise(dir, false)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "zmk.key"), []byte("00112233445566778899AABBCCDDEE01\n"), 0o600))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	addresses := strings.NewReplacer("0.0.0.0:8583", "127.0.0.1:0", "127.0.0.1:8080", "127.0.0.1:0").Replace(string(b))
	require.NoError(t, os.WriteFile(path, []byte(addresses+text), 0o600))
	i, err := openInstallation(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, i.close())
	return path
}

// runAs runs a command line as an account.
func runAs(ctx context.Context, t *testing.T, me caller, config string, args ...string) error {
	t.Helper()
	parser, err := newParser(func(int) { panic("exit") })
	require.NoError(t, err)
	k, err := parser.Parse(append(args, "-c", config))
	require.NoError(t, err, args)
	return runVerb(ctx, k, me)
}

// journal returns the operators' journal.
func journal(t *testing.T, config string) (lines []store.Operation) {
	t.Helper()
	require.NoError(t, with(t.Context(), config, func(i *installation) (err error) {
		lines, err = i.db.Operations(t.Context(), 0, 0)
		return err
	}))
	return lines
}

// leaves are the verbs of the command line and their commands.
func leaves(t *testing.T) map[string]*kong.Node {
	t.Helper()
	parser, err := newParser(func(int) {})
	require.NoError(t, err)
	all := make(map[string]*kong.Node)
	for _, n := range parser.Model.Leaves(false) {
		all[n.Path()] = n
	}
	return all
}

// A verb that nobody thought about does not run: the table and the command line are the same.
func TestEveryVerbIsInTheTable(t *testing.T) {
	all := leaves(t)
	for name, n := range all {
		v, ok := verbs[name]
		require.True(t, ok, "%q has no line in verbs", name)
		target := n.Target.Addr().Interface()
		_, configured := target.(interface{ configPath() string })
		require.True(t, configured || v.founding, "%q takes no -c: nothing could say who may run it", name)
		_, changes := target.(change)
		_, approves := target.(*approveCmd)
		require.Equal(t, v.changes, changes || approves, "%q: changes", name)
		require.Equal(t, v.twoPersons, v.blank != nil, "%q: blank", name)
		if v.twoPersons {
			require.True(t, v.changes, name)
			require.Equal(t, reflect.TypeOf(target), reflect.TypeOf(v.blank()), name)
		}
	}
	for name := range verbs {
		require.Contains(t, all, name, "there is no such verb")
	}
}

// Arguments of a request come back as they went, without the flags that are the approver's own.
func TestRequestArguments(t *testing.T) {
	want := &terminalAddCmd{TID: "20000001", MID: "898110000000009", Line: "01088886666", Profile: "x919,keyed"}
	asked := *want
	asked.Config, asked.JSON = "other.yaml", true
	text, err := json.Marshal(&asked)
	require.NoError(t, err)
	got := verbs["terminal add"].blank()
	require.NoError(t, json.Unmarshal(text, got))
	require.Equal(t, want, got)
}

// roleCases are every verb with arguments that can be carried out, who may, and the object of a denial. Written out once
// more: that verbs was changed is to be seen here.
var roleCases = map[string]struct {
	args   string
	may    []int
	object string
}{
	"serve":               {"serve", []int{operator}, ""},
	"terminal add":        {"terminal add 20000001 898110000000009 --line 01088886666", []int{keeper, keeperToo}, "terminal 20000001, merchant 898110000000009, line ********666, profile ecb"},
	"key rotate":          {"key rotate", []int{keeper, keeperToo}, "local master key"},
	"terminal list":       {"terminal list", []int{viewer}, ""},
	"terminal block":      {"terminal block 20000001", []int{operator}, "terminal 20000001"},
	"terminal unblock":    {"terminal unblock 20000001", []int{operator}, "terminal 20000001"},
	"payee add":           {"payee add 13800138001 --name 王小明 --card 6217000000000000012", []int{operator}, "payee 138****8001, card 621700*********0012"},
	"payment show":        {"payment show 632800000001", []int{viewer}, "payment 632800000001"},
	"payment list":        {"payment list", []int{viewer}, ""},
	"notice list":         {"notice list", []int{viewer}, ""},
	"payee suspend":       {"payee suspend 13800138001", []int{operator}, "payee 138****8001"},
	"payee resume":        {"payee resume 13800138001", []int{operator}, "payee 138****8001"},
	"payee delete":        {"payee delete 13800138007", []int{operator}, "payee 138****8007"},
	"payee export":        {"payee export 13800138001", []int{operator}, "payee 138****8001"},
	"payee show":          {"payee show 13800138001", []int{viewer}, "payee 138****8001"},
	"payee statement":     {"payee statement 13800138001", []int{viewer}, "payee 138****8001"},
	"notice retry":        {"notice retry 632800000001-1", []int{operator}, "notice 632800000001-1"},
	"enrolment list":      {"enrolment list", []int{viewer}, ""},
	"enrolment show":      {"enrolment show 2026112400000001", []int{viewer}, "enrolment 2026112400000001"},
	"enrolment approve":   {"enrolment approve 2026112400000001", []int{operator}, "enrolment 2026112400000001"},
	"enrolment refuse":    {"enrolment refuse 2026112400000001", []int{operator}, "enrolment 2026112400000001"},
	"purge":               {"purge", []int{operator}, "what is kept too long"},
	"settle":              {"settle --date 20261124", []int{operator}, "settlement date 20261124"},
	"report":              {"report 20261124", []int{viewer}, ""},
	"discrepancy list":    {"discrepancy list", []int{viewer}, ""},
	"discrepancy show":    {"discrepancy show 1", []int{viewer}, "discrepancy 1"},
	"discrepancy resolve": {"discrepancy resolve 1 --as refunded --why done", []int{operator}, "discrepancy 1, as refunded: done"},
	"audit":               {"audit", []int{viewer}, ""},
	"decode":              {"decode --dialect pos", []int{viewer}, ""},
	"operation list":      {"operation list", []int{viewer}, ""},
	"request list":        {"request list", []int{viewer, operator, keeper, keeperToo}, ""},
	"approve":             {"approve 1", []int{viewer, operator, keeper, keeperToo}, "request 1"},
	"check":               {"check", []int{viewer, operator, keeper, keeperToo, stranger}, ""},
	"notice show":         {"notice show 632800000001-1", []int{viewer}, "notice 632800000001-1"},
}

// Each verb by each role: denied with a sentence and a line of the journal, or not denied.
func TestRoles(t *testing.T) {
	for name := range leaves(t) {
		v := roleCases[name]
		if verbs[name].founding {
			continue // see TestFoundingVerbs
		}
		require.NotEmpty(t, v.args, "%q has no case", name)
		t.Run(name, func(t *testing.T) {
			config := newInstallation(t, operatorsYAML)
			denials := 0
			for _, uid := range []int{viewer, operator, keeper, keeperToo, stranger} {
				may := false
				for _, m := range v.may {
					may = may || m == uid
				}
				ctx := t.Context()
				if may && name == "serve" { // it would not end
					cancelled, cancel := context.WithCancel(ctx)
					cancel()
					ctx = cancelled
				}
				err := runAs(ctx, t, caller{uid: uid}, config, strings.Fields(v.args)...)
				if may {
					require.NotErrorIs(t, err, errDenied, uid)
					continue
				}
				require.ErrorIs(t, err, errDenied, uid)
				require.ErrorContains(t, err, name)
				require.ErrorContains(t, err, "role")
				denials++
				lines := journal(t, config)
				last := lines[len(lines)-1]
				require.Equal(t, store.OutcomeDenied, last.Outcome)
				require.Equal(t, name, last.Verb)
				require.EqualValues(t, uid, last.UID)
				require.Equal(t, uid == stranger, last.Operator == "")
				require.Equal(t, v.object, last.Object)
			}
			written := 0
			for _, l := range journal(t, config) {
				if l.Outcome == store.OutcomeDenied {
					written++
				}
			}
			require.Equal(t, denials, written)
		})
	}
}

// While nobody is listed everybody may, and who it was is written down; looking writes nothing.
func TestWithoutOperators(t *testing.T) {
	for name, v := range roleCases {
		if name == "serve" || name == "approve" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			config := newInstallation(t, "")
			require.NotErrorIs(t, runAs(t.Context(), t, caller{uid: stranger}, config, strings.Fields(v.args)...), errDenied)
			lines := journal(t, config)
			if !verbs[name].changes {
				require.Empty(t, lines)
				return
			}
			require.Len(t, lines, 2, "begun, and how it went")
			require.Equal(t, store.OutcomeBegun, lines[0].Outcome)
			require.Equal(t, lines[0].Seq, lines[1].About)
			for _, l := range lines {
				require.Equal(t, name, l.Verb)
				require.Equal(t, v.object, l.Object)
				require.EqualValues(t, stranger, l.UID)
				require.Empty(t, l.Operator)
			}
		})
	}
}

// A verb that is in no table does not run.
func TestUnknownVerbIsRefused(t *testing.T) {
	config := newInstallation(t, "")
	known := verbs["terminal list"]
	delete(verbs, "terminal list")
	defer func() { verbs["terminal list"] = known }()
	require.ErrorIs(t, runAs(t.Context(), t, caller{uid: viewer}, config, "terminal", "list"), errDenied)
}

// What is done and how it went; texts for people have no long number.
func TestJournalOfChanges(t *testing.T) {
	config := newInstallation(t, operatorsYAML)
	me := caller{uid: operator}
	require.NoError(t, runAs(t.Context(), t, me, config, "payee", "add", "13800138001", "--name", "王小明", "--card", "6217000000000000012"))
	require.ErrorContains(t, runAs(t.Context(), t, me, config, "terminal", "block", "20000009"), "not registered")
	lines := journal(t, config)
	require.Len(t, lines, 4)
	for i, want := range []struct {
		outcome store.Outcome
		detail  string
		about   int64
	}{{store.OutcomeBegun, "", 0}, {store.OutcomeDone, "", 1}, {store.OutcomeBegun, "", 0}, {store.OutcomeFailed, "terminal 20000009 is not registered", 3}} {
		require.Equal(t, want.outcome, lines[i].Outcome)
		require.Equal(t, want.detail, lines[i].Detail)
		require.Equal(t, want.about, lines[i].About)
		require.Equal(t, "Otto", lines[i].Operator)
	}
}

func TestMaskDigits(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "terminal 20000009": "terminal 20000009", "13800138001 is": "138******01 is", "123456789": "123****89",
		"6217000000000000012 and 6217000000000000012": "621**************12 and 621**************12",
	} {
		require.Equal(t, want, maskDigits(text))
	}
}

// One byte of the operators' journal altered in the file: the audit names the line, and every other verb refuses the file
// when it was the last.
func TestAuditOfOperators(t *testing.T) {
	config := newInstallation(t, "")
	for range 3 {
		require.Error(t, runAs(t.Context(), t, caller{uid: operator}, config, "terminal", "block", "20000009"))
	}
	report, err := auditJournal(t.Context(), config)
	require.NoError(t, err)
	require.Empty(t, report.Breaks)
	require.Equal(t, 6, report.Operations)

	path := filepath.Join(filepath.Dir(config), "ringback.db")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	at := strings.LastIndex(string(b), "terminal 20000009 is not registered")
	require.Positive(t, at)
	b[at+len("terminal ")] = '3'
	require.NoError(t, os.WriteFile(path, b, 0o600))
	err = runAs(t.Context(), t, caller{uid: viewer}, config, "audit", "--json")
	require.ErrorContains(t, err, "broken in 1 places")
	report, err = auditJournal(t.Context(), config)
	require.NoError(t, err)
	out := showAudit(report)
	require.Len(t, out.Breaks, 1)
	require.Contains(t, out.Breaks[0].What, "of the operators' journal is not as it was written")
	require.NotZero(t, out.Breaks[0].Line)
	var text strings.Builder
	require.NoError(t, printAudit(&text, out))
	require.Contains(t, text.String(), out.Breaks[0].What)
}
