package mockhost

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
)

// Handler serves the host's own HTTP interface:
//
//	GET  /ledger      Totals as JSON, durable when they are shown
//	GET  /healthz     200 while the host serves, else 503
//	GET  /books       settlement date of now and the Book of every date and member, as JSON
//	POST /cutoff      ends the settlement date; ?phase=start or end (both)
//	POST /clearing    ?date=YYYYMMDD writes the detail files of that date again, without faults
//	POST /keys/reset  sends new zone keys; ?kind=pin or mac (both), ?institution=ID (all linked)
//
// It shows card numbers in full and asks nobody who they are: it belongs on a
// loopback address.
func (h *Host) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ledger", h.serveLedger)
	mux.HandleFunc("GET /healthz", h.serveHealth)
	mux.HandleFunc("GET /books", h.serveBooks)
	mux.HandleFunc("POST /cutoff", h.serveCutoff)
	mux.HandleFunc("POST /clearing", h.serveClearing)
	mux.HandleFunc("POST /keys/reset", h.serveReset)
	return mux
}

func (h *Host) serveLedger(w http.ResponseWriter, _ *http.Request) {
	totals, err := h.Ledger()
	if err != nil {
		h.writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
		return
	}
	h.writeJSON(w, http.StatusOK, totals)
}

func (h *Host) serveHealth(w http.ResponseWriter, _ *http.Request) {
	if h.isStopped() {
		h.writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "stopped"})
		return
	}
	h.writeJSON(w, http.StatusOK, map[string]any{"status": "ok", "institutions": len(h.members())})
}

func (h *Host) serveBooks(w http.ResponseWriter, _ *http.Request) {
	date, books := h.Books()
	h.writeJSON(w, http.StatusOK, map[string]any{"date": date, "books": books})
}

func (h *Host) serveCutoff(w http.ResponseWriter, r *http.Request) {
	var date string
	var files []string
	var err error
	switch r.FormValue("phase") {
	case "":
		date, files, err = h.CutOff(r.Context())
	case "start":
		date = h.BeginCutOff()
	case "end":
		date, files, err = h.EndCutOff(r.Context())
	default:
		h.writeJSON(w, http.StatusBadRequest, map[string]string{"error": "phase is start or end"})
		return
	}
	h.writeFiles(w, date, files, err)
}

func (h *Host) serveClearing(w http.ResponseWriter, r *http.Request) {
	date := r.FormValue("date")
	files, err := h.WriteDetail(date)
	if err == nil && len(files) == 0 {
		h.writeJSON(w, http.StatusNotFound, map[string]string{"error": "nothing happened on that date, or it has not ended"})
		return
	}
	h.writeFiles(w, date, files, err)
}

// writeFiles answers with a settlement date and the names of detail files.
func (h *Host) writeFiles(w http.ResponseWriter, date string, files []string, err error) {
	if err != nil {
		h.writeJSON(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	h.writeJSON(w, http.StatusOK, map[string]any{"date": date, "files": append([]string{}, files...)})
}

// resetResult is one line of the answer of POST /keys/reset.
type resetResult struct {
	Institution string `json:"institution"`
	Kind        string `json:"kind"`
	Error       string `json:"error,omitempty"`
}

func (h *Host) serveReset(w http.ResponseWriter, r *http.Request) {
	kinds := map[string][]string{"": {"pin", "mac"}, "pin": {"pin"}, "mac": {"mac"}}[r.FormValue("kind")]
	if kinds == nil {
		h.writeJSON(w, http.StatusBadRequest, map[string]string{"error": "kind is pin or mac"})
		return
	}
	institutions := h.members()
	if id := r.FormValue("institution"); id != "" {
		institutions = []string{id}
	}
	if len(institutions) == 0 {
		h.writeJSON(w, http.StatusConflict, map[string]string{"error": "nobody is linked"})
		return
	}
	slices.Sort(institutions)
	status, results := h.resetKeys(r.Context(), institutions, kinds)
	h.writeJSON(w, status, map[string]any{"reset": results})
}

// resetKeys resets keys one after the other; the status is that of the worst.
func (h *Host) resetKeys(ctx context.Context, institutions, kinds []string) (int, []resetResult) {
	ctx, cancel := context.WithTimeout(ctx, ResetTimeout)
	defer cancel()
	status := http.StatusOK
	var results []resetResult
	for _, id := range institutions {
		for _, kind := range kinds {
			result := resetResult{Institution: id, Kind: kind}
			if err := h.ResetKey(ctx, id, keyKinds(kind)); err != nil {
				result.Error = err.Error()
				status = max(status, resetStatus(err))
			}
			results = append(results, result)
		}
	}
	return status, results
}

func keyKinds(name string) KeyKind {
	if name == "pin" {
		return KeyPIN
	}
	return KeyMAC
}

func resetStatus(err error) int {
	switch {
	case errors.Is(err, ErrNoLink):
		return http.StatusConflict
	case errors.Is(err, ErrRefused):
		return http.StatusBadGateway
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusServiceUnavailable
}

func (h *Host) writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		h.cfg.Log.Debug().Err(err).Msg("HTTP answer")
	}
}
