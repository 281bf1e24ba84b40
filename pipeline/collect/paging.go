package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	defaultMaxPages = 1000
	// searchable bounds a page whose JSON is searched for a cursor or counted.
	searchable = 64 << 20
)

// pager says where the next page is; nil: there is none.
type pager interface {
	first(u *url.URL) *url.URL
	next(a *answer) (*url.URL, error)
	// records is false when the page can be told to hold none.
	records(a *answer) bool
}

// pages collects page after page. All of them are fetched before the first is
// published, so a feed that breaks off between two pages gives nothing; the same
// goes for one that has more than maxPages.
//
// Paging ends when no next page is named, when a page is empty, or when it
// repeats what was there before: the last page of some publishers leads to
// itself.
func (s *session) pages(ctx context.Context, start *url.URL) error {
	p, err := newPager(s.spec.Paging)
	if err != nil {
		return err
	}
	most := int(positive(int64(s.spec.Paging.MaxPages), defaultMaxPages))
	seenURL, seenPage := map[string]bool{}, map[[32]byte]bool{}
	for u, n := p.first(start), 0; u != nil; n++ {
		if n == most {
			return fail(v1alpha1.ReasonTooLarge, onSchedule, "the feed has more than %d pages, and none was published: raise spec.http.paging.maxPages, if that is right", most)
		}
		seenURL[u.String()] = true
		a, err := s.get(ctx, u, false)
		if err != nil {
			return err
		}
		repeats := a.unchanged || seenPage[a.content.digest]
		if n > 0 && (repeats || !p.records(a)) {
			return nil
		}
		if a.unchanged { // 204: nothing there at all
			s.c.unchanged()
			return nil
		}
		seenPage[a.content.digest] = true
		if err := s.c.add(ctx, a.part(strconv.Itoa(n), s.c.redact), false); err != nil {
			return err
		}
		if u, err = s.follow(p, a, seenURL); err != nil {
			return err
		}
	}
	return nil
}

// follow is the next page, if it is one that was not there before.
func (s *session) follow(p pager, a *answer, seen map[string]bool) (*url.URL, error) {
	next, err := p.next(a)
	if err != nil || next == nil || seen[next.String()] {
		return nil, err
	}
	return next, s.checkHop(a.url, next)
}

func newPager(spec *v1alpha1.PagingSpec) (pager, error) {
	switch {
	case spec.Link != nil:
		return linkPager{}, nil
	case spec.Cursor != nil:
		return cursorPager{spec.Cursor}, nil
	case spec.Offset != nil:
		return &offsetPager{spec: spec.Offset, offset: int64(spec.Offset.Start)}, nil
	}
	return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.http.paging: one of link, cursor and offset is needed")
}

// linkPager follows the Link header (RFC 8288).
type linkPager struct{}

func (linkPager) first(u *url.URL) *url.URL { return u }
func (linkPager) records(a *answer) bool    { return !emptyJSON(a.content) }

func (linkPager) next(a *answer) (*url.URL, error) {
	ref, ok := nextLink(a.header.Values("Link"))
	if !ok {
		return nil, nil
	}
	u, err := a.url.Parse(ref)
	if err != nil {
		return nil, fail(v1alpha1.ReasonHTTPStatus, onSchedule, "the publisher's Link header names no URL for the next page")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// nextLink finds the target of the link whose relation is next.
func nextLink(headers []string) (string, bool) {
	for _, h := range headers {
		for {
			start := strings.IndexByte(h, '<')
			if start < 0 {
				break
			}
			target, rest, ok := strings.Cut(h[start+1:], ">")
			if !ok {
				break
			}
			params, after := linkParams(rest)
			if isNext(params) {
				return strings.TrimSpace(target), true
			}
			h = after
		}
	}
	return "", false
}

// linkParams splits the parameters of one link from the links after it. A comma
// in quotes does not end them.
func linkParams(s string) (params, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func isNext(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for _, rel := range strings.Fields(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
		return false // only the first rel counts
	}
	return false
}

// cursorPager takes a value out of the answer.
type cursorPager struct{ spec *v1alpha1.CursorPaging }

func (cursorPager) first(u *url.URL) *url.URL { return u }
func (cursorPager) records(a *answer) bool    { return !emptyJSON(a.content) }

func (p cursorPager) next(a *answer) (*url.URL, error) {
	d, err := seekJSON(a.content, p.spec.From)
	if errors.Is(err, errNoSuchPath) {
		return nil, nil
	}
	if err != nil {
		return nil, pageUnreadable("spec.http.paging.cursor.from", err)
	}
	token, err := d.Token()
	if err != nil {
		return nil, pageUnreadable("spec.http.paging.cursor.from", err)
	}
	var cursor string
	switch v := token.(type) {
	case nil:
	case string:
		cursor = v
	case json.Number:
		cursor = v.String()
	case bool:
		if v {
			cursor = "true"
		}
	default:
		return nil, pageUnreadable("spec.http.paging.cursor.from", fmt.Errorf("%s is no text or number", p.spec.From))
	}
	if cursor == "" {
		return nil, nil
	}
	if len(cursor) > 4<<10 {
		return nil, pageUnreadable("spec.http.paging.cursor.from", fmt.Errorf("%s is longer than 4 KiB", p.spec.From))
	}
	return withParameter(a.url, p.spec.Parameter, cursor), nil
}

// offsetPager counts records.
type offsetPager struct {
	spec   *v1alpha1.OffsetPaging
	offset int64
}

func (p *offsetPager) first(u *url.URL) *url.URL {
	u = withParameter(u, p.spec.Parameter, strconv.FormatInt(p.offset, 10))
	if p.spec.LimitParameter != "" {
		u = withParameter(u, p.spec.LimitParameter, strconv.Itoa(int(p.spec.Size)))
	}
	return u
}

func (p *offsetPager) records(a *answer) bool {
	n, err := countJSON(a.content, p.spec.Records)
	return err != nil || n > 0 // next tells the error
}

func (p *offsetPager) next(a *answer) (*url.URL, error) {
	n, err := countJSON(a.content, p.spec.Records)
	if err != nil {
		return nil, pageUnreadable("spec.http.paging.offset.records", err)
	}
	if n < int64(p.spec.Size) {
		return nil, nil
	}
	p.offset += n
	return withParameter(a.url, p.spec.Parameter, strconv.FormatInt(p.offset, 10)), nil
}

func pageUnreadable(field string, err error) error {
	return fail(v1alpha1.ReasonUnpackFailed, onSchedule, "%s: the page cannot be read: %w", field, err)
}

func withParameter(u *url.URL, name, value string) *url.URL {
	next := *u
	q := next.Query()
	q.Set(name, value)
	next.RawQuery = q.Encode()
	return &next
}

var errNoSuchPath = errors.New("no such path")

// seekJSON returns a decoder right before the value at a path such as meta.next.
// Nothing of the page but the present token is in memory.
func seekJSON(b blob, path string) (*json.Decoder, error) {
	if b.Size() > searchable {
		return nil, fmt.Errorf("it is larger than %d bytes", searchable)
	}
	d := json.NewDecoder(b.reader())
	d.UseNumber()
	for name := range strings.SplitSeq(path, ".") {
		if name == "" || name == "$" {
			continue
		}
		if err := enter(d, name); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// enter goes to the value of one member of the object that comes next.
func enter(d *json.Decoder, name string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return errNoSuchPath
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if key == name {
			return nil
		}
		if err := skipValue(d); err != nil {
			return err
		}
	}
	return errNoSuchPath
}

func skipValue(d *json.Decoder) error {
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// countJSON counts the elements of the array at a path.
func countJSON(b blob, path string) (int64, error) {
	d, err := seekJSON(b, path)
	if err != nil {
		return 0, err
	}
	token, err := d.Token()
	switch {
	case err != nil:
		return 0, err
	case token == nil:
		return 0, nil
	case token != json.Delim('['):
		return 0, fmt.Errorf("%q is no array", path)
	}
	var n int64
	for ; d.More(); n++ {
		if err := skipValue(d); err != nil {
			return 0, err
		}
	}
	_, err = d.Token()
	return n, err
}

// emptyJSON tells whether a page is nothing but white space, [] or {}.
func emptyJSON(b blob) bool {
	const most = 256
	if b.Size() > most {
		return false
	}
	raw, err := io.ReadAll(b.reader())
	if err != nil {
		return false
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return true
	}
	if (raw[0] == '[' || raw[0] == '{') && len(raw) > 1 {
		return len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0
	}
	return false
}
