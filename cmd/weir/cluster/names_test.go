package cluster

import (
	"strings"
	"testing"
)

// The operator makes the objects and this command finds them: both must always
// agree on the names.
func TestNamesAreThoseThatTheOperatorGives(t *testing.T) {
	long := strings.Repeat("a", 63)
	for exchange, want := range map[string][2]string{
		"main":  {"main-admin-bus", "main-hub-0"},
		"1main": {"w1main-3nlzo4teat-admin-bus", "w1main-3nlzo4teat-hub-0"},
		long:    {long[:42] + "-pu7hjic5pw-admin-bus", long[:37] + "-pu7hjic5pw-hub-0"},
	} {
		if got := [2]string{adminSecret(exchange), hubPod(exchange)}; got != want {
			t.Errorf("%s: %q, want %q", exchange, got, want)
		}
	}
}
