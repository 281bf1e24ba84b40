package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOnlyReleasedFoldersOfOursAreReclaimed(t *testing.T) {
	for name, tc := range map[string]struct {
		volume string
		want   bool
	}{
		"released":        {`{"spec":{"hostPath":{"path":"/v/a"},"claimRef":{"name":"c"}},"status":{"phase":"Released"}}`, true},
		"bound":           {`{"spec":{"hostPath":{"path":"/v/a"},"claimRef":{"name":"c"}},"status":{"phase":"Bound"}}`, false},
		"available":       {`{"spec":{"hostPath":{"path":"/v/a"}},"status":{"phase":"Available"}}`, false},
		"elsewhere":       {`{"spec":{"hostPath":{"path":"/etc/a"},"claimRef":{"name":"c"}},"status":{"phase":"Released"}}`, false},
		"the folder":      {`{"spec":{"hostPath":{"path":"/v"},"claimRef":{"name":"c"}},"status":{"phase":"Released"}}`, false},
		"climbs out":      {`{"spec":{"hostPath":{"path":"/v/../etc"},"claimRef":{"name":"c"}},"status":{"phase":"Released"}}`, false},
		"deeper":          {`{"spec":{"hostPath":{"path":"/v/a/b"},"claimRef":{"name":"c"}},"status":{"phase":"Released"}}`, false},
		"not of the host": {`{"spec":{"nfs":{"path":"/v/a"},"claimRef":{"name":"c"}},"status":{"phase":"Released"}}`, false},
	} {
		var v volume
		if err := json.Unmarshal([]byte(tc.volume), &v); err != nil {
			t.Fatal(err)
		}
		if got := v.reclaimable("/v"); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAReleasedVolumeIsEmptiedThenOffered(t *testing.T) {
	dir := t.TempDir()
	vol := filepath.Join(dir, "volume-00")
	if err := os.MkdirAll(filepath.Join(vol, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".lock", "data/1.db"} {
		if err := os.WriteFile(filepath.Join(vol, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	patched := make(chan string, 1)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case r.Method == http.MethodGet && r.URL.Path == path:
			_, _ = fmt.Fprintf(w, `{"items":[{"metadata":{"name":"volume-00","resourceVersion":"7"},"status":{"phase":"Released"},
				"spec":{"hostPath":{"path":%q},"claimRef":{"namespace":"ns","name":"c"}}}]}`, vol)
		case r.Method == http.MethodPatch && r.URL.Path == path+"/volume-00":
			body, _ := io.ReadAll(r.Body)
			left, _ := os.ReadDir(vol)
			select {
			case patched <- fmt.Sprintf("%s %s, %d files left", r.Header.Get("Content-Type"), body, len(left)):
			default:
			}
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	text := "clusters:\n- cluster: {server: " + srv.URL + ", certificate-authority-data: " + ca + "}\nusers:\n- user: {token: secret}\n"
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := newClient(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx, c, dir, 10*time.Millisecond)
	}()
	select {
	case got := <-patched:
		want := `application/json-patch+json [{"op":"test","path":"/metadata/resourceVersion","value":"7"},{"op":"remove","path":"/spec/claimRef"}], 0 files left`
		if got != want {
			t.Errorf("got %s", got)
		}
	case <-ctx.Done():
		t.Error("the volume was not reclaimed")
	}
	cancel()
	<-done
	c.token = "wrong"
	if _, err := c.list(t.Context()); err == nil || !strings.Contains(err.Error(), "who are you?") {
		t.Errorf("got %v", err)
	}
}
