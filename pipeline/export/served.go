package export

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/export/contract"
	"github.com/weir-project/weir/pipeline/hub"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/policy"
	"github.com/weir-project/weir/pipeline/secret"
	"github.com/weir-project/weir/pipeline/status"
)

// The zones, as the hub names them.
const (
	zoneInside  = hub.ZoneInside
	zoneThreats = hub.ZoneThreats
	zoneSearch  = hub.ZoneSearch
)

// zonePaths are the addresses of the zones, without the format.
var zonePaths = map[string]string{zoneInside: "/report/inside", zoneThreats: "/report/threats", zoneSearch: "/search/events"}

func zonePath(zone string) string { return zonePaths[zone] }

// Bounds of one subscription.
const (
	maxSearches = 8
	maxStreams  = 32
)

// served is a subscription as it is served now. It does not change: a new
// configuration or a new secret makes a new one, and ends the streams of the old.
type served struct {
	namespace, name string
	spec            v1alpha1.SubscriptionSpec
	clearance       policy.Clearance
	exchange        plan.Ref
	zones           []string            // granted
	api             *v1alpha1.APIExport // nil: no export of this kind
	apiName         string
	stream          *v1alpha1.StreamExport
	barrier         *barrier // of the stream; nil: not known yet
	mismatch        string   // of the versions and their numbers
	credentials     credentials
	usage           *usage
	// lines are the versions of each format that is served, and of the stream.
	lines map[string]*contract.Line
	// transitions compares the versions of a format; it takes milliseconds, and
	// only those who read manifests need it.
	transitions map[string]func() ([]contract.Transition, error)

	// changed is closed when this is no longer how the subscription is served.
	changed <-chan struct{}
	end     context.CancelFunc
}

// usage of a subscription; it outlives changes of its configuration.
type usage struct {
	requests, events, streams atomic.Int64
	searches                  atomic.Int64 // that run now
}

// newServed compiles a configuration. An error tells what of it cannot work; with
// a nil served nothing can.
func newServed(parent context.Context, cfg *plan.Subscription, read secret.Reader, u *usage) (*served, error) {
	clearance, err := policy.ClearanceOf(cfg.Spec.Clearance)
	if err != nil {
		return nil, err
	}
	v := &served{namespace: cfg.Namespace, name: cfg.Name, spec: cfg.Spec, clearance: clearance,
		exchange: plan.ExchangeOf(cfg.Namespace, cfg.Spec.ExchangeRef), usage: u}
	for _, z := range []struct {
		name  string
		grant *v1alpha1.SelectionSpec
	}{{zoneInside, cfg.Spec.Zones.Inside}, {zoneThreats, cfg.Spec.Zones.Threats}, {zoneSearch, cfg.Spec.Zones.Search}} {
		if z.grant != nil {
			v.zones = append(v.zones, z.name)
		}
	}
	for i := range cfg.Spec.Exports {
		e := &cfg.Spec.Exports[i]
		switch {
		case e.API != nil:
			v.api, v.apiName = e.API, e.Name
		case e.Stream != nil:
			v.stream = e.Stream
		}
	}
	v.versions()
	v.credentials, err = loadCredentials(read, cfg.Namespace, &cfg.Spec.Access)
	ctx, cancel := context.WithCancel(parent)
	v.changed, v.end = ctx.Done(), cancel
	return v, err
}

func (v *served) key() string { return v.namespace + "/" + v.name }

// fingerprint tells whether somebody who is being served may go on.
func (v *served) fingerprint() [sha256.Size]byte {
	// Marshalling a specification that was unmarshalled cannot fail.
	b, _ := json.Marshal(v.spec)
	sum := v.credentials.fingerprint()
	return sha256.Sum256(append(b, sum[:]...))
}

// result is the subscription's status, given what newServed said.
func (v *served) result(err error) status.Result {
	switch {
	case v == nil:
		return status.Result{Reason: v1alpha1.ReasonInvalidSpec, Message: err.Error()}
	case v.spec.Suspend:
		return status.Result{Reason: v1alpha1.ReasonSuspended, Message: "spec.suspend is true"}
	case errors.Is(err, secret.ErrNotFound):
		return status.Result{Reason: v1alpha1.ReasonSecretNotFound, Message: oneLine(err)}
	case err != nil:
		return status.Result{Reason: v1alpha1.ReasonInvalidSpec, Message: oneLine(err)}
	case v.stream != nil && v.barrier == nil:
		return status.Result{Reason: v1alpha1.ReasonBusUnavailable, Message: "the stream cannot be read from the bus; trying again"}
	case v.mismatch != "":
		return status.Result{Reason: v1alpha1.ReasonInvalidSpec, Message: v.mismatch}
	case v.credentials.empty():
		return status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded,
			Message: "nobody can log in: spec.access has neither keys nor jwt"}
	}
	return status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded}
}

// oneLine joins what errors.Join wrote in lines.
func oneLine(err error) string {
	b := []byte(err.Error())
	for i := range b {
		if b[i] == '\n' {
			b[i] = ';'
		}
	}
	return string(b)
}

// decodeConfig reads a value of the config bucket and checks that it is about
// the key it lies under.
func decodeConfig(key string, value []byte) (*plan.Subscription, error) {
	var cfg plan.Subscription
	if err := json.Unmarshal(value, &cfg); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", key, err)
	}
	if want := plan.Key(plan.PrefixSubscription, cfg.Namespace, cfg.Name); want != key {
		return nil, fmt.Errorf("configuration %s: it is about %s", key, want)
	}
	return &cfg, nil
}

// snapshot is the status with the counts as they are.
func (u *usage) snapshot(r status.Result) status.Exporter {
	return status.Exporter{Result: r, Requests: u.requests.Load(), Events: u.events.Load(), Streams: u.streams.Load()}
}
