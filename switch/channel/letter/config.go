package letter

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	acquirer "example.com/ringback/switch"
)

// Config is what a [Letter] is made of. One of Printer and Dir must be set.
type Config struct {
	Printer  string            // ipps://host[:631]/path, or ipp:// towards loopback
	Roots    *x509.CertPool    // whom the printer's certificate must come from; nil: as the system says
	Dir      string            // a folder that gets the letters; made, for its owner only, when it is not there
	At       time.Duration     // when letters are made: since midnight in Beijing, whole minutes
	Sender   []string          // name and address of who writes, 1 to 4 lines
	Fonts    [][]byte          // TrueType, asked for a character one after the other before the built-in one is; kept
	Receipts acquirer.Receipts // may be nil: then nobody hears what became of a print
	Log      zerolog.Logger
}

// Letter is the device. It implements [acquirer.Digester] and [acquirer.Runner].
type Letter struct {
	Config
	printer *printer // nil with a folder
	face    func() (*face, error)
	jobs    jobs
}

var (
	_ acquirer.Digester = (*Letter)(nil)
	_ acquirer.Runner   = (*Letter)(nil)
)

// New returns a device that has touched nothing. Its error names all that is wrong with c, but for the fonts: see
// [Letter.Check].
func New(c Config) (*Letter, error) {
	l := &Letter{Config: c, face: sync.OnceValues(func() (*face, error) { return load(c.Fonts) })}
	l.jobs.open = map[string]int{}
	var wrong []error
	want := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, errors.New(what))
		}
	}
	want((c.Printer == "") != (c.Dir == ""), "one of printer and dir, not both")
	want(c.At >= 0 && c.At < 24*time.Hour && c.At%time.Minute == 0, "at: a time of day")
	want(len(c.Sender) > 0 && len(c.Sender) <= maxSender, fmt.Sprintf("sender: 1 to %d lines", maxSender))
	for _, line := range c.Sender {
		want(strings.TrimSpace(line) != "" && len(line) <= 200, "sender: a line is empty or longer than 200 bytes")
	}
	if c.Printer != "" {
		var err error
		l.printer, err = newPrinter(c.Printer, c.Roots)
		wrong = append(wrong, err)
	}
	return l, errors.Join(wrong...)
}

// Check loads the fonts and says what is wrong with it.
func (l *Letter) Check() error {
	_, err := l.face()
	return err
}
