package mockhost

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// lockedWriter lets goroutines log into one string.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (l *lockedWriter) logger() zerolog.Logger { return zerolog.New(l) }

func (l *lockedWriter) text(b *strings.Builder) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return b.String()
}

func timeoutContext(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}
