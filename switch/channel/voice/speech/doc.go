// Package speech makes the speech of telephone calls: by the program espeak-ng, or by joining recorded prompts, which
// the package brings along and an operator can replace. Which of the two is configuration. Beside them it has what
// speech needs on its way to a telephone: WAV files, the 8000 samples a second of G.711, and its two laws.
package speech

//go:generate go run ../../../../cmd/prompts -dir prompts
