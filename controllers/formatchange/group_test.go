package formatchange

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/status"
)

func TestIncidentsOfAProviderWithinADayAreOneGroup(t *testing.T) {
	at := func(hours int) time.Time { return now.Add(time.Duration(hours) * time.Hour) }
	change := func(hours int, group string) *v1alpha1.FormatChange {
		opened := metav1.NewTime(at(hours))
		return &v1alpha1.FormatChange{Status: v1alpha1.FormatChangeStatus{Opened: &opened, Group: group}}
	}
	group := func(hours int) string { return "example-" + at(hours).Format("20060102t150405") }
	for name, tc := range map[string]struct {
		siblings []*v1alpha1.FormatChange
		want     string
	}{
		"alone":                      {nil, group(0)},
		"the first has none yet":     {[]*v1alpha1.FormatChange{change(-3, "")}, group(-3)},
		"the first of several":       {[]*v1alpha1.FormatChange{change(-1, group(-5)), change(-5, group(-5))}, group(-5)},
		"the day of it is over":      {[]*v1alpha1.FormatChange{change(-20, group(-30)), change(-30, group(-30))}, group(0)},
		"later ones do not lead":     {[]*v1alpha1.FormatChange{change(2, group(2))}, group(0)},
		"one that nobody has seen":   {[]*v1alpha1.FormatChange{{}}, group(0)},
		"the name is of another one": {[]*v1alpha1.FormatChange{change(-2, "other-20200101t000000")}, group(-2)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := groupOf("example", at(0), tc.siblings); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestWhatIsShownOfARepair(t *testing.T) {
	o := held()
	o.monitor.Incident.Repair = &status.Repair{Patch: `{"mapping":[]}`, Confidence: 1.7, Changes: []string{"a\nb"}, Safe: true}
	st := computeStatus(o, now)
	if r := st.Repair; r == nil || r.Confidence != 100 || r.Changes[0] != "a; b" || r.Applied != nil {
		t.Fatalf("%+v", r)
	}
	// Applied, and the changed Parser does not read it either: that it was applied stays.
	o.change.Status = st
	o.repaired.at = now
	o.monitor.Incident.Repair = nil
	st = computeStatus(o, now)
	if r := st.Repair; r == nil || r.Applied == nil || !r.Applied.Time.Equal(now) || r.Patch != `{"mapping":[]}` {
		t.Errorf("%+v", r)
	}
	o = held()
	o.monitor.Incident.Repair = &status.Repair{Patch: string(make([]byte, maxPatch+1))}
	if st := computeStatus(o, now); st.Repair != nil {
		t.Error("a patch without bounds is shown")
	}
}
