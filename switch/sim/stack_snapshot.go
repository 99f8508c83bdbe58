package sim

import (
	"errors"
	"os"
)

// stackSnapshot is a copy of the database's files as they were some steps ago: what a disk holds that was not told to
// flush. Only the planted bug that loses the last writes makes and uses one.
type stackSnapshot struct{ files map[string][]byte }

// stackLossy is over how many steps at most the planted bug forgets.
const stackLossy = 3

// snapshot copies the files before every stackLossy-th step.
func (l *stackLife) snapshot(n int64) {
	if !l.world.plant.amnesia || n%stackLossy != 0 {
		return
	}
	files := make(map[string][]byte)
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(l.world.database() + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			l.world.fail(err)
		}
		files[suffix] = b
	}
	l.saved.files = files
}

// restore puts the copy in the place of the files when the life was ended by a crash.
func (s stackSnapshot) restore(l *stackLife) {
	if s.files == nil || !l.dying.Load() {
		return
	}
	err := os.RemoveAll(l.world.database() + "-shm")
	for suffix, b := range s.files {
		err = errors.Join(err, os.WriteFile(l.world.database()+suffix, b, 0o600))
	}
	if err != nil {
		l.world.fail(err)
	}
}
