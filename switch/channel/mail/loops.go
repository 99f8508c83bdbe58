package mail

import (
	"slices"
	"strings"
)

// robots are local parts that no person writes from.
var robots = []string{"mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply", "daemon", "root", "bounce", "bounces"}

// automatic says why a message is no person's (RFC 3834, 2; empty: it is). Such a message is taken and dropped: an
// answer to it could be answered, and so on for ever.
func (m *Mail) automatic(envelope string, x *mail) string {
	local, _, _ := strings.Cut(x.from, "@")
	local, _, _ = strings.Cut(local, "+")
	switch {
	case envelope == "":
		return "null sender"
	case x.report != nil:
		return "report"
	case m.tags.own(x.messageID):
		return "our own"
	case x.from == strings.ToLower(m.from.Address) || slices.Contains(m.config.Mailboxes, x.from):
		return "our own"
	case slices.Contains(robots, local):
		return "robot"
	}
	return x.marked()
}

// marked says which field marks a message as automatic or as sent to many.
func (m *mail) marked() string {
	for _, v := range m.all("Auto-Submitted") {
		if v, _, _ = strings.Cut(v, ";"); !strings.EqualFold(strings.TrimSpace(v), "no") {
			return "auto-submitted"
		}
	}
	for _, v := range m.all("Precedence") {
		if slices.Contains([]string{"bulk", "junk", "list", "auto_reply"}, strings.ToLower(strings.TrimSpace(v))) {
			return "precedence"
		}
	}
	for _, name := range []string{"List-Id", "List-Post", "List-Unsubscribe", "X-Autoreply", "X-Autorespond", "X-Auto-Reply",
		"X-Auto-Response-Suppress", "X-Mail-Autoreply", "X-Loop", "Feedback-Id"} {
		if m.header.Has(name) {
			return strings.ToLower(name)
		}
	}
	return ""
}
