package controllers_test

import (
	"errors"
	"testing"

	"github.com/weir-project/weir/pipeline/plan"
)

// echoes are the writes that answer a request for a look at one object of each kind.
var echoes = []string{"/exchanges/main/status", "/parsers/list/status", "/feedsources/one/status", "/subscriptions/bank/status"}

func TestEverythingBecomesReadyAndThenNothingIsWritten(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "steady")
	x := s.up()
	s.quiet()

	// A look at everything is answered by a status that repeats the request.
	before := s.op.Requests.Writes()
	s.touch("first", x.all()...)
	s.quiet()
	s.wrote(before, echoes...)

	// Somebody overwrites a configuration on the bus: the operator looks at all that
	// is attached to it, and writes the bus only.
	before = s.op.Requests.Writes()
	var want, got plan.Collector
	s.config(&want, plan.PrefixCollector, s.ns, "one")
	conn, err := s.cluster.Bus(t.Context(), s.hub())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Config().Put(t.Context(), plan.Key(plan.PrefixCollector, s.ns, "one"), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the configuration is put right", func() error {
		s.config(&got, plan.PrefixCollector, s.ns, "one")
		if got.Name != want.Name {
			return errors.New("it is not")
		}
		return nil
	})
	s.quiet()
	s.wrote(before)

	// A new operator finds everything as it wants it.
	s.stop()
	s.start()
	s.touch("second", x.all()...)
	s.quiet()
	s.wrote(nil, echoes...)
}
