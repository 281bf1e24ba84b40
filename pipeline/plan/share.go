package plan

import (
	"fmt"
	"strconv"
	"strings"
)

// Share is what one of several pods has of the objects: those whose Shard is Index
// of Count. The zero Share is all of them.
type Share struct{ Index, Count int }

// Has reports whether the pod has the object.
func (s Share) Has(namespace, name string) bool {
	return s.Count <= 1 || Shard(namespace, name, s.Count) == s.Index
}

// HasKey is Has for a key of the config bucket: <prefix>.<namespace>.<name>.
func (s Share) HasKey(key string) bool {
	_, rest, _ := strings.Cut(key, ".")
	namespace, name, _ := strings.Cut(rest, ".")
	return s.Has(namespace, name)
}

// String is Index/Count.
func (s Share) String() string { return strconv.Itoa(s.Index) + "/" + strconv.Itoa(max(s.Count, 1)) }

// ParseShare reads Index/Count, for example 0/4.
func ParseShare(text string) (Share, error) {
	index, count, _ := strings.Cut(text, "/")
	i, err := strconv.Atoi(index)
	n, err2 := strconv.Atoi(count)
	if err != nil || err2 != nil || i < 0 || i >= n || n > 1<<16 {
		return Share{}, fmt.Errorf("%q is no share; write index/count, such as 0/4", text)
	}
	return Share{i, n}, nil
}
