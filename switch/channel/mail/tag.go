package mail

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"regexp"
	"strings"
)

// bounceBox begins the local part of every bounce address: bounce+ID=TAG.
const bounceBox = "bounce"

// tagBytes of a keyed hash make 16 characters; with the longest id the local part has 64, which is what RFC 5321 allows.
const tagBytes = 10

// tagger makes and reads envelope senders that name a message. Letter case does not survive every mail server, so that
// all of it is lower case.
type tagger struct {
	domain string
	key    []byte
}

var (
	plainID = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	base32L = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
)

// sender returns the envelope sender of a message. ok is false when the id cannot stand in an address: then the sender
// is the plain box, and a bounce of the message is matched to nothing.
func (t tagger) sender(id string) (address string, ok bool) {
	local := bounceBox + "+" + id + "=" + t.tag(id)
	if !plainID.MatchString(id) || strings.Contains(id, "..") || len(local) > maxLocal {
		return bounceBox + "@" + t.domain, false
	}
	return local + "@" + t.domain, true
}

// read returns the id that a bounce address names; ok is false for any address that sender has not made.
func (t tagger) read(address string) (id string, ok bool) {
	address = strings.ToLower(address)
	id, found := strings.CutPrefix(address, bounceBox+"+")
	id, tag, cut := strings.Cut(strings.TrimSuffix(id, "@"+t.domain), "=")
	want, made := t.sender(id)
	if !found || !cut || !made || address != want || !hmac.Equal([]byte(tag), []byte(t.tag(id))) {
		return "", false
	}
	return id, true
}

func (t tagger) tag(id string) string {
	h := hmac.New(sha256.New, t.key)
	h.Write([]byte("bounce " + id))
	return base32L.EncodeToString(h.Sum(nil)[:tagBytes])
}

// ownID begins the left side of the Message-IDs that are made here.
const ownID = "ringback."

// messageID names a message for ever: the same each time it is sent. kind tells notices and answers apart.
func (t tagger) messageID(kind, id string) string {
	if !plainID.MatchString(id) || strings.Contains(id, "..") {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:16])
	}
	return ownID + kind + "." + id + "@" + t.domain
}

// own reports whether a Message-ID was made here.
func (t tagger) own(messageID string) bool {
	s := strings.ToLower(strings.Trim(messageID, "<> \t"))
	return strings.HasPrefix(s, ownID) && strings.HasSuffix(s, "@"+t.domain)
}
