package node

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

// Addresses. The range is set aside for tests of networks, so it collides with
// no network that the machine is in; the loopback address is one that nobody
// else listens on.
const (
	addressRange = "198.18.0.0/15"
	nodeIP       = "198.18.0.1"
	podCIDR      = "198.18.128.0/20"
	serviceCIDR  = "198.19.0.0/20"
	apiServiceIP = "198.19.0.1"
	dnsIP        = "198.19.0.10"
	loopback     = "127.198.18.1"
	etcdURL      = "http://" + loopback + ":2379"

	nodeName  = "weir"
	bridge    = "weir0"
	nftTable  = "weir-cluster"
	cgroup    = "weir-cluster"
	maxPods   = 200
	volumes   = 64
	gibibyte  = 1 << 30
	podMemory = 8 * gibibyte
	// daemonMemory bounds the control plane and the node's own programs, which
	// take about 1.5 GiB.
	daemonMemory = 6 * gibibyte
)

//go:embed files
var files embed.FS

var templates = template.Must(template.ParseFS(files, "files/*"))

// vars are what the configuration files differ in.
type vars struct {
	Dir, NodeName, NodeIP, Loopback  string
	PodCIDR, Range, DNSIP            string
	Table, Cgroup, CNIBin            string
	ResolvConf, PauseImage, DNSImage string
	ReservedMemory, Memory           int64
	MaxPods                          int
	Volumes                          []string
}

func newVars(dir string, memory int64) (vars, error) {
	v := vars{
		Dir: dir, NodeName: nodeName, NodeIP: nodeIP, Loopback: loopback, PodCIDR: podCIDR, Range: addressRange,
		DNSIP: dnsIP, Table: nftTable, Cgroup: cgroup, CNIBin: findCNI(), ResolvConf: resolvConf(), MaxPods: maxPods,
	}
	for i := range volumes {
		v.Volumes = append(v.Volumes, fmt.Sprintf("volume-%02d", i))
	}
	total, err := totalMemory()
	if err != nil {
		return vars{}, err
	}
	v.Memory = memory
	if memory == 0 {
		v.Memory = min(total/2, podMemory)
	}
	if v.Memory < gibibyte/4 || v.Memory > total {
		return vars{}, fmt.Errorf("memory for pods: %d bytes are not between 256 MiB and the machine's %d bytes", v.Memory, total)
	}
	v.ReservedMemory = total - v.Memory
	return v, nil
}

// resolvConf is the file with the resolvers that pods can reach: not that of
// systemd's stub, which listens on the loopback of the machine.
func resolvConf() string {
	if upstream := "/run/systemd/resolve/resolv.conf"; exists(upstream) {
		return upstream
	}
	return "/etc/resolv.conf"
}

func totalMemory() (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Scan() {
		if f := strings.Fields(s.Text()); len(f) == 3 && f[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/meminfo has no line MemTotal")
}

// render fills in a template under files.
func render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// configs are the files that are written below config, and their templates.
var configs = map[string]string{
	"containerd.toml":      "containerd.toml",
	"kubelet.yaml":         "kubelet.yaml",
	"kube-proxy.yaml":      "kube-proxy.yaml",
	"cni/10-weir.conflist": "cni.conflist",
	"masquerade.nft":       "masquerade.nft",
	"addons.yaml":          "addons.yaml",
}

func (c *Cluster) writeConfig(context.Context) error {
	for path, name := range configs {
		data, err := render(name, c.vars)
		if err != nil {
			return err
		}
		if err := writeFile(c.path("config", path), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) makeFolders(context.Context) error {
	if err := c.noteMachine(); err != nil {
		return err
	}
	for _, dir := range []string{"run", "log", "secrets", "config/cni", "etcd", "containerd", "kubelet", "images", "bin", "volumes", "cni"} {
		if err := os.MkdirAll(c.path(dir), 0o700); err != nil {
			return err
		}
	}
	for _, name := range c.vars.Volumes {
		dir := c.path("volumes", name)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		// Any user of a pod writes to its volume: the kubelet gives hostPath
		// volumes to no group.
		if err := os.Chmod(dir, 0o777); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
