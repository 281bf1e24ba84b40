package collect

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// part is one payload to be: a page, a file, a member of an archive.
type part struct {
	key         string // tells it from the other parts, the same in each collection
	filename    string
	contentType string
	url         string // without secrets
	content     blob
}

// collection is one attempt to get a feed: everything is fetched and unpacked
// first, then published. So a feed that breaks off in the middle gives nothing,
// and an id is known before its bytes leave.
type collection struct {
	cfg     *plan.Collector
	feed    bus.Feed
	limits  limits
	started time.Time
	spool   *spool
	prev    *memory // of the last collection that worked
	next    memory  // what to remember when this one works
	parts   []part
	same    bool // the publisher says that nothing changed
	pending bool // files are still being written: look again soon
	redact  *redactor
	keys    *keys
}

func newCollection(cfg *plan.Collector, prev *memory, tempDir string, now time.Time) (*collection, error) {
	lim, err := newLimits(cfg.Spec.Limits)
	if err != nil {
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "%w", err)
	}
	for i, glob := range cfg.Spec.Unpack.Include {
		if _, err := path.Match(glob, ""); err != nil {
			return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.unpack.include[%d]: %q is no pattern", i, glob)
		}
	}
	if h := cfg.Spec.HTTP; h != nil && h.Paging != nil && cfg.Spec.Verify != nil {
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.verify cannot check a feed that comes in pages: remove it or spec.http.paging")
	}
	return &collection{
		cfg:     cfg,
		feed:    bus.Feed{Namespace: cfg.Namespace, Name: cfg.Name},
		limits:  lim,
		started: now,
		spool:   newSpool(tempDir),
		prev:    prev,
		next: memory{
			Created:     prev.Created,
			Collections: prev.Collections,
			Target:      target(cfg),
			Parts:       map[string]string{},
		},
		redact: new(redactor),
		keys:   new(keys),
	}, nil
}

// unchanged ends a collection that found nothing new.
func (c *collection) unchanged() { c.same = true }

// add unpacks what was fetched and appends it to the parts. signed: its signature
// is checked already.
func (c *collection) add(ctx context.Context, p part, signed bool) error {
	spec := &c.cfg.Spec.Unpack
	none := spec.Mode == v1alpha1.UnpackNone
	if none && (signed || c.keys.signers == nil) {
		return c.append(p)
	}
	u := &unpacker{
		alive: alive(ctx), limits: c.limits, include: spec.Include, spool: c.spool, emit: c.append,
		keys: c.keys, mail: spec.Mail == v1alpha1.MailAttachments && !none, bare: none, signed: signed,
	}
	return u.unpack(p)
}

// append takes a part that is ready to be published.
func (c *collection) append(p part) error {
	if p.content.Size() > c.limits.payload {
		return fail(v1alpha1.ReasonTooLarge, onSchedule,
			"a payload is larger than %d bytes: raise spec.limits.payloadBytes, if that is right", c.limits.payload)
	}
	key := p.key
	for n := 2; ; n++ {
		if _, taken := c.next.Parts[p.key]; !taken {
			break
		}
		p.key = fmt.Sprintf("%s#%d", key, n)
	}
	c.next.Parts[p.key] = shortDigest(p.content.digest)
	c.parts = append(c.parts, p)
	return nil
}

// keep takes over the parts of a file that did not change.
func (c *collection) keep(file string) {
	for key, digest := range c.prev.Parts {
		if key == file || strings.HasPrefix(key, file+memberMark) {
			c.next.Parts[key] = digest
		}
	}
}

// changed are the parts that differ from those of the last collection.
func (c *collection) changed() []part {
	if c.same || c.next.Whole == c.prev.Whole {
		return nil
	}
	var changed []part
	for _, p := range c.parts {
		if c.prev.Parts[p.key] != c.next.Parts[p.key] {
			changed = append(changed, p)
		}
	}
	return changed
}

// payload describes a part. index counts those that are sent.
func (c *collection) payload(p part, index int) *bus.Payload {
	return &bus.Payload{
		ID:          payloadID(c.feed, c.prev.Collections, p.key, p.content.digest),
		Feed:        c.feed,
		Source:      c.cfg.Source(),
		Collected:   c.started.UTC(),
		Collection:  collectionID(c.feed, c.prev.Collections),
		Part:        index,
		ContentType: c.clean(p.contentType),
		URL:         p.url,
		Filename:    c.clean(p.filename),
	}
}

// clean makes a text of the publisher fit for metadata.
func (c *collection) clean(s string) string { return sentence(c.redact.text(s)) }
