package formatchange

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	// fieldOwner owns what a repair changes in a Parser.
	fieldOwner = "weir-repair"
	// rest is how long a feed is not repaired without asking after it was.
	rest = 24 * time.Hour
)

// mending is what a repair may change: how records are read, not what for.
var mending = []string{"input", "explode", "derive", "skip", "emit", "mapping", "lookups", "constants"}

// repaired is what became of the proposed repair.
type repaired struct {
	at      time.Time      // when it was applied; zero if it was not
	what    *status.Repair // what was applied just now
	refused string         // why it is not
}

// mend applies the proposed repair to the Parser if a person decided so, or if it
// is safe and the policy wants it. The monitor tries what is held with a changed
// Parser by itself. That it was applied is an annotation of the Parser, written
// with the change: a crash in between forgets neither.
func (r *Reconciler) mend(ctx context.Context, o *observed, w *world.World) error {
	if !o.open() {
		return nil
	}
	asked := o.change.Spec.Decision == v1alpha1.DecisionRepair
	automatic := o.change.Spec.Decision == "" && o.feed.Spec.FormatPolicy.Repair == v1alpha1.RepairAutomatic
	repair := o.monitor.Incident.Repair
	parser := o.parser(w)
	if parser != nil {
		if incident, at := lastRepair(parser, o.feed.Name); incident == o.change.Spec.Incident {
			o.repaired.at = at
			return nil
		}
	}
	if repair == nil {
		if asked {
			o.repaired.refused = "no repair is proposed: change the Parser, or decide otherwise"
		}
		return nil
	}
	refused := refusal(w, parser, repair)
	if refused == "" {
		refused = own(w, parser, repair)
	}
	if !asked && !automatic {
		return nil
	}
	if o.repaired.refused = refused; refused == "" && automatic {
		o.repaired.refused = r.caution(o, w, parser, repair)
	}
	if err := w.Err(); err != nil {
		return fmt.Errorf("read cache: %w", err)
	}
	if o.repaired.refused != "" {
		return nil
	}
	return r.applyRepair(ctx, o, parser, repair)
}

// parser is the one that the repair changes, if it is one that the feed names; else
// that of the feed.
func (o *observed) parser(w *world.World) *v1alpha1.Parser {
	name := o.feed.Spec.ParserRef.Name
	if repair := o.monitor.Incident.Repair; repair != nil {
		for _, a := range o.feed.Spec.Announced {
			if a.ParserRef.Name == repair.Parser {
				name = repair.Parser
			}
		}
	}
	return w.Parser(plan.Ref{Namespace: o.feed.Namespace, Name: name})
}

// refusal says why a repair cannot be applied, whoever wants it.
func refusal(w *world.World, parser *v1alpha1.Parser, repair *status.Repair) string {
	if parser == nil {
		return "the Parser is not there"
	}
	var patch map[string]json.RawMessage
	if err := json.Unmarshal([]byte(repair.Patch), &patch); err != nil || len(patch) == 0 {
		return "the patch is none"
	}
	for key := range patch {
		if !slices.Contains(mending, key) {
			return fmt.Sprintf("the patch changes spec.%s: take it over by hand", key)
		}
	}
	spec, problems := plan.ParserSpec(w, parser)
	if len(problems) > 0 || plan.SpecDigest(spec) != repair.Spec {
		return "the Parser has changed since: the monitor looks for another repair"
	}
	return ""
}

// own makes the patch of what the Parser means one of its own spec, or says why that
// cannot be. Whether others that build on the same Parser need the change, too, is
// for a person to judge, unless it is about the format alone.
func own(w *world.World, parser *v1alpha1.Parser, repair *status.Repair) (refused string) {
	patch, alone, err := plan.OwnPatch(w, parser, repair.Patch)
	if err != nil {
		return err.Error()
	}
	repair.Patch = patch
	if alone {
		repair.Safe = false
		repair.Changes = append(repair.Changes, fmt.Sprintf("It no longer builds on the Parser %s.", parser.Spec.Base.Name))
	}
	return ""
}

// caution says why a repair is not applied without asking.
func (r *Reconciler) caution(o *observed, w *world.World, parser *v1alpha1.Parser, repair *status.Repair) string {
	if !repair.Safe {
		return "it is not sure enough to be applied without asking"
	}
	for _, c := range o.siblings {
		if c.Spec.SourceRef.Name == o.feed.Name && c.Status.Repair != nil && c.Status.Repair.Applied != nil &&
			r.Now().Sub(c.Status.Repair.Applied.Time) < rest {
			return "a repair was applied within the last day already: a person decides"
		}
	}
	if _, at := lastRepair(parser, o.feed.Name); r.Now().Sub(at) < rest {
		return "a repair was applied within the last day already: a person decides"
	}
	users := w.FeedSources(world.UsesParser(plan.Ref{Namespace: parser.Namespace, Name: parser.Name})...)
	for _, p := range w.BuiltOn(plan.Ref{Namespace: parser.Namespace, Name: parser.Name}) {
		users = append(users, w.FeedSources(world.UsesParser(plan.Ref{Namespace: p.Namespace, Name: p.Name})...)...)
	}
	for _, f := range users {
		if f.Name == o.feed.Name {
			continue
		}
		m := scope.Reported[status.Monitor](r.Link(plan.ExchangeOf(f.Namespace, f.Spec.ExchangeRef)), plan.Key(plan.PrefixMonitor, f.Namespace, f.Name))
		if m == nil || m.Incident == nil {
			return fmt.Sprintf("the Parser is that of FeedSource %s, too, which is well: a person decides", f.Name)
		}
	}
	return ""
}

// lastRepair reads the annotation that applyRepair writes.
func lastRepair(p *v1alpha1.Parser, feed string) (incident string, at time.Time) {
	incident, text, _ := strings.Cut(p.Annotations[v1alpha1.AnnotationRepair+feed], " ")
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", time.Time{}
	}
	return incident, at
}

// applyRepair changes the Parser, unless somebody else has done so meanwhile.
func (r *Reconciler) applyRepair(ctx context.Context, o *observed, parser *v1alpha1.Parser, repair *status.Repair) error {
	now := r.Now().UTC().Truncate(time.Second)
	incident := o.change.Spec.Incident
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{
			"resourceVersion": parser.ResourceVersion,
			"annotations":     map[string]string{v1alpha1.AnnotationRepair + o.feed.Name: incident + " " + now.Format(time.RFC3339)},
		},
		"spec": json.RawMessage(repair.Patch),
	})
	if err != nil {
		return fmt.Errorf("patch of Parser %s: %w", parser.Name, err)
	}
	changed := parser.DeepCopy()
	err = r.Patch(ctx, changed, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldOwner))
	if apierrors.IsInvalid(err) {
		o.repaired.refused = "the API server refuses the changed Parser: " + err.Error()
		return nil
	}
	if err != nil {
		return fmt.Errorf("repair Parser %s: %w", parser.Name, err)
	}
	o.repaired.at, o.repaired.what = now, repair
	text := strings.Join(repair.Changes, " ")
	r.Recorder.Eventf(changed, o.change, "Normal", v1alpha1.ReasonRepaired, "Repair", "changed for incident %s of FeedSource %s: %s", incident, o.feed.Name, text)
	r.Recorder.Eventf(o.feed, changed, "Normal", v1alpha1.ReasonRepaired, "Repair", "the Parser %s was changed for incident %s: %s", parser.Name, incident, text)
	return nil
}
