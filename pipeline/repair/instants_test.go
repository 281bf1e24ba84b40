package repair

import "testing"

func TestTheSameTimesInAnotherLayoutAreTheSameValues(t *testing.T) {
	was := newColumn("scan_date", 0, 2, []string{"2026-11-20 08:15:30", "2026-11-20 09:00:00", "2026-11-19 23:59:59"})
	same := newColumn("last_analysis_date", 0, 2, []string{"1795162530", "1795165200", "1795132799"})
	later := newColumn("first_submission_date", 1, 2, []string{"1795162531", "1795165201", "1795132800"})
	if p := compare(was, same); p.overlap < 0.99 {
		t.Errorf("the same seconds: %+v", p)
	}
	if p := compare(was, later); p.overlap > 0 {
		t.Errorf("other seconds: %+v", p)
	}
}
