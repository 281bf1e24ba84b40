package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// Sample is the beginning of a payload that a collector would publish.
type Sample struct {
	Data        []byte
	Truncated   bool // the payload goes on
	URL         string
	Filename    string // of a member of an archive, that of the member
	ContentType string
}

// What a sample may cost. A feed must come as a whole, since what is packed
// cannot be opened by half.
const (
	sampleDownload = 256 << 20
	samplePayload  = 1 << 30
	sampleMembers  = 64
	sampleTimeout  = v1alpha1.Duration("2m")
)

// SampleURL fetches what is at a URL, once, with the limits and the guard of a
// collector, and returns the beginning of each payload, most bytes of it at most.
// Addresses that are not public are refused unless they are in allow.
func SampleURL(ctx context.Context, rawURL string, allow []netip.Prefix, most int64) ([]Sample, error) {
	spec := v1alpha1.FeedSourceSpec{HTTP: &v1alpha1.HTTPSpec{URL: rawURL}}
	t := &httpTransport{guard: newGuard(allow), rateWindow: rateWindow}
	return sample(ctx, spec, most, t.fetch)
}

// SampleBytes unpacks a payload that is there already; name is that of its file.
func SampleBytes(ctx context.Context, name string, r io.Reader, most int64) ([]Sample, error) {
	return sample(ctx, v1alpha1.FeedSourceSpec{}, most, func(_ context.Context, c *collection) error {
		b, err := c.spool.add(io.LimitReader(r, sampleDownload))
		if err != nil {
			return err
		}
		return c.append(part{filename: name, content: b})
	})
}

// sample runs one collection that is not published.
func sample(ctx context.Context, spec v1alpha1.FeedSourceSpec, most int64, fetch func(context.Context, *collection) error) (out []Sample, err error) {
	spec.Limits = v1alpha1.LimitsSpec{Timeout: sampleTimeout, DownloadBytes: sampleDownload, PayloadBytes: samplePayload, Entries: sampleMembers}
	spec.Unpack.Mode = v1alpha1.UnpackNone // open does that
	cfg := &plan.Collector{Name: "sample", Spec: spec}
	c, err := newCollection(cfg, &memory{Parts: map[string]string{}}, os.TempDir(), time.Now())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.spool.Close()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, c.limits.timeout, errTimeout)
	defer cancel()
	// As in a collector: no decoder takes the process down.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the payload makes a decoder panic: %v", p)
		}
	}()
	if err := errors.Join(fetch(ctx, c), c.open(ctx)); err != nil {
		return nil, errors.New(sentence(c.redact.text(explain(ctx, err).Error())))
	}
	for _, p := range c.parts {
		data, err := io.ReadAll(io.LimitReader(p.content.reader(), most))
		if err != nil {
			return nil, err
		}
		out = append(out, Sample{Data: data, Truncated: p.content.Size() > most, URL: p.url, Filename: p.filename, ContentType: p.contentType})
	}
	return out, nil
}

// open unpacks what was fetched, except for workbooks.
func (c *collection) open(ctx context.Context) error {
	fetched := c.parts
	c.parts, c.next.Parts = nil, map[string]string{}
	c.cfg.Spec.Unpack.Mode = ""
	for _, p := range fetched {
		add := func(p part) error { return c.add(ctx, p, false) }
		if isWorkbook(p.content) {
			add = c.append
		}
		if err := add(p); err != nil {
			return err
		}
	}
	return nil
}

// isWorkbook tells a workbook, which is a zip archive, from one that has feeds.
func isWorkbook(b blob) bool {
	head := make([]byte, 4<<10)
	n, err := b.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return sniff(head[:n]) == formatZip && bytes.Contains(head[:n], []byte("[Content_Types].xml"))
}
