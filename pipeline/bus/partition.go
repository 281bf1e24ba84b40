package bus

import "github.com/cespare/xxhash/v2"

// Partitions is how many partitions event subjects have. It never changes: the
// partition of a source decides which hub replica keeps its state.
const Partitions = 64

// Partition of a source: xxHash64 of its name modulo Partitions.
func Partition(source string) int {
	return int(xxhash.Sum64String(source) % Partitions)
}
