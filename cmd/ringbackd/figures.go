package main

import (
	"strconv"

	"example.com/ringback/switch/console"
)

// figures gathers what the parts count, for Prometheus.
func (a *App) figures() []console.Figure {
	t, h, n := a.Terminal.Stats(), a.Network.Stats(), a.Notifier.Stats()
	out := []console.Figure{
		counter("ringback_connections_total", "Terminal connections that were served.", t.Accepted),
		counter("ringback_connections_refused_total", "Terminal connections closed at once: a cap was reached.", t.Refused),
		gauge("ringback_connections", "Terminal connections open.", float64(t.Open)),
		counter("ringback_frames_total", "Frames read from terminals.", t.Frames),
		counter("ringback_frames_dropped_total", "Frames that got no answer: nothing says whom to answer.", t.Dropped),
		counter("ringback_throttled_total", "Requests answered 96 because their terminal was over its rate.", t.Throttled),
		counter("ringback_read_pauses_total", "Times that reading from a connection rested because of a rate.", t.Paused),
		counter("ringback_connections_expelled_total", "Connections ended for wrong MACs or a blocked terminal.", t.Expelled),
		counter("ringback_panics_total", "Panics caught at a request.", t.Panics),
		gauge("ringback_host_in_flight", "Debits and reversals waiting for the host.", float64(h.InFlight)),
		counter("ringback_host_sent_total", "Debits and reversals written to the host.", h.Sent),
		counter("ringback_host_answered_total", "Answers of the host that somebody waited for.", h.Answered),
		counter("ringback_host_unanswered_total", "Waits that ended without an answer.", h.Unanswered),
		counter("ringback_host_late_total", "Answers that nobody waited for.", h.Late),
		counter("ringback_host_bad_mac_total", "Answers of the host whose F128 was wrong.", h.BadMAC),
		counter("ringback_host_mismatched_total", "Answers of the host with another F4, F37 or F41.", h.Mismatched),
		counter("ringback_host_reconnects_total", "Host links lost, and dials that failed.", h.Reconnects),
		counter("ringback_notices_handed_total", "Notices that a device's peer took over.", n.Handed),
		counter("ringback_notices_failed_total", "Tries of notices that failed, but for those of devices that are down.", n.Failed),
		counter("ringback_notices_dead_total", "Notices that every device failed for: a person must look.", n.Dead),
		counter("ringback_host_key_resets_total", "Zone keys taken into use.", h.KeyResets),
	}
	for name, l := range map[string]*console.Listener{"console": a.web, "health": a.health} {
		if l == nil {
			continue
		}
		handshakes, refused := l.Failures()
		for _, f := range []console.Figure{
			counter("ringback_http_handshakes_failed_total", "TLS connections to HTTP that came to nothing.", handshakes),
			counter("ringback_http_connections_refused_total", "HTTP connections closed at once: a limit was reached.", refused),
		} {
			f.Labels = map[string]string{"listener": name}
			out = append(out, f)
		}
	}
	out = append(append(out, a.webFigures()...), a.emailFigures()...)
	for code, n := range t.Answered {
		f := counter("ringback_answers_total", "Answers to terminals by F39.", n)
		f.Labels = map[string]string{"code": string(code)}
		out = append(out, f)
	}
	for kind, n := range a.Switch.Alarms() {
		f := counter("ringback_alarms_total", "Alarms raised about terminals, by kind.", n)
		f.Labels = map[string]string{"kind": string(kind)}
		out = append(out, f)
	}
	for i, l := range h.Links {
		f := gauge("ringback_host_link_up", "1 while the link is signed on.", 0)
		if l.SignedOn {
			f.Value = 1
		}
		f.Labels = map[string]string{"link": strconv.Itoa(i + 1), "addr": l.Addr}
		out = append(out, f)
	}
	return out
}

func counter(name, help string, n uint64) console.Figure {
	return console.Figure{Name: name, Help: help, Value: float64(n), Counter: true}
}

func gauge(name, help string, v float64) console.Figure {
	return console.Figure{Name: name, Help: help, Value: v}
}
