package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// web is a client to Services by http://<service>.<namespace>. Each request has a
// connection of its own: one to a pod that was killed would be no use to the next.
func (w *world) web() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: w.dial, DisableKeepAlives: true}}
}

// dial reaches a Service: where the node is this machine, by its address; from
// elsewhere through the API server, by one of its pods that are ready.
func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	name, namespace, _ := strings.Cut(host, ".")
	var s corev1.Service
	if err := w.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &s); err != nil {
		return nil, err
	}
	if w.node != nil && s.Spec.ClusterIP != corev1.ClusterIPNone {
		return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, net.JoinHostPort(s.Spec.ClusterIP, port))
	}
	var pods corev1.PodList
	if err := w.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels(s.Spec.Selector)); err != nil {
		return nil, err
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; podReady(p) {
			return w.forward(p, targetPort(&s, p, port))
		}
	}
	return nil, fmt.Errorf("no pod of Service %s/%s is ready", namespace, name)
}

func podReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

func targetPort(s *corev1.Service, p *corev1.Pod, port string) int {
	for _, sp := range s.Spec.Ports {
		if strconv.Itoa(int(sp.Port)) != port {
			continue
		}
		for _, c := range p.Spec.Containers {
			for _, cp := range c.Ports {
				if cp.Name == sp.TargetPort.StrVal {
					return int(cp.ContainerPort)
				}
			}
		}
		return sp.TargetPort.IntValue()
	}
	return 0
}

// forward is a connection to a port of a pod through the API server.
func (w *world) forward(p *corev1.Pod, port int) (net.Conn, error) {
	url := w.core.CoreV1().RESTClient().Post().Namespace(p.Namespace).Resource("pods").Name(p.Name).SubResource("portforward").URL()
	dialer, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, w.config)
	if err != nil {
		return nil, err
	}
	conn, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, fmt.Errorf("forward a port to Pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	header := http.Header{}
	header.Set(corev1.PortHeader, strconv.Itoa(port))
	header.Set(corev1.PortForwardRequestIDHeader, "0")
	header.Set(corev1.StreamType, corev1.StreamTypeError)
	failed, err := conn.CreateStream(header)
	if err == nil {
		err = failed.Close() // nothing is written there
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	header.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(header)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &tunnel{Stream: data, conn: conn}, nil
}

// tunnel is a stream of a forwarded port as a connection. Deadlines are of no
// effect: requests bring their own.
type tunnel struct {
	httpstream.Stream
	conn httpstream.Connection
}

func (t *tunnel) Close() error                   { return t.conn.Close() }
func (*tunnel) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*tunnel) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*tunnel) SetDeadline(time.Time) error      { return nil }
func (*tunnel) SetReadDeadline(time.Time) error  { return nil }
func (*tunnel) SetWriteDeadline(time.Time) error { return nil }
