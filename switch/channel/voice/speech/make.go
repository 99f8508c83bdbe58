package speech

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
)

// MakePrompts has a speaker say every phrase of the lists dir/zh.txt and dir/en.txt and writes each to its file, as
// dir/zh/PHRASE.wav: μ-law, 8000 samples a second, without the silence at both ends. Blanks of a phrase are hyphens in the
// name, apostrophes underlines. Prompts that are in no list any more are removed.
func MakePrompts(ctx context.Context, s dialogue.Speaker, dir string) error {
	for _, l := range []acquirer.Language{acquirer.Chinese, acquirer.English} {
		list, err := os.ReadFile(filepath.Join(dir, string(l)+".txt"))
		if err != nil {
			return err
		}
		old, err := filepath.Glob(filepath.Join(dir, string(l), "*.wav"))
		if err != nil {
			return err
		}
		for _, file := range old {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, string(l)), 0o755); err != nil {
			return err
		}
		for _, phrase := range phrases(string(list)) {
			if err := makePrompt(ctx, s, l, phrase, dir); err != nil {
				return fmt.Errorf("prompt %s: %w", phrase, err)
			}
		}
	}
	return nil
}

func makePrompt(ctx context.Context, s dialogue.Speaker, l acquirer.Language, phrase, dir string) error {
	sound, err := s.Speak(ctx, l, phrase)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, string(l), promptName(phrase)), WriteWAV(trim(sound)), 0o644)
}

// promptName is the file that speaks a phrase. Names of files that are built in hold no blank and no apostrophe.
func promptName(phrase string) string {
	return strings.NewReplacer(" ", "-", "'", "_").Replace(phrase) + ".wav"
}

// phraseOf reverses promptName.
func phraseOf(name string) string {
	return strings.NewReplacer("-", " ", "_", "'").Replace(strings.TrimSuffix(name, ".wav"))
}

// phrases reads a list: phrases stand between vertical bars or line ends.
func phrases(list string) (all []string) {
	for _, p := range strings.FieldsFunc(list, func(r rune) bool { return r == '|' || r == '\n' || r == '\r' }) {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	return all
}
