package portal

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// static is a file that pages load. Its address holds a hash of all of them, so that a browser may keep it for ever, and
// one may name another by its name alone.
type static struct {
	address string
	kind    string
	plain   []byte
	zipped  []byte // nil where it is no shorter
}

var staticKinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// loadStatics reads the files by their names; those of other kinds, such as licences, are not served.
func loadStatics() (map[string]static, error) {
	all, sum := map[string]static{}, sha256.New()
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		kind := staticKinds[path.Ext(e.Name())]
		if kind == "" {
			continue
		}
		b, err := fs.ReadFile(staticFiles, "static/"+e.Name())
		if err != nil {
			return nil, err
		}
		_, _ = sum.Write(b) // a hash takes everything
		s := static{kind: kind, plain: b}
		if s.zipped, err = zip(b); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		all[e.Name()] = s
	}
	hash := hex.EncodeToString(sum.Sum(nil)[:8])
	for name, s := range all {
		s.address = "/static/" + hash + "/" + name
		all[name] = s
	}
	return all, nil
}

func zip(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil || out.Len() >= len(b) {
		return nil, err
	}
	return out.Bytes(), nil
}

func (p *Portal) serveStatic(w http.ResponseWriter, r *http.Request) {
	s, ok := p.statics[r.PathValue("name")]
	if !ok || r.URL.Path != s.address {
		p.refuse(w, r, refusal{status: http.StatusNotFound, slug: "not-found"})
		return
	}
	h := w.Header()
	h.Set("Content-Type", s.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := s.plain
	if s.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = s.zipped
	}
	_, _ = w.Write(body) // a peer that hung up is no error of ours
}
