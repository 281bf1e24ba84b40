//go:build !linux && !darwin

package sqlite

func diskFull(string) bool { return false }
