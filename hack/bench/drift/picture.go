package main

import (
	"bytes"
	"fmt"
	"slices"
)

var shownClasses = []string{hard, silent, retired, degraded, semantic, widening, anomaly, additive, cosmetic, ""}

// confusion draws what is taken for what, by classes: a row for each that was
// expected, a column for each that was found.
func confusion(results []*result) []byte {
	counts := make([][]int, len(shownClasses))
	for i := range counts {
		counts[i] = make([]int, len(shownClasses))
	}
	for _, r := range results {
		if r.Skipped != "" {
			continue
		}
		want := ""
		if len(r.Expected) > 0 {
			want = r.Expected[0]
		}
		if slices.Contains(r.Expected, r.Found) {
			want = r.Found
		}
		counts[slices.Index(shownClasses, want)][slices.Index(shownClasses, r.Found)]++
	}
	return drawMatrix(counts)
}

func drawMatrix(counts [][]int) []byte {
	const cell, left, top = 62, 190, 60
	n := len(shownClasses)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12" role="img">`+"\n",
		left+n*cell+20, top+n*34+30)
	fmt.Fprintf(&b, "<title>Expected and found classes of changes</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n")
	fmt.Fprintf(&b, `<text x="%d" y="16" font-weight="bold">found</text><text x="10" y="%d" font-weight="bold">expected</text>`+"\n", left, top-8)
	for i, name := range shownClasses {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, top+i*34+21, label(name))
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" font-size="10">%s</text>`+"\n", left+i*cell+cell/2, top-22+13*(i%2), short(name))
		sum := 0
		for _, k := range counts[i] {
			sum += k
		}
		for j, k := range counts[i] {
			share := float64(k) / float64(max(1, sum))
			fill := fmt.Sprintf("rgba(200,60,40,%.3f)", share)
			if i == j {
				fill = fmt.Sprintf("rgba(30,110,180,%.3f)", share)
			}
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="34" fill="%s" stroke="#ccc"/>`, left+j*cell, top+i*34, cell, fill)
			if k > 0 {
				ink := "#000"
				if share > 0.6 {
					ink = "#fff"
				}
				fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" fill="%s">%d</text>`, left+j*cell+cell/2, top+i*34+21, ink, k)
			}
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "</svg>\n")
	return b.Bytes()
}

func label(name string) string {
	if name == "" {
		return "nothing"
	}
	return name
}

func short(name string) string {
	return map[string]string{hard: "hard", silent: "silent", widening: "widening", additive: "additive", "": "nothing"}[name] + plainName(name)
}

func plainName(name string) string {
	switch name {
	case retired, degraded, semantic, anomaly, cosmetic:
		return name
	}
	return ""
}
