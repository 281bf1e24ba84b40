package node

import (
	"context"
	"fmt"
	"time"
)

// The names of the daemons, in the order in which they start.
const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	containerd        = "containerd"
	kubelet           = "kubelet"
	proxy             = "kube-proxy"
	reclaimer         = "reclaim"
)

var daemonNames = []string{etcd, apiServer, controllerManager, scheduler, containerd, kubelet, proxy, reclaimer}

// daemon returns how a daemon is started.
func (c *Cluster) daemon(name string) daemon {
	config := func(file string) string { return c.path("config", file) }
	secret := func(file string) string { return c.path("secrets", file) }
	d := daemon{name: name, bin: c.tools[name], memory: 512}
	switch name {
	case etcd:
		d.args = []string{
			"--name=" + nodeName, "--data-dir=" + c.path("etcd"), "--log-level=warn",
			"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
			"--listen-peer-urls=http://" + loopback + ":2380", "--initial-advertise-peer-urls=http://" + loopback + ":2380",
			"--initial-cluster=" + nodeName + "=http://" + loopback + ":2380",
			// What a power failure loses is a development cluster's.
			"--unsafe-no-fsync", "--quota-backend-bytes=1073741824",
		}
	case apiServer:
		d.memory = 2048
		d.args = []string{
			"--etcd-servers=" + etcdURL, "--bind-address=" + nodeIP, "--secure-port=6443", "--advertise-address=" + nodeIP,
			"--cert-dir=" + c.path("secrets"), "--tls-cert-file=" + secret("apiserver.crt"), "--tls-private-key-file=" + secret("apiserver.key"),
			"--client-ca-file=" + secret("ca.crt"), "--token-auth-file=" + secret("tokens.csv"),
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
			"--service-cluster-ip-range=" + serviceCIDR, "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file=" + secret("service-account.key"), "--service-account-signing-key-file=" + secret("service-account.key"),
			"--kubelet-client-certificate=" + secret("apiserver-kubelet.crt"), "--kubelet-client-key=" + secret("apiserver-kubelet.key"),
			"--kubelet-certificate-authority=" + secret("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
			"--requestheader-client-ca-file=" + secret("ca.crt"), "--requestheader-allowed-names=" + frontProxy,
			"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
			"--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--proxy-client-cert-file=" + secret("front-proxy.crt"), "--proxy-client-key-file=" + secret("front-proxy.key"),
			"--allow-privileged=true", "--profiling=false",
		}
	case controllerManager:
		d.args = append(c.leader(config(name+".kubeconfig")),
			"--use-service-account-credentials=true", "--service-account-private-key-file="+secret("service-account.key"),
			"--root-ca-file="+secret("ca.crt"), "--cluster-signing-cert-file="+secret("ca.crt"), "--cluster-signing-key-file="+secret("ca.key"),
			"--flex-volume-plugin-dir="+c.path("kubelet", "volume-plugins"),
		)
	case scheduler:
		d.args = c.leader(config(name + ".kubeconfig"))
	case containerd:
		d.args = []string{"--config", config("containerd.toml")}
	case kubelet:
		d.args = []string{
			"--config=" + config("kubelet.yaml"), "--kubeconfig=" + config("kubelet.kubeconfig"), "--root-dir=" + c.path("kubelet"),
			"--cert-dir=" + c.path("kubelet", "pki"), "--hostname-override=" + nodeName, "--node-ip=" + nodeIP,
		}
	case reclaimer:
		d.memory = 64
		d.args = []string{"-kubeconfig", config("reclaimer.kubeconfig"), "-dir", c.path("volumes")}
	case proxy:
		d.args = []string{"--config=" + config("kube-proxy.yaml")}
	}
	return d
}

// leader are the arguments that the controller manager and the scheduler share.
func (c *Cluster) leader(kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=" + loopback, "--cert-dir=" + c.path("secrets"), "--leader-elect=false", "--profiling=false",
	}
}

func (c *Cluster) startControlPlane(ctx context.Context) error {
	for _, name := range []string{etcd, apiServer} {
		if _, err := c.ensure(c.daemon(name)); err != nil {
			return err
		}
	}
	err := wait(ctx, "the API server", func(ctx context.Context) error {
		for _, name := range []string{etcd, apiServer} {
			if err := c.check(name); err != nil {
				return err
			}
		}
		_, err := c.Kubectl(ctx, "get", "--raw=/readyz")
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range []string{controllerManager, scheduler} {
		if _, err := c.ensure(c.daemon(name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) startNode(ctx context.Context) error {
	if err := c.startContainerd(ctx); err != nil {
		return err
	}
	if err := c.importImages(ctx); err != nil {
		return err
	}
	for _, name := range []string{proxy, reclaimer} {
		if _, err := c.ensure(c.daemon(name)); err != nil {
			return err
		}
	}
	return c.startKubelet(ctx)
}

func (c *Cluster) startContainerd(ctx context.Context) error {
	if _, ok := c.running(containerd); !ok {
		if err := c.forgetOldBoot(ctx); err != nil {
			return err
		}
	}
	if _, err := c.ensure(c.daemon(containerd)); err != nil {
		return err
	}
	return wait(ctx, containerd, func(ctx context.Context) error {
		if err := c.check(containerd); err != nil {
			return err
		}
		_, err := c.ctr(ctx, "version")
		return err
	})
}

// startKubelet returns when the node is ready by the word of the kubelet that
// runs now, not of one before.
func (c *Cluster) startKubelet(ctx context.Context) error {
	before := time.Now().Truncate(time.Second) // the precision of API times
	started, err := c.ensure(c.daemon(kubelet))
	if err != nil {
		return err
	}
	return wait(ctx, "the node", func(ctx context.Context) error {
		if err := c.check(kubelet); err != nil {
			return err
		}
		out, err := c.Kubectl(ctx, "get", "node", nodeName, "-o",
			`jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime} {.message}{end}`)
		if err != nil {
			return err
		}
		var status, beat string
		if _, err := fmt.Sscan(out, &status, &beat); err != nil {
			return fmt.Errorf("node has no status yet: %q", out)
		}
		at, err := time.Parse(time.RFC3339, beat)
		if err != nil {
			return err
		}
		if status != "True" || started && at.Before(before) {
			return fmt.Errorf("node is not ready: %s", out)
		}
		return nil
	})
}
