//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package ledger

import (
	"os"
	"syscall"
)

// unlock gives up the lock that bbolt has on an open file. Closing the file is
// not enough if bbolt can no longer be asked to unmap it: the lock lives as
// long as the map does.
func unlock(handle *os.File) {
	_ = syscall.Flock(int(handle.Fd()), syscall.LOCK_UN) // at worst it is held until the process ends
}
