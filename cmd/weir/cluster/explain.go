package cluster

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// errNoWeir tells that the API server does not know the custom resources.
var errNoWeir = errors.New("the API server knows no feeds.weir.dev: is Weir installed in this cluster?")

// target is what a request is about; name is empty for a list, namespace for all
// namespaces.
type target struct {
	verb, resource, namespace, name string
}

func (t target) String() string {
	switch {
	case t.name == "" && t.namespace == "":
		return t.resource
	case t.name == "":
		return t.resource + " of namespace " + t.namespace
	}
	return fmt.Sprintf("%s %s/%s", t.resource, t.namespace, t.name)
}

// rule is the RBAC rule that would allow it, and where it must be bound.
func (t target) rule() string {
	s := fmt.Sprintf("verb %s on %s", t.verb, t.resource)
	if t.name != "" {
		s += fmt.Sprintf(" with resourceName %s", t.name)
	}
	if t.namespace == "" {
		return s + " in a ClusterRole bound for the whole cluster"
	}
	return s + " in namespace " + t.namespace
}

// explain says what to do about an error of the API server.
func (c *Client) explain(t target, err error) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not %s %s; ask for the RBAC rule: %s: %w", t.verb, t, t.rule(), err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the cluster of %s does not know you; log in again: %w", c, err)
	case apierrors.IsNotFound(err) && t.name == "":
		return fmt.Errorf("%w (%w)", errNoWeir, err)
	case errors.As(err, &status):
		return fmt.Errorf("%s %s: %w", t.verb, t, err)
	}
	return fmt.Errorf("the API server of %s does not answer: %w", c, err)
}
