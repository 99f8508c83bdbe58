package speech

import "math"

// The low-pass filter of Resample: a sinc of so many lobes on each side under a Blackman window, that lets pass up to a
// share of half the rate. The difference of what a telephone carries (300 to 3400 Hz) from the true samples, and what
// folds back into it from above 4300 Hz, are 60 dB down or more.
const (
	lobes     = 40
	passShare = 0.95
)

// Resample returns samples of another rate at 8000 a second. from is samples a second, at least 8000.
func Resample(in []int16, from int) []int16 {
	if from == Rate {
		return append([]int16(nil), in...)
	}
	divisor := gcd(from, Rate)
	up, down := Rate/divisor, from/divisor
	phases := filter(up, from)
	half := len(phases[0]) / 2
	out := make([]int16, len(in)*up/down)
	for n := range out {
		at, weights := n*down/up, phases[n*down%up]
		sum := 0.0
		first := max(at-half+1, 0)
		for i := first; i < min(at+half+1, len(in)); i++ {
			sum += float64(in[i]) * weights[i-at+half-1]
		}
		out[n] = int16(math.Round(max(math.MinInt16, min(math.MaxInt16, sum))))
	}
	return out
}

// filter returns the weights of the samples around a place, for each of the places between two samples that occur. The
// weight of the sample at that place or before it is in the middle, at len/2 - 1. Each row adds up to 1.
func filter(places, from int) [][]float64 {
	cut := passShare * Rate / float64(from) // of half the rate
	half := int(math.Ceil(lobes / cut))
	rows := make([][]float64, places)
	for p := range rows {
		row, sum := make([]float64, 2*half), 0.0
		for i := range row {
			x := float64(i-half+1) - float64(p)/float64(places)
			row[i] = sinc(cut*x) * blackman(x/float64(half))
			sum += row[i]
		}
		for i := range row {
			row[i] /= sum
		}
		rows[p] = row
	}
	return rows
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// blackman is the window at -1 to 1; 0 beyond.
func blackman(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return 0.42 + 0.5*math.Cos(math.Pi*x) + 0.08*math.Cos(2*math.Pi*x)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
