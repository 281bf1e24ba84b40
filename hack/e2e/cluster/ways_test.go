package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/hack/feedsim"
)

// tenWays lets publishers change formats in ten ways while a subscriber listens.
// Each is held at once and explained; it is repaired, or the publisher takes it back
// and what is held is discarded. In the end everybody has what an undisturbed run
// gives, and never anything else.
func tenWays(t *testing.T, w *world) {
	w.fixFeed(t, feedsim.C2)
	w.advance(t, feedsNS)
	w.settled(t, feedsNS, allFeeds...)
	live := w.listen(t, "isp", feedsNS)
	for _, way := range []struct {
		feed  string
		how   feedsim.Fault
		class string
		// repair: the proposal is accepted, and once more when the publisher goes back
		// (back). Otherwise the publisher goes back first.
		repair, back bool
	}{
		{feedsim.Scan, feedsim.Rename, "BREAKING-silent", true, false},
		{feedsim.Scan, feedsim.Remove, "BREAKING-silent", false, false},
		{feedsim.Scan, feedsim.Envelope, "BREAKING-hard", true, true},
		{feedsim.Scan, feedsim.ErrorBody, "BREAKING-hard", false, false},
		{feedsim.Sinkhole, feedsim.Rename, "BREAKING-silent", true, false},
		{feedsim.Sinkhole, feedsim.HTML, "BREAKING-hard", false, false},
		{feedsim.Phishing, feedsim.Retype, "", false, false},
		{feedsim.Phishing, feedsim.ErrorBody, "BREAKING-hard", false, false},
		{feedsim.C2, feedsim.Delimiter, "BREAKING-hard", true, true},
		{feedsim.C2, feedsim.Remove, "BREAKING-silent", false, false},
	} {
		t.Run(fmt.Sprintf("%s of %s", way.how, way.feed), func(t *testing.T) {
			w.breakFeed(t, way.feed, way.how)
			w.advance(t, feedsNS)
			change := w.held(t, way.feed)
			if len(change.Status.Findings) == 0 || change.Status.LastGood == nil || way.class != "" && change.Status.Class != way.class {
				t.Errorf("class %s, want %s: %+v", change.Status.Class, way.class, change.Status)
			}
			t.Logf("%s: %s", change.Status.Class, change.Status.Summary)
			w.settledBut(t, way.feed)
			w.nothingStrange(t)
			if !way.repair {
				w.fixFeed(t, way.feed)
				w.settled(t, feedsNS, allFeeds...)
				w.decide(t, change, v1alpha1.DecisionDiscard)
				return
			}
			w.repaired(t, change)
			w.settled(t, feedsNS, allFeeds...)
			w.fixFeed(t, way.feed)
			w.advance(t, feedsNS)
			if way.back {
				w.repaired(t, w.held(t, way.feed))
			}
			w.settled(t, feedsNS, allFeeds...)
		})
	}
	t.Run("a feed is given up and comes back", func(t *testing.T) {
		w.breakFeed(t, feedsim.Phishing, feedsim.Retired)
		w.advance(t, feedsNS)
		until(t, "the retired feed", func(ctx context.Context) error {
			var feed v1alpha1.FeedSource
			if err := w.Get(ctx, types.NamespacedName{Namespace: feedsNS, Name: feedsim.Phishing}, &feed); err != nil {
				return err
			}
			for _, c := range feed.Status.Conditions {
				if c.Reason == v1alpha1.ReasonRetired {
					return nil
				}
			}
			return fmt.Errorf("conditions %+v", feed.Status.Conditions)
		})
		w.settledBut(t, feedsim.Phishing)
		w.fixFeed(t, feedsim.Phishing)
		w.settled(t, feedsNS, allFeeds...)
	})
	live.caughtUp(t)
	w.eachGetsItsOwn(t)
}

func (w *world) fixFeed(t *testing.T, feed string) {
	t.Helper()
	until(t, "mend a feed", func(ctx context.Context) error {
		return w.control(ctx, feedsNS, "fix", url.Values{"feed": {feed}}, nil)
	})
}

// held waits for the open FormatChange of a feed.
func (w *world) held(t *testing.T, feed string) *v1alpha1.FormatChange {
	t.Helper()
	var open *v1alpha1.FormatChange
	until(t, "a FormatChange of "+feed, func(ctx context.Context) error {
		var all v1alpha1.FormatChangeList
		if err := w.List(ctx, &all, client.InNamespace(feedsNS)); err != nil {
			return err
		}
		for i := range all.Items {
			c := &all.Items[i]
			if c.Spec.SourceRef.Name == feed && c.Status.Held > 0 && !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionResolved) {
				open = c
				return nil
			}
		}
		return errors.New("none is open")
	})
	return open
}

// repaired accepts the repair of a FormatChange once it is there.
func (w *world) repaired(t *testing.T, change *v1alpha1.FormatChange) {
	t.Helper()
	until(t, "a repair", func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(change), change); err != nil {
			return err
		}
		if change.Status.Repair == nil {
			return fmt.Errorf("none for %q", change.Status.Summary)
		}
		return nil
	})
	t.Logf("repair: %q", change.Status.Repair.Changes)
	w.decide(t, change, v1alpha1.DecisionRepair)
}

// decide decides a FormatChange and waits until it is resolved.
func (w *world) decide(t *testing.T, change *v1alpha1.FormatChange, d v1alpha1.Decision) {
	t.Helper()
	w.must(t, fmt.Sprintf(`kubectl patch formatchange %s --type=merge -p '{"spec":{"decision":"%s"}}'`, change.Name, d))
	w.must(t, "kubectl wait formatchange "+change.Name+" --for=condition=Resolved --timeout=2m")
}

// nothingStrange checks that the archive has nothing that no feed has published.
func (w *world) nothingStrange(t *testing.T) {
	t.Helper()
	until(t, "the archive", func(ctx context.Context) error {
		want, err := w.truth(ctx, feedsNS, allFeeds...)
		if err != nil {
			return err
		}
		got, err := w.ask(ctx, feedsNS, "cert", "/search/events")
		if err != nil {
			return err
		}
		for i := range got {
			if _, ok := want[got[i].Key()]; !ok {
				return &final{fmt.Errorf("%s was never published", got[i].Key())}
			}
		}
		return nil
	})
}
