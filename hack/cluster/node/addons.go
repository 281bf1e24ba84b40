package node

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"time"
)

// applyAddons applies DNS and storage.
func (c *Cluster) applyAddons(ctx context.Context) error {
	data, err := os.ReadFile(c.path("config", "addons.yaml"))
	if err != nil {
		return err
	}
	_, err = c.kubectl(ctx, bytes.NewReader(data), "apply", "--server-side", "--force-conflicts", "-f", "-")
	return err
}

// waitUsable waits until names of services resolve, which takes the network of
// pods, kube-proxy and CoreDNS, and until pods may be created.
func (c *Cluster) waitUsable(ctx context.Context) error {
	err := wait(ctx, "CoreDNS", func(ctx context.Context) error {
		for _, name := range daemonNames {
			if err := c.check(name); err != nil {
				return err
			}
		}
		return resolve(ctx)
	})
	if err != nil {
		return err
	}
	// Pods are refused until their namespace's account is there.
	return wait(ctx, "the account of namespace default", func(ctx context.Context) error {
		_, err := c.Kubectl(ctx, "get", "serviceaccount", "default", "--namespace", "default")
		return err
	})
}

func resolve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(dnsIP, "53"))
	}}
	addrs, err := r.LookupHost(ctx, "kubernetes.default.svc.cluster.local.")
	if err == nil && !slices.Contains(addrs, apiServiceIP) {
		err = fmt.Errorf("the name of the API server resolves to %v, not %s", addrs, apiServiceIP)
	}
	return err
}
