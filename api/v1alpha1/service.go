package v1alpha1

import (
	"net/url"
	"strings"
)

// OwnService reports whether the feed comes from a Service of the given namespace:
// a host of the form <service>.<namespace>.svc, or with .cluster.local behind it.
// Whoever made that Service may make pods there too, so a collector may go to it
// although its address is not public.
func (h *HTTPSpec) OwnService(namespace string) bool {
	u, err := url.Parse(h.URL)
	return err == nil && OwnServiceHost(u.Hostname(), namespace)
}

// OwnServiceHost reports whether a host is that of a Service of the namespace.
func OwnServiceHost(host, namespace string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".cluster.local")
	service, ok := strings.CutSuffix(host, "."+namespace+".svc")
	return ok && namespace != "" && service != "" && !strings.Contains(service, ".")
}
