package gitsource

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// temporaryCopy begins the name of every temporary copy's folder.
const temporaryCopy = "sealift-clone-"

// lockCopy locks a temporary copy for as long as its program runs, also against a kill: that is how sweepCopies knows what
// is left over. The file that it locks is the copy's mark.
func lockCopy(dir string) (*flock.Flock, error) {
	name := filepath.Join(dir, copyMark)
	if _, err := os.Stat(name); err != nil { // a lock would make it
		return nil, err
	}
	lock := flock.New(name, flock.SetFlag(os.O_RDONLY))
	held, err := lock.TryLock()
	if err == nil && !held {
		err = errors.New("it is locked by another program")
	}
	if err == nil {
		_, err = os.Stat(name) // somebody may have swept it, ahead of the lock
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// sweepCopies removes the temporary copies that programs of this user left which were killed: those whose lock nobody
// holds. What cannot be removed stays: a copy in use is fetched anew by whoever it belongs to.
func sweepCopies(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), temporaryCopy) {
			continue
		}
		info, err := entry.Info()
		if err != nil || !info.IsDir() || !ownedByUser(info) {
			continue
		}
		dir := filepath.Join(parent, entry.Name())
		if lock, err := lockCopy(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}
