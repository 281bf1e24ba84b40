package idea

import (
	"slices"
	"testing"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

func TestCategoriesAreThoseOfEvents(t *testing.T) {
	for name, kind := range kinds {
		if _, ok := event.ParseCategory(kind.category); !ok || kind.typ != "" && !slices.Contains(event.Types(""), kind.typ) {
			t.Errorf("%s: %v", name, kind)
		}
	}
}

func TestAMessageStaysWithWhatItMeansBesideIt(t *testing.T) {
	for in, want := range map[string]string{
		`{ } `: `{ "source":{},"target":{},"attach":{}}`,
		`{"Category":["Recon.Scanning"],"Source":[{"IP4":["192.0.2.1-192.0.2.9"],"Port":["20-30",22,23],"ASN":"AS64496"},{"IP6":["2001:db8::1","2001:db8::2"],"Proto":["IPv6-ICMP"]}]}`: `` +
			`{"Category":["Recon.Scanning"],"Source":[{"IP4":["192.0.2.1-192.0.2.9"],"Port":["20-30",22,23],"ASN":"AS64496"},{"IP6":["2001:db8::1","2001:db8::2"],"Proto":["IPv6-ICMP"]}],` +
			`"category":"scanning","type":"scanner","source":{"ip":"2001:db8::1","ips":["2001:db8::1","2001:db8::2"],"network":"192.0.2.1-192.0.2.9","port":"22","ports":["20-30","22","23"],"proto":"icmp","asn":"AS64496"},"target":{},"attach":{}}`,
	} {
		text, _ := Append(nil, in)
		got := string(text)
		if _, err := record.Parse(got); err != nil || got != want {
			t.Errorf("%s: got\n%s, %v, want\n%s", in, got, err, want)
		}
	}
}
