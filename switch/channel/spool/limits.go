package spool

import "time"

const (
	// pollEvery is how often the folder is looked at.
	pollEvery = 100 * time.Millisecond

	// maxFile bounds a command in bytes.
	maxFile = 16 << 10

	// maxOut is how many files may lie in out. Nobody fetches them when there are more: the device counts as down.
	maxOut = 10_000

	// maxPass is how many files one look takes.
	maxPass = 256
)
