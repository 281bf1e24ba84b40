package bus

import (
	"errors"
	"testing"
)

func TestNoConnectionBeginsWhileAMessageIsPublished(t *testing.T) {
	var l link
	if err := l.next(); err != nil {
		t.Fatal(err)
	}
	before := l.current()
	ran := false
	l.during(before, func() {
		ran = true
		if err := l.next(); !errors.Is(err, errSending) {
			t.Errorf("a connection began: %v", err)
		}
	})
	if !ran {
		t.Error("nothing was published on the newest connection")
	}
	l.during(before, func() { t.Error("published although a newer connection was begun") })
	if err := l.next(); err != nil {
		t.Errorf("no connection begins after the publish: %v", err)
	}
}
