package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/collect"
	"github.com/weir-project/weir/pipeline/export/contract"
	"github.com/weir-project/weir/pipeline/match"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/plan"
)

// semantics finds what the schema cannot: mappings and expressions that do not
// compile, criteria that mean nothing, references to nowhere.
func (l *loader) semantics(ctx context.Context) {
	l.parsers()
	l.feeds()
	l.subscriptions(ctx)
	built, problems := plan.Build(l.res.Objects)
	l.res.Plan = built
	for _, p := range problems {
		l.add(p)
	}
	l.secrets()
}

func (l *loader) add(p plan.Problem) {
	doc, ok := l.where[objectName(p.Kind, p.Namespace, p.Name)]
	if !ok {
		return
	}
	l.problem(doc, p.Field, p.Message)
}

func (l *loader) parsers() {
	w := plan.NewWorld(l.res.Objects)
	for i := range l.res.Objects.Parsers {
		p := &l.res.Objects.Parsers[i]
		spec, problems := plan.ParserSpec(w, p)
		if len(problems) > 0 {
			continue // the plan tells
		}
		l.schemaSet(p, spec)
		if _, err := parse.Compile(spec); err != nil {
			// One mistake a line, each "field: what and how to mend it".
			for line := range strings.Lines(err.Error()) {
				l.add(plan.Problem{Kind: "Parser", Namespace: p.Namespace, Name: p.Name, Message: strings.TrimSpace(line)})
			}
		}
	}
}

// schemaSet checks that somebody collects the schema document, where there are
// reports that need it.
func (l *loader) schemaSet(p *v1alpha1.Parser, spec *v1alpha1.ParserSpec) {
	set := spec.Input.SchemaSet
	if set == nil {
		return
	}
	reports, documents := 0, 0
	for i := range l.res.Objects.FeedSources {
		f := &l.res.Objects.FeedSources[i]
		switch {
		case f.Namespace != p.Namespace || f.Spec.ParserRef.Name != p.Name:
		case f.Name == set.SchemaFrom:
			documents++
		default:
			reports++
		}
	}
	if reports > 0 && documents == 0 {
		l.add(plan.Problem{Kind: "Parser", Namespace: p.Namespace, Name: p.Name, Field: "spec.input.schemaSet.schemaFrom",
			Message: fmt.Sprintf("no FeedSource %q uses this Parser; make one that collects the schema document, with the same spec.parserRef", set.SchemaFrom)})
	}
}

func (l *loader) feeds() {
	for i := range l.res.Objects.FeedSources {
		f := &l.res.Objects.FeedSources[i]
		for _, p := range collect.Check(&f.Spec) {
			l.add(plan.Problem{Kind: "FeedSource", Namespace: f.Namespace, Name: f.Name, Field: p.Field, Message: p.Message})
		}
	}
}

func (l *loader) subscriptions(ctx context.Context) {
	for i := range l.res.Objects.Subscriptions {
		s := &l.res.Objects.Subscriptions[i]
		problem := func(field, message string) {
			l.add(plan.Problem{Kind: "Subscription", Namespace: s.Namespace, Name: s.Name, Field: field, Message: message})
		}
		_, errs := match.Build([]match.Subscriber{{
			Name: s.Name, Organisation: s.Spec.Organisation,
			Inside: s.Spec.Zones.Inside, Threats: s.Spec.Zones.Threats,
		}})
		for _, e := range errs {
			problem(e.Field, e.Reason)
		}
		if s.Spec.Zones.Inside != nil && criteriaEmpty(&s.Spec.Organisation.Criteria) {
			problem("spec.organisation.criteria", "the zone inside is granted, but without criteria no event can be inside; "+
				"name asns, cidrs, countries, fqdns or urls")
		}
		versions(ctx, s, problem)
	}
}

// versions finds versions of exports whose number grew less than their format
// changed.
func versions(ctx context.Context, s *v1alpha1.Subscription, problem func(field, message string)) {
	for i := range s.Spec.Exports {
		api := s.Spec.Exports[i].API
		if api == nil || len(api.Versions) < 2 {
			continue
		}
		field := fmt.Sprintf("spec.exports[%d].api.", i)
		problems, err := contract.Check(ctx, api)
		if err != nil {
			problem(field+"versions", "cannot be compared: "+err.Error())
		}
		for _, p := range problems {
			problem(field+p.Field, p.Message)
		}
	}
}

func criteriaEmpty(c *v1alpha1.CriteriaSpec) bool {
	return len(c.ASNs)+len(c.CIDRs)+len(c.Countries)+len(c.FQDNs)+len(c.URLs) == 0
}

// secrets reports references to Secrets of the folder that lack the key. A
// Secret that is not in the folder at all may come from elsewhere.
func (l *loader) secrets() {
	for _, f := range l.res.Objects.FeedSources {
		for _, r := range f.Spec.SecretRefs() {
			l.secretRef("FeedSource", f.Namespace, f.Name, r.Field, r.Ref)
		}
	}
	for _, s := range l.res.Objects.Subscriptions {
		for i, k := range s.Spec.Access.Keys {
			l.secretRef("Subscription", s.Namespace, s.Name, fmt.Sprintf("spec.access.keys[%d].secretRef", i), k.SecretRef)
		}
		if j := s.Spec.Access.JWT; j != nil {
			l.secretRef("Subscription", s.Namespace, s.Name, "spec.access.jwt.secretRef", j.SecretRef)
		}
	}
}

func (l *loader) secretRef(kind, namespace, name, field string, ref v1alpha1.SecretKeyReference) {
	values, ok := l.res.Secrets[namespace+"/"+ref.Name]
	if !ok {
		return
	}
	if _, ok := values[ref.Key]; !ok {
		l.add(plan.Problem{Kind: kind, Namespace: namespace, Name: name, Field: field,
			Message: fmt.Sprintf("Secret %q has no key %q", ref.Name, ref.Key)})
	}
}
