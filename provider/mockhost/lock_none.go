//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package mockhost

import "os"

// lockFile does nothing where the system has no advisory locks.
func lockFile(*os.File) error { return nil }
