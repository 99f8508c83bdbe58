package voice

import (
	"context"
	"log/slog"
	"sync"

	"github.com/emiago/sipgo/sip"
	"github.com/rs/zerolog"
)

// quiet is the log of sipgo: of a warning its fixed words are kept, at a bounded rate, and everything that was added to them is thrown
// away, for it holds whole messages with numbers and passwords' digests.
type quiet struct{ log zerolog.Logger }

func (q quiet) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (q quiet) Handle(_ context.Context, r slog.Record) error {
	q.log.Warn().Str("library", "sip").Msg(r.Message)
	return nil
}

func (q quiet) WithAttrs([]slog.Attr) slog.Handler { return q }
func (q quiet) WithGroup(string) slog.Handler      { return q }

var silenced sync.Once

// silence takes sipgo's default log away, which some of its parts use whatever they are given.
func silence() {
	silenced.Do(func() { sip.SetDefaultLogger(slog.New(slog.DiscardHandler)) })
}
