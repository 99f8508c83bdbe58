package dialogue

import (
	"context"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// Desk holds the conversations of calls that come in.
type Desk struct {
	Inbox  acquirer.Inbox
	Limits Limits // the zero value of a field means its default
}

// visit is one call that came in.
type visit struct {
	talk
	inbox  acquirer.Inbox
	caller Caller
	number string // the mobile number that is spoken of
	sent   int    // requests so far
}

// Incoming holds the conversation of one call that came in: it puts what the person asks for into the inbox and speaks the
// answers. The caller's number is taken as a claim: the person may key another. It returns nil when the conversation is
// over, by either side's wish or because too much was wrong; [ErrHungUp] when the other side went before; and the error
// of an inbox that could not take a request, which the person was told. What was put into the inbox stays, whatever comes
// behind it.
func (d *Desk) Incoming(ctx context.Context, p Phone, call Caller) error {
	if !isMobile(call.Number) {
		call.Number = ""
	}
	v := &visit{talk: talk{phone: p, limits: d.Limits.WithDefaults(), l: acquirer.Chinese}, inbox: d.Inbox, caller: call}
	err := v.say(ctx, lineHello)
	if err == nil {
		err = v.serve(ctx)
	}
	if errors.Is(err, errEnd) {
		return v.say(ctx, lineBye)
	}
	return err
}

// serve asks for the number and what to do about it, again and again, until the call ends by an error.
func (v *visit) serve(ctx context.Context) error {
	for {
		err := v.chooseNumber(ctx)
		for err == nil {
			err = v.menu(ctx)
		}
		if !errors.Is(err, errBack) {
			return err
		}
	}
}

// other says, in the other language, by which key it is had.
func (v *visit) other(ctx context.Context) error {
	l := acquirer.English
	if v.l == l {
		l = acquirer.Chinese
	}
	return v.phone.Say(ctx, l, Spoken(l, lineOther.in(l)))
}

// choice asks a question; 9 changes the language and the question is asked again.
func (v *visit) choice(ctx context.Context, question func(context.Context) error, keys string) (byte, error) {
	for {
		key, err := v.choose(ctx, question, keys+"9")
		if err != nil || key != '9' {
			return key, err
		}
		if v.l == acquirer.English {
			v.l = acquirer.Chinese
		} else {
			v.l = acquirer.English
		}
	}
}

// chooseNumber sets the number that is spoken of.
func (v *visit) chooseNumber(ctx context.Context) error {
	keys := "2"
	if v.caller.Number != "" {
		keys = "12"
	}
	key, err := v.choice(ctx, v.whose, keys)
	if err != nil {
		return err
	}
	v.number = v.caller.Number
	if key == '2' {
		v.number, err = v.enter(ctx, numberEntry(v.l))
	}
	return err
}

// whose asks which number it is about.
func (v *visit) whose(ctx context.Context) error {
	if err := v.other(ctx); err != nil {
		return err
	}
	if v.caller.Number == "" {
		return v.say(ctx, lineNoWhose)
	}
	return v.say(ctx, lineWhose, Digits(v.l, v.caller.Number[7:]))
}

// menuKeys has what each key of the menu does.
var menuKeys = map[byte]func(*visit, context.Context) error{
	'1': (*visit).register,
	'2': (*visit).changeCard,
	'3': func(v *visit, ctx context.Context) error { return v.sendCode(ctx, acquirer.RequestConfirm, lineCode) },
	'4': func(v *visit, ctx context.Context) error { return v.sure(ctx, acquirer.RequestSuspend, lineStop) },
	'5': func(v *visit, ctx context.Context) error { return v.sure(ctx, acquirer.RequestResume, lineResume) },
	'6': func(v *visit, ctx context.Context) error { return v.sure(ctx, acquirer.RequestDelete, lineDelete) },
	'7': func(v *visit, ctx context.Context) error {
		return v.ask(ctx, acquirer.Request{Kind: acquirer.RequestResend})
	},
	'8': func(v *visit, ctx context.Context) error { return v.sendCode(ctx, acquirer.RequestCancel, lineCancel) },
	'0': func(*visit, context.Context) error { return nil }, // the menu is spoken anew
}

// menu has one thing done. errBack: another number. Who goes back from within is asked for the next thing.
func (v *visit) menu(ctx context.Context) error {
	key, err := v.choice(ctx, func(ctx context.Context) error { return v.say(ctx, lineMenu) }, "123456780")
	if err != nil {
		return err
	}
	if err := menuKeys[key](v, ctx); !errors.Is(err, errBack) {
		return err
	}
	return nil
}

func (v *visit) register(ctx context.Context) error {
	name, err := v.enter(ctx, nameEntry())
	if err != nil {
		return err
	}
	card, err := v.enter(ctx, cardEntry(v.l))
	if err != nil {
		return err
	}
	return v.ask(ctx, acquirer.Request{Kind: acquirer.RequestRegister, Name: nameOf(name), Card: card})
}

func (v *visit) changeCard(ctx context.Context) error {
	card, err := v.enter(ctx, cardEntry(v.l))
	if err != nil {
		return err
	}
	return v.ask(ctx, acquirer.Request{Kind: acquirer.RequestChangeCard, Card: card})
}

// sure asks for a thing that needs no more than a yes.
func (v *visit) sure(ctx context.Context, kind acquirer.RequestKind, what line) error {
	if _, err := v.choose(ctx, func(ctx context.Context) error { return v.sayAll(ctx, []spoken{{w: what}, {w: lineSure}}) }, "1"); err != nil {
		return err
	}
	return v.ask(ctx, acquirer.Request{Kind: kind})
}

// sendCode asks for a code and hands it in, again while it is a wrong one.
func (v *visit) sendCode(ctx context.Context, kind acquirer.RequestKind, ask line) error {
	for range v.limits.Tries {
		code, err := v.enter(ctx, codeEntry(ask))
		if err != nil {
			return err
		}
		reply, err := v.request(ctx, acquirer.Request{Kind: kind, Code: code})
		if err != nil || reply.Outcome != acquirer.OutcomeWrongCode {
			return err
		}
	}
	return nil
}

// ask hands a request in and, when it was taken, waits for the code that may come to the number meanwhile. Whether one
// comes this side does not know: the wait is the same for every number.
func (v *visit) ask(ctx context.Context, r acquirer.Request) error {
	reply, err := v.request(ctx, r)
	if err != nil || reply.Outcome != acquirer.OutcomeTaken {
		return err
	}
	for range v.limits.Tries {
		code, err := v.awaitCode(ctx)
		if err != nil || code == "" {
			return err
		}
		reply, err := v.request(ctx, acquirer.Request{Kind: acquirer.RequestConfirm, Code: code})
		if err != nil || reply.Outcome != acquirer.OutcomeWrongCode {
			return err
		}
	}
	return nil
}

// awaitCode waits for a code to be keyed; empty: none was.
func (v *visit) awaitCode(ctx context.Context) (string, error) {
	for range v.limits.Tries {
		if err := v.say(ctx, lineWaitCode); err != nil {
			return "", err
		}
		code, err := v.keys(ctx, codeKeys+1, v.limits.CodeWait)
		if err != nil || code == "" || len(code) == codeKeys {
			return code, err
		}
		if err := v.say(ctx, lineBadCode); err != nil {
			return "", err
		}
	}
	return "", nil
}

// request hands one request to the inbox and speaks the answer. A person who is told to come back tomorrow is let go.
func (v *visit) request(ctx context.Context, r acquirer.Request) (acquirer.Reply, error) {
	if v.sent++; v.sent > v.limits.Requests {
		return acquirer.Reply{}, errEnd
	}
	reply, err := v.inbox.Receive(ctx, v.inbound(r))
	if err != nil {
		err = fmt.Errorf("inbox: %w", err)
		if gone := v.say(ctx, lineBusy); gone != nil { // in words only: a hang-up must not hide what the inbox says
			err = fmt.Errorf("%w; then the call: %v", err, gone)
		}
		return reply, err
	}
	l := languageOf(reply.Language)
	if reply.Text != "" {
		err = v.phone.Say(ctx, l, Spoken(l, reply.Text))
	}
	if err == nil && reply.Outcome == acquirer.OutcomeLimited {
		err = errEnd
	}
	return reply, err
}

// inbound is a request as the inbox wants it. A caller who withholds the number is counted as the number that was keyed.
func (v *visit) inbound(r acquirer.Request) acquirer.Inbound {
	r.Number, r.Language = v.number, v.l
	sender, checks := v.caller.Number, "caller=other"
	switch sender {
	case "":
		sender, checks = v.number, "caller=withheld"
	case v.number:
		checks = "caller=same"
	}
	return acquirer.Inbound{Channel: acquirer.ChannelVoice, MessageID: fmt.Sprintf("%s-%d", v.caller.ID, v.sent), Sender: sender,
		Evidence: acquirer.Evidence{Source: v.caller.Source, Checks: checks}, Language: v.l, Request: &r}
}
