package contract

import (
	"context"
	"fmt"
	"strings"
)

// Published is a format as a version of it was released.
type Published struct {
	Version Version
	Sample  Sample
}

// Grown says why a version cannot be released after another: because its number
// grew less than the format changed. What is released under a number that is out
// must not differ at all.
func Grown(ctx context.Context, was, is Published) error {
	name := is.Sample.Shape.Format
	c, err := Compare(ctx, was.Sample, is.Sample)
	if err != nil {
		return err
	}
	if is.Version.Compare(was.Version) < 0 {
		return fmt.Errorf("%s: version %s comes after %s; a version never goes back", name, is.Version, was.Version)
	}
	step := Step(was.Version, is.Version)
	if c.Level <= step {
		return nil
	}
	var why []string
	for _, f := range c.Findings[:min(len(c.Findings), 4)] {
		why = append(why, fmt.Sprintf("%s (%s): %s", f.Level, f.Code, f.Sentence))
	}
	return fmt.Errorf("%s: from version %s to %s is a %s change, but the format had a %s one; make it version %s, or undo:\n%s",
		name, was.Version, is.Version, step, c.Level, was.Version.Next(c.Level), strings.Join(why, "\n"))
}
