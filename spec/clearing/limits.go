package clearing

// The limits of a file and of a reader.
const (
	// MaxLines is how many lines a file may have; the next one is refused.
	MaxLines = 20_000_000
	// MaxBad is how many bad lines [Verify] lists; it counts the rest.
	MaxBad = 100
	// MaxBefore and MaxAfter bound the day on which a line was sent: how many days it may lie before, and after, the
	// settlement date of the file. A date that ends at 23:00 has lines of the evening before, one that ends after
	// midnight has lines of the morning after, and reversals come late.
	MaxBefore = 7
	MaxAfter  = 1
	// bufferSize is what a reader holds of a file, in bytes; more than the longest line.
	bufferSize = 64 * 1024
	// progressEvery is after how many lines progress is told.
	progressEvery = 10_000
)
