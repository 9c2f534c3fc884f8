package main

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
