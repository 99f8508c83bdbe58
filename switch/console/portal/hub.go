package portal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// The failures of a page as a device. Both are for now: the notice is tried again, and then goes by the next device.
var (
	errNoPage = fmt.Errorf("no page is open: %w", acquirer.ErrAway)
	errNoAck  = errors.New("no page said that it shows the notice")
)

// hub ties notices to the streams of open pages.
type hub struct {
	mu       sync.Mutex
	pages    map[string]*openPage // by the token as the switch knows it
	streams  int
	byClient map[string]int
	shown    uint64
	ended    chan struct{} // closed when the portal ends
}

// openPage is a token with its streams, and what was shown of late.
type openPage struct {
	streams map[*stream]bool
	recent  []event // the oldest first
	waiting map[string]chan struct{}
	used    time.Time
}

// stream is one open page. Whoever takes it out of its page closes gone.
type stream struct {
	events chan event
	gone   chan struct{}
	client string
}

func newHub() *hub {
	return &hub{pages: map[string]*openPage{}, byClient: map[string]int{}, ended: make(chan struct{})}
}

// Kind implements [acquirer.Device].
func (p *Portal) Kind() acquirer.DeviceKind { return acquirer.DevicePC }

// Send implements [acquirer.Device]: it returns nil when a page said that it shows the notice. With no page open, or none
// that answers within [ackTimeout], it fails for now.
func (p *Portal) Send(ctx context.Context, m acquirer.Message) (acquirer.Handed, error) {
	return p.hub.send(ctx, pageOf(m), eventOf(m))
}

func (h *hub) send(ctx context.Context, page string, e event) (acquirer.Handed, error) {
	acked, err := h.offer(page, e)
	if err != nil {
		return acquirer.Handed{}, err
	}
	timeout := time.NewTimer(ackTimeout)
	defer timeout.Stop()
	select {
	case <-acked:
		return acquirer.Handed{Reference: e.ID, Delivered: true}, nil
	case <-timeout.C:
		err = errNoAck
	case <-ctx.Done():
		err = ctx.Err()
	case <-h.ended:
		err = acquirer.ErrDeviceDown
	}
	h.giveUp(page, e.ID, errors.Is(err, errNoAck))
	return acquirer.Handed{}, err
}

// offer puts an event to every stream of a page. One that is behind is closed: its page opens another and is given what
// it missed.
func (h *hub) offer(page string, e event) (acked chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.ended:
		return nil, acquirer.ErrDeviceDown
	default:
	}
	o := h.pages[page]
	if o == nil || len(o.streams) == 0 {
		return nil, errNoPage
	}
	for s := range o.streams {
		select {
		case s.events <- e:
		default:
			h.drop(o, s)
		}
	}
	if len(o.streams) == 0 {
		return nil, errNoPage
	}
	o.remember(e)
	if acked = o.waiting[e.ID]; acked == nil {
		acked = make(chan struct{})
		o.waiting[e.ID] = acked
	}
	return acked, nil
}

// remember keeps an event for pages that come back, once.
func (o *openPage) remember(e event) {
	o.used = time.Now()
	for _, known := range o.recent {
		if known.ID == e.ID {
			return
		}
	}
	if len(o.recent) == recentEvents {
		o.recent = append(o.recent[:0], o.recent[1:]...)
	}
	o.recent = append(o.recent, e)
}

// giveUp stops waiting. Streams that were silent are dead.
func (h *hub) giveUp(page, id string, silent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.pages[page]
	if o == nil {
		return
	}
	delete(o.waiting, id)
	if silent {
		for s := range o.streams {
			h.drop(o, s)
		}
	}
}

// acknowledge notes that a page shows an event. One that nobody waits for is none.
func (h *hub) acknowledge(page, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.pages[page]
	if o == nil || o.waiting[id] == nil {
		return
	}
	close(o.waiting[id])
	delete(o.waiting, id)
	h.shown++
}

// open adds a stream, unless a limit is reached. It returns what the page has missed: everything that is kept behind the
// event last, or all of it when that is not known.
func (h *hub) open(page, client, last string) (s *stream, missed []event, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.ended:
		return nil, nil, false
	default:
	}
	o := h.find(page)
	if o == nil || h.streams >= maxStreams || len(o.streams) >= streamsPerPage || h.byClient[client] >= streamsPerClient {
		return nil, nil, false
	}
	s = &stream{events: make(chan event, streamQueue), gone: make(chan struct{}), client: client}
	o.streams[s] = true
	o.used = time.Now()
	h.streams++
	h.byClient[client]++
	return s, o.since(last), true
}

// since returns what is kept behind an event.
func (o *openPage) since(last string) []event {
	from := 0
	for i, e := range o.recent {
		if e.ID == last {
			from = i + 1
		}
	}
	return append([]event(nil), o.recent[from:]...)
}

// find returns a page, a new one when it is not known; nil when there is no place for it. What is kept of it is forgotten
// after a while.
func (h *hub) find(page string) *openPage {
	now := time.Now()
	o := h.pages[page]
	if o != nil {
		if now.Sub(o.used) > recentAge && len(o.streams) == 0 {
			o.recent = nil
		}
		return o
	}
	if len(h.pages) >= maxPages {
		h.forget(now)
	}
	if len(h.pages) >= maxPages {
		return nil
	}
	o = &openPage{streams: map[*stream]bool{}, waiting: map[string]chan struct{}{}, used: now}
	h.pages[page] = o
	return o
}

// forget drops pages that are closed: those that were for long, or else the one that was longest.
func (h *hub) forget(now time.Time) {
	oldest := ""
	for name, o := range h.pages {
		switch {
		case len(o.streams) > 0:
		case now.Sub(o.used) > recentAge:
			delete(h.pages, name)
		case oldest == "" || o.used.Before(h.pages[oldest].used):
			oldest = name
		}
	}
	if len(h.pages) >= maxPages && oldest != "" {
		delete(h.pages, oldest)
	}
}

// leave takes a stream out whose page has gone.
func (h *hub) leave(page string, s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.pages[page]; o != nil && o.streams[s] {
		o.used = time.Now()
		h.drop(o, s)
	}
}

// drop takes a stream out; its writer ends.
func (h *hub) drop(o *openPage, s *stream) {
	delete(o.streams, s)
	h.streams--
	if h.byClient[s.client]--; h.byClient[s.client] == 0 {
		delete(h.byClient, s.client)
	}
	close(s.gone)
}

// close ends every stream and every wait; nothing is sent any more.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.ended:
		return
	default:
	}
	close(h.ended)
	for _, o := range h.pages {
		for s := range o.streams {
			h.drop(o, s)
		}
	}
}

func (h *hub) counts() (streams int, shown uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streams, h.shown
}
