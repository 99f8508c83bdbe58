package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
)

// operationCmd groups the verbs on the operators' journal.
type operationCmd struct {
	List operationListCmd `cmd:"" help:"List what operators did and were refused, newest last."`
}

// requestCmd groups the verbs on requests.
type requestCmd struct {
	List requestListCmd `cmd:"" help:"List what waits for a second person."`
}

// operationListCmd lists the operators' journal.
type operationListCmd struct {
	configFlag
	jsonFlag
	After int64 `help:"Only lines behind this number."`
	Limit int   `default:"1000" help:"At most so many, the last ones (${default})."`
}

// operationJSON is one line of the operators' journal.
type operationJSON struct {
	Seq      int64  `json:"seq"`
	At       string `json:"at"`
	Operator string `json:"operator,omitempty"` // name in the configuration
	Account  string `json:"account,omitempty"`  // of the operating system
	UID      int64  `json:"uid"`
	Verb     string `json:"verb"`
	Object   string `json:"object,omitempty"`
	Outcome  string `json:"outcome"`
	Detail   string `json:"detail,omitempty"`
	About    int64  `json:"about,omitempty"` // the line that this one goes on from
}

// Run prints the last lines.
func (o *operationListCmd) Run(ctx context.Context) error {
	if o.Limit < 1 {
		return usage("limit is not 1 or more")
	}
	return with(ctx, o.Config, func(i *installation) error {
		lines, err := i.db.Operations(ctx, o.After, o.Limit)
		if err != nil {
			return err
		}
		out := make([]operationJSON, 0, len(lines))
		for _, l := range lines {
			out = append(out, operationJSON{l.Seq, clockText(l.At), l.Operator, l.Account, l.UID, l.Verb, l.Object,
				string(l.Outcome), l.Detail, l.About})
		}
		if o.JSON {
			return printJSON(out)
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "LINE\tAT\tWHO\tVERB\tOBJECT\tOUTCOME\tABOUT\tDETAIL")
		for n, l := range lines {
			about := ""
			if l.About != 0 {
				about = strconv.FormatInt(l.About, 10)
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Seq, out[n].At, nameOf(l), l.Verb, l.Object, l.Outcome, about, l.Detail)
		}
		return w.Flush()
	})
}

// nameOf says who wrote a line.
func nameOf(o store.Operation) string {
	return cmp.Or(o.Operator, o.Account, "uid "+strconv.FormatInt(o.UID, 10))
}

// requestListCmd lists requests.
type requestListCmd struct {
	configFlag
	jsonFlag
}

// Run prints what can be approved.
func (r *requestListCmd) Run(ctx context.Context) error {
	return with(ctx, r.Config, func(i *installation) error {
		waiting, err := i.db.Requests(ctx)
		if err != nil {
			return err
		}
		out := make([]requestJSON, 0, len(waiting))
		for _, w := range waiting {
			out = append(out, showRequest(w))
		}
		if r.JSON {
			return printJSON(out)
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "REQUEST\tBY\tVERB\tOBJECT\tEXPIRES")
		for _, l := range out {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", l.Request, l.Operator, l.Verb, l.Object, l.Expires)
		}
		return w.Flush()
	})
}

// approveCmd carries out another operator's request.
type approveCmd struct {
	configFlag
	jsonFlag
	ID int64 `arg:"" name:"id" help:"The request's number."`
}

func (c *approveCmd) object() string { return fmt.Sprintf("request %d", c.ID) }

// Run prints what the request's verb would have printed: a key is shown to who approves.
func (c *approveCmd) Run(ctx context.Context, a act) error {
	return with(ctx, c.Config, func(i *installation) error {
		who, err := i.config.personOf(a.me)
		if err != nil {
			return err
		}
		r, err := i.db.Request(ctx, c.ID)
		if errors.Is(err, acquirer.ErrNotFound) {
			return fmt.Errorf("there is no request %d", c.ID)
		} else if err != nil {
			return err
		}
		object := fmt.Sprintf("request %d: %s, %s", c.ID, r.Verb, r.Object)
		wanted, err := judge(i.config, who, r)
		if err != nil {
			_, broken := i.db.Record(ctx, who.operation(a.name, object, store.OutcomeDenied, err, c.ID))
			return errors.Join(err, broken)
		}
		i.acting = nameOf(r.Operation) + ", approved by " + who.String()
		approved, err := i.db.Approve(ctx, who.operation(a.name, object, store.OutcomeApproved, nil, c.ID))
		if errors.Is(err, acquirer.ErrNotFound) {
			return fmt.Errorf("request %d was approved already", c.ID)
		} else if err != nil {
			return fmt.Errorf("nothing was done: %w", err)
		}
		return conclude(ctx, i, wanted, who.operation(r.Verb, r.Object, store.OutcomeDone, nil, approved), c.JSON)
	})
}

// judge returns what a request wants, unless a person must not approve it.
func judge(c Config, who person, r *store.Request) (change, error) {
	v, ok := verbs[r.Verb]
	switch {
	case r.Closed != 0:
		return nil, fmt.Errorf("%w: request %d was approved already", errDenied, r.Seq)
	case !time.Now().Before(r.Expires()):
		return nil, fmt.Errorf("%w: request %d has expired", errDenied, r.Seq)
	case r.UID == int64(who.uid) || who.name != "" && r.Operator == who.name:
		return nil, fmt.Errorf("%w: %s asked for it; another operator must approve it", errDenied, who)
	case !ok || v.blank == nil:
		return nil, fmt.Errorf("%w: this program knows no %q for two persons", errDenied, r.Verb)
	case len(c.Admin.Operators) > 0 && !v.allows(who.roles):
		return nil, why(who, v, r.Verb)
	}
	wanted := v.blank()
	d := json.NewDecoder(bytes.NewReader([]byte(r.Args)))
	d.DisallowUnknownFields()
	if err := d.Decode(wanted); err != nil {
		return nil, fmt.Errorf("%w: the arguments of request %d are not for this program", errDenied, r.Seq)
	}
	if wanted.object() != r.Object {
		return nil, fmt.Errorf("%w: request %d does not say what its line says", errDenied, r.Seq)
	}
	return wanted, nil
}
