package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
)

func TestACrashBetweenPublishingAndRememberingDoublesNothing(t *testing.T) {
	conn := testBus(t)
	state := &memBucket{failPut: 2} // the first makes the memory, the second moves it on
	h := newHarness(t)
	h.stage.collector.raw, h.stage.collector.state = conn, state
	body := "a"
	cfg := httpFeed(serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }).URL)
	out := h.collect(cfg)
	if out.failure == nil || out.failure.reason != v1alpha1.ReasonBusUnavailable || out.payloads != 1 {
		t.Fatalf("the crash did not happen: %+v", out)
	}
	h.works(cfg) // the same again, under the same id
	if _, bodies := published(t, conn); fmt.Sprint(bodies) != "[a]" {
		t.Errorf("published %q", bodies)
	}
	for _, body = range []string{"b", "a"} {
		h.works(cfg)
	}
	if _, bodies := published(t, conn); fmt.Sprint(bodies) != "[a b a]" {
		t.Errorf("published %q", bodies)
	}
}

func TestWhatTheBusTookOfACollectionIsNotSentAgain(t *testing.T) {
	root, o := withRoot(t)
	h := newHarness(t, o)
	for _, name := range []string{"a", "b", "c"} {
		put(t, root, name, name, 0)
	}
	h.raw.failAfter = 2
	out := h.collect(fileFeed("?"))
	if out.failure == nil || out.failure.reason != v1alpha1.ReasonBusUnavailable || out.payloads != 2 {
		t.Fatalf("outcome %+v", out)
	}
	h.raw.failAfter = 0
	h.works(fileFeed("?"))
	h.works(fileFeed("?"))
	h.published("a", "b", "c")
}

func TestIDsDependOnWhatIsPublishedOnly(t *testing.T) {
	f := bus.Feed{Namespace: "a", Name: "b"}
	d := [32]byte{1}
	id := payloadID(f, 1, "p", d)
	if id != payloadID(f, 1, "p", d) || len(id) != 64 {
		t.Errorf("id %s", id)
	}
	for _, other := range []string{
		payloadID(bus.Feed{Namespace: "a", Name: "c"}, 1, "p", d), payloadID(f, 2, "p", d), payloadID(f, 1, "q", d), payloadID(f, 1, "p", [32]byte{2}),
	} {
		if other == id {
			t.Error("two things have one id")
		}
	}
}

func TestManyPartsAreRememberedByOneDigest(t *testing.T) {
	files := make([]file, 9000)
	for i := range files {
		files[i] = file{fmt.Sprintf("%s/%d.csv", strings.Repeat("long", 20), i), fmt.Sprint(i)}
	}
	h := newHarness(t)
	body := zipped(files...)
	cfg := httpFeed(serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }).URL)
	if out := h.works(cfg); out.payloads != 9000 {
		t.Errorf("%d payloads", out.payloads)
	}
	for key, v := range h.state.values {
		if len(v) > maxMemory {
			t.Errorf("%s takes %d bytes", key, len(v))
		}
	}
	if out := h.works(cfg); out.payloads != 0 {
		t.Errorf("unchanged, but %d payloads", out.payloads)
	}
	files[0].body = "new"
	body = zipped(files...)
	if out := h.works(cfg); out.payloads != 9000 {
		t.Errorf("%d payloads; without the digests of the parts, all of them go", out.payloads)
	}
}

func TestSecretsAreNowhereButInTheRequest(t *testing.T) {
	const canary = "canary+/7 f3a9"
	echo := func(w http.ResponseWriter, r *http.Request, code int) {
		shown := fmt.Sprint(r.URL.Query().Get("signature"), r.Header.Get("Authorization"), r.URL.RawQuery)
		for _, name := range []string{"Content-Type", "ETag", "X-Any"} {
			w.Header().Set(name, "text/"+shown)
		}
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", shown))
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "payload")
	}
	handlers := map[string]http.HandlerFunc{
		"works": func(w http.ResponseWriter, r *http.Request) { echo(w, r, 200) },
		"401":   func(w http.ResponseWriter, r *http.Request) { echo(w, r, 401) },
		"429":   func(w http.ResponseWriter, r *http.Request) { echo(w, r, 429) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://localhost/?"+r.URL.RawQuery+"&t="+canary, http.StatusFound)
		},
		"nonsense": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://%zz/"+canary, http.StatusFound)
		},
		"hang up": func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
	}
	auths := map[string]*v1alpha1.HTTPAuth{
		"basic":  {Basic: &v1alpha1.BasicAuth{Username: "me", Password: secretRef("feed", "s")}},
		"query":  {APIKey: &v1alpha1.APIKeyAuth{Query: "k", SecretRef: secretRef("feed", "s")}},
		"header": {APIKey: &v1alpha1.APIKeyAuth{Header: "X-Any", SecretRef: secretRef("feed", "s")}},
	}
	token := secretRef("feed", "s")
	auths["bearer"] = &v1alpha1.HTTPAuth{Bearer: &token}
	for how, handler := range handlers {
		for kind, auth := range auths {
			t.Run(how+" "+kind, func(t *testing.T) {
				h := newHarness(t)
				h.secrets["feed/s"] = canary + "\n"
				cfg := httpFeed(serve(t, handler).URL + "/?a=b&signature=canary-in-url")
				cfg.Spec.HTTP.Auth = auth
				out := h.collect(cfg)
				told, err := json.Marshal(h.raw.payloads)
				if err != nil {
					t.Fatal(err)
				}
				if out.failure != nil {
					told = append(told, out.failure.Error()...)
				}
				told = append(told, out.message...)
				for _, v := range h.state.values {
					told = append(told, v...)
				}
				if bytes.Contains(told, []byte("canary")) || bytes.Contains(told, []byte("f3a9")) || bytes.Contains(told, []byte("Y2FuYXJ5")) {
					t.Errorf("a secret gets out: %s", told)
				}
			})
		}
	}
}

func TestMessagesAreOneShortLine(t *testing.T) {
	s := sentence("a\x00b\nc\x1b[31m\xff" + strings.Repeat("ř", 2000))
	if len(s) > maxMessage || strings.ContainsAny(s, "\x00\n\x1b") || !strings.HasSuffix(s, "ř...") {
		t.Errorf("%d bytes: %.40q", len(s), s)
	}
}

func TestALargePayloadIsSpooledAndNothingStays(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1<<16*3) // 3 MiB
	h := newHarness(t)
	h.works(httpFeed(serve(t, text(body)).URL))
	h.published(body)
}

func TestSpoolReadsWhatWasWrittenAcrossItsFile(t *testing.T) {
	s := newSpool(t.TempDir())
	defer s.Close()
	var blobs []blob
	var want []string
	for i, size := range []int{0, 1, spoolMemory - 10, 20, 3 * spoolMemory, 7} {
		body := strings.Repeat(string(rune('a'+i)), size)
		b, err := s.add(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		blobs, want = append(blobs, b), append(want, body)
	}
	for i, b := range blobs {
		for range 2 {
			if got, err := io.ReadAll(b.reader()); err != nil || string(got) != want[i] {
				t.Errorf("blob %d: %d bytes, want %d: %v", i, len(got), len(want[i]), err)
			}
		}
	}
	if info, err := s.file.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("temporary file: %v %v", info.Mode(), err)
	}
	s.max = s.size + 1
	if _, err := s.add(strings.NewReader("xx")); err == nil {
		t.Error("the spool takes more than its bound")
	}
}

func TestAFolderThatCannotTakeTheSpoolIsNoSilentLoss(t *testing.T) {
	h := newHarness(t)
	h.stage.collector.tempDir = h.temp + "/gone"
	h.fails(httpFeed(serve(t, text(strings.Repeat("x", 2<<20))).URL), v1alpha1.ReasonUnreachable, "temporary folder")
	if _, err := os.Stat(h.temp + "/gone"); !errors.Is(err, os.ErrNotExist) {
		t.Error("a folder was made")
	}
}

func TestSlotsBoundCollectionsPerHostAndTogether(t *testing.T) {
	s := newSlots()
	var release []func()
	take := func(host string) bool {
		got := make(chan func(), 1)
		ctx, cancel := contextWith(t, 50*time.Millisecond)
		defer cancel()
		if r, err := s.acquire(ctx, host); err == nil {
			got <- r
			release = append(release, <-got)
			return true
		}
		return false
	}
	for i, want := range []bool{true, true, false} {
		if take("a") != want {
			t.Errorf("slot %d of a host: %v expected", i, want)
		}
	}
	if !take("b") {
		t.Error("another host waits for the first")
	}
	for i := range atOnce - 3 {
		if !take(fmt.Sprint("host", i)) {
			t.Fatalf("slot %d of %d is taken", i+3, atOnce)
		}
	}
	if take("c") || take("") {
		t.Error("more than all slots")
	}
	for _, r := range release {
		r()
	}
	if len(s.hosts) != 0 || len(s.all) != 0 {
		t.Errorf("slots are left: %v, %d", s.hosts, len(s.all))
	}
}
