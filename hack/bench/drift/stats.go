package main

import (
	"fmt"
	"math"
)

// ratio is k of n.
type ratio struct{ K, N int }

func (r *ratio) add(hit bool) {
	r.N++
	if hit {
		r.K++
	}
}

// share is K/N, NaN if there is nothing to divide.
func (r ratio) share() float64 { return float64(r.K) / float64(r.N) }

// wilson is the interval that holds the true share with 95 %.
func (r ratio) wilson() (low, high float64) {
	if r.N == 0 {
		return 0, 1
	}
	const z = 1.959964
	n, p := float64(r.N), r.share()
	mid := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, mid-half), min(1, mid+half)
}

func (r ratio) String() string {
	if r.N == 0 {
		return "-"
	}
	low, high := r.wilson()
	return fmt.Sprintf("%.3f [%.3f, %.3f] %d/%d", r.share(), low, high, r.K, r.N)
}

// poissonUpper is the exact upper bound, with 95 % on one side, of the mean of what
// was counted as k.
func poissonUpper(k int) float64 {
	low, high := 0.0, 10+4*float64(k)
	for range 100 {
		mid := (low + high) / 2
		term, sum := math.Exp(-mid), 0.0
		for i := 0; i <= k; i++ {
			sum += term
			term *= mid / float64(i+1)
		}
		if sum > 0.05 {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}
