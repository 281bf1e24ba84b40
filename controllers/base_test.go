package controllers_test

import (
	"errors"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

func TestAMonitorFollowsTheBaseOfItsParser(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "base")
	x := s.up()
	edit(s, x.p, func(p *v1alpha1.Parser) { p.Spec.Base = &v1alpha1.LocalReference{Name: "vendor"} })
	eventually(t, "a base that is not there is told", func() error {
		s.fresh(x.p)
		c := meta.FindStatusCondition(x.p.Status.Conditions, v1alpha1.ConditionAccepted)
		if c == nil || c.Reason != v1alpha1.ReasonReferenceMissing {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	base := &v1alpha1.Parser{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "vendor"}, Spec: v1alpha1.ParserSpec{
		Input:     v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{}},
		Constants: map[string]string{"category": "bots", "name": "first"},
	}}
	s.create(base)
	told := func(name string) {
		t.Helper()
		eventually(t, "the monitor is told what the base says: "+name, func() error {
			var m plan.Monitor
			if s.config(&m, plan.PrefixMonitor, s.ns, x.p.Name); m.Spec.Constants["name"] != name {
				return errors.New("constants are " + fmt.Sprint(m.Spec.Constants))
			}
			return nil
		})
	}
	told("first")
	s.ready(x.p)
	edit(s, base, func(p *v1alpha1.Parser) { p.Spec.Constants["name"] = "second" })
	told("second")
}
