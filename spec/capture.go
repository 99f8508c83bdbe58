package spec

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// Who stands at the other end of a captured frame.
const (
	PeerTerminal = "terminal"
	PeerHost     = "host"
)

// CaptureLine is one frame of a capture. The frame includes its length prefix.
type CaptureLine struct {
	Peer  string        // PeerTerminal or PeerHost
	Out   bool          // written '>': away from the terminal, towards the host
	Frame []byte        // owned by the line
	After time.Duration // since the line before; 0 if not given
}

// ParseCapture reads the project's one capture format: a text file with a line
// for each frame,
//
//	terminal> HEX            a terminal's request to the switch
//	host> HEX                the switch's request to the host
//	host< HEX @ +1.2s        the host's answer, 1.2 s after the line before
//	terminal< HEX            the switch's answer to the terminal
//
// Spaces inside the hex, empty lines and everything from '#' on are ignored.
// The error names the line and does not repeat it.
func ParseCapture(r io.Reader) ([]CaptureLine, error) {
	var lines []CaptureLine
	scan := bufio.NewScanner(r)
	for n := 1; scan.Scan(); n++ {
		text, _, _ := strings.Cut(scan.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		line, err := parseCaptureLine(text)
		if err != nil {
			return nil, fmt.Errorf("capture line %d: %w", n, err)
		}
		lines = append(lines, line)
	}
	return lines, scan.Err()
}

// WriteCapture writes lines in the format that ParseCapture reads.
func WriteCapture(w io.Writer, lines []CaptureLine) error {
	for _, l := range lines {
		if _, err := fmt.Fprintln(w, l.String()); err != nil {
			return err
		}
	}
	return nil
}

// String is the line as it stands in a capture, without a line end. It shows
// the whole frame, so it is for test data only.
func (l CaptureLine) String() string {
	sign := "<"
	if l.Out {
		sign = ">"
	}
	text := l.Peer + sign + " " + string(upperHex(l.Frame))
	if l.After != 0 {
		text += " @ +" + l.After.String()
	}
	return text
}

func parseCaptureLine(text string) (CaptureLine, error) {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return CaptureLine{}, fmt.Errorf("no direction, < or >")
	}
	line := CaptureLine{Peer: strings.TrimSpace(text[:at]), Out: text[at] == '>'}
	if line.Peer != PeerTerminal && line.Peer != PeerHost {
		return CaptureLine{}, fmt.Errorf("peer is neither %s nor %s", PeerTerminal, PeerHost)
	}
	digits, after, timed := strings.Cut(text[at+1:], "@")
	frame, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		return CaptureLine{}, fmt.Errorf("frame is not hex")
	}
	line.Frame = frame
	if timed {
		line.After, err = parseAfter(strings.TrimSpace(after))
	}
	return line, err
}

func parseAfter(text string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimPrefix(text, "+"))
	if err != nil || d < 0 || !strings.HasPrefix(text, "+") {
		return 0, fmt.Errorf("time is not +DURATION")
	}
	return d, nil
}
