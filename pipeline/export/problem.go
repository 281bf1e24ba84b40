package export

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// problem is a refusal that the caller can act on. Unlike n6, which says only
// 400, it names the parameter and what is wrong with it.
type problem struct {
	status    int
	Code      string `json:"code"`
	Parameter string `json:"parameter,omitempty"`
	Message   string `json:"message"`
	// gone is set for what has ended.
	gone *gone
}

// gone is the answer to who asks for a version after its sunset, as a problem of
// RFC 9457: clients that know neither our versions nor our codes see it for what it
// is, whatever they accept.
type gone struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	Version   string `json:"version"`
	Sunset    string `json:"sunset"`
	Successor string `json:"successor,omitempty"` // version
	URL       string `json:"url,omitempty"`       // of the successor, relative to the request
	Manifest  string `json:"manifest"`
}

// Codes of problems; part of the interface, never reworded.
const (
	codeUnauthorized     = "unauthorized"
	codeTooManyAttempts  = "too_many_attempts"
	codeTooManyRequests  = "too_many_requests"
	codeZoneNotGranted   = "zone_not_granted"
	codeExportNotGranted = "export_not_granted"
	codeNotFound         = "not_found"
	codeUnknownFormat    = "unknown_format"
	codeMethod           = "method_not_allowed"
	codeSuspended        = "suspended"
	codeStarting         = "starting"
	codeArchive          = "archive_failed"
	codeUnavailable      = "archive_unavailable"
	codeQuery            = "malformed_query"
	codeUnknownParam     = "unknown_parameter"
	codeForbiddenParam   = "forbidden_parameter"
	codeManyValues       = "multiple_values"
	codeInvalidValue     = "invalid_value"
	codeUnknownVersion   = "unknown_version"
	codeVersionGone      = "version_gone"
)

func (p *problem) Error() string {
	if p.Parameter == "" {
		return p.Message
	}
	return p.Parameter + ": " + p.Message
}

func problemf(status int, code, format string, args ...any) *problem {
	return &problem{status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// badParam is a 400 about one query parameter.
func badParam(code, parameter, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, Code: code, Parameter: parameter,
		Message: fmt.Sprintf(format, args...)}
}

// write answers with the problem, as JSON, or as text where the caller prefers that.
func (p *problem) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Encoding")
	var body []byte
	if p.gone != nil {
		h.Set("Content-Type", "application/problem+json")
		body, _ = json.Marshal(p.gone) // strings and a number always marshal
		body = append(body, '\n')
	} else if prefersText(r.Header.Get("Accept")) {
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		body = []byte(fmt.Sprintf("%d %s\n\n%s\n", p.status, http.StatusText(p.status), p.Error()))
	} else {
		h.Set("Content-Type", "application/json")
		// A struct of strings always marshals.
		body, _ = json.Marshal(struct {
			Error *problem `json:"error"`
		}{p})
		body = append(body, '\n')
	}
	w.WriteHeader(p.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) //nolint:gosec // JSON or plain text, and nosniff
	}
}

// prefersText reports whether an Accept header names a text type before any type
// that JSON fits.
func prefersText(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch media = strings.ToLower(strings.TrimSpace(media)); {
		case media == "text/event-stream":
		case strings.HasPrefix(media, "text/"):
			return true
		case media == "*/*", strings.HasPrefix(media, "application/"):
			return false
		}
	}
	return false
}

const maxShown = 100 // bytes of a caller's value that a message repeats

// shown quotes a value of the caller for a message.
func shown(s string) string {
	if len(s) > maxShown {
		return fmt.Sprintf("%q...", s[:maxShown])
	}
	return fmt.Sprintf("%q", s)
}
