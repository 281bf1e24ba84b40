package export

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/weir-project/weir/pipeline/export/contract"
	"github.com/weir-project/weir/pipeline/policy"
)

// indexPage describes a subscription to the one who is logged in.
type indexPage struct {
	Subscription string       `json:"subscription"`
	Organisation string       `json:"organisation"`
	TLP          string       `json:"tlp"`
	FullAccess   bool         `json:"fullAccess"`
	Zones        []indexZone  `json:"zones"`
	Formats      []string     `json:"formats,omitempty"`
	MaxEvents    int64        `json:"maxEvents,omitempty"`
	Stream       *indexStream `json:"stream,omitempty"`
	// Versions of each format and of the stream; /v<version> before the address of an
	// export selects one.
	Versions   []indexVersion `json:"versions"`
	Sources    []string       `json:"sources"` // as this subscription knows them
	Parameters []indexParam   `json:"parameters,omitempty"`
}

type indexZone struct {
	Zone string   `json:"zone"`
	URLs []string `json:"urls,omitempty"` // relative to the index
}

type indexVersion struct {
	Format  string          `json:"format"`
	Version string          `json:"version"`
	Status  contract.Status `json:"status"`
}

type indexStream struct {
	URL        string   `json:"url"`
	Parameters []string `json:"parameters"`
}

type indexParam struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Access is unrestricted, anonymized (aliases stand for values) or restricted
	// (full access only).
	Access  string `json:"access"`
	Allowed bool   `json:"allowed"`
	// Multiple values are alternatives, separated by commas or in repeats.
	Multiple bool `json:"multiple"`
	// Except names the zone that does not take it.
	Except string `json:"except,omitempty"`
}

func (s *Stage) index(w http.ResponseWriter, r *http.Request, v *served) *problem {
	page := indexPage{Subscription: v.key(), Organisation: v.spec.Organisation.ID,
		TLP: v.clearance.TLP.String(), FullAccess: v.clearance.FullAccess, Sources: s.sourceNames(v), Versions: v.indexVersions(s.now())}
	for _, z := range v.zones {
		iz := indexZone{Zone: z}
		if v.api != nil {
			for _, f := range v.formats() {
				if v.lines[f].Current(s.now()) == nil {
					continue // only a preview has it
				}
				iz.URLs = append(iz.URLs, zonePath(z)[1:]+"."+f)
			}
		}
		page.Zones = append(page.Zones, iz)
	}
	if v.api != nil {
		page.Formats, page.MaxEvents, page.Parameters = v.formats(), v.api.MaxEvents, indexParams(v.clearance)
	}
	if v.stream != nil {
		page.Stream = &indexStream{URL: endpointStream, Parameters: []string{"zone", "after"}}
	}
	b, err := json.MarshalIndent(page, "", "  ")
	if err != nil {
		return problemf(http.StatusInternalServerError, codeArchive, "the index could not be written: %v", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(b, '\n'))
	}
	return nil
}

func indexParams(c policy.Clearance) []indexParam {
	list := make([]indexParam, 0, len(parameterTable))
	for i := range parameterTable {
		p := &parameterTable[i]
		ip := indexParam{Name: p.name, Type: p.kind, Access: "unrestricted",
			Allowed: !policy.ForbiddenParam(p.name, c), Multiple: !p.single}
		switch {
		case policy.ForbiddenParam(p.name, policy.Clearance{}):
			ip.Access = "restricted"
		case policy.Fields[p.name] == policy.Anonymized:
			ip.Access = "anonymized"
		}
		if p.notInside {
			ip.Except = zoneInside
		}
		list = append(list, ip)
	}
	return list
}

// sourceNames are the values that the parameter source takes here.
func (s *Stage) sourceNames(v *served) []string {
	sources := s.exchange(v.exchange).Sources
	out := make([]string, 0, len(sources))
	known := policy.NewSources(sources)
	for i := range sources {
		source := sources[i].Source
		if !v.clearance.FullAccess {
			source = known.Shown(source)
		}
		out = append(out, source)
	}
	slices.Sort(out)
	return out
}
