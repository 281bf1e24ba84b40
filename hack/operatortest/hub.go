package operatortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// hub is the bus of an exchange, with connections of the components that report
// over it: a status may be written by the one that it is about, and nobody else.
type hub struct {
	cluster  *Cluster
	server   *bus.Server
	exchange types.NamespacedName
	conn     *bus.Conn // of the hub
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[string]*bus.Conn
}

func newHub(ctx context.Context, c *Cluster, exchange types.NamespacedName, server *bus.Server, conn *bus.Conn) *hub {
	h := &hub{cluster: c, server: server, exchange: exchange, conn: conn, conns: map[string]*bus.Conn{}}
	ctx, h.cancel = context.WithCancel(ctx)
	if c.report {
		h.wg.Go(func() { h.report(ctx) })
	}
	return h
}

func (h *hub) stop() {
	h.cancel()
	h.wg.Wait()
	for _, conn := range h.conns {
		_ = conn.Close()
	}
	_ = h.conn.Close()
	h.server.Shutdown()
}

// report puts a good status for whatever is configured.
func (h *hub) report(ctx context.Context) {
	watcher, err := h.as(ctx, "operator", creds.Operator())
	if err == nil {
		err = watcher.Config().Watch(ctx, nil, func(e bus.Entry) error {
			key, value := Report(e.Key, e.Value)
			if key == "" {
				return nil
			}
			return h.tell(ctx, key, value)
		})
	}
	if err != nil && ctx.Err() == nil {
		panic(fmt.Sprintf("report on the bus of %s: %v", h.exchange, err)) // of a test
	}
}

func (h *hub) tell(ctx context.Context, key string, value []byte) error {
	prefix, rest, _ := strings.Cut(key, ".")
	namespace, _, _ := strings.Cut(rest, ".")
	role := creds.Hub(h.exchange.Namespace, h.exchange.Name)
	switch prefix {
	case plan.PrefixCollector:
		role = creds.Collectors(namespace)
	case plan.PrefixMonitor, plan.PrefixParser:
		role = creds.Monitors(namespace)
	case plan.PrefixExporter:
		role = creds.Exporters(namespace, h.exchange.Namespace, h.exchange.Name)
	}
	conn, err := h.as(ctx, prefix+"."+namespace, role)
	if err != nil {
		return err
	}
	return conn.Status().Put(ctx, key, value)
}

func (h *hub) as(ctx context.Context, name string, role creds.Role) (*bus.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if conn := h.conns[name]; conn != nil {
		return conn, nil
	}
	s, err := h.cluster.secret(ctx, h.exchange.Namespace, h.exchange.Name+"-bus-keys")
	if err != nil {
		return nil, err
	}
	keys := &creds.Keys{OperatorSeed: s["operator.seed"], AccountSeed: s["account.seed"], SystemSeed: s["system.seed"],
		Operator: string(s["operator.jwt"]), Account: string(s["account.jwt"]), System: string(s["system.jwt"])}
	user, _, err := keys.Mint(role, time.Hour)
	if err != nil {
		return nil, err
	}
	conn, err := bus.DialCreds(ctx, bus.DialOptions{Server: h.server, Creds: user, Name: name})
	if err == nil {
		h.conns[name] = conn
	}
	return conn, err
}

// Report is the key and the status with which a component that works answers its
// configuration; empty if it does not.
func Report(key string, config []byte) (string, []byte) {
	if config == nil {
		return "", nil
	}
	now := time.Now().UTC()
	ok := status.Result{OK: true, Reason: "Succeeded", Since: now}
	var v any
	var prefix string
	for _, p := range []string{plan.PrefixCollector, plan.PrefixMonitor, plan.PrefixHub, plan.PrefixSubscription} {
		if len(key) > len(p) && key[:len(p)+1] == p+"." {
			prefix = p
		}
	}
	to := key
	switch prefix {
	case plan.PrefixCollector:
		v = status.Collector{Result: ok, Attempts: 1, LastSuccess: now, LastAttempt: now, Next: now.Add(24 * time.Hour)}
	case plan.PrefixMonitor:
		to = plan.PrefixParser + key[len(prefix):]
		v = status.Parser{Result: ok}
	case plan.PrefixHub:
		v = status.Hub{Result: ok}
	case plan.PrefixSubscription:
		to = plan.PrefixExporter + key[len(prefix):]
		v = status.Exporter{Result: ok}
	default:
		return "", nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(errors.Join(errors.New("a status that cannot be encoded"), err))
	}
	return to, data
}
