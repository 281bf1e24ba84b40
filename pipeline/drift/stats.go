package drift

import (
	"math"
	"slices"
)

// Levels of the tests. A feed that is fetched hourly and has 60 tests a payload
// has half a million tests a year: at alarmLevel one of two such feeds has one
// false alarm a year. Where most of the values changed at once, and not some of
// them, the level can be less strict: such a thing does not happen by chance to
// values of one kind.
const (
	alarmLevel = 1e-6
	wholeLevel = 1e-4
	// onceLevel is for two files that somebody compares because there is reason to.
	onceLevel = 0.02
)

// fewer is the chance that of m values at most x are hits, if of all n+m values
// s+x are hits and chance decides which: Fisher's exact test. Counts of a baseline
// and of a payload that have the same rate give less than level in one of 1/level
// cases, whatever the rate is.
func fewer(s, n, x, m int64) float64 {
	if n <= 0 || m <= 0 || s < 0 || x < 0 || s > n || x > m {
		return 1
	}
	hits := s + x
	least := max(0, hits-n) // so many hits must be among the m values
	// Terms shrink quickly below x, so summing from x downwards ends early.
	term := math.Exp(logChoose(m, x) + logChoose(n, s) - logChoose(n+m, hits))
	sum := 0.0
	for k := x; k >= least; k-- {
		sum += term
		if term < sum*1e-12 {
			break
		}
		// P(k-1)/P(k) of the hypergeometric distribution.
		term *= float64(k) * float64(n-hits+k) / (float64(m-k+1) * float64(hits-k+1))
	}
	return min(sum, 1)
}

// more is the chance that of m values at least x are hits.
func more(s, n, x, m int64) float64 { return fewer(n-s, n, m-x, m) }

func logChoose(n, k int64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// worse are the shares of what a share should be that an e-process considers.
var worse = [...]float64{0.9, 0.7, 0.5, 0.2, 0.02}

// evidence is the logarithm of an e-process against "at least the share floor of
// the values is right", for each of the worse shares; doubt sums it up. By Ville's
// inequality it exceeds log(1/a) with a chance of at most a, no matter how often
// one looks. It starts over when it falls below zero, as in a CUSUM, so that good
// times do not hide bad ones. Values that came before as well are no new evidence:
// fresh is the share of those that are.
func evidence(before []float64, right, of int64, floor, fresh float64) []float64 {
	if of <= 0 || floor <= 0 || floor >= 1 {
		return before
	}
	wrong := float64(of - right)
	after := make([]float64, len(worse))
	some := false
	for i, s := range worse {
		if len(before) == len(worse) {
			after[i] = before[i]
		}
		p := s * floor
		after[i] = max(0, after[i]+fresh*(float64(right)*math.Log(p/floor)+wrong*math.Log((1-p)/(1-floor))))
		some = some || after[i] > 0
	}
	if !some {
		return nil
	}
	return after
}

// doubt is the logarithm of the mean over the worse shares.
func doubt(evidence []float64) float64 {
	if len(evidence) == 0 {
		return 0
	}
	return slices.Max(evidence) - math.Log(float64(len(worse)))
}

// lowerBound is the lower Clopper-Pearson bound of a share of which s of n values
// were seen, at the confidence 1-level.
func lowerBound(s, n int64, level float64) float64 {
	if s <= 0 || n <= 0 {
		return 0
	}
	if s == n {
		return math.Pow(level, 1/float64(n))
	}
	low, high := 0.0, float64(s)/float64(n)
	for range 50 {
		mid := (low + high) / 2
		if atLeast(s, n, mid) < level {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// atLeast is the chance of s or more hits of n with the chance p each.
func atLeast(s, n int64, p float64) float64 {
	if p <= 0 {
		return 0
	}
	term := math.Exp(logChoose(n, s) + float64(s)*math.Log(p) + float64(n-s)*math.Log1p(-p))
	sum := 0.0
	for k := s; k <= n; k++ {
		sum += term
		if term < sum*1e-12 {
			break
		}
		term *= float64(n-k) / float64(k+1) * p / (1 - p)
	}
	return min(sum, 1)
}
