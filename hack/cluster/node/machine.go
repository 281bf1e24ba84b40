package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// machine is what the machine was like before the first start, so that Down
// can leave it so.
type machine struct {
	Sysctls map[string]string // by path below /proc/sys
	Absent  []string          // paths that programs make outside of our folder
	Mounts  []string          // that we made
}

// sysctls are the kernel settings that the kubelet, kube-proxy or we change.
var sysctls = []string{
	"net/ipv4/ip_forward", "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes", "net/netfilter/nf_conntrack_tcp_be_liberal",
	"net/ipv4/conf/all/route_localnet",
}

// strays are fixed in the code of kubelet, containerd and the network plugins.
var strays = []string{
	"/var/lib/kubelet", "/var/lib/cni", "/var/lib/calico", "/var/log/containers", "/run/containerd", "/run/netns", "/run/nri", "/run/runc", "/run/cni", "/run/mount",
	"/opt/containerd", "/etc/containerd", "/etc/cni", "/etc/nri", "/run/xtables.lock", "/var/run/kubernetes", "/etc/kubernetes",
}

// noteMachine notes the state of the machine, once.
func (c *Cluster) noteMachine() error {
	if exists(c.path(machineFile)) {
		return nil
	}
	m := machine{Sysctls: map[string]string{}}
	for _, name := range sysctls {
		if value, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			m.Sysctls[name] = strings.TrimSpace(string(value))
		}
	}
	for _, path := range strays {
		if !exists(path) {
			m.Absent = append(m.Absent, path)
		}
	}
	return c.writeMachine(m)
}

const machineFile = "machine.json"

func (c *Cluster) readMachine() (m machine, err error) {
	data, err := os.ReadFile(c.path(machineFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(data, &m)
}

func (c *Cluster) writeMachine(m machine) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(c.path(machineFile), data, 0o600)
}

func (c *Cluster) noteMount(dir string) error {
	m, err := c.readMachine()
	if err != nil || slices.Contains(m.Mounts, dir) {
		return err
	}
	m.Mounts = append(m.Mounts, dir)
	return c.writeMachine(m)
}

// restoreMachine puts back what noteMachine and noteMount noted.
func (c *Cluster) restoreMachine(ctx context.Context) error {
	m, err := c.readMachine()
	if err != nil {
		return err
	}
	var errs []error
	for name, value := range m.Sysctls {
		path := filepath.Join("/proc/sys", name)
		if now, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(now)) == value {
			continue
		}
		errs = append(errs, os.WriteFile(path, []byte(value), 0o644))
	}
	for _, dir := range m.Mounts {
		if _, err := command(ctx, nil, "umount", dir); err != nil {
			errs = append(errs, err)
			continue
		}
		_ = os.Remove(dir) // it was there before if this fails
	}
	for _, path := range m.Absent {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// checkAlone refuses to start where another Kubernetes runs, or a cluster of
// ours in another folder: they would fight for interfaces and tables.
func (c *Cluster) checkAlone(ctx context.Context) error {
	if exists(c.path(machineFile)) {
		return nil
	}
	if exists(filepath.Join("/sys/class/net", bridge)) || exists(filepath.Join(memoryHierarchy(), cgroup)) {
		return fmt.Errorf("interface %s or control group %s is there: a cluster in another folder than %s? run: go run ./hack/cluster -dir THAT down", bridge, cgroup, c.dir)
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return nil //nolint:nilerr // without nft there is no table
	}
	tables, err := command(ctx, nil, "nft", "list", "tables")
	if err != nil {
		return err
	}
	if strings.Contains(tables, "kube-proxy") {
		return errors.New("the firewall has a table kube-proxy: another Kubernetes runs on this machine")
	}
	return nil
}
