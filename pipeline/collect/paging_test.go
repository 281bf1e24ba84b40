package collect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

func pagedFeed(url string, p v1alpha1.PagingSpec) *plan.Collector {
	cfg := httpFeed(url)
	cfg.Spec.HTTP.Paging = &p
	return cfg
}

// answers each request with what page n says; empty: 404.
func pagesOf(page func(r *http.Request) (body, link string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, link := page(r)
		if link != "" {
			w.Header().Add("Link", link)
		}
		if body == "404" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(body))
	}
}

func number(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.URL.Query().Get(name))
	return n
}

func TestPagesAreFollowedToTheirEnd(t *testing.T) {
	cursor := v1alpha1.PagingSpec{Cursor: &v1alpha1.CursorPaging{From: "meta.next", Parameter: "after"}}
	offset := v1alpha1.PagingSpec{Offset: &v1alpha1.OffsetPaging{Parameter: "skip", LimitParameter: "top", Size: 2, Records: "data.items", Start: 10}}
	bare := v1alpha1.PagingSpec{Offset: &v1alpha1.OffsetPaging{Parameter: "skip", Size: 2}}
	link := v1alpha1.PagingSpec{Link: &v1alpha1.LinkPaging{}}
	tests := map[string]struct {
		paging v1alpha1.PagingSpec
		page   func(r *http.Request) (body, link string)
		want   []string
	}{
		"link": {link, func(r *http.Request) (string, string) {
			n := number(r, "p")
			if n == 2 {
				return "page 2", `</?p=1>; rel="prev"`
			}
			return fmt.Sprint("page ", n), fmt.Sprintf(`</?p=9>; rel=last; title="a, b; rel=next", <?p=%d>; REL="nofollow Next"`, n+1)
		}, []string{"page 0", "page 1", "page 2"}},
		"link to itself": {link, func(r *http.Request) (string, string) { return "same", `<` + r.URL.String() + `>; rel=next` }, []string{"same"}},
		"links in a circle": {link, func(r *http.Request) (string, string) {
			n := number(r, "p")
			return fmt.Sprint("page ", n), fmt.Sprintf(`</?p=%d>; rel=next`, (n+1)%3)
		}, []string{"page 0", "page 1", "page 2"}},
		"the last page again and again": {link, func(r *http.Request) (string, string) {
			n := number(r, "p")
			return fmt.Sprint("page ", min(n, 1)), fmt.Sprintf(`</?p=%d>; rel=next`, n+1)
		}, []string{"page 0", "page 1"}},
		"empty last page": {link, func(r *http.Request) (string, string) {
			n := number(r, "p")
			return []string{"[1]", "[2]", " [ ] ", "[9]"}[n], fmt.Sprintf(`</?p=%d>; rel=next`, n+1)
		}, []string{"[1]", "[2]"}},
		"empty first page": {link, func(*http.Request) (string, string) { return "[]", "" }, []string{"[]"}},
		"cursor": {cursor, func(r *http.Request) (string, string) {
			switch r.URL.Query().Get("after") {
			case "":
				return `{"data":[{"meta":{"next":"wrong"}}],"meta":{"total":5,"next":"a/b=?"}}`, ""
			case "a/b=?":
				return `{"meta":{"next":12345678901234567890}}`, ""
			case "12345678901234567890":
				return `{"meta":{"next":null}}`, ""
			}
			return "404", ""
		}, []string{`{"data":[{"meta":{"next":"wrong"}}],"meta":{"total":5,"next":"a/b=?"}}`, `{"meta":{"next":12345678901234567890}}`, `{"meta":{"next":null}}`}},
		"cursor that is absent":  {cursor, func(*http.Request) (string, string) { return `{"data":[1]}`, "" }, []string{`{"data":[1]}`}},
		"cursor under no object": {cursor, func(*http.Request) (string, string) { return `{"meta":[1]}`, "" }, []string{`{"meta":[1]}`}},
		"offset": {offset, func(r *http.Request) (string, string) {
			if number(r, "top") != 2 {
				return "404", ""
			}
			switch number(r, "skip") {
			case 10:
				return `{"data":{"items":[{"a":[1,2,3]},{}]}}`, ""
			case 12:
				return `{"data":{"items":[[[]]]}}`, ""
			}
			return "404", ""
		}, []string{`{"data":{"items":[{"a":[1,2,3]},{}]}}`, `{"data":{"items":[[[]]]}}`}},
		"offset ends with an empty page": {bare, func(r *http.Request) (string, string) {
			n := number(r, "skip")
			if n >= 4 {
				return "[]", ""
			}
			return fmt.Sprintf("[%d,%d]", n, n+1), ""
		}, []string{"[0,1]", "[2,3]"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.works(pagedFeed(serve(t, pagesOf(tc.page)).URL, tc.paging))
			h.published(tc.want...)
			for i, p := range h.raw.payloads {
				if p.Part != i || p.Collection != h.raw.payloads[0].Collection {
					t.Errorf("payload %d is part %d of %s", i, p.Part, p.Collection)
				}
			}
			h.works(pagedFeed(serve(t, pagesOf(tc.page)).URL, tc.paging)) // unchanged
			h.published(tc.want...)
		})
	}
}

func TestPagingIsWholeOrNothing(t *testing.T) {
	token := secretRef("feed", "token")
	link := v1alpha1.PagingSpec{Link: &v1alpha1.LinkPaging{}}
	endless := func(r *http.Request) (string, string) {
		n := number(r, "p")
		return fmt.Sprint("page ", n), fmt.Sprintf(`</?p=%d>; rel=next`, n+1)
	}
	tests := map[string]struct {
		paging v1alpha1.PagingSpec
		page   func(r *http.Request) (body, link string)
		reason string
		text   string
	}{
		"more pages than allowed": {v1alpha1.PagingSpec{Link: &v1alpha1.LinkPaging{}, MaxPages: 5}, endless, v1alpha1.ReasonTooLarge, "more than 5 pages"},
		"more bytes than allowed": {link, func(r *http.Request) (string, string) {
			_, next := endless(r)
			return strings.Repeat("x", 500) + next, next
		}, v1alpha1.ReasonTooLarge, "downloadBytes"},
		"a page that is missing": {link, func(r *http.Request) (string, string) {
			if number(r, "p") == 2 {
				return "404", ""
			}
			return endless(r)
		}, v1alpha1.ReasonHTTPStatus, "answered 404"},
		"a link to another host": {link, func(*http.Request) (string, string) { return "x", `<http://feeds.example.com/2>; rel=next` },
			v1alpha1.ReasonAddressForbidden, "another host"},
		"a link to a metadata service": {link, func(*http.Request) (string, string) { return "x", `<http://169.254.169.254/>; rel=next` },
			v1alpha1.ReasonAddressForbidden, ""},
		"a link that is no URL": {link, func(*http.Request) (string, string) { return "x", `<http://%zz>; rel=next` },
			v1alpha1.ReasonHTTPStatus, "Link"},
		"a cursor that is an object": {v1alpha1.PagingSpec{Cursor: &v1alpha1.CursorPaging{From: "next", Parameter: "c"}},
			func(*http.Request) (string, string) { return `{"next":{}}`, "" }, v1alpha1.ReasonUnpackFailed, "spec.http.paging.cursor.from"},
		"a page that is HTML": {v1alpha1.PagingSpec{Offset: &v1alpha1.OffsetPaging{Parameter: "o", Size: 2}},
			func(*http.Request) (string, string) { return "<html>", "" }, v1alpha1.ReasonUnpackFailed, "spec.http.paging.offset.records"},
		"a page without the array": {v1alpha1.PagingSpec{Offset: &v1alpha1.OffsetPaging{Parameter: "o", Size: 2, Records: "items"}},
			func(*http.Request) (string, string) { return `{"items":{}}`, "" }, v1alpha1.ReasonUnpackFailed, `"items" is no array`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.secrets["feed/token"] = "canary"
			cfg := pagedFeed(serve(t, pagesOf(tc.page)).URL, tc.paging)
			cfg.Spec.HTTP.Auth = &v1alpha1.HTTPAuth{Bearer: &token}
			cfg.Spec.Limits.DownloadBytes = 4 << 10
			h.fails(cfg, tc.reason, tc.text)
		})
	}
}

func TestAKeyInTheQueryIsOnEveryPage(t *testing.T) {
	h := newHarness(t)
	h.secrets["feed/key"] = "canary"
	cfg := pagedFeed(serve(t, pagesOf(func(r *http.Request) (string, string) {
		if r.URL.Query().Get("apikey") != "canary" {
			return "404", ""
		}
		if n := number(r, "p"); n < 2 {
			return fmt.Sprint("page ", n), fmt.Sprintf(`</list?p=%d>; rel=next`, n+1)
		}
		return "page 2", ""
	})).URL, v1alpha1.PagingSpec{Link: &v1alpha1.LinkPaging{}})
	cfg.Spec.HTTP.Auth = &v1alpha1.HTTPAuth{APIKey: &v1alpha1.APIKeyAuth{Query: "apikey", SecretRef: secretRef("feed", "key")}}
	h.works(cfg)
	h.published("page 0", "page 1", "page 2")
	raw, _ := json.Marshal(h.raw.payloads)
	if strings.Contains(string(raw), "canary") {
		t.Errorf("metadata tells the key: %s", raw)
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add(`<https://example.com/?p=2>; rel="next", </x>; rel=last`)
	f.Add(`<a>; rel="a\"b", <b>; rel=next`)
	f.Add(`<>;;rel==next,<`)
	f.Fuzz(func(t *testing.T, header string) {
		if target, ok := nextLink([]string{header, header}); ok && !strings.Contains(header, target) {
			t.Errorf("%q is not in %q", target, header)
		}
	})
}
