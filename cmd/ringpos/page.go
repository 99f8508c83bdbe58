package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// page is what the demonstration prints. Taps write to it while the story goes on.
type page struct {
	mu     sync.Mutex
	out    io.Writer
	failed int
	err    error // the first of writing
}

// print writes one or more whole lines.
func (p *page) print(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(text)
}

func (p *page) write(text string) {
	if _, err := fmt.Fprintln(p.out, text); p.err == nil {
		p.err = err
	}
}

func (p *page) chapter(title string) { p.print("\n" + title + "\n") }

// check notes whether something is as it should be.
func (p *page) check(good bool, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	mark := "ok   "
	if !good {
		mark = "WRONG"
		p.failed++
	}
	p.write("  " + mark + " " + fmt.Sprintf(format, args...))
}

// errWrong is the result of a demonstration that showed something else than it should.
var errWrong = errors.New("something was not as it should be")

// result is an error if a check failed or nobody could read it.
func (p *page) result() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed > 0 {
		return errors.Join(fmt.Errorf("%w: %d checks failed", errWrong, p.failed), p.err)
	}
	return p.err
}
