package main

import "sort"

func least(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func most(a, b int64) int64 {
	if a > b {
		return a
	}
	return b
}

func clamp(x, low, high int64) int64 { return most(low, least(x, high)) }

func distance(a, b int64) int64 { return most(a-b, b-a) }

// first is the least of m's keys, or 0.
func first[V any](m map[int64]V) int64 {
	keys := make([]int64, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, k int) bool { return keys[i] < keys[k] })
	if len(keys) == 0 {
		return 0
	}
	return keys[0]
}
