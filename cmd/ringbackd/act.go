package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"example.com/ringback/store"
)

// change is a verb that changes something.
type change interface {
	configPath() string
	// object says what it is done to, for the journal and for a second person to judge: numbers and cards masked, no name,
	// no key. It is also asked of arguments that are wrong.
	object() string
	// carryOut does it. The result is shown when the journal has it.
	carryOut(ctx context.Context, i *installation) (result, error)
}

// result is what a verb has to show.
type result struct {
	json any    // with --json; nil: nothing
	text string // without, whole lines; may be empty
}

func (r result) print(to io.Writer, asJSON bool) error {
	if !asJSON {
		_, err := io.WriteString(to, r.text)
		return err
	}
	if r.json == nil {
		return nil
	}
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	return e.Encode(r.json)
}

// configPath is where the configuration of a verb is.
func (c configFlag) configPath() string { return c.Config }

// asJSON reports whether a verb is to print JSON.
func (j jsonFlag) asJSON() bool { return j.JSON }

func wantsJSON(c any) bool {
	j, ok := c.(interface{ asJSON() bool })
	return ok && j.asJSON()
}

// objectOf is the object of a verb that has one.
func objectOf(c any) string {
	if o, ok := c.(interface{ object() string }); ok {
		return o.object()
	}
	return ""
}

// operation is a line of the operators' journal about what a person wants.
func (p person) operation(verb, object string, outcome store.Outcome, why error, about int64) store.Operation {
	o := store.Operation{Operator: p.name, Account: p.account, UID: int64(p.uid), Verb: verb, Object: object, Outcome: outcome, About: about}
	if why != nil {
		o.Detail = maskDigits(why.Error())
	}
	return o
}

// longDigits are what could be a card or a number in a text for people.
var longDigits = regexp.MustCompile(`[0-9]{9,}`)

// maskDigits hides the middle of every long number in a text. A reference number goes, too: it stands in the object.
func maskDigits(s string) string {
	return longDigits.ReplaceAllStringFunc(s, func(d string) string {
		return d[:3] + strings.Repeat("*", len(d)-5) + d[len(d)-2:]
	})
}

// perform carries out a change, or files it as a request for a second person. The journal has it before it is done, and how
// it went before it is shown.
func (a act) perform(ctx context.Context, c change) error {
	return with(ctx, c.configPath(), func(i *installation) error {
		who, err := i.config.personOf(a.me)
		if err != nil {
			return err
		}
		if i.config.Admin.TwoPersons && a.verb.twoPersons {
			return a.file(ctx, i, who, c)
		}
		i.acting = who.String()
		begun, err := i.db.Record(ctx, who.operation(a.name, c.object(), store.OutcomeBegun, nil, 0))
		if err != nil {
			return fmt.Errorf("nothing was done: %w", err)
		}
		return conclude(ctx, i, c, who.operation(a.name, c.object(), store.OutcomeDone, nil, begun), wantsJSON(c))
	})
}

// conclude carries out what the journal knows of, writes down how it went, and shows it.
func conclude(ctx context.Context, i *installation, c change, line store.Operation, asJSON bool) error {
	shown, err := c.carryOut(ctx, i)
	if err != nil {
		line.Outcome, line.Detail = store.OutcomeFailed, maskDigits(err.Error())
	}
	// Who interrupts it now wants no more of it, but what was done must be written.
	if _, broken := i.db.Record(context.WithoutCancel(ctx), line); broken != nil {
		return errors.Join(err, fmt.Errorf("line %d of the operators' journal says what was begun, and nothing how it went (%s): %w",
			line.About, line.Outcome, broken))
	}
	if err != nil {
		return err
	}
	return shown.print(os.Stdout, asJSON)
}

// requestJSON is a request as it is shown.
type requestJSON struct {
	Request  int64  `json:"request"`
	Verb     string `json:"verb"`
	Object   string `json:"object"`
	Operator string `json:"operator"` // who filed it
	At       string `json:"at"`
	Expires  string `json:"expires"`
}

func showRequest(r store.Request) requestJSON {
	return requestJSON{Request: r.Seq, Verb: r.Verb, Object: r.Object, Operator: nameOf(r.Operation), At: clockText(r.At),
		Expires: clockText(r.Expires())}
}

// file files a change and shows its number.
func (a act) file(ctx context.Context, i *installation, who person, c change) error {
	args, err := json.Marshal(c)
	if err != nil {
		return err
	}
	id, err := i.db.File(ctx, who.operation(a.name, c.object(), store.OutcomeFiled, nil, 0), string(args))
	if err != nil {
		return err
	}
	r, err := i.db.Request(ctx, id)
	if err != nil {
		return err
	}
	shown := result{json: showRequest(*r), text: fmt.Sprintf("request %d: %s, %s\nNothing is done until another operator approves it, until %s: ringbackd approve %d\n",
		id, r.Verb, r.Object, clockText(r.Expires()), id)}
	return shown.print(os.Stdout, wantsJSON(c))
}
