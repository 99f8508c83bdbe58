package console

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHandler(t *testing.T) {
	var missing error
	server := httptest.NewServer(Handler(Config{
		Ready: func() error { return missing },
		Figures: func() []Figure {
			return []Figure{
				{Name: "ringback_answers_total", Help: "Answers by F39.", Labels: map[string]string{"code": "00", "a": "b"}, Value: 3, Counter: true},
				{Name: "ringback_answers_total", Help: "Answers by F39.", Labels: map[string]string{"code": "55", "a": "b"}, Value: 1, Counter: true},
				{Name: "ringback_connections", Help: "Open connections.", Value: 2},
			}
		},
	}))
	defer server.Close()
	get := func(path string) (int, string) {
		r, err := http.Get(server.URL + path)
		require.NoError(t, err)
		defer func() { require.NoError(t, r.Body.Close()) }()
		b, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return r.StatusCode, string(b)
	}
	status, body := get("/readyz")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"ready":true}`, body)
	missing = errors.New("no link is signed on")
	status, body = get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.JSONEq(t, `{"ready":false,"reason":"no link is signed on"}`, body)
	status, _ = get("/livez")
	require.Equal(t, http.StatusOK, status)
	status, body = get("/metrics")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "# TYPE ringback_answers_total counter\nringback_answers_total{a=\"b\",code=\"00\"} 3\n")
	require.Contains(t, body, "ringback_connections 2\n")
	require.Contains(t, body, "go_goroutines")
	status, _ = get("/payments")
	require.Equal(t, http.StatusNotFound, status)
}
