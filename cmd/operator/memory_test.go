package main

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestMemoryIsBoundedByTheContainer(t *testing.T) {
	for name, tc := range map[string]struct {
		file, variable string
		want           int64
	}{
		"a limit":            {file: "536870912\n", want: 536870912 / 10 * 9},
		"none":               {file: "max\n", want: math.MaxInt64},
		"no such file":       {want: math.MaxInt64},
		"the user has a say": {file: "536870912\n", variable: "1GiB", want: math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOMEMLIMIT", tc.variable)
			t.Setenv("GOGC", "100") // left as it is
			before := debug.SetMemoryLimit(math.MaxInt64)
			defer debug.SetMemoryLimit(before)
			file := filepath.Join(t.TempDir(), "memory.max")
			if tc.file != "" {
				if err := os.WriteFile(file, []byte(tc.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			boundMemory(file)
			if got := debug.SetMemoryLimit(-1); got != tc.want {
				t.Errorf("the limit is %d, not %d", got, tc.want)
			}
		})
	}
}

func TestGarbageIsCollectedEarly(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	boundMemory("")
	if got := debug.SetGCPercent(before); got != collectAt {
		t.Errorf("collected at %d%%", got)
	}
}
