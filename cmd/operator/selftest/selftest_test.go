package selftest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/operator/selftest"
	"github.com/weir-project/weir/hack/operatortest"
)

func TestTheSelftestPassesWhereComponentsReportAndFailsWhereNothingRuns(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	world, err := operatortest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := world.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, ns := range []string{"works", "does-not"} {
		if err := world.Admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}); err != nil {
			t.Fatal(err)
		}
	}
	connect := func() (client.Client, error) { return world.Admin, nil }

	var out strings.Builder
	err = selftest.Run(t.Context(), []string{"--namespace=does-not", "--timeout=15s"}, connect, &out)
	if err == nil || !strings.Contains(err.Error(), "the hub runs and records: not within 15s") {
		t.Errorf("without an operator: %v", err)
	}
	empty(t, world.Admin, "does-not")

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cluster, err := world.Cluster(ctx, operatortest.ClusterOptions{Dir: t.TempDir(), Report: true})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Stop()
	op, err := world.Run(ctx, operatortest.OperatorOptions{Dial: cluster.Dial, Log: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := op.Stop(); err != nil {
			t.Error(err)
		}
	}()
	out.Reset()
	if err := selftest.Run(t.Context(), []string{"--namespace=works", "--timeout=90s"}, connect, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if n := strings.Count(out.String(), "ok: "); n != 4 {
		t.Errorf("%d checks are told:\n%s", n, out.String())
	}
	empty(t, world.Admin, "works")
}

func empty(t *testing.T, c client.Client, ns string) {
	t.Helper()
	for _, list := range []client.ObjectList{&v1alpha1.ExchangeList{}, &v1alpha1.ParserList{}, &v1alpha1.FeedSourceList{}} {
		if err := c.List(t.Context(), list, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
		n := 0
		switch l := list.(type) {
		case *v1alpha1.ExchangeList:
			n = len(l.Items)
		case *v1alpha1.ParserList:
			n = len(l.Items)
		case *v1alpha1.FeedSourceList:
			n = len(l.Items)
		}
		if n > 0 {
			t.Errorf("%T: %d objects are left in %s", list, n, ns)
		}
	}
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	connect := func() (client.Client, error) { return nil, errors.New("not reached") }
	for want, args := range map[string][]string{
		"--namespace is missing": {},
		"--storage-size":         {"--namespace=x", "--storage-size=much"},
	} {
		if err := selftest.Run(t.Context(), args, connect, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", args, err, want)
		}
	}
}
