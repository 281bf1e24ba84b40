// Package cluster has tests of Weir on a real Kubernetes cluster: installed with the
// chart, fed by a simulator that runs in the cluster, killed, drained, upgraded,
// removed. Truth is what the simulator says that it published.
//
// Which cluster: that of KUBECONFIG if WEIR_E2E_TAG names the tag of images that it
// can pull (WEIR_E2E_REGISTRY says from where, by default ghcr.io/weir-project); else
// one of kind, if docker answers and kind is installed; else the one of
// hack/cluster, which needs Linux and root. Elsewhere the tests are skipped. A cluster
// that the tests started is removed at the end, unless WEIR_E2E_KEEP is set.
//
// The tests delete every object of Weir that is in the cluster, so they refuse one
// that has some which they did not make.
package cluster
