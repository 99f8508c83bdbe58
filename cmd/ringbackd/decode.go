package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
	"example.com/ringback/spec/pos"
)

// decodeCmd takes frames apart.
type decodeCmd struct {
	configFlag // says who may, where there is one; it needs nothing of it
	jsonFlag
	Dialect string `required:"" enum:"pos,cups" help:"pos (terminals) or cups (host)."`
	Reveal  bool   `help:"Show card numbers, tracks, PIN blocks, mobile numbers and names."`
}

// maxLine is the longest line that is read: the largest frame as hex, with room for blanks between the bytes.
const maxLine = 64 << 10

// Run reads hex, one frame a line, and prints a line each. A frame that cannot be read whole is printed as far as it was
// read, with its error, and is no failure of this verb.
func (d *decodeCmd) Run() error {
	decode := pos.Decode
	if d.Dialect == "cups" {
		decode = cups.Decode
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 0, 4096), maxLine)
	for in.Scan() {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := d.print(decode(line, d.Reveal)); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	return nil
}

func (d *decodeCmd) print(out spec.Decoded) error {
	if d.JSON {
		return printJSON(out)
	}
	fmt.Printf("%s  tpdu %s  lri %s  header %s\n", out.MTI, dash(out.TPDU), dash(out.LRI), dash(out.Header))
	ids := make([]int, 0, len(out.Fields))
	for id := range out.Fields {
		n, err := strconv.Atoi(id)
		if err != nil {
			return fmt.Errorf("field %q: %w", id, err)
		}
		ids = append(ids, n)
	}
	slices.Sort(ids)
	for _, id := range ids {
		fmt.Printf("  F%-3d %s\n", id, visible(out.Fields[strconv.Itoa(id)]))
	}
	if out.Error != "" {
		fmt.Printf("  error: %s\n", visible(out.Error))
	}
	return nil
}

// visible writes control characters as escapes: those of a frame must not reach a screen. JSON does so by itself.
func visible(text string) string {
	var out strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) {
			fmt.Fprintf(&out, `\x%02x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
