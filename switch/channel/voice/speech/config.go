package speech

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"strings"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
)

// Kind says where speech comes from.
type Kind string

// The kinds of speech.
const (
	Espeak   Kind = "espeak"   // the program espeak-ng, which speaks everything
	Recorded Kind = "recorded" // joined prompts, which need no program; names and memos are left out
)

// Config is what speech is made of. The zero value is the recorded prompts that the package brings along.
type Config struct {
	Kind Kind // empty: Recorded

	// Program is espeak-ng, by name or path; empty: "espeak-ng".
	Program string
	// Voices are the program's, by language; what is missing is that of DefaultVoices.
	Voices map[acquirer.Language]Voice

	// Dir is a folder with prompts that replace and add to those of the package, as zh/TEXT.wav and en/TEXT.wav; empty: none.
	Dir string

	Limits Limits
}

// Voice is how a language is spoken by the program.
type Voice struct {
	Name  string
	Speed int // in the program's words a minute, 80 to 450
}

// DefaultVoices are those of espeak-ng 1.51. Its voice cmn spells pinyin with English letters; this one speaks it.
var DefaultVoices = map[acquirer.Language]Voice{acquirer.Chinese: {"cmn-latn-pinyin", 200}, acquirer.English: {"en", 165}}

// withDefaults fills what is empty.
func (c Config) withDefaults() Config {
	voices := maps.Clone(DefaultVoices)
	for l, v := range c.Voices {
		voices[l] = Voice{cmp.Or(v.Name, voices[l].Name), cmp.Or(v.Speed, voices[l].Speed)}
	}
	c.Voices = voices
	if c.Kind == "" {
		c.Kind = Recorded
	}
	if c.Program == "" {
		c.Program = "espeak-ng"
	}
	c.Limits = c.Limits.WithDefaults()
	return c
}

// voiceName is what a voice may be called: it becomes an argument of the program, so that it must not look like another.
var voiceName = regexp.MustCompile(`^[a-z][a-z0-9+_-]{1,39}$`)

// Check says everything that is missing or wrong, one a line. It looks whether the program is installed and has the voices,
// or reads the folder of prompts.
func (c Config) Check() error {
	c = c.withDefaults()
	switch c.Kind {
	case Recorded:
		_, err := newRecorded(c)
		return err
	case Espeak:
		return c.checkProgram()
	}
	return fmt.Errorf("speech: kind %q is neither %s nor %s", c.Kind, Espeak, Recorded)
}

func (c Config) checkProgram() error {
	var out []error
	if c.Dir != "" {
		out = append(out, fmt.Errorf("speech: a folder of prompts is for kind %s only", Recorded))
	}
	for l, v := range c.Voices {
		if l != acquirer.Chinese && l != acquirer.English {
			out = append(out, fmt.Errorf("speech: a voice for %q: languages are %s and %s", l, acquirer.Chinese, acquirer.English))
		}
		if !voiceName.MatchString(v.Name) || v.Speed < 80 || v.Speed > 450 {
			out = append(out, fmt.Errorf("speech: %q with %d words a minute cannot be a voice: 80 to 450 can", v.Name, v.Speed))
		}
	}
	if _, err := exec.LookPath(c.Program); err != nil {
		return errors.Join(append(out, fmt.Errorf("speech: the program %s is not there: install espeak-ng, or choose kind %s", c.Program, Recorded))...)
	}
	if len(out) == 0 {
		out = append(out, c.tryVoices())
	}
	return errors.Join(out...)
}

// tryVoices has the program say a word in each voice.
func (c Config) tryVoices() error {
	e := newEspeak(c)
	for _, l := range []acquirer.Language{acquirer.Chinese, acquirer.English} {
		if _, err := e.run(context.Background(), l, dialogue.Digits(l, "0")); err != nil {
			return fmt.Errorf("speech: %s with voice %s: %w", c.Program, c.Voices[l].Name, err)
		}
	}
	return nil
}

// New returns what the configuration asks for.
func New(c Config) (dialogue.Speaker, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	if c.Kind == Espeak {
		return newEspeak(c), nil
	}
	return newRecorded(c)
}

// environment is what the program sees of ours: where libraries and data are, and no secret that was handed to us.
func environment() []string {
	env := []string{"LC_ALL=C.UTF-8"}
	for _, name := range []string{"PATH", "HOME", "LD_LIBRARY_PATH", "ESPEAK_DATA_PATH"} {
		if v := os.Getenv(name); v != "" && !strings.Contains(v, "\n") {
			env = append(env, name+"="+v)
		}
	}
	return env
}
