package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
	"example.com/ringback/spec/pos"
	"example.com/ringback/terminal/emulator"
)

// Width of what is printed, and the indent of a message's fields.
const (
	pageWidth   = 116
	fieldIndent = "          "
)

// describeTerminal renders a frame of the terminal line, masked.
func describeTerminal(dir emulator.Direction, frame []byte) string {
	arrow := "  POS --> switch            "
	if dir == emulator.Received {
		arrow = "  POS <-- switch            "
	}
	m, err := pos.Unpack(frame)
	if err != nil {
		return arrow + "cannot be read: " + err.Error()
	}
	return arrow + title(m, netCodeOf(m)) + fieldsOf(m)
}

// describeHost renders a frame of the host line, masked.
func describeHost(dir emulator.Direction, frame []byte) string {
	arrow := "          switch --> host   "
	if dir == emulator.Received {
		arrow = "          switch <-- host   "
	}
	m, err := cups.Unpack(frame)
	if err != nil {
		return arrow + "cannot be read: " + err.Error()
	}
	// What a terminal's line calls a look-up is on this one a question to the payee's bank.
	return arrow + strings.Replace(title(m, m.Get(70)), "look-up", "do name and card belong together?", 1) + fieldsOf(m)
}

// netCodeOf is 60.3 of a management message.
func netCodeOf(m *pos.Message) string {
	f, err := pos.ParseField60(m.Get(60))
	if err != nil || m.MTI() < pos.MTISignOn {
		return ""
	}
	return f.NetMgmt
}

// title names a message, and what an answer says.
func title(m spec.Described, netCode string) string {
	text := m.MTI() + " " + kindOf(m.MTI(), netCode)
	if code := m.Get(39); code != "" && m.MTI()[2]&1 == 1 {
		text += ": " + code + " " + emulator.Text(emulator.English, code)
	}
	return text
}

// kindOf is the kind of a message in a word or two, on either line.
func kindOf(mti, netCode string) string {
	switch netCode {
	case pos.NetSignOnDES, pos.NetSignOn, pos.NetSignOnTrack, pos.NetSignOnSM4:
		return "sign-on"
	case pos.NetSignOff:
		return "sign-off"
	case pos.NetEcho:
		return "echo"
	case cups.NetKeyReset:
		return "key reset"
	case cups.NetCutoffStart:
		return "cut-off begins"
	case cups.NetCutoffEnd:
		return "cut-off ends"
	}
	switch mti[:3] {
	case "022", "023":
		return "payout"
	case "052", "053":
		return "totals of the date"
	}
	switch mti[:2] {
	case "03":
		return "batch upload"
	case "05":
		return "batch settlement"
	case "01":
		return "look-up"
	case "02":
		return "debit"
	case "04":
		return "undo"
	}
	return "network management"
}

// fieldsOf lists the fields behind a title, on lines of their own.
func fieldsOf(m spec.Described) string {
	var out strings.Builder
	used := pageWidth
	for _, id := range m.Fields() {
		item := fmt.Sprintf("F%d %s %s", id, strings.ToLower(m.Table().FieldName(id)), spec.Group(fieldText(m, id)))
		n := utf8.RuneCountInString(item) + len(" | ")
		if used+n > pageWidth {
			out.WriteString("\n" + fieldIndent)
			used = len(fieldIndent)
		} else {
			out.WriteString(" | ")
		}
		out.WriteString(item)
		used += n
	}
	return out.String()
}

// fieldText is the masked value of a field. Element lists show more than the dialect's mask: the payee's name has its
// second character hidden already, and is what the demonstration is about.
func fieldText(m spec.Described, id int) string {
	value := m.Get(id)
	f, _ := m.Table().Format(id)
	switch {
	case f.Mask == spec.MaskBytes && spec.Printable(value):
		return value // a MAC that is written in hex characters
	case f.Mask == spec.MaskElements:
		if els, err := spec.ParseElements([]byte(value)); err == nil && len(els) > 0 {
			parts := make([]string, 0, len(els))
			for _, el := range els {
				parts = append(parts, el.Tag+"="+elementText(el))
			}
			return strings.Join(parts, " ")
		}
	}
	return strings.TrimSpace(m.Table().MaskField(id, value))
}

func elementText(el spec.Element) string {
	switch el.Tag {
	case pos.TagPayee, pos.TagPayer:
		return spec.MaskMobile(string(el.Value))
	case pos.TagName, pos.TagMemo, pos.TagText:
		if text, err := spec.DecodeGBK(el.Value); err == nil {
			return strconv.Quote(spec.Scrub(text))
		}
	}
	return fmt.Sprintf("(%d hidden)", len(el.Value))
}
