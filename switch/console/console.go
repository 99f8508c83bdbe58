// Package console serves what an operator's tools ask the switch over HTTP: whether it lives, whether it can take a
// payment now, and its figures in the text format of Prometheus. It shows no payment, no number and no card.
//
// It listens on the loopback address in clear, or anywhere with TLS 1.3 and clients' certificates. Requests, connections and
// handshakes that come to nothing are bounded for each client, and so is what clients can make the log say.
package console

import (
	"encoding/json"
	stdlog "log"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"example.com/ringback/switch/console/budget"
)

// Figure is one number of a part of the switch, read when somebody asks.
type Figure struct {
	Name    string            // in the form of Prometheus, such as ringback_frames_total
	Help    string            // one sentence
	Labels  map[string]string // may be nil; never a number, a card or a name
	Value   float64
	Counter bool // it only grows
}

// Config says what a console shows, and to whom.
type Config struct {
	Ready   func() error    // must be set; nil when a payment could be taken now, else what is missing
	Figures func() []Figure // must be set; called at each scrape; must be safe for concurrent use

	// Admit reports whether the owner of a client's certificate, by its common name, may read the figures. Nil: everybody
	// who can connect may. When it is set, who shows no certificate may not.
	Admit func(commonName string) bool
	Log   zerolog.Logger
}

// Handler serves GET /livez (200 while the process answers), GET /readyz (200, or 503 with the reason) and
// GET /metrics (200, or 403 to whom Config.Admit does not admit). A client that asks too often gets 429.
func Handler(c Config) http.Handler {
	registry := prometheus.NewRegistry()
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ringback_http_refused_total",
		Help: "HTTP requests that were refused, by status."}, []string{"status"})
	registry.MustRegister(figures(c.Figures), collectors.NewGoCollector(), refused,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	g := &gate{noisy: quiet(c.Log), admit: c.Admit, refused: refused, requests: budget.New[client](maxClients, requestBurst, requestsPerSecond)}
	mux := health(c)
	mux.Handle("GET /metrics", g.forOperators(promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})))
	return g.bounded(mux)
}

// Health serves /livez and /readyz of [Handler] and nothing else: for who balances load and has no certificate.
func Health(c Config) http.Handler {
	g := &gate{noisy: quiet(c.Log), requests: budget.New[client](maxClients, requestBurst, requestsPerSecond)}
	return g.bounded(health(c))
}

// NewServer returns a server for a handler with the console's limits, to serve a [Listener] with. What it has to say of
// its clients goes to the log, bounded.
func NewServer(h http.Handler, log zerolog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnState: prove, ErrorLog: stdlog.New(complaints{quiet(log)}, "", 0)}
}

// complaints writes what a server says of its clients as lines of the log.
type complaints struct{ log zerolog.Logger }

// Write implements io.Writer.
func (c complaints) Write(line []byte) (int, error) {
	c.log.Warn().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}

func health(c Config) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, c.Ready()) })
	return mux
}

// answer writes the state as one JSON object; a peer that hung up is no error of ours.
func answer(w http.ResponseWriter, err error) {
	status := struct {
		Ready  bool   `json:"ready"`
		Reason string `json:"reason,omitempty"`
	}{Ready: err == nil}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		status.Reason = err.Error()
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(status)
}

// figures turns a function into a collector. It is unchecked (it describes nothing in advance), since labels such as
// response codes appear as they are met.
type figures func() []Figure

// Describe implements prometheus.Collector.
func (f figures) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (f figures) Collect(out chan<- prometheus.Metric) {
	for _, g := range f() {
		names := make([]string, 0, len(g.Labels))
		for n := range g.Labels {
			names = append(names, n)
		}
		slices.Sort(names)
		values := make([]string, len(names))
		for i, n := range names {
			values[i] = g.Labels[n]
		}
		kind := prometheus.GaugeValue
		if g.Counter {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(g.Name, g.Help, names, nil), kind, g.Value, values...)
	}
}
