package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"example.com/ringback/spec"
)

// letter is a file that the switch wrote into the spool: what a telephone would show.
type letter struct {
	Kind string `json:"kind"`
	To   string `json:"to"`
	Text string `json:"text"`
}

// registration is how a payee registers himself: a message, a code, and the code back. The spool, a folder, stands in
// for a gateway of short messages.
func (d *demo) registration() error {
	d.page.chapter("4. " + spec.MaskMobile(demoStranger) + " registers himself: a message with name and card, and a code to the number")
	if err := d.text("1", "注册 "+demoName+" "+demoNewCard, "注册 张*丰 "+spec.MaskPANDigits(demoNewCard)); err != nil {
		return err
	}
	brought, err := d.hear(demoStranger, "code")
	if err != nil {
		return err
	}
	code := sixDigits.FindString(brought.Text)
	d.page.print("  The bank says that name and card belong together. The telephone shows: " + strings.ReplaceAll(brought.Text, code, "******"))
	if err := d.text("2", "确认 "+code, "确认 ******"); err != nil {
		return err
	}
	done, err := d.hear(demoStranger, "active")
	if err != nil {
		return err
	}
	d.page.print("  The telephone shows: " + done.Text)
	var requests []struct {
		Kind  string `json:"kind"`
		State string `json:"state"`
	}
	if err := d.askJSON(&requests, "enrolment", "list"); err != nil {
		return err
	}
	d.page.check(len(requests) == 1 && requests[0].State == "active", "the request is active: ringbackd enrolment list")
	return nil
}

// text sends a message from the payee's telephone; shown is what of it is printed.
func (d *demo) text(id, text, shown string) error {
	d.page.print("  The payee sends: " + shown)
	b, err := json.Marshal(map[string]string{"from": demoStranger, "text": text})
	if err != nil {
		return err
	}
	in := filepath.Join(d.spool(), "in")
	if err := os.WriteFile(filepath.Join(in, "."+id), b, 0o600); err != nil {
		return err
	}
	return os.Rename(filepath.Join(in, "."+id), filepath.Join(in, id+".json"))
}

// hear waits for a message of a kind on a telephone and takes it.
func (d *demo) hear(number, kind string) (l letter, err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		l, err = d.take(number, kind)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return l, err
		}
		select {
		case <-d.daemon.ended:
			return l, d.daemon.failedEarly()
		case <-d.ctx.Done():
			return l, fmt.Errorf("no message %s for %s: %w", kind, spec.MaskMobile(number), d.ctx.Err())
		case <-tick.C:
		}
	}
}

// take takes a message out of the spool: [os.ErrNotExist], there is none.
func (d *demo) take(number, kind string) (letter, error) {
	files, err := filepath.Glob(filepath.Join(d.spool(), "out", "*.json"))
	if err != nil {
		return letter{}, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return letter{}, err
		}
		var l letter
		if err := json.Unmarshal(b, &l); err != nil {
			return letter{}, err
		}
		if l.To == number && l.Kind == kind {
			return l, os.Remove(f)
		}
	}
	return letter{}, os.ErrNotExist
}

// sixDigits is a code: no part of a masked card.
var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)
