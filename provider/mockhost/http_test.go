package mockhost

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestLedgerPage(t *testing.T) {
	r := start(t, func(c *Config) { c.Accounts = c.Accounts[:2] })
	c := r.client()
	m := c.newDebit(payer, 1234)
	require.Equal(t, "00", c.ask(m).Get(39))
	require.Equal(t, "00", c.ask(c.newReversal(m)).Get(39))
	require.Equal(t, "00", c.debit(payer, 50).Get(39))
	w := get(r.Handler(), "/ledger")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, `{"accounts":[{"pan":"6222020000000000018","balance_fen":99999950,"held_fen":50},`+
		`{"pan":"6225880000000019","balance_fen":100,"held_fen":0}],"debits":2,"reversals":1,"payouts":0,"total_fen":100000100}`,
		strings.TrimSpace(w.Body.String()))
}

func TestHealthPage(t *testing.T) {
	r := start(t, nil)
	require.Equal(t, http.StatusOK, get(r.Handler(), "/healthz").Code)
	require.NoError(t, r.Close())
	require.Equal(t, http.StatusServiceUnavailable, get(r.Handler(), "/healthz").Code)
	require.Equal(t, http.StatusNotFound, get(r.Handler(), "/").Code)
}

func TestEmptyLedgerPage(t *testing.T) {
	r := start(t, func(c *Config) { c.Accounts = nil })
	require.JSONEq(t, `{"accounts":[],"debits":0,"reversals":0,"payouts":0,"total_fen":0}`, get(r.Handler(), "/ledger").Body.String())
}
