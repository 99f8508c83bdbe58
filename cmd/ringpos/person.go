package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"example.com/ringback/terminal/emulator"
)

// person is the clerk and the holder at a command line: answers come from flags, else from standard input.
type person struct {
	e    *env
	pay  *payCmd
	keys *bufio.Reader
}

func newPerson(e *env, p *payCmd) *person {
	return &person{e: e, pay: p, keys: bufio.NewReader(e.stdin)}
}

// ConfirmName asks, unless told to go on.
func (p *person) ConfirmName(_ context.Context, q emulator.Inquiry) (bool, error) {
	question := fmt.Sprintf("收款人 %s，付款 %s 元，确认? [y/N] ", q.Name, emulator.Yuan(q.AmountFen))
	if p.pay.Lang == string(emulator.English) {
		question = fmt.Sprintf("Pay %s yuan to %s? [y/N] ", emulator.Yuan(q.AmountFen), q.Name)
	}
	if p.pay.JSON || p.pay.Yes {
		return true, nil
	}
	answer, err := p.ask(question)
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), err
}

// PIN takes the flags in order; without any it asks.
func (p *person) PIN(_ context.Context, try int) (string, error) {
	if len(p.pay.PIN) > 0 {
		if try > len(p.pay.PIN) {
			return "", emulator.ErrCancelled
		}
		return p.pay.PIN[try-1], nil
	}
	pin, err := p.ask(map[string]string{"zh": "请输入密码: ", "en": "PIN: "}[p.pay.Lang])
	if err == nil && pin == "" {
		err = emulator.ErrCancelled
	}
	return pin, err
}

// Show displays a text.
func (p *person) Show(code, text string) { p.e.say("%s %s", code, p.pay.text(code, text)) }

// ask reads one line; the end of the input is an empty answer.
func (p *person) ask(question string) (string, error) {
	if _, err := fmt.Fprint(p.e.stderr, question); err != nil {
		return "", err
	}
	line, err := p.keys.ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimSpace(line), err
}
