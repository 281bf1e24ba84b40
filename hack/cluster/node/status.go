package node

import (
	"context"
	"fmt"
	"io"
)

// Status writes what runs and what the cluster does not do. It returns an error
// if a part is missing.
func (c *Cluster) Status(ctx context.Context, w io.Writer) error {
	if !exists(c.path(machineFile)) {
		return fmt.Errorf("there is no cluster in %s: run go run ./hack/cluster up", c.dir)
	}
	var missing []string
	for _, name := range daemonNames {
		if p, ok := c.running(name); ok {
			fmt.Fprintf(w, "%-24s pid %d\n", name, p.pid)
			continue
		}
		missing = append(missing, name)
		fmt.Fprintf(w, "%-24s stopped, see %s\n", name, c.path("log", name+".log"))
	}
	fmt.Fprintf(w, "\nkubeconfig  %s\nnode        %s, API server https://%s:6443\npods        %s\nservices    %s, DNS %s\n",
		c.Kubeconfig(), nodeIP, nodeIP, podCIDR, serviceCIDR, dnsIP)
	fmt.Fprintf(w, "storage     class standard: %d volumes, emptied when their claim is deleted; sizes are not enforced\n", volumes)
	fmt.Fprintf(w, "not here    NetworkPolicies are accepted but not enforced; no load balancer, no host ports\n\n")
	if len(missing) > 0 {
		return fmt.Errorf("%v stopped: run go run ./hack/cluster up", missing)
	}
	out, err := c.Kubectl(ctx, "get", "nodes,pods", "--all-namespaces")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, out)
	return resolve(ctx)
}
