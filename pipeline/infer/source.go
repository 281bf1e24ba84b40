package infer

import (
	"cmp"
	"net/url"
	"path"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
)

// source drafts where the feed comes from.
func (d *drafting) source() {
	name := d.name()
	d.draft.Parser = &v1alpha1.Parser{Spec: d.spec}
	d.draft.Parser.APIVersion, d.draft.Parser.Kind, d.draft.Parser.Name = v1alpha1.GroupVersion.String(), "Parser", name
	u, err := url.Parse(d.text.sample.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return
	}
	s := &v1alpha1.FeedSource{}
	s.APIVersion, s.Kind, s.Name = v1alpha1.GroupVersion.String(), "FeedSource", name
	s.Spec.Provider, s.Spec.Channel = d.provider(), d.channel()
	s.Spec.ExchangeRef.Name = cmp.Or(d.opts.Exchange, "main")
	s.Spec.ParserRef.Name = name
	s.Spec.Schedule.Interval = "1h"
	s.Spec.Unpack.Include = d.opts.Members
	if d.spec.Input.XLSX != nil {
		s.Spec.Unpack.Mode = v1alpha1.UnpackNone // a workbook is a zip archive
	}
	s.Spec.HTTP = &v1alpha1.HTTPSpec{URL: d.text.sample.URL}
	s.Spec.Policy.TLP, s.Spec.Policy.Restriction = v1alpha1.TLP(event.TLPAmber.String()), v1alpha1.Restriction(event.RestrictionNeedToKnow.String())
	d.draft.Source = s
	if o := d.opts.LikeSource; o != nil {
		s.Spec.Policy, s.Spec.Schedule = o.Spec.Policy, o.Spec.Schedule
		d.choose(Choice{About: "policy", Chosen: flow(o.Spec.Policy), Confidence: 0.8, Reason: "as in " + o.Name})
		return
	}
	d.choose(Choice{About: "policy", Chosen: "AMBER, need-to-know", Confidence: 0.5, Reason: "only the terms of the publisher say who may have the events", Alternatives: []string{"CLEAR, public", "GREEN"}})
	d.choose(Choice{About: "schedule", Chosen: "1h", Confidence: 0.6, Reason: "the publisher says how often the feed changes"})
}

func (d *drafting) name() string {
	p, c := d.provider(), d.channel()
	if strings.HasPrefix(c, p+"-") || c == p {
		return clip(c, 63)
	}
	return clip(p+"-"+c, 63)
}

func clip(s string, n int) string { return strings.Trim(s[:min(len(s), n)], "-") }

// provider is the name of the publisher: that of the host, without what comes
// before and after it.
func (d *drafting) provider() string {
	if d.opts.Provider != "" {
		return d.opts.Provider
	}
	if u, err := url.Parse(d.text.sample.URL); err == nil && u.Hostname() != "" {
		host := u.Hostname()
		if labels := strings.Split(host, "."); len(labels) > 1 && strings.Trim(host, "0123456789.") != "" {
			if p := slug(labels[len(labels)-2] + pick(len(labels[len(labels)-2]) <= 5, "-"+labels[len(labels)-1], "")); p != "" {
				return clip(p, 32)
			}
		}
	}
	return "example"
}

// channel is the name of the feed: that of the file.
func (d *drafting) channel() string {
	if d.opts.Channel != "" {
		return d.opts.Channel
	}
	base := d.text.sample.Filename
	if u, err := url.Parse(d.text.sample.URL); err == nil && u.Path != "" {
		base = strings.Trim(u.Path, "/")
	}
	base = path.Base(base)
	for ext := path.Ext(base); ext != "" && len(ext) < 7 && ext != base; ext = path.Ext(base) {
		base = strings.TrimSuffix(base, ext)
	}
	if c := clip(slug(base), 32); c != "" {
		return c
	}
	return "feed"
}

func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}
