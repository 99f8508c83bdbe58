package speech

import (
	"strings"
	"time"
	"unicode"
)

// clause is what stands between two pauses of a text.
type clause struct {
	text  string
	pause time.Duration // behind it
}

// clauses cuts a spoken text at its commas and full stops.
func clauses(text string) (all []clause) {
	for text != "" {
		i := strings.IndexFunc(text, func(r rune) bool { return strings.ContainsRune("，。,.", r) })
		if i < 0 {
			return append(all, clause{text, stopPause})
		}
		mark := []rune(text[i:])[0]
		pause := stopPause
		if mark == '，' || mark == ',' {
			pause = commaPause
		}
		all, text = append(all, clause{text[:i], pause}), text[i+len(string(mark)):]
	}
	return all
}

// words cuts a text into what prompts are made of: a Chinese character, or a word of other letters, in lower case. What
// is neither parts words.
func words(text string) (all []string) {
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			all = append(all, word.String())
			word.Reset()
		}
	}
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Han, r):
			end()
			all = append(all, string(r))
		case unicode.IsLetter(r), unicode.IsMark(r), r == '\'':
			word.WriteRune(unicode.ToLower(r))
		default:
			end()
		}
	}
	end()
	return all
}

// cost is how badly words are covered: by the words that no prompt has, then by the number of prompts.
type cost struct{ missing, prompts int }

func (c cost) less(d cost) bool {
	return c.missing < d.missing || c.missing == d.missing && c.prompts < d.prompts
}

// cover returns the prompts that speak words with the least left out, and of those ways the one of fewest prompts. An
// empty one stands for words that are left out, however many there are in a row.
func (v *voice) cover(ws []string) (prompts []string) {
	best := make([]cost, len(ws)+1) // from each word to the end
	take := make([]int, len(ws))    // words that the prompt at each word has; 0: the word is left out
	for i := len(ws) - 1; i >= 0; i-- {
		best[i] = cost{best[i+1].missing + 1, best[i+1].prompts}
		for n := 1; n <= min(v.longest, len(ws)-i); n++ {
			c := cost{best[i+n].missing, best[i+n].prompts + 1}
			if c.less(best[i]) && v.clips[strings.Join(ws[i:i+n], " ")] != nil {
				best[i], take[i] = c, n
			}
		}
	}
	for i := 0; i < len(ws); i += max(take[i], 1) {
		if take[i] > 0 {
			prompts = append(prompts, strings.Join(ws[i:i+take[i]], " "))
		} else if len(prompts) == 0 || prompts[len(prompts)-1] != "" {
			prompts = append(prompts, "")
		}
	}
	return prompts
}
