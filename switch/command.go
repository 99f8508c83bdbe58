package acquirer

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The kinds of failure of [ParseCommand].
var (
	// ErrNoCommand: the text is in order, but no command.
	ErrNoCommand = errors.New("no command")
	// ErrText: the text holds what no command has: emoji, digits of other scripts, invisible signs; or it is too long.
	ErrText = errors.New("text cannot be a command")
)

// commandWord is one word that a command begins with.
type commandWord struct {
	word     string
	kind     RequestKind
	language Language
}

// commandWords is every word, in both languages. A Chinese word may be followed by its value without a blank.
var commandWords = []commandWord{
	{"注册", RequestRegister, Chinese}, {"登记", RequestRegister, Chinese}, {"註冊", RequestRegister, Chinese},
	{"改卡", RequestChangeCard, Chinese}, {"换卡", RequestChangeCard, Chinese},
	{"改名", RequestChangeName, Chinese}, {"更名", RequestChangeName, Chinese},
	{"改号", RequestChangeNumber, Chinese}, {"换号", RequestChangeNumber, Chinese},
	{"暂停", RequestSuspend, Chinese}, {"恢复", RequestResume, Chinese},
	{"注销", RequestDelete, Chinese}, {"删除", RequestDelete, Chinese},
	{"通知", RequestDevices, Chinese}, {"查询", RequestSee, Chinese},
	{"确认", RequestConfirm, Chinese}, {"确定", RequestConfirm, Chinese},
	{"重发", RequestResend, Chinese}, {"取消", RequestCancel, Chinese}, {"帮助", RequestHelp, Chinese},
	{"REGISTER", RequestRegister, English}, {"REG", RequestRegister, English},
	{"CARD", RequestChangeCard, English}, {"NAME", RequestChangeName, English}, {"NUMBER", RequestChangeNumber, English},
	{"SUSPEND", RequestSuspend, English}, {"RESUME", RequestResume, English}, {"DELETE", RequestDelete, English},
	{"NOTIFY", RequestDevices, English}, {"SHOW", RequestSee, English},
	{"CONFIRM", RequestConfirm, English}, {"OK", RequestConfirm, English},
	{"RESEND", RequestResend, English}, {"CANCEL", RequestCancel, English}, {"HELP", RequestHelp, English},
}

// ParseCommand reads a command in words as it comes by SMS or e-mail; docs/channels.md lists them. Full-width letters,
// digits and blanks count as the plain ones. Nothing else is mended: a digit of another script, an emoji or an invisible
// sign is [ErrText], for what looks like a command to a person may be something else to a machine. The values are as
// typed, to be checked by who reads the request. [ErrNoCommand]: the language is that of the text.
func ParseCommand(text string) (Request, error) {
	if len(text) > maxCommand || !utf8.ValidString(text) {
		return Request{Language: languageOf(text)}, ErrText
	}
	text = strings.Join(strings.FieldsFunc(FoldWidth(text), blank), " ")
	r := Request{Language: languageOf(text)}
	if strings.ContainsFunc(text, foreign) {
		return r, ErrText
	}
	if isCode(text) { // the code alone is an answer to the message that brought it
		r.Kind, r.Code = RequestConfirm, text
		return r, nil
	}
	w, rest, ok := cutWord(text)
	if !ok {
		return r, ErrNoCommand
	}
	r.Kind, r.Language = w.kind, w.language
	r.read(strings.Fields(rest))
	return r, nil
}

// FoldWidth turns full-width forms of ASCII (U+FF01 to U+FF5E) and the ideographic space into ASCII, so that what an
// input method made of 123 is 123 again.
func FoldWidth(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～':
			return r - '！' + '!'
		case r == '\u3000':
			return ' '
		}
		return r
	}, s)
}

func blank(r rune) bool { return r == ' ' || r == '\n' || r == '\r' || r == '\t' || r == '\u00A0' }

// foreign reports whether no command has the character.
func foreign(r rune) bool {
	switch {
	case r < 0x7F:
		return r < ' '
	case plainHan(r):
		return false
	case unicode.Is(unicode.Nd, r), unicode.Is(unicode.No, r), unicode.Is(unicode.Nl, r):
		return true // digits that are none: Arabic-Indic, mathematical, circled
	case unicode.Is(unicode.So, r), unicode.Is(unicode.Sk, r), unicode.Is(unicode.C, r), unicode.Is(unicode.Z, r):
		return true // emoji, their modifiers, invisible and unassigned signs, odd blanks
	case unicode.Is(unicode.Variation_Selector, r), r == utf8.RuneError:
		return true
	}
	return false
}

// languageOf is Chinese unless there are Latin letters and nothing Chinese.
func languageOf(text string) Language {
	letters := strings.ContainsFunc(text, func(r rune) bool { return r < utf8.RuneSelf && unicode.IsLetter(r) })
	if letters && !hasHan(text) {
		return English
	}
	return Chinese
}

// cutWord takes the command's word off the front.
func cutWord(text string) (w commandWord, rest string, ok bool) {
	first, _, _ := strings.Cut(text, " ")
	i := slices.IndexFunc(commandWords, func(c commandWord) bool {
		if c.language == English {
			return strings.EqualFold(strings.TrimRight(first, ":,."), c.word)
		}
		return strings.HasPrefix(text, c.word)
	})
	if i < 0 {
		return commandWord{}, "", false
	}
	w = commandWords[i]
	if w.language == English {
		return w, text[len(first):], true
	}
	return w, strings.TrimLeft(text[len(w.word):], ":,，。：、+ "), true
}

// read fills in the values behind the command's word.
func (r *Request) read(words []string) {
	switch r.Kind {
	case RequestDevices:
		r.readDevices(words)
		return
	case RequestConfirm, RequestCancel:
		words, r.Code = takeCode(words)
	}
	names, groups := splitWords(words)
	r.Name = strings.Join(names, " ")
	if r.Kind == RequestChangeNumber {
		r.readNumbers(groups)
		return
	}
	r.readCard(groups)
}

// takeCode takes the six digits out of the words.
func takeCode(words []string) (rest []string, code string) {
	i := slices.IndexFunc(words, isCode)
	if i < 0 {
		return words, ""
	}
	return slices.Delete(slices.Clone(words), i, i+1), words[i]
}

// splitWords tells words from groups of digits. A word that digits follow without a blank, 王小明6217, is cut.
func splitWords(words []string) (names, groups []string) {
	for _, w := range words {
		if i := strings.IndexFunc(w, func(r rune) bool { return r >= '0' && r <= '9' }); i > 0 && hasHan(w[:i]) {
			names, w = append(names, w[:i]), w[i:]
		}
		if plain := strings.NewReplacer("-", "", "+", "").Replace(w); digits(plain) {
			groups = append(groups, plain)
			continue
		}
		names = append(names, w)
	}
	return names, groups
}

// readCard reads a card number, in one piece or in groups, and perhaps a mobile number beside it.
func (r *Request) readCard(groups []string) {
	if n := len(groups); n > 1 && isMobile(groups[n-1]) && len(strings.Join(groups[:n-1], "")) >= 13 {
		r.Number, groups = groups[n-1], groups[:n-1]
	} else if n > 1 && isMobile(groups[0]) && len(strings.Join(groups[1:], "")) >= 13 {
		r.Number, groups = groups[0], groups[1:]
	} else if n == 1 && isMobile(groups[0]) {
		r.Number, groups = groups[0], nil
	}
	r.Card = strings.Join(groups, "")
}

// readNumbers reads the new number, with the old one in front when two are there.
func (r *Request) readNumbers(groups []string) {
	switch len(groups) {
	case 1:
		r.NewNumber = groups[0]
	case 2:
		r.Number, r.NewNumber = groups[0], groups[1]
	default:
		r.NewNumber = strings.Join(groups, "")
	}
}

// deviceWords are the words for devices in a command.
var deviceWords = map[string]DeviceKind{"短信": DeviceSMS, "邮件": DeviceEmail, "电邮": DeviceEmail, "电话": DeviceVoice,
	"语音": DeviceVoice, "电脑": DevicePC, "信件": DeviceLetter, "信函": DeviceLetter, "邮寄": DeviceLetter, "sms": DeviceSMS, "email": DeviceEmail,
	"mail": DeviceEmail, "voice": DeviceVoice, "call": DeviceVoice, "pc": DevicePC, "webhook": DeviceWebhook,
	"letter": DeviceLetter, "spool": DeviceSpool}

// readDevices reads an ordered list: device, or device:address. What is none of them keeps its word, to be refused; behind a
// letter's postal address, which may hold blanks, it is a part of that.
func (r *Request) readDevices(words []string) {
	for _, w := range words {
		if isMobile(w) {
			r.Number = w
			continue
		}
		name, address, _ := strings.Cut(w, ":")
		kind, ok := deviceWords[strings.ToLower(name)]
		if last := len(r.Devices) - 1; !ok && last >= 0 && r.Devices[last].Kind == DeviceLetter && r.Devices[last].Address != "" {
			r.Devices[last].Address += " " + w
			continue
		}
		if !ok {
			kind = DeviceKind(name)
		}
		r.Devices = append(r.Devices, DeviceChoice{Kind: kind, Address: address})
	}
}

// isCode reports whether s has the form of a code.
func isCode(s string) bool { return len(s) == codeDigits && digits(s) }

// isMobile reports whether s has the form of a mobile number, with or without the country in front.
func isMobile(s string) bool {
	_, err := ParseMSISDN(trimCountry(s))
	return err == nil
}

// trimCountry takes +86, 0086 or 86 off a number: people write them, the wires know 11 digits only.
func trimCountry(s string) string {
	for _, prefix := range []string{"+86", "0086", "86"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && len(rest) == 11 {
			return rest
		}
	}
	return s
}
