package main

import (
	"maps"
	"slices"
)

// summary is what the results say together.
type summary struct {
	// recall of what must be found, by the group of its class; [1] of few records.
	recall map[string]*[2]ratio
	// byClass is recall by class of changes.
	byClass map[string]*score
	// precision: alarms that are right. breakingPrecision: payloads held that had to
	// be.
	precision, holdPrecision ratio
	accuracy, place          ratio
	delays                   [shown + 1]int
	repairTop1, repairTop3   ratio
	wrong                    ratio // automatic repairs that are wrong, of all searches
	safe                     int
	additiveTold             ratio
	quiet                    ratio // controls and cosmetic changes without an alarm
	skipped                  map[string]int
	base                     [baselineCount]baseScore
}

type baseScore struct{ recall, precision ratio }

// score is one class of changes.
type score struct {
	found, small, class, place, top1 ratio
	delay, skipped                   int
	first                            ratio // found in the first payload
}

// Groups of classes in the tables.
const (
	groupBreaking  = "breaking"
	groupSemantic  = "semantic"
	groupDegraded  = "degraded"
	groupWidening  = "widening"
	groupRetired   = "retired"
	groupAmount    = "anomaly"
	groupUnchanged = ""
)

var groups = []string{groupBreaking, groupRetired, groupDegraded, groupWidening, groupSemantic}

func (r *result) group() string {
	switch {
	case !r.reportable():
		return groupUnchanged
	case r.Breaking == yes:
		return groupBreaking
	}
	switch r.Expected[0] {
	case semantic:
		return groupSemantic
	case degraded:
		return groupDegraded
	case widening:
		return groupWidening
	case retired:
		return groupRetired
	}
	return groupAmount
}

func summarize(results []*result) *summary {
	s := &summary{recall: map[string]*[2]ratio{}, byClass: map[string]*score{}, skipped: map[string]int{}}
	for _, r := range results {
		c := s.byClass[r.Class]
		if c == nil {
			c = &score{}
			s.byClass[r.Class] = c
		}
		if r.Skipped != "" {
			c.skipped++
			s.skipped[r.Class+": "+r.Skipped]++
			continue
		}
		s.add(r, c)
		s.mended(r, c)
		s.baseline(r)
	}
	return s
}

func (s *summary) add(r *result, c *score) {
	size := 0
	if r.small() {
		size = 1
	}
	if group := r.group(); group != groupUnchanged {
		if s.recall[group] == nil {
			s.recall[group] = &[2]ratio{}
		}
		s.recall[group][size].add(r.Detected)
		[]*ratio{&c.found, &c.small}[size].add(r.Detected)
		if r.Detected {
			s.delays[r.Delay]++
			c.delay += r.Delay
			c.first.add(r.Delay == 1)
			s.accuracy.add(r.right())
			c.class.add(r.right())
			if len(r.Paths) > 0 {
				s.place.add(r.pathRight())
				c.place.add(r.pathRight())
			}
		}
	} else {
		ok := !r.falseAlarm()
		[]*ratio{&c.found, &c.small}[size].add(ok)
		s.quiet.add(ok)
		if !r.Control && r.Expected[0] == additive {
			s.additiveTold.add(r.Detected)
		}
	}
	if r.Alarm {
		s.precision.add(!r.falseAlarm())
	}
	if r.Held {
		s.holdPrecision.add(r.Breaking != no)
	}
}

func (s *summary) mended(r *result, c *score) {
	if r.Searched {
		s.wrong.add(r.Wrong)
		if r.Safe {
			s.safe++
		}
	}
	if r.Repairable && r.group() != groupUnchanged {
		s.repairTop1.add(r.Place == 1)
		s.repairTop3.add(r.Place > 0)
		c.top1.add(r.Place == 1)
	}
}

func (s *summary) baseline(r *result) {
	for k, alarm := range r.Baselines {
		if r.group() == groupBreaking {
			s.base[k].recall.add(alarm)
		}
		if alarm {
			s.base[k].precision.add(r.reportable())
		}
	}
}

// quietSummary adds up the years without a change.
type quietSummary struct {
	years, payloads float64
	alarms, held    int
	baselines       [baselineCount]int
	state           []int
}

func summarizeYears(years []*year) *quietSummary {
	var q quietSummary
	for _, y := range years {
		q.years += y.Years
		q.payloads += float64(y.Payloads)
		q.alarms += y.Alarms
		q.held += y.Held
		for k, n := range y.Baselines {
			q.baselines[k] += n
		}
		q.state = append(q.state, y.State)
	}
	return &q
}

func medianOf(list []int) (median, most int) {
	if len(list) == 0 {
		return 0, 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2], list[len(list)-1]
}

// keys of a map in order.
func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
