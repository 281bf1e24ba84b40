package catalog

import (
	"fmt"
	"strings"
)

// Page is the page of the documentation that lists the feeds.
func Page(feeds []Feed) []byte {
	var b strings.Builder
	providers := 0
	last := ""
	for i := range feeds {
		if p := feeds[i].Provider(); p != last {
			providers, last = providers+1, p
		}
	}
	fmt.Fprintf(&b, pageHead, len(feeds), providers)
	last = ""
	for i := range feeds {
		f := &feeds[i]
		if p := f.Provider(); p != last {
			last = p
			fmt.Fprintf(&b, "\n## %s\n\n| Feed | What it is | Category | Confidence | Format | TLP | Every | Needs | |\n|---|---|---|---|---|---|---|---|---|\n", p)
		}
		fmt.Fprintf(&b, "| [%s](../config/catalog/%s) | %s | %s | %s | %s | %s | %s | %s | [about](%s), [terms](%s) |\n",
			f.Name, f.File, cell(f.Title), strings.Join(f.Categories(), ", "), strings.Join(f.Confidences(), ", "), f.Format(),
			f.Source.Spec.Policy.TLP, f.Schedule(), cell(f.Needs()), f.About, f.Terms)
	}
	return []byte(b.String())
}

const pageHead = `# Catalogue

%d feeds of %d providers, ready to collect. This page is made of [config/catalog](../config/catalog) by ` + "`go run ./hack/catalog`" + `.

` + "```" + `
weir catalog ls                          # all of them
weir catalog ls --category cnc           # those that can tell of command-and-control servers
weir catalog show abuse-ch-urlhaus-recent
weir catalog add  abuse-ch-urlhaus-recent spamhaus --to feeds/
` + "```" + `

` + "`add`" + ` writes manifests, of single feeds or of all of a provider, into a folder for ` + "`weir run`" + ` or
` + "`kubectl apply`" + `. With kustomize each folder is a base: ` + "`resources: [<weir>/config/catalog/abuse-ch]`" + `. The FeedSources
name the Exchange ` + "`main`" + ` of their own namespace. Feeds that need a key name the Secret that holds it.

The publishers own their feeds: read the terms before you use one, and do not collect more often than they ask. The
TLP is what Weir gives to the events, not a word of the publisher; confidence is a first guess, yours to change. What Weir does
with a feed is in its manifest: [FeedSource](feedsource.md), [Parser](parser.md).

Some feeds come by mail, by stream or with a client of the publisher's own. Those read files: the column *Needs* says what
puts them there. [Coverage](catalog-coverage.md) compares the catalogue with those of IntelMQ and n6.
`

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
