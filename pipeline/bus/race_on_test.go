//go:build race

package bus

// raceEnabled says that the race detector is on, which makes everything slow.
const raceEnabled = true
