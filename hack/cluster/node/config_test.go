package node

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// example is a cluster whose configuration depends on no machine.
func example() *Cluster {
	c := &Cluster{dir: "/state", tools: map[string]string{}, vars: vars{
		Dir: "/state", NodeName: nodeName, NodeIP: nodeIP, Loopback: loopback, PodCIDR: podCIDR, Range: addressRange, DNSIP: dnsIP,
		Table: nftTable, Cgroup: cgroup, CNIBin: "/usr/lib/cni", ResolvConf: "/etc/resolv.conf", MaxPods: maxPods,
		PauseImage: "cluster.weir.dev/pause:1", DNSImage: "cluster.weir.dev/dns:1", ReservedMemory: gibibyte, Memory: podMemory,
		Volumes: []string{"volume-00", "volume-01"},
	}}
	for _, name := range append([]string{reclaimer}, wanted...) {
		c.tools[name] = "/tools/" + name
	}
	return c
}

func TestConfigurationIsAsReviewed(t *testing.T) {
	c := example()
	for path, name := range configs {
		data, err := render(name, c.vars)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Base(path), data)
	}
	var args bytes.Buffer
	for _, name := range daemonNames {
		d := c.daemon(name)
		_, _ = fmt.Fprintf(&args, "%s\n  %s\n", d.bin, strings.Join(d.args, "\n  "))
	}
	golden(t, "daemons.txt", args.Bytes())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from testdata: run go test -update and read the diff; got\n%s", name, got)
	}
}

func TestNoSecretIsAnArgument(t *testing.T) {
	c := example()
	for _, name := range daemonNames {
		for _, arg := range c.daemon(name).args {
			if strings.Contains(arg, "token=") || strings.Contains(arg, "password") {
				t.Errorf("%s has argument %s", name, arg)
			}
		}
	}
}

func TestAddressesStayInTheirRangeAndApart(t *testing.T) {
	all := netip.MustParsePrefix(addressRange)
	pods, services := netip.MustParsePrefix(podCIDR), netip.MustParsePrefix(serviceCIDR)
	if !all.Contains(pods.Addr()) || !all.Contains(services.Addr()) || pods.Overlaps(services) {
		t.Errorf("pods %v and services %v: want both in %v and apart", pods, services, all)
	}
	for _, ip := range []string{apiServiceIP, dnsIP} {
		if !services.Contains(netip.MustParseAddr(ip)) {
			t.Errorf("%s is no address of a service", ip)
		}
	}
	if ip := netip.MustParseAddr(nodeIP); !all.Contains(ip) || pods.Contains(ip) || services.Contains(ip) {
		t.Errorf("node address %v: want one in %v that no pod and no service gets", ip, all)
	}
	if !netip.MustParseAddr(loopback).IsLoopback() {
		t.Errorf("%s is not loopback", loopback)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	linux(t)
	v, err := newVars("/state", 0)
	if err != nil {
		t.Fatal(err)
	}
	total, err := totalMemory()
	if err != nil {
		t.Fatal(err)
	}
	if v.Memory > podMemory || v.Memory > total/2 || v.Memory+v.ReservedMemory != total {
		t.Errorf("pods get %d and %d of %d bytes are reserved", v.Memory, v.ReservedMemory, total)
	}
	for _, wrong := range []int64{-1, 1, total + 1} {
		if _, err := newVars("/state", wrong); err == nil {
			t.Errorf("%d bytes for pods were accepted", wrong)
		}
	}
}

func TestOpenRefusesWhatItCannotRunOn(t *testing.T) {
	_, err := Open(Options{Dir: "/" + strings.Repeat("long/", 20)})
	switch {
	case err == nil:
		t.Fatal("a folder too long for sockets was accepted")
	case runtime.GOOS != "linux" && !strings.Contains(err.Error(), "needs Linux"):
		t.Fatalf("got %v", err)
	case runtime.GOOS == "linux" && os.Geteuid() != 0 && !strings.Contains(err.Error(), "needs root"):
		t.Fatalf("got %v", err)
	}
}

func TestEveryDaemonIsBuilt(t *testing.T) {
	for _, name := range daemonNames {
		if !slices.Contains(wanted, name) && name != reclaimer {
			t.Errorf("%s is started but not built", name)
		}
	}
}

func linux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
}
