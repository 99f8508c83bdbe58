// Package console serves what an operator's tools ask the switch over HTTP: whether it lives, whether it can take a
// payment now, and its figures in the text format of Prometheus. It shows no payment, no number and no card, and it
// listens on the loopback address unless told otherwise.
package console

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Figure is one number of a part of the switch, read when somebody asks.
type Figure struct {
	Name    string            // in the form of Prometheus, such as ringback_frames_total
	Help    string            // one sentence
	Labels  map[string]string // may be nil; never a number, a card or a name
	Value   float64
	Counter bool // it only grows
}

// Config says what a console shows. All fields must be set.
type Config struct {
	Ready   func() error    // nil when a payment could be taken now; the error says what is missing
	Figures func() []Figure // called at each scrape; must be safe for concurrent use
}

// Handler serves GET /livez (200 while the process answers), GET /readyz (200, or 503 with the reason) and
// GET /metrics.
func Handler(c Config) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(figures(c.Figures), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
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
