// Package workload builds every object that a custom resource wants to exist in
// a cluster: pods, services, network policies, disruption budgets, routes.
//
// The builders are pure: resources and the operator's settings in, apply
// configurations out, the same bytes for the same input. They read nothing from
// the cluster and write nothing to it, and they never see what is inside a
// Secret.
package workload
