package buslink

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// An answer that is on its way when a link is ended finds no session any more.
func TestALinkThatWasEndedStaysEnded(t *testing.T) {
	links := New(Options{})
	newSession := func() *session {
		s := &session{config: newConfigMirror(), status: newStatusMirror(), configRead: true, statusRead: true, answers: true}
		s.epoch, s.endEpoch = context.WithCancel(t.Context())
		return s
	}
	k := newLink(links, types.NamespacedName{Namespace: "a", Name: "b"}, Config{URLs: "nats://nowhere"})
	s := newSession()
	k.begin(s)
	if err := k.Ready(); err != nil || k.Settling() {
		t.Fatalf("not ready: %v", err)
	}
	k.retire()
	k.pinged(s, nil)
	k.pinged(s, context.DeadlineExceeded)
	if k.Ready() == nil || s.epoch.Err() == nil {
		t.Error("it is ready after its end")
	}
	late := newSession()
	k.begin(late) // it was being connected
	if k.Ready() == nil || late.epoch.Err() == nil {
		t.Error("it came back after its end")
	}
}

func TestANewLinkIsGivenTime(t *testing.T) {
	k := newLink(New(Options{}), types.NamespacedName{}, Config{})
	if !k.Settling() || k.Ready() == nil {
		t.Error("a new link is not settling")
	}
	k.end(unavailable("refused", nil))
	if k.Settling() {
		t.Error("a link that was refused is settling")
	}
	var none *Link
	if none.Settling() {
		t.Error("no link is settling")
	}
	old := newLink(New(Options{}), types.NamespacedName{}, Config{})
	old.made = old.made.Add(-settleMost)
	if old.Settling() {
		t.Error("it is settling for ever")
	}
}
