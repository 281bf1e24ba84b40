package export

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/export/contract"
	"github.com/weir-project/weir/pipeline/plan"
)

// judgement is what comparing the versions of a subscription gave; it holds while
// they stay the same.
type judgement struct{ versions, mismatch string }

// judge compares the versions of subscriptions that are new or changed, and notes
// where a number grew less than the format changed. The subscription is served all
// the same: its readers need the data more than the number. It takes some hundredths
// of a second for each pair of versions, so it is not done while a configuration is
// applied. It reports whether there was something to do.
func (s *Stage) judge(ctx context.Context) bool {
	type unjudged struct {
		en       *entry
		cfg      *plan.Subscription
		name     string
		api      *v1alpha1.APIExport
		versions string
	}
	var todo []unjudged
	s.mu.RLock()
	for _, en := range s.entries {
		if en.gone || en.current == nil {
			continue
		}
		if versions := en.current.severalVersions(); versions != "" && versions != en.judged.versions {
			todo = append(todo, unjudged{en, en.config, en.current.apiName, en.current.api, versions})
		}
	}
	s.mu.RUnlock()
	known := map[string]string{} // many subscriptions have the same versions
	for _, u := range todo {
		key := u.name + " " + u.versions
		mismatch, ok := known[key]
		if !ok {
			problems, err := contract.Check(ctx, u.api)
			if ctx.Err() != nil {
				return false
			}
			if err != nil {
				s.log.Error(err, "versions cannot be compared", "subscription", u.cfg.Namespace+"/"+u.cfg.Name)
			}
			if len(problems) > 0 {
				mismatch = fmt.Sprintf("spec.exports[%s].api.%s: %s", u.name, problems[0].Field, problems[0].Message)
			}
			known[key] = mismatch
		}
		s.mu.Lock()
		u.en.judged = judgement{u.versions, mismatch}
		s.mu.Unlock()
		s.renew(ctx, u.en, u.cfg)
	}
	return len(todo) > 0
}

// severalVersions are the versions of queries, if there is something to compare.
func (v *served) severalVersions() string {
	if v.api == nil || len(v.api.Versions) < 2 {
		return ""
	}
	b, _ := json.Marshal(v.api.Versions) // what was unmarshalled marshals
	return string(b)
}

// mismatchOf is what is known about the versions that v has.
func (s *Stage) mismatchOf(en *entry, v *served) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if versions := v.severalVersions(); versions == "" || versions != en.judged.versions {
		return ""
	}
	return en.judged.mismatch
}
