package rtp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The payload types of G.711 (RFC 3551, table 4).
const (
	PCMU = 0
	PCMA = 8
)

// Description is what one side of a call says about its sound. Of an offer with several media the first that is audio over RTP/AVP with
// G.711 counts; the others are refused in the answer.
type Description struct {
	To    netip.AddrPort // where it wants sound; an unspecified address or port 0: nowhere, for now
	Laws  []byte         // payload types PCMU and PCMA in the order in which they are liked
	Keys  byte           // the payload type of telephone-event; 0: no keys
	Mute  bool           // it does not want to hear (sendonly, inactive)
	Quiet bool           // it sends nothing (recvonly, inactive)

	media []medium
	audio int // which of the media counts
}

// medium is one m= line.
type medium struct {
	kind, proto string
	port        int
	formats     []string
	to          netip.Addr // of its own c= line
	attributes  []string
}

// ErrUnusable says that a description is none, or offers no sound that can be used here. It is a 488 of SIP.
var ErrUnusable = errors.New("no usable sound is offered")

// Parse reads the description of the other side. Every error is an [ErrUnusable].
func Parse(b []byte) (Description, error) {
	d, session, err := read(b)
	if err != nil {
		return d, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	for i, m := range d.media {
		if m.kind == "audio" && m.proto == "RTP/AVP" && m.port != 0 && len(m.laws()) > 0 {
			d.audio = i
			return d.use(m, session)
		}
	}
	return d, fmt.Errorf("%w: no audio over RTP/AVP in PCMU or PCMA", ErrUnusable)
}

// read cuts a description into its media. The session is a medium that holds what is said above them.
func read(b []byte) (d Description, session medium, err error) {
	if len(b) > maxDescription {
		return d, session, errors.New("description is too long")
	}
	if !strings.HasPrefix(string(b), "v=0") {
		return d, session, errors.New("no description")
	}
	at := &session
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if !ok {
			continue
		}
		switch key {
		case "m":
			if len(d.media) == maxMedia {
				return d, session, errors.New("too many media")
			}
			m, err := readMedium(value)
			if err != nil {
				return d, session, err
			}
			d.media = append(d.media, m)
			at = &d.media[len(d.media)-1]
		case "c":
			if at.to, err = readConnection(value); err != nil {
				return d, session, err
			}
		case "a":
			at.attributes = append(at.attributes, value)
		}
	}
	return d, session, nil
}

// readMedium reads the value of m=: "audio 4000 RTP/AVP 0 8 101".
func readMedium(value string) (medium, error) {
	f := strings.Fields(value)
	if len(f) < 4 || len(f) > 3+maxFormats {
		return medium{}, errors.New("m= is malformed")
	}
	number, _, _ := strings.Cut(f[1], "/")
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return medium{}, errors.New("m= has no port")
	}
	return medium{kind: f[0], proto: f[2], port: int(port), formats: f[3:]}, nil
}

// readConnection reads the value of c=: "IN IP4 192.0.2.1". A name would have to be looked up and is refused.
func readConnection(value string) (netip.Addr, error) {
	f := strings.Fields(value)
	if len(f) != 3 || f[0] != "IN" {
		return netip.Addr{}, errors.New("c= is malformed")
	}
	a, err := netip.ParseAddr(f[2])
	if err != nil || a.IsMulticast() || a.Zone() != "" {
		return netip.Addr{}, errors.New("c= holds no address of one host")
	}
	return a.Unmap(), nil
}

// laws are the G.711 payload types among the formats.
func (m medium) laws() (laws []byte) {
	for _, f := range m.formats {
		switch f {
		case "0":
			laws = append(laws, PCMU)
		case "8":
			laws = append(laws, PCMA)
		}
	}
	return laws
}

// use fills the description with what the medium says.
func (d Description) use(m, session medium) (Description, error) {
	host := m.to
	if !host.IsValid() {
		host = session.to
	}
	if !host.IsValid() {
		return d, fmt.Errorf("%w: no c=", ErrUnusable)
	}
	d.To, d.Laws, d.Keys = netip.AddrPortFrom(host, uint16(m.port)), m.laws(), m.keys()
	for _, a := range slices.Concat(session.attributes, m.attributes) {
		switch a {
		case "sendrecv":
			d.Mute, d.Quiet = false, false
		case "sendonly":
			d.Mute, d.Quiet = true, false
		case "recvonly":
			d.Mute, d.Quiet = false, true
		case "inactive":
			d.Mute, d.Quiet = true, true
		}
	}
	return d, nil
}

// keys is the payload type of telephone-event at 8000 Hz: a=rtpmap:101 telephone-event/8000.
func (m medium) keys() byte {
	for _, a := range m.attributes {
		number, coding, ok := strings.Cut(strings.TrimPrefix(a, "rtpmap:"), " ")
		if !ok || !strings.EqualFold(strings.TrimSpace(coding), "telephone-event/8000") || !slices.Contains(m.formats, number) {
			continue
		}
		if n, err := strconv.ParseUint(number, 10, 7); err == nil && n >= 96 {
			return byte(n)
		}
	}
	return 0
}

// ourKeys is the payload type that we offer for keys.
const ourKeys = 101

// Offer describes our side to somebody who is called. at is where we want sound; id names the session.
func Offer(at netip.AddrPort, id uint64) []byte {
	return write(at, id, []string{audioLine(at.Port(), []byte{PCMA, PCMU}, ourKeys) + "a=sendrecv\r\n"})
}

// Answer describes our side to somebody who offered d: one law, the one he likes best, and his number for keys.
func (d Description) Answer(at netip.AddrPort, id uint64) []byte {
	direction := "sendrecv"
	switch {
	case d.Mute && d.Quiet:
		direction = "inactive"
	case d.Mute:
		direction = "recvonly"
	case d.Quiet:
		direction = "sendonly"
	}
	var media []string
	for i, m := range d.media {
		if i == d.audio {
			media = append(media, audioLine(at.Port(), d.Laws[:1], d.Keys)+"a="+direction+"\r\n")
			continue
		}
		media = append(media, fmt.Sprintf("m=%s 0 %s %s\r\n", m.kind, m.proto, strings.Join(m.formats, " ")))
	}
	return write(at, id, media)
}

func write(at netip.AddrPort, id uint64, media []string) []byte {
	family := "IP4"
	if at.Addr().Is6() {
		family = "IP6"
	}
	return fmt.Appendf(nil, "v=0\r\no=- %d 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n%s", id, family, at.Addr(), family, at.Addr(), strings.Join(media, ""))
}

// audioLine is our m= line with what explains its numbers.
func audioLine(port uint16, laws []byte, keys byte) string {
	var numbers, maps strings.Builder
	for _, law := range laws {
		fmt.Fprintf(&numbers, " %d", law)
		fmt.Fprintf(&maps, "a=rtpmap:%d %s/8000\r\n", law, map[byte]string{PCMU: "PCMU", PCMA: "PCMA"}[law])
	}
	if keys != 0 {
		fmt.Fprintf(&numbers, " %d", keys)
		fmt.Fprintf(&maps, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-11\r\n", keys, keys)
	}
	return fmt.Sprintf("m=audio %d RTP/AVP%s\r\n%sa=ptime:20\r\n", port, numbers.String(), maps.String())
}
