// Package cluster reaches what Weir runs in a Kubernetes cluster, with the rights
// that the user's kubeconfig gives: objects through the API server, and the bus of
// an Exchange through a forwarded port.
package cluster

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // kubeconfigs that log in with OpenID Connect
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	// requestTimeout bounds one request to the API server.
	requestTimeout = 30 * time.Second
	// client is the name that shows in audit logs, managed fields and on the bus.
	client = "kubectl-weir"
)

// Options choose a cluster as kubectl does. All may be empty.
type Options struct {
	// Kubeconfig is a file; empty: $KUBECONFIG, else ~/.kube/config, else the
	// service account of the pod.
	Kubeconfig string
	// Context and Namespace replace those that the kubeconfig has as current.
	Context, Namespace string
	// Warnings gets what the API server warns of; nobody if nil.
	Warnings io.Writer
}

// Client talks to one cluster.
type Client struct {
	context, namespace string
	config             *rest.Config
	weir, core         *rest.RESTClient
}

// New reads the kubeconfig. It does not talk to the cluster yet.
func New(o Options) (*Client, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	overrides.Context.Namespace = o.Namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	if _, ok := raw.Contexts[o.Context]; o.Context != "" && !ok {
		return nil, fmt.Errorf("kubeconfig has no context %q; it has: %s",
			o.Context, strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", "))
	}
	c := &Client{context: raw.CurrentContext}
	if o.Context != "" {
		c.context = o.Context
	}
	c.config, err = loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, errors.New("there is no kubeconfig: name one with --kubeconfig or KUBECONFIG, or use --data for the data folder of weir run")
	}
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	if c.namespace, _, err = loader.Namespace(); err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	c.config.WarningHandler = rest.NoWarnings{}
	if o.Warnings != nil {
		c.config.WarningHandler = rest.NewWarningWriter(o.Warnings, rest.WarningWriterOptions{Deduplicate: true})
	}
	return c, c.connect()
}

// connect makes the REST clients. A scheme of its own that has only what is used
// keeps thousands of types out of the process.
func (c *Client) connect() error {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Secret{}, &corev1.Pod{})
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)
	codecs := serializer.NewCodecFactory(scheme).WithoutConversion()
	clientFor := func(path string, gv schema.GroupVersion) (*rest.RESTClient, error) {
		cfg := rest.CopyConfig(c.config)
		cfg.APIPath, cfg.GroupVersion = path, &gv
		cfg.NegotiatedSerializer = codecs
		cfg.ContentType, cfg.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
		cfg.UserAgent = client
		cfg.Timeout = requestTimeout
		return rest.RESTClientFor(cfg)
	}
	var err error
	if c.weir, err = clientFor("/apis", v1alpha1.GroupVersion); err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	if c.core, err = clientFor("/api", corev1.SchemeGroupVersion); err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	return nil
}

// Namespace is the one that was asked for, else that of the context.
func (c *Client) Namespace() string { return c.namespace }

// String names the cluster: its context, or its address where there is none.
func (c *Client) String() string {
	if c.context == "" {
		return c.config.Host
	}
	return "context " + c.context
}
