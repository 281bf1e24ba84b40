package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// setUpNetwork gives the node its address, and pods a way out. Each command
// may run again.
func (c *Cluster) setUpNetwork(ctx context.Context) error {
	if !exists(filepath.Join("/sys/class/net", bridge)) {
		c.say("making interface %s with address %s", bridge, nodeIP)
		if _, err := command(ctx, nil, "ip", "link", "add", bridge, "type", "bridge"); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"ip", "address", "replace", nodeIP + "/32", "dev", bridge},
		{"ip", "link", "set", bridge, "up"},
		{"nft", "add", "table", "ip", nftTable},
		{"nft", "flush", "table", "ip", nftTable},
		{"nft", "-f", c.path("config", "masquerade.nft")},
	} {
		if _, err := command(ctx, nil, args[0], args[1:]...); err != nil {
			return err
		}
	}
	if err := allowForwarding(ctx); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// forwardChain is where other programs, Docker first of all, drop what the
// machine forwards; an accepting chain of our own could not undo that.
var forwardChain = []string{"ip", "filter", "FORWARD"}

// allowForwarding lets the packets of pods pass a chain that drops by default.
func allowForwarding(ctx context.Context) error {
	rules, err := command(ctx, nil, "nft", append([]string{"list", "chain"}, forwardChain...)...)
	if err != nil || !strings.Contains(rules, "policy drop") || strings.Contains(rules, nftTable) {
		return nil //nolint:nilerr // without the chain nothing is dropped
	}
	for _, side := range []string{"saddr", "daddr"} {
		rule := append([]string{"insert", "rule"}, forwardChain...)
		if _, err := command(ctx, nil, "nft", append(rule, "ip", side, addressRange, "accept", "comment", nftTable)...); err != nil {
			return err
		}
	}
	return nil
}

// disallowForwarding removes what allowForwarding made.
func disallowForwarding(ctx context.Context) error {
	rules, err := command(ctx, nil, "nft", append([]string{"-a", "list", "chain"}, forwardChain...)...)
	if err != nil {
		return nil //nolint:nilerr // without the chain there are no rules
	}
	for _, handle := range forwardHandles(rules) {
		if _, err := command(ctx, nil, "nft", append(append([]string{"delete", "rule"}, forwardChain...), "handle", handle)...); err != nil {
			return err
		}
	}
	return nil
}

// forwardHandles finds our rules in what nft lists.
func forwardHandles(rules string) []string {
	var handles []string
	for line := range strings.Lines(rules) {
		rule, handle, ok := strings.Cut(strings.TrimSpace(line), " # handle ")
		if ok && strings.HasSuffix(rule, `comment "`+nftTable+`"`) {
			handles = append(handles, handle)
		}
	}
	return handles
}

// removeNetwork removes interfaces and tables. Pods' interfaces went with them.
func (c *Cluster) removeNetwork(ctx context.Context) error {
	var errs []error
	if exists(filepath.Join("/sys/class/net", bridge)) {
		_, err := command(ctx, nil, "ip", "link", "delete", bridge)
		errs = append(errs, err)
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return errors.Join(errs...) // then it has made nothing
	}
	errs = append(errs, disallowForwarding(ctx))
	tables, err := command(ctx, nil, "nft", "list", "tables")
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, table := range []string{"ip " + nftTable, "ip kube-proxy", "ip6 kube-proxy"} {
		if !strings.Contains(tables+"\n", "table "+table+"\n") {
			continue
		}
		_, err := command(ctx, nil, "nft", append([]string{"delete", "table"}, strings.Fields(table)...)...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// waitNoPodLinks waits until the kernel has removed the interfaces of pods,
// which it does some time after their namespaces are gone.
func waitNoPodLinks(ctx context.Context) error {
	if _, err := exec.LookPath("ip"); err != nil {
		return nil //nolint:nilerr // then nothing has made an interface
	}
	return wait(ctx, "the removal of pod interfaces", func(ctx context.Context) error {
		routes, err := command(ctx, nil, "ip", "-4", "route", "show", "root", podCIDR)
		if err == nil && routes != "" {
			err = fmt.Errorf("routes are left: %s", routes)
		}
		return err
	})
}
