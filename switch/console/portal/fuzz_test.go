package portal

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/switch/console/budget"
)

// FuzzRequest sends whatever to pages and API. It is answered as somebody's mistake or as what it is, never as a fault of
// ours, in well-formed JSON where it says JSON, and no card comes back.
func FuzzRequest(f *testing.F) {
	o := newOffice()
	p, _ := newPortal(f, o)
	h := p.Handler()
	for _, path := range []string{"/register", "/confirm", "/devices", "/pc", "/statement?from=x", apiBase + "register", apiBase + "devices", apiBase + "statement", "/static/"} {
		f.Add("POST", path, "application/json", "k1", `{"number":"`+someNumber+`","name":"李明","card":"`+someCard+`"}`)
		f.Add("POST", path, "application/x-www-form-urlencoded", "", "number="+someNumber+"&card="+someCard+"&form=x&kind1=email&address1=a")
		f.Add("GET", path, "", "", "")
	}
	f.Add("POST", apiBase+"devices", "application/json", "k2", `{"devices":[{"kind":"webhook","address":{}},[],null,1e400]}`)
	f.Fuzz(func(t *testing.T, method, path, kind, key, body string) {
		if !strings.HasPrefix(path, "/") {
			return
		}
		r, err := http.NewRequest(method, "http://pay.example", strings.NewReader(body))
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(path); err != nil || r.URL.Path == "" {
			return
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel() // a stream lasts as long as its page
		r = r.WithContext(gone)
		r.RemoteAddr = "192.0.2.1:80"
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Idempotency-Key", key)
		p.bySession, p.byClient, p.postsByClient = unlimited(), unlimited(), unlimited()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Less(t, w.Code, 500, w.Body.String())
		require.NotContains(t, w.Body.String(), someCard)
		if strings.Contains(w.Header().Get("Content-Type"), "json") && w.Body.Len() > 0 {
			require.True(t, json.Valid(w.Body.Bytes()))
		}
	})
}

func unlimited() *budget.Budget[string] { return budget.New[string](1, 1_000, 1_000) }
