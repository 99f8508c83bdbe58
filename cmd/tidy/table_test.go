package tidy

import "strings"

// The limits of the tree.
const (
	functionLimit = 70  // lines, from func to the closing brace
	fileLimit     = 500 // lines
	testFileLimit = 800
	medianLimit   = 12 // lines of the median function outside tests
)

// mayImport says which of our packages a package may import, in its tests too. A package may always import itself
// (an external test does). "*" is any. Folders under cmd/ need no line: mains may import anything.
var mayImport = map[string][]string{
	"cmd/...":                       {"*"},
	"spec":                          {},
	"spec/pos":                      {"spec"},
	"spec/cups":                     {"spec"},
	"spec/clearing":                 {"spec"},
	"switch":                        {},
	"switch/hsm":                    {"switch"},
	"switch/channel/...":            {"switch"},
	"switch/channel/cmpp":           {"switch", "switch/channel/sms", "switch/channel/sms/smstest"},
	"switch/channel/smpp":           {"switch", "switch/channel/sms", "switch/channel/sms/smstest"},
	"switch/channel/voice":          {"switch", "switch/channel/voice/dialogue", "switch/channel/voice/speech", "switch/channel/voice/rtp"},
	"switch/channel/voice/dialogue": {"switch"},
	"switch/channel/voice/rtp":      {},
	"switch/channel/voice/speech":   {"switch", "switch/channel/voice/dialogue"},
	"switch/console":                {"switch", "switch/console/budget"},
	"switch/console/budget":         {},
	"switch/console/portal":         {"switch", "switch/console/budget"},
	"switch/sim":                    {"*"},
	"store":                         {"switch", "store/faultvfs"}, // the second in tests only, which one there holds
	"store/faultvfs":                {},
	"terminal":                      {"switch", "spec", "spec/pos"},
	"terminal/emulator":             {"spec", "spec/pos"},
	"provider":                      {"switch", "spec", "spec/cups", "spec/clearing"},
	"provider/mockhost":             {"spec", "spec/cups", "spec/clearing"},
}

// library is an outside module, or a folder of one, and the folders that are its home.
type library struct {
	path     string
	testOnly bool // only test files, in any folder
	homes    []string
}

// libraries lists every outside library that may be imported at all. The first that fits counts.
var libraries = []library{
	{path: "github.com/moov-io/iso8583", homes: []string{"spec/..."}},
	{path: "github.com/moov-io/iso8583-connection", homes: []string{"provider", "provider/mockhost"}},
	{path: "github.com/emmansun/gmsm", homes: []string{"switch/hsm", "spec"}},
	{path: "golang.org/x/text", homes: []string{"spec", "switch/channel/mail", "switch/channel/sms", "switch/channel/voice/dialogue"}},

	{path: "github.com/wneessen/go-mail", homes: []string{"switch/channel/mail"}},
	{path: "github.com/emersion/go-smtp", homes: []string{"switch/channel/mail", "cmd/ringbackd"}}, // the second in tests only
	{path: "github.com/emersion/go-sasl", testOnly: true},                                          // of the smart hosts in tests
	{path: "github.com/emersion/go-message", homes: []string{"switch/channel/mail"}},
	{path: "github.com/emersion/go-msgauth", homes: []string{"switch/channel/mail"}},
	{path: "blitiri.com.ar/go/spf", homes: []string{"switch/channel/mail"}},
	{path: "github.com/bigwhite/gocmpp", homes: []string{"switch/channel/cmpp", "cmd/ringbackd"}}, // the second in tests only
	{path: "github.com/linxGnu/gosmpp", homes: []string{"switch/channel/smpp"}},
	{path: "github.com/signintech/gopdf", homes: []string{"switch/channel/letter"}},
	{path: "github.com/phin1x/go-ipp", homes: []string{"switch/channel/letter"}},
	{path: "github.com/emiago/sipgo", homes: []string{"switch/channel/voice"}},

	{path: "github.com/mattn/go-sqlite3", homes: []string{"store", "store/faultvfs"}},
	{path: "github.com/jackc/pgx/v5", homes: []string{"store"}},

	{path: "github.com/rs/zerolog", homes: []string{"terminal", "provider", "provider/mockhost", "switch/console/...", "switch/channel/...", "cmd/..."}},
	{path: "github.com/prometheus/client_golang", homes: []string{"switch/console", "cmd/..."}},

	{path: "github.com/alecthomas/kong", homes: []string{"cmd/..."}},
	{path: "github.com/knadh/koanf", homes: []string{"cmd/..."}},
	{path: "github.com/go-viper/mapstructure/v2", homes: []string{"cmd/..."}}, // koanf's decoder
	{path: "github.com/go-playground/validator/v10", homes: []string{"cmd/..."}},

	{path: "github.com/stretchr/testify/require", testOnly: true},
	{path: "github.com/chmike/cmac-go", testOnly: true},
	{path: "pgregory.net/rapid", testOnly: true},
	{path: "go.uber.org/goleak", testOnly: true},
	{path: "github.com/rogpeppe/go-internal", testOnly: true},
	{path: "github.com/santhosh-tekuri/jsonschema/v6", testOnly: true},
	{path: "github.com/chromedp", testOnly: true},
}

// revealers are the folders whose code, tests aside, may ask a secret for its value (the method Reveal of the types
// of switch/secret.go). Everybody else passes the value on unseen.
var revealers = []string{"switch", "switch/hsm", "switch/channel/...", "switch/console/portal", "store", "terminal", "provider", "cmd/..."}

// names are the folders whose package has another name: switch is a Go keyword.
var names = map[string]string{"switch": "acquirer"}

// ban is a text that must not stay in any file. It is written in two parts so that this file does not hold it.
type ban struct {
	text  string // in lower case unless exact
	exact bool   // case counts, and the text must stand alone as a word
	why   string
}

var bans = []ban{
	{"FIX" + "ME", true, "mend it, or say plainly what does not work"},
	{"X" + "XX", true, "mend it, or say plainly what does not work"},
	{"lo" + "rem", false, "write the text"},
	{`panic("not ` + `implemented`, false, "leave the function out until it is written"},
	{"cla" + "ude", false, workplace},
	{"anth" + "ropic", false, workplace},
	{"open" + "ai", false, workplace},
	{"chat" + "gpt", false, workplace},
	{"copi" + "lot", false, workplace},
	{"language " + "model", false, workplace},
	{"/wo" + "rk/", false, workplace},
	{"../sha" + "red/", false, workplace},
	{"hel" + "per-", false, workplace},
	{"proxy.go" + "lang.org", false, registry},
	{"npm" + "js", false, registry},
}

const (
	workplace = "the tree speaks of the product, not of how or where it was written"
	registry  = "where modules come from is the builder's configuration"
)

// within reports whether a folder is one of the patterns; "a/..." is a and everything below it.
func within(folder string, patterns []string) bool {
	for _, p := range patterns {
		base, below := strings.CutSuffix(p, "/...")
		if p == "*" || folder == base || below && strings.HasPrefix(folder, base+"/") {
			return true
		}
	}
	return false
}
