package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"example.com/ringback/switch/channel/letter"
)

// LetterConfig is the section channels.letter: a letter a day to each payee who wants one. It is off while neither Printer nor
// Dir is set.
type LetterConfig struct {
	Printer string   `koanf:"printer"` // ipps://host/path, or ipp:// towards loopback
	CAFile  string   `koanf:"ca_file"` // whom its certificate must come from; empty: as the system says
	Dir     string   `koanf:"dir"`     // a folder that gets the letters instead
	At      string   `koanf:"at"`      // time of day in Beijing
	Sender  []string `koanf:"sender"`  // who writes
	Fonts   []string `koanf:"fonts"`   // TrueType files that are asked for a character before the built-in font is
}

func defaultLetter() LetterConfig { return LetterConfig{At: "07:00"} }

func (c LetterConfig) on() bool { return c.Printer != "" || c.Dir != "" }

// paths are the files and the folder that the section names.
func (c *LetterConfig) paths() []*string {
	out := []*string{&c.CAFile, &c.Dir}
	for i := range c.Fonts {
		out = append(out, &c.Fonts[i])
	}
	return out
}

// problems names what is missing or wrong in a section that is on, files aside.
func (c LetterConfig) problems() []error {
	if !c.on() {
		return nil
	}
	f, err := c.fill()
	_, refused := letter.New(f)
	if err := errors.Join(err, refused); err != nil {
		return []error{fmt.Errorf("channels.letter: %w", err)}
	}
	return nil
}

// fill makes the part of the device's configuration that needs no file.
func (c LetterConfig) fill() (letter.Config, error) {
	out := letter.Config{Printer: c.Printer, Dir: c.Dir, Sender: c.Sender}
	at, err := time.Parse("15:04", c.At)
	if err != nil {
		return out, errors.New("at: want a time of day such as 07:00")
	}
	out.At = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	return out, nil
}

// read makes the device's configuration with what the section's files hold.
func (c LetterConfig) read() (letter.Config, error) {
	out, err := c.fill()
	wrong := []error{err}
	if out.Roots, err = certificates(c.CAFile); err != nil {
		wrong = append(wrong, fmt.Errorf("ca_file: %w", err))
	}
	for _, path := range c.Fonts {
		ttf, err := os.ReadFile(path)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("fonts: %w", err))
		}
		out.Fonts = append(out.Fonts, ttf)
	}
	return out, errors.Join(wrong...)
}

// device makes the device and tries the fonts of the operator's own.
func (c LetterConfig) device(f letter.Config) (*letter.Letter, error) {
	l, err := letter.New(f)
	if err != nil || len(f.Fonts) == 0 {
		return l, err
	}
	return l, l.Check()
}

// openLetter makes the device. Its printer may be away.
func (a *App) openLetter() error {
	c := a.config.Channels.Letter
	if !c.on() {
		return nil
	}
	f, err := c.read()
	if err != nil {
		return fmt.Errorf("channels.letter: %w", err)
	}
	f.Receipts, f.Log = a.Notifier, a.log.With().Str("part", "letter").Logger()
	l, err := c.device(f)
	if err != nil {
		return fmt.Errorf("channels.letter: %w", err)
	}
	a.Notifier.Use(l)
	a.runners = append(a.runners, runner{"letter", l})
	return nil
}

// missing names what the letters need and is not there, for the verb check.
func (c LetterConfig) missing() error {
	if !c.on() {
		return nil
	}
	_, err := c.ready()
	if err != nil {
		return fmt.Errorf("channels.letter: %w", err)
	}
	if c.Printer != "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(c.Dir)); err != nil {
		return fmt.Errorf("channels.letter.dir: %w", err)
	}
	return nil
}

// ready makes the device with its files, and starts nothing.
func (c LetterConfig) ready() (*letter.Letter, error) {
	f, err := c.read()
	if err != nil {
		return nil, err
	}
	return c.device(f)
}

// peers is the printer.
func (c LetterConfig) peers() []peer {
	if c.Printer == "" {
		return nil
	}
	return []peer{{"channels.letter", c.Printer, func(ctx context.Context) error {
		l, err := c.ready()
		if err != nil {
			return err
		}
		return l.Ready(ctx)
	}}}
}
