package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestClientOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32", "[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80": "fe80::/64", "127.0.0.1:1": "127.0.0.1/32", "": "invalid Prefix", "pipe": "invalid Prefix",
	} {
		require.Equal(t, want, clientOf(addr).String(), addr)
	}
}

func TestTooManyRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := Config{Ready: func() error { return nil }, Figures: func() []Figure { return nil }, Log: zerolog.New(&log)}
		for _, v := range []struct {
			h       http.Handler
			figures int
		}{{Handler(c), http.StatusOK}, {Health(c), http.StatusNotFound}} {
			ask := func(peer, path string) *httptest.ResponseRecorder {
				r := httptest.NewRequest("GET", path, nil)
				r.RemoteAddr = peer
				w := httptest.NewRecorder()
				v.h.ServeHTTP(w, r)
				return w
			}
			for range requestBurst {
				require.Equal(t, 200, ask("192.0.2.1:1000", "/livez").Code)
			}
			w := ask("192.0.2.1:1001", "/livez")
			require.Equal(t, http.StatusTooManyRequests, w.Code)
			require.Equal(t, "1", w.Header().Get("Retry-After"))
			require.Equal(t, 200, ask("192.0.2.2:1000", "/livez").Code)
			time.Sleep(time.Second)
			for range requestsPerSecond {
				require.Equal(t, 200, ask("192.0.2.1:1000", "/livez").Code)
			}
			for range 500 {
				require.Equal(t, http.StatusTooManyRequests, ask("192.0.2.1:1000", "/metrics").Code)
			}
			w = ask("192.0.2.3:1", "/metrics")
			require.Equal(t, v.figures, w.Code)
			require.Equal(t, v.figures == 200, strings.Contains(w.Body.String(), `ringback_http_refused_total{status="429"} 501`))
		}
		require.LessOrEqual(t, strings.Count(log.String(), "\n"), 2*noisyLines)
	})
}

func TestHealthShowsNoFigures(t *testing.T) {
	h := Health(Config{Ready: func() error { return nil }})
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 404, "/": 404, "/debug/pprof/": 404} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		require.Equal(t, want, w.Code, path)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/livez", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
}
