package feedsim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

const errorPage = "<!DOCTYPE html>\n<html><head><title>We will be back soon</title></head>\n<body><h1>Maintenance</h1></body></html>\n"

const (
	errorBody = `{"error":"unauthorized","message":"An API key is required since this month."}` + "\n"
	notice    = "# This feed has been discontinued, use https://feeds.example.net/ instead.\n"
)

// serve answers a request for a feed.
func (s *Sim) serve(w http.ResponseWriter, r *http.Request, f *feed) {
	s.mu.Lock()
	f.requests++
	fault, changed := f.fault, f.changed
	first := max(0, len(f.rounds)-f.window)
	var shown []Record
	for _, round := range f.rounds[first:] {
		shown = append(shown, round...)
	}
	last := len(f.rounds)
	s.mu.Unlock()

	switch fault {
	case ServerError:
		http.Error(w, "internal server error", http.StatusInternalServerError)
		return
	case RateLimited:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
		return
	case HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(errorPage))
		return
	case ErrorBody:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(errorBody))
		return
	case Retired:
		w.Header().Set("Content-Type", f.layout.contentType)
		_, _ = w.Write([]byte(notice))
		return
	}
	body := f.layout.render(shown, s.opts.Start.Add(time.Duration(last)*time.Minute), fault)
	w.Header().Set("Content-Type", f.layout.contentType)
	if fault == TruncatedGzip {
		packed := pack(body)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed[:len(packed)/2])
		return
	}
	sum := sha256.Sum256(body)
	encoded := f.name == Phishing && acceptsGzip(r)
	w.Header().Set("ETag", etag(hex.EncodeToString(sum[:8]), encoded))
	if encoded {
		body = pack(body)
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Vary", "Accept-Encoding")
	}
	code := &statusWriter{ResponseWriter: w, code: http.StatusOK}
	http.ServeContent(code, r, path.Base(f.file), changed, bytes.NewReader(body))
	if code.code == http.StatusOK && code.written == len(body) {
		s.mu.Lock()
		for i := first; i < last; i++ {
			f.served[i] = true
		}
		s.mu.Unlock()
	}
}

func pack(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // a Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// statusWriter notes what was answered.
type statusWriter struct {
	http.ResponseWriter
	code    int
	written int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.written += n
	return n, err
}
