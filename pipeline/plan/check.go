package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Ref names an object of a known kind.
type Ref struct{ Namespace, Name string }

func (r Ref) String() string { return r.Namespace + "/" + r.Name }

// ExchangeOf is the Exchange that an object of the namespace means by ref.
func ExchangeOf(namespace string, ref v1alpha1.ExchangeReference) Ref {
	return Ref{ref.In(namespace), ref.Name}
}

// World is what a check asks about other objects. Lists may be in any order.
// Objects belong to the World and are not changed.
type World interface {
	// Exchanges of a namespace.
	Exchanges(namespace string) []*v1alpha1.Exchange
	// Parser returns nil if there is none.
	Parser(k Ref) *v1alpha1.Parser
	// ParserNames of a namespace, for hints.
	ParserNames(namespace string) []string
	// NamespaceLabels of a namespace; nil if it has none or is not known.
	NamespaceLabels(namespace string) map[string]string
	// FeedSource returns nil if there is none.
	FeedSource(k Ref) *v1alpha1.FeedSource
	// SourceHolders are the FeedSources that name the exchange and give events the
	// source.
	SourceHolders(exchange Ref, source string) []*v1alpha1.FeedSource
	// OrganisationHolders are the Subscriptions of an organisation at the exchange.
	OrganisationHolders(exchange Ref, organisation string) []*v1alpha1.Subscription
	// Attached are the exchanges that objects of a namespace name, with the oldest
	// object that does so.
	Attached(namespace string) []Attachment
}

// Attachment is an exchange with the oldest object of a namespace that names it.
type Attachment struct {
	Exchange Ref
	By       metav1.Object
}

// Older reports whether x was there before y. Objects of files have no time; there
// the name decides.
func Older(x, y metav1.Object) int {
	xt, yt := x.GetCreationTimestamp(), y.GetCreationTimestamp()
	return cmp.Or(xt.Compare(yt.Time), cmp.Compare(x.GetNamespace(), y.GetNamespace()), cmp.Compare(x.GetName(), y.GetName()))
}

// Oldest of a list; the zero value if it is empty.
func Oldest[T metav1.Object](list []T) (oldest T) {
	for i, v := range list {
		if i == 0 || Older(v, oldest) < 0 {
			oldest = v
		}
	}
	return oldest
}

// CheckExchange says what keeps an Exchange from working.
func CheckExchange(w World, e *v1alpha1.Exchange) []Problem {
	c := checker{kind: "Exchange", object: e}
	if first := Oldest(w.Exchanges(e.Namespace)); first != nil && first.Name != e.Name {
		c.add(v1alpha1.ReasonConflict, "metadata.name",
			"the namespace already has the Exchange %q; use one, or another namespace", first.Name)
	}
	if s := e.Spec.AllowedNamespaces.Selector; s != nil {
		if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
			c.add(v1alpha1.ReasonInvalidSpec, "spec.allowedNamespaces.selector", "%v", err)
		}
	}
	return c.problems
}

// CheckFeedSource says what keeps a FeedSource out of the plan.
func CheckFeedSource(w World, f *v1alpha1.FeedSource) []Problem {
	c := checker{kind: "FeedSource", object: f}
	attached := c.attachment(w, f.Spec.ExchangeRef)
	if p := w.Parser(Ref{f.Namespace, f.Spec.ParserRef.Name}); p == nil {
		c.add(v1alpha1.ReasonReferenceMissing, "spec.parserRef.name", "there is no Parser %q in namespace %s%s",
			f.Spec.ParserRef.Name, f.Namespace, hint(w.ParserNames(f.Namespace)))
	} else if _, problems := ParserSpec(w, p); len(problems) > 0 {
		c.add(problems[0].Reason, "spec.parserRef.name", "the Parser %q cannot be used: %s: %s", p.Name, problems[0].Field, problems[0].Message)
	}
	c.schedule(f.Spec.Schedule)
	if !attached {
		return c.problems
	}
	exchange := ExchangeOf(f.Namespace, f.Spec.ExchangeRef)
	source := f.Spec.Provider + "." + f.Spec.Channel
	holders := allowedOnly(w, exchange, w.SourceHolders(exchange, source))
	if first := Oldest(holders); first != nil && !same(first, f) {
		c.add(v1alpha1.ReasonConflict, "spec.channel", "%s is already the source of FeedSource %q%s; choose another channel",
			source, first.Name, elsewhere(f, first))
	}
	return c.problems
}

// CheckSubscription says what keeps a Subscription out of the plan.
func CheckSubscription(w World, s *v1alpha1.Subscription) []Problem {
	c := checker{kind: "Subscription", object: s}
	if !c.attachment(w, s.Spec.ExchangeRef) {
		return c.problems
	}
	// Two subscriptions of one organisation would each see the inside events of
	// the other's criteria, since events carry the organisation's id.
	exchange := ExchangeOf(s.Namespace, s.Spec.ExchangeRef)
	holders := allowedOnly(w, exchange, w.OrganisationHolders(exchange, s.Spec.Organisation.ID))
	if first := Oldest(holders); first != nil && !same(first, s) {
		c.add(v1alpha1.ReasonConflict, "spec.organisation.id", "%q belongs to Subscription %q%s; an organisation has one subscription",
			s.Spec.Organisation.ID, first.Name, elsewhere(s, first))
	}
	return c.problems
}

// CheckFormatChange says what keeps a decision from being carried out.
func CheckFormatChange(w World, f *v1alpha1.FormatChange) []Problem {
	c := checker{kind: "FormatChange", object: f}
	if w.FeedSource(Ref{f.Namespace, f.Spec.SourceRef.Name}) == nil {
		c.add(v1alpha1.ReasonReferenceMissing, "spec.sourceRef.name", "there is no FeedSource %q in namespace %s",
			f.Spec.SourceRef.Name, f.Namespace)
	}
	return c.problems
}

// Allows reports whether the Exchange lets objects of a namespace name it.
func Allows(w World, e *v1alpha1.Exchange, namespace string) bool {
	if e.Namespace == namespace {
		return true
	}
	switch e.Spec.AllowedNamespaces.From {
	case v1alpha1.NamespacesAll:
		return true
	case v1alpha1.NamespacesSelector:
		s, err := metav1.LabelSelectorAsSelector(e.Spec.AllowedNamespaces.Selector)
		return err == nil && s.Matches(labels.Set(w.NamespaceLabels(namespace)))
	}
	return false
}

// FindExchange returns nil if there is no such Exchange.
func FindExchange(w World, k Ref) *v1alpha1.Exchange {
	for _, e := range w.Exchanges(k.Namespace) {
		if e.Name == k.Name {
			return e
		}
	}
	return nil
}

type checker struct {
	kind     string
	object   metav1.Object
	problems []Problem
}

func (c *checker) add(reason, field, format string, args ...any) {
	c.problems = append(c.problems, Problem{
		Kind: c.kind, Namespace: c.object.GetNamespace(), Name: c.object.GetName(),
		Reason: reason, Field: field, Message: fmt.Sprintf(format, args...),
	})
}

// attachment checks that the object may work with the Exchange, and that it is
// the one that its namespace works with: payloads and events are kept apart by
// namespace, so a namespace has one hub.
func (c *checker) attachment(w World, ref v1alpha1.ExchangeReference) bool {
	namespace := c.object.GetNamespace()
	k := ExchangeOf(namespace, ref)
	e := FindExchange(w, k)
	switch {
	case e == nil:
		c.add(v1alpha1.ReasonReferenceMissing, "spec.exchangeRef.name", "there is no Exchange %q in namespace %s", k.Name, k.Namespace)
		return false
	case !Allows(w, e, namespace):
		c.add(v1alpha1.ReasonNamespaceForbidden, "spec.exchangeRef.namespace",
			"the Exchange %s does not allow namespace %s; its owner can with spec.allowedNamespaces", k, namespace)
		return false
	}
	if first := Oldest(w.Exchanges(k.Namespace)); first.Name != k.Name {
		c.add(v1alpha1.ReasonConflict, "spec.exchangeRef.name", "the Exchange %q does not work, because namespace %s already has %q",
			k.Name, k.Namespace, first.Name)
		return false
	}
	if k.Namespace == namespace {
		return true
	}
	if own := Oldest(w.Exchanges(namespace)); own != nil {
		c.add(v1alpha1.ReasonConflict, "spec.exchangeRef",
			"the namespace has an Exchange of its own, %q, and its objects work with that one", own.Name)
		return false
	}
	return c.oneExchange(w, k)
}

func (c *checker) oneExchange(w World, k Ref) bool {
	var first *Attachment
	for _, a := range w.Attached(c.object.GetNamespace()) {
		if e := FindExchange(w, a.Exchange); e == nil || !Allows(w, e, c.object.GetNamespace()) {
			continue
		}
		if first == nil || Older(a.By, first.By) < 0 {
			first = &a
		}
	}
	if first == nil || first.Exchange == k {
		return true
	}
	c.add(v1alpha1.ReasonConflict, "spec.exchangeRef",
		"the namespace already works with the Exchange %s (see %s); the objects of a namespace share one", first.Exchange, first.By.GetName())
	return false
}

func (c *checker) schedule(s v1alpha1.ScheduleSpec) {
	if s.Cron == "" {
		return
	}
	if _, err := cron.ParseStandard(s.Cron); err != nil {
		c.add(v1alpha1.ReasonInvalidSpec, "spec.schedule.cron", "%v", err)
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil {
		c.add(v1alpha1.ReasonInvalidSpec, "spec.schedule.timeZone", "%q is no time zone; write a name such as Europe/Warsaw", s.TimeZone)
	}
}

func same(x, y metav1.Object) bool {
	return x.GetNamespace() == y.GetNamespace() && x.GetName() == y.GetName()
}

// allowedOnly leaves out those whose namespace the Exchange does not allow, so that
// they cannot take a name from those that it does.
func allowedOnly[T metav1.Object](w World, exchange Ref, list []T) []T {
	e := FindExchange(w, exchange)
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !Allows(w, e, v.GetNamespace()) })
}

func elsewhere(x, y metav1.Object) string {
	if x.GetNamespace() == y.GetNamespace() {
		return ""
	}
	return " of another namespace"
}

func hint(names []string) string {
	if len(names) == 0 || len(names) > 8 {
		return ""
	}
	slices.Sort(names)
	return " (there are: " + strings.Join(names, ", ") + ")"
}
