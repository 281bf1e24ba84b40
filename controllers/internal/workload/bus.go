package workload

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

// busPort is where an embedded bus listens, and the port of a NATS URL without one.
const busPort = 4222

// Bus is where the bus of an Exchange is.
type Bus struct {
	// URL is a list of URLs, separated by commas, as --bus takes it.
	URL string
	// Namespace and Exchange say whose bus it is.
	Namespace, Exchange string
	// External tells that the bus is not the hub's own.
	External bool
	// Servers are where connections go, for network policies.
	Servers []Server
	// CA is the PEM bundle that an external bus is checked against: a key of a Secret
	// in the Exchange's namespace, to be copied as ca.crt into each Secret with
	// credentials. nil if the system's bundle is meant.
	CA *v1alpha1.SecretKeyReference
	// Replicas of each stream of an external bus.
	Replicas int32
}

// Server is the address of one server.
type Server struct {
	Host string
	Port int32
}

// BusOf says where the bus of an Exchange is.
func BusOf(e *v1alpha1.Exchange) Bus {
	b := Bus{Namespace: e.Namespace, Exchange: e.Name}
	n := e.Spec.Bus.NATS
	if n == nil {
		hub := Child(e.Name, ComponentHub)
		host := fmt.Sprintf("%s-0.%s.%s.svc", hub, hub, e.Namespace)
		b.Servers = []Server{{host, busPort}}
		b.URL = fmt.Sprintf("nats://%s:%d", host, busPort)
		return b
	}
	b.External = true
	b.URL = strings.Join(n.URLs, ",")
	b.CA = n.CA
	b.Replicas = n.Replicas
	if b.Replicas == 0 {
		b.Replicas = 3
	}
	for _, u := range n.URLs {
		if s, ok := serverOf(u); ok {
			b.Servers = append(b.Servers, s)
		}
	}
	return b
}

// serverOf reads a URL. What the schema lets through and this does not read cannot
// be connected to either.
func serverOf(raw string) (Server, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return Server{}, false
	}
	s := Server{Host: u.Hostname(), Port: busPort}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return Server{}, false
		}
		s.Port = int32(n)
	}
	return s, true
}

// namespace is where a server runs if its host is the name of a Service, or of a
// pod behind one: [<pod>.]<service>.<namespace>.svc[.<cluster domain>].
func (s Server) namespace() (string, bool) {
	if net.ParseIP(s.Host) != nil {
		return "", false
	}
	labels := strings.Split(s.Host, ".")
	for i := 2; i < len(labels); i++ {
		if labels[i] == "svc" {
			return labels[i-1], true
		}
	}
	return "", false
}
