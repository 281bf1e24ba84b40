package assets

import (
	"fmt"
	"strings"
)

// tool says how a program is built.
type tool struct {
	set    string // the folder under hack/tools: a module of its own
	module string // the module whose version is the tool's
	pkg    string
	tags   string
	// stamp lists the variables that hold the program's version.
	stamp []string
}

const kubernetes = "k8s.io/kubernetes"

var tools = map[string]tool{
	"kube-apiserver":          kube("kube-apiserver"),
	"kube-controller-manager": kube("kube-controller-manager"),
	"kube-scheduler":          kube("kube-scheduler"),
	"kube-proxy":              kube("kube-proxy"),
	"kubelet":                 kube("kubelet"),
	"kubectl":                 kube("kubectl"),
	"etcd":                    {set: "etcd", module: "go.etcd.io/etcd/server/v3", pkg: "go.etcd.io/etcd/server/v3"},
	"coredns":                 {set: "coredns", module: "github.com/coredns/coredns", pkg: "github.com/coredns/coredns"},
	"containerd":              containerd("containerd"),
	"containerd-shim-runc-v2": containerd("containerd-shim-runc-v2"),
	"ctr":                     containerd("ctr"),
	"helm": {
		set: "helm", module: "helm.sh/helm/v4", pkg: "helm.sh/helm/v4/cmd/helm",
		stamp: []string{"helm.sh/helm/v4/internal/version.version"},
	},
	"kustomize": {
		set: "kustomize", module: "sigs.k8s.io/kustomize/kustomize/v5", pkg: "sigs.k8s.io/kustomize/kustomize/v5",
		stamp: []string{"sigs.k8s.io/kustomize/api/provenance.version"},
	},
}

func kube(name string) tool {
	return tool{
		set: "kubernetes", module: kubernetes, pkg: kubernetes + "/cmd/" + name,
		stamp: []string{"k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"},
	}
}

func containerd(name string) tool {
	return tool{
		set: "containerd", module: "github.com/containerd/containerd/v2", pkg: "github.com/containerd/containerd/v2/cmd/" + name,
		tags: "no_btrfs,no_devmapper,no_zfs,no_aufs",
	}
}

// flags are the arguments of go build that decide what comes out.
func (t tool) flags(version string) []string {
	ld := []string{"-s", "-w"}
	for _, name := range t.stamp {
		ld = append(ld, fmt.Sprintf("-X %s=%s", name, version))
	}
	if t.module == kubernetes {
		// The minor version decides which features a server offers.
		n := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
		for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
			ld = append(ld, fmt.Sprintf("-X %s.gitMajor=%s -X %s.gitMinor=%s", pkg, n[0], pkg, n[1]))
		}
	}
	flags := []string{"-trimpath", "-ldflags=" + strings.Join(ld, " ")}
	if t.tags != "" {
		flags = append(flags, "-tags="+t.tags)
	}
	return flags
}
