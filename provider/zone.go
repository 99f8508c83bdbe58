package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// zone is what the goroutine that looks after the zone keys shares with the others, and what it keeps for itself.
// Only it changes keys, so that two key resets never cross.
type zone struct {
	inbox chan delivery // key resets (0800)
	link  chan struct{} // a link has signed on
	doubt chan struct{} // a MAC failed, here or at the host

	asked acquirer.KeyUsage // the key that was asked for last and has not come; 0: none
	until time.Time         // no other is asked for before
	quiet time.Time         // no MAC key is asked for because of a doubt before
}

// delivery is a message and the link that brought it.
type delivery struct {
	link    *link
	message *cups.Message
}

func (z *zone) init(queue int) {
	z.inbox = make(chan delivery, queue)
	z.link = make(chan struct{}, 1)
	z.doubt = make(chan struct{}, 1)
}

func (z *zone) noteLink()  { wake(z.link) }
func (z *zone) noteDoubt() { wake(z.doubt) }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// offer queues a key reset.
func (z *zone) offer(n *Network, d delivery) {
	select {
	case z.inbox <- d:
	default:
		n.counts.overflow.Add(1)
		n.noisy.Warn().Msg("too many key resets wait")
	}
}

// loadKeys takes up the keys that a former process or another node stored.
func (n *Network) loadKeys(ctx context.Context) error {
	for _, usage := range []acquirer.KeyUsage{acquirer.UsageZPK, acquirer.UsageZAK} {
		if _, err := n.loadKey(ctx, usage); err != nil {
			return err
		}
	}
	return nil
}

// loadKey puts the stored key of a usage in force if it is another than the one in force.
func (n *Network) loadKey(ctx context.Context, usage acquirer.KeyUsage) (changed bool, err error) {
	key, err := n.config.Keys.ZoneKey(ctx, usage)
	if errors.Is(err, acquirer.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	check, err := n.config.HSM.CheckValue(key)
	if err != nil {
		return false, err
	}
	if n.keys.same(usage, check) {
		return false, nil
	}
	n.keys.adopt(key, time.Now())
	return true, nil
}

// runZone asks for keys and takes them until ctx ends. Its error is one after which the process must end: what is
// stored is not known (acquirer.ErrStore).
func (n *Network) runZone(ctx context.Context) error {
	timer := time.NewTimer(libraryIdle)
	defer timer.Stop()
	for {
		n.askForMissing(ctx)
		timer.Reset(n.zone.untilNext(time.Now()))
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-n.zone.link:
		case <-n.zone.doubt:
			err = n.doubtKey(ctx)
		case d := <-n.zone.inbox:
			err = n.resetKey(ctx, d)
		}
		if errors.Is(err, acquirer.ErrStore) {
			return fmt.Errorf("provider: storing a zone key: %w", err)
		}
		if err != nil {
			n.log.Error().Err(err).Msg("zone keys")
		}
	}
}

// waiting reports whether a key that was asked for may still come.
func (z *zone) waiting(now time.Time) bool { return z.asked != 0 && now.Before(z.until) }

// untilNext is how long nothing needs to be asked for.
func (z *zone) untilNext(now time.Time) time.Duration {
	if z.waiting(now) {
		return z.until.Sub(now)
	}
	return libraryIdle // a link, a doubt or a key will wake it
}

// askForMissing asks for the keys that are not there, one after the other.
func (n *Network) askForMissing(ctx context.Context) {
	usage := n.keys.missing()
	if usage == 0 || n.zone.waiting(time.Now()) {
		return
	}
	n.ask(ctx, usage)
}

// ask sends a request for a key. The 0830 to it says nothing that the key itself does not say, and is not waited for.
func (n *Network) ask(ctx context.Context, usage acquirer.KeyUsage) {
	wire, err := encodeWire(n.encodeKeyRequest(usage))
	if err == nil {
		_, err = n.transmit(ctx, wire, 0)
	}
	if errors.Is(err, acquirer.ErrNotSent) {
		return // it is tried again when a link signs on
	}
	n.zone.asked, n.zone.until = usage, time.Now().Add(n.limits.KeyWait)
	n.log.Info().Str("usage", string(rune(usage))).Err(err).Msg("asked the host for a key")
}

// doubtKey looks after a MAC that failed. Perhaps another node has stored a new key; else the host is asked for one,
// but not too often: single wrong MACs may have other causes, and a persistent one will come again.
func (n *Network) doubtKey(ctx context.Context) error {
	changed, err := n.loadKey(ctx, acquirer.UsageZAK)
	if err != nil || changed {
		return err
	}
	now := time.Now()
	if now.Before(n.zone.quiet) || n.zone.waiting(now) {
		return nil
	}
	n.zone.quiet = now.Add(n.limits.KeyPause)
	n.ask(ctx, acquirer.UsageZAK)
	return nil
}
