package collect

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func fileFeed(path string) *plan.Collector {
	cfg := httpFeed("")
	cfg.Spec.HTTP = nil
	cfg.Spec.File = &v1alpha1.FileSpec{Path: path}
	return cfg
}

// put writes a file that rests since an hour ago, plus age.
func put(t *testing.T, root, name, body string, age time.Duration) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour - age)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func withRoot(t *testing.T) (string, func(*Options)) {
	root := t.TempDir()
	return root, func(o *Options) { o.FilesRoot = root }
}

func TestAGlobFindsFilesAndSendsEachOnce(t *testing.T) {
	root, o := withRoot(t)
	h := newHarness(t, o)
	cfg := fileFeed("in/*.csv")
	h.fails(cfg, v1alpha1.ReasonNoFile, "no file matches in/*.csv")
	put(t, root, "in/b.csv", "b", 0)
	put(t, root, "in/a.csv", "a", 0)
	put(t, root, "in/other.txt", "t", 0)
	put(t, root, "in/.hidden.csv", "h", 0)
	put(t, root, "in/dir.csv/x", "x", 0)
	h.works(cfg)
	h.published("a", "b")
	if h.raw.payloads[1].Filename != "in/b.csv" || h.raw.payloads[1].Part != 1 {
		t.Errorf("metadata %+v", h.raw.payloads[1])
	}
	h.works(cfg)
	put(t, root, "in/c.csv", "c", 0)
	h.works(cfg)
	put(t, root, "in/a.csv", "A", time.Minute) // same size, another time
	h.works(cfg)
	if err := os.Remove(filepath.Join(root, "in/b.csv")); err != nil {
		t.Fatal(err)
	}
	h.works(cfg)
	h.published("a", "b", "c", "A")
	put(t, root, "in/b.csv", "b", 0) // back again: it counts as new
	h.works(cfg)
	h.published("a", "b", "c", "A", "b")
}

func TestAnUnchangedFileIsNotReadAgain(t *testing.T) {
	root, o := withRoot(t)
	h := newHarness(t, o)
	put(t, root, "a.csv", "one", 0)
	h.works(fileFeed("a.csv"))
	// Same size and time: the file counts as unchanged, as with make and rsync.
	info, _ := os.Stat(filepath.Join(root, "a.csv"))
	put(t, root, "a.csv", "two", 0)
	if err := os.Chtimes(filepath.Join(root, "a.csv"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	h.works(fileFeed("a.csv"))
	h.published("one")
}

func TestArchivesOfAGlobKeepTheirMembersApart(t *testing.T) {
	root, o := withRoot(t)
	h := newHarness(t, o)
	put(t, root, "a.zip", string(zipped(file{"x.csv", "ax"}, file{"x.csv", "ax2"})), 0)
	put(t, root, "b.zip", string(zipped(file{"x.csv", "bx"}, file{"y.csv", "by"})), 0)
	h.works(fileFeed("*.zip"))
	h.published("ax", "ax2", "bx", "by")
	put(t, root, "b.zip", string(zipped(file{"x.csv", "bx"}, file{"y.csv", "by2"})), time.Minute)
	h.works(fileFeed("*.zip"))
	h.published("ax", "ax2", "bx", "by", "by2")
}

func TestNothingLeadsOutOfTheRoot(t *testing.T) {
	root, o := withRoot(t)
	outside := t.TempDir()
	put(t, outside, "passwd", "canary", 0)
	for name, target := range map[string]string{"file": filepath.Join(outside, "passwd"), "folder": outside, "up": "../../../../../../etc"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, root, "real/a.csv", "a", 0)
	if err := os.Symlink("real/a.csv", filepath.Join(root, "inside.csv")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, o)
	h.fails(fileFeed("file"), v1alpha1.ReasonNoFile, "refused")
	h.fails(fileFeed("folder/passwd"), v1alpha1.ReasonNoFile, "refused")
	h.fails(fileFeed("folder/*"), v1alpha1.ReasonNoFile, "")
	h.fails(fileFeed("f*"), v1alpha1.ReasonNoFile, "refused")
	h.fails(fileFeed("up/passwd"), v1alpha1.ReasonNoFile, "refused")
	h.fails(fileFeed("pipe"), v1alpha1.ReasonNoFile, "no regular file")
	h.fails(fileFeed("real"), v1alpha1.ReasonNoFile, "no regular file")
	h.fails(fileFeed("none.csv"), v1alpha1.ReasonNoFile, "none.csv is not there")
	for _, path := range []string{"../x", "/etc/passwd", "a/../../x", "[", ""} {
		h.fails(fileFeed(path), v1alpha1.ReasonInvalidSpec, "spec.file.path")
	}
	h.works(fileFeed("inside.csv"))
	h.published("a")
}

func TestFilesObeyTheLimits(t *testing.T) {
	root, o := withRoot(t)
	h := newHarness(t, o)
	put(t, root, "a", "12345678", 0)
	put(t, root, "b", "12345678", 0)
	cfg := fileFeed("?")
	cfg.Spec.Limits.DownloadBytes = 15
	h.fails(cfg, v1alpha1.ReasonTooLarge, "downloadBytes")
	cfg.Spec.Limits.DownloadBytes = 16
	cfg.Spec.Limits.Entries = 1
	h.fails(cfg, v1alpha1.ReasonTooLarge, "spec.limits.entries")
	cfg.Spec.Limits.Entries = 2
	h.works(cfg)
	newHarness(t).fails(fileFeed("a"), v1alpha1.ReasonInvalidSpec, "--files")
}

// A file that grows between the two looks is left for later; its neighbour goes.
func TestAHalfWrittenFileIsNotRead(t *testing.T) {
	root, o := withRoot(t)
	h := newHarness(t, o)
	put(t, root, "done.csv", "done", 0)
	growing := filepath.Join(root, "growing.csv")
	if err := os.WriteFile(growing, []byte("ha"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		// The clock of the bubble starts in 2000, so every file looks fresh, and
		// the second look comes a second of bubble time after the first.
		go func() {
			<-time.After(settle / 2)
			f, err := os.OpenFile(growing, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("lf")
				_ = f.Close()
			}
			if err != nil {
				t.Error(err)
			}
		}()
		out := h.stage.collector.collect(t.Context(), fileFeed("*.csv"), time.Now())
		if out.failure != nil || !out.pending {
			t.Errorf("outcome %+v", out)
		}
		h.published("done")
		if out := h.stage.collector.collect(t.Context(), fileFeed("*.csv"), time.Now()); out.pending || out.failure != nil {
			t.Errorf("a file at rest is pending: %+v", out)
		}
		h.published("done", "half")
	})
}

func TestAFileIsCollectedAsSoonAsItAppears(t *testing.T) {
	root := t.TempDir()
	conn := testBus(t)
	put(t, root, "in/2026/a.csv", "a", 0)
	runStage(t, Options{Conn: conn, Log: testLog(t), FilesRoot: root, TempDir: t.TempDir()})
	cfg := fileFeed("in/*/*.csv")
	cfg.Spec.Schedule.Interval = "8760h" // only the watch can be the reason
	configure(t, conn, cfg)
	waitStatus(t, conn, func(s status.Collector) bool { return s.Payloads == 1 })
	put(t, root, "in/2026/b.csv", "b", 0)
	waitStatus(t, conn, func(s status.Collector) bool { return s.Payloads == 2 })
	// A new folder is watched from then on.
	put(t, root, "in/2027/c.csv", "c", 0)
	waitStatus(t, conn, func(s status.Collector) bool { return s.Payloads == 3 })
	put(t, root, "in/2027/d.csv", "d", 0)
	waitStatus(t, conn, func(s status.Collector) bool { return s.Payloads == 4 })
}

func TestWatchesTellWhomAChangeConcerns(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"in/*.csv", "in/a.csv", true}, {"in/*.csv", "in/a.csv.part", false}, {"in/*.csv", "in", true},
		{"in/*/x.csv", "in/2026", true}, {"in/*/x.csv", "out/2026", false}, {"a.csv", "a.csv", true}, {"a.csv", "in/a.csv", false}, {"[", "a", false},
	} {
		if got := concerns(tc.pattern, tc.name); got != tc.want {
			t.Errorf("%s concerns %s: %v", tc.name, tc.pattern, got)
		}
	}
}
