package bus

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a file system of size bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small disk needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", size)); err != nil {
		t.Skipf("no small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all space but spare bytes until release is called.
func fill(t *testing.T, dir string, spare int) (release func()) {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	free := int64(st.Bavail) * st.Bsize
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, noise(9, free), max(0, free-int64(spare))); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDiskStopsPublishersUntilThereIsSpace(t *testing.T) {
	t.Parallel() // mostly waits
	dir := smallDisk(t, 64<<20)
	s := testServer(t, ServerOptions{Dir: filepath.Join(dir, "bus")})
	c := testConn(t, s)
	ctx := testContext(t)
	if err := c.Setup(ctx, Retention{}); err != nil {
		t.Fatal(err)
	}
	want := make(map[string]bool)
	publish := func(ctx context.Context, i int) error {
		id := fmt.Sprint("p", i)
		// Some inline, some in parts.
		err := c.PublishRaw(ctx, testPayload(id), noise(uint64(i), int64(100<<10+i%4*200<<10)))
		if err == nil {
			want[id] = true
		}
		return err
	}
	for round := range 2 {
		release := fill(t, dir, 6<<20)
		i := round * 1000
		for {
			short, cancel := context.WithTimeout(ctx, 2*time.Second)
			err := publish(short, i)
			cancel()
			i++
			if err != nil {
				t.Logf("round %d: full after %d payloads: %v", round, len(want), err)
				break
			}
		}
		if s.Healthy(ctx) == nil {
			t.Log("the server has not noticed yet")
		}
		release()
		for range 10 {
			if err := publish(ctx, i); err != nil {
				t.Fatalf("round %d: with space again: %v", round, err)
			}
			i++
		}
	}
	seen := make(map[string]int)
	if err := c.ReadRaw(ctx, testFeed, time.Time{}, func(p *Payload) error {
		seen[p.ID]++
		if digest, _ := digestOf(t, c, p); digest != p.Digest {
			t.Errorf("payload %s has other bytes", p.ID)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	expectAll(t, "payload", want, seen)
}

func TestFullDiskLosesNoEvents(t *testing.T) {
	t.Parallel() // mostly waits
	dir := smallDisk(t, 48<<20)
	s := testServer(t, ServerOptions{Dir: filepath.Join(dir, "bus")})
	c := testConn(t, s)
	ctx := testContext(t)
	if err := c.Setup(ctx, Retention{}); err != nil {
		t.Fatal(err)
	}
	release := fill(t, dir, 4<<20)
	const n = 200
	line := make([]byte, 60<<10) // one line a block
	written := make(chan error, 1)
	go func() {
		w := c.NewEventWriter(testFeed, "a.x", "p", "1")
		for i := range n {
			r := noise(uint64(i), int64(len(line)))
			if _, err := io.ReadFull(r, line); err != nil {
				written <- err
				return
			}
			for j := range line {
				line[j] |= 0x80 // no line breaks
			}
			if err := w.Append(ctx, line); err != nil {
				written <- err
				return
			}
		}
		written <- w.Close(ctx)
	}()
	deadline := time.After(patience)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for s.Healthy(ctx) == nil {
		select {
		case <-deadline:
			t.Fatal("the server never noticed the full disk")
		case <-look.C:
		}
	}
	release()
	if err := receive(t, written); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	if err := readEvents(ctx, c, func(b *Block) { seen[b.ID] = true }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != n {
		t.Errorf("%d blocks, want %d", len(seen), n)
	}
}
