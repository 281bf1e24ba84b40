package repair

import "math"

// maxSide bounds the columns of either side of an assignment.
const maxSide = 256

// assign finds the pairing of rows with columns of a matrix of scores that has the
// greatest sum (the Hungarian method with potentials, O(n^3)). A row that is better
// off alone, since it has no score above alone, gets -1.
func assign(scores [][]float64, alone float64) (pairs []int, sum float64) {
	rows := len(scores)
	if rows == 0 {
		return nil, 0
	}
	columns := len(scores[0])
	// One column more for each row stands for no partner.
	width := columns + rows
	cost := func(i, j int) float64 {
		switch {
		case j < columns:
			return -scores[i][j]
		case j == columns+i:
			return -alone
		}
		return forbidden
	}
	match := hungarian(rows, width, cost)
	pairs = make([]int, rows)
	for i := range pairs {
		pairs[i] = -1
	}
	for j, i := range match {
		switch {
		case i < 0:
		case j < columns && scores[i][j] > alone:
			pairs[i] = j
			sum += scores[i][j]
		default:
			sum += alone
		}
	}
	return pairs, sum
}

// forbidden is the cost of what must not be paired.
const forbidden = 1e6

// hungarian returns for each column the row that it is matched with, or -1. There
// are no more rows than columns.
func hungarian(rows, columns int, cost func(i, j int) float64) []int {
	u, v := make([]float64, rows+1), make([]float64, columns+1)
	match, way := make([]int, columns+1), make([]int, columns+1) // rows count from 1, 0 is none
	least, used := make([]float64, columns+1), make([]bool, columns+1)
	for i := 1; i <= rows; i++ {
		match[0] = i
		for j := range least {
			least[j], used[j] = math.Inf(1), false
		}
		at := 0
		for match[at] != 0 {
			at = step(at, match, way, least, used, u, v, cost)
		}
		for at != 0 {
			match[at] = match[way[at]]
			at = way[at]
		}
	}
	out := make([]int, columns)
	for j := range out {
		out[j] = match[j+1] - 1
	}
	return out
}

// step lengthens the alternating path by the nearest column.
func step(at int, match, way []int, least []float64, used []bool, u, v []float64, cost func(i, j int) float64) int {
	used[at] = true
	row, next, delta := match[at], 0, math.Inf(1)
	for j := 1; j < len(match); j++ {
		if used[j] {
			continue
		}
		if c := cost(row-1, j-1) - u[row] - v[j]; c < least[j] {
			least[j], way[j] = c, at
		}
		if least[j] < delta {
			delta, next = least[j], j
		}
	}
	for j := range match {
		if used[j] {
			u[match[j]] += delta
			v[j] -= delta
		} else {
			least[j] -= delta
		}
	}
	return next
}

// maxRegrets bounds the pairs whose margin is computed by solving again.
const maxRegrets = 48

// regrets tells for each pair by how much the whole is worse without it.
func regrets(scores [][]float64, alone float64, pairs []int, sum float64) []float64 {
	out := make([]float64, len(pairs))
	solved := 0
	for i, j := range pairs {
		if j < 0 {
			continue
		}
		if solved++; solved > maxRegrets {
			out[i] = nearest(scores, alone, i, j)
			continue
		}
		kept := scores[i][j]
		scores[i][j] = 0
		_, without := assign(scores, alone)
		scores[i][j] = kept
		out[i] = sum - without
	}
	return out
}

// nearest is by how much a pair is better than the next of its row and column.
func nearest(scores [][]float64, alone float64, i, j int) float64 {
	second := alone
	for k := range scores[i] {
		if k != j {
			second = max(second, scores[i][k])
		}
	}
	for k := range scores {
		if k != i {
			second = max(second, scores[k][j])
		}
	}
	return max(scores[i][j]-second, 0)
}
