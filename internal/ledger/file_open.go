package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// The layout of the file: all of it is in one bucket, beside the number of the
// layout. Records are in a bucket for each account.
var (
	rootBucket    = []byte("sleuth")
	formatKey     = []byte("format")
	recordsBucket = []byte("records")
	runsBucket    = []byte("runs")
)

const fileFormat = "1"

// lockTimeout is how long to wait for another process to let go of the file.
const lockTimeout = time.Second

// InUseError says that another process has the state file open.
type InUseError struct{ Path string }

func (e *InUseError) Error() string {
	return fmt.Sprintf("the state file %s is in use by another sleuth; wait until it is done, or set SLEUTH_STATE to another file", e.Path)
}

// FileError says that a state file cannot be read. It has
// been left as it was.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string {
	return fmt.Sprintf("the state file %s cannot be used: %v; nothing in it was changed: restore it from a copy, or set SLEUTH_STATE to another file, and what it remembers is forgotten",
		e.Path, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// OpenFile opens the state file at path, and makes it, and its folder, where
// they are missing. Only its owner can read it. A file that another process
// has open gives an *InUseError after a second, and one that is not a state
// file, or damaged, a *FileError.
//
// The file is locked with flock: keep it on a disk of this machine, or on a
// network file system that has such locks.
func OpenFile(path string, opts ...Option) (*File, error) {
	o := applyOptions(opts)
	found, err := holdsAnything(path)
	if err != nil {
		return nil, err
	}
	if found {
		if err := inspect(path); err != nil {
			return nil, err
		}
	}
	f := &File{path: path, now: o.now, readOnly: o.readOnly}
	switch {
	case o.readOnly && !found:
		return f, nil
	case !o.readOnly:
		if err := makeFolder(filepath.Dir(path)); err != nil {
			return nil, f.failed("make the folder of", err)
		}
	}
	if err := f.open(); err != nil {
		return nil, err
	}
	if o.readOnly {
		return f, nil
	}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// holdsAnything reports whether there is something at path to be careful with.
// A process that was killed between making the file and writing to it leaves
// an empty one.
func holdsAnything(path string) (bool, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at the state file %s: %w", path, err)
	case !info.Mode().IsRegular():
		return false, &FileError{path, errors.New("it is not a regular file")}
	}
	return info.Size() > 0, nil
}

// inspect looks at a file through an opening that cannot write, so that a
// foreign or damaged one is found out before anything could be changed in it.
func inspect(path string) error {
	f := &File{path: path, readOnly: true}
	if err := f.open(); err != nil {
		return err
	}
	err := f.view(func(tx *bolt.Tx) error {
		info, err := f.handle.Stat()
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return &FileError{path, fmt.Errorf("it is cut short: %d bytes of %d are there", info.Size(), tx.Size())}
		}
		if err := f.checkLayout(tx); err != nil {
			return err
		}
		// Every page that leads to a record is looked at.
		return eachRecord(tx, func(string, string, []byte) {})
	})
	return errors.Join(err, f.Close())
}

// checkLayout accepts a file of this layout, and one with nothing in it yet.
func (f *File) checkLayout(tx *bolt.Tx) error {
	root := tx.Bucket(rootBucket)
	if root == nil {
		if first, _ := tx.Cursor().First(); first != nil {
			return &FileError{f.path, errors.New("it is another program's")}
		}
		return nil
	}
	if format := string(root.Get(formatKey)); format != fileFormat {
		return &FileError{f.path, fmt.Errorf("its layout is %q, and this Sleuth knows %q: use a newer Sleuth", format, fileFormat)}
	}
	if root.Bucket(recordsBucket) == nil {
		return &FileError{f.path, errors.New("it has no place for records")}
	}
	return nil
}

// open opens the file as f.readOnly says, and locks it.
func (f *File) open() error {
	options := &bolt.Options{
		Timeout:  lockTimeout,
		ReadOnly: f.readOnly,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			f.handle, err = os.OpenFile(name, flag, mode) //nolint:gosec // the path is the operator's to choose
			return f.handle, err
		},
	}
	err := survive(f.path, func() (err error) {
		f.db, err = bolt.Open(f.path, 0o600, options)
		return err
	})
	if err == nil {
		return nil
	}
	if f.handle != nil {
		err = errors.Join(err, abandon(f.handle)) // left open if bbolt panicked
	}
	var system syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return &InUseError{f.path}
	case errors.As(err, &system):
		return f.failed("open", err)
	case errors.Is(err, bolterrors.ErrInvalid):
		return &FileError{f.path, errors.New("it is not a state file, or its beginning is damaged")}
	}
	return damaged(f.path, err)
}

// prepare makes a file that has just been opened for writing ready for use.
func (f *File) prepare() error {
	if err := f.keepPrivate(); err != nil {
		return f.failed("keep others out of", err)
	}
	var fresh bool
	err := f.view(func(tx *bolt.Tx) error {
		fresh = recordsOf(tx) == nil
		return f.checkLayout(tx)
	})
	if err != nil {
		return err
	}
	if fresh {
		return f.layOut()
	}
	return f.prune()
}

func (f *File) keepPrivate() error {
	info, err := f.handle.Stat()
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return f.handle.Chmod(0o600)
}

func (f *File) layOut() error {
	err := f.update(func(tx *bolt.Tx) error {
		root, err := tx.CreateBucket(rootBucket)
		if err != nil {
			return err
		}
		if _, err := root.CreateBucket(recordsBucket); err != nil {
			return err
		}
		return root.Put(formatKey, []byte(fileFormat))
	})
	if err != nil {
		return err
	}
	// A new file is only found again after a power cut if its folder's entry
	// is on the disk as well.
	return f.failed("make", syncFolder(filepath.Dir(f.path)))
}

// makeFolder makes a folder that only its owner can enter, and those above it,
// and sees their entries onto the disk.
func makeFolder(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // which has no such call, and needs none
		return nil
	}
	folder, err := os.Open(path) //nolint:gosec // the path is the operator's to choose
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// guard runs do on the file, unless it is not there or has been found damaged.
func (f *File) guard(do func(*bolt.DB) error) error {
	if f.db == nil {
		return nil
	}
	f.mu.Lock()
	broken := f.broken
	f.mu.Unlock()
	if broken != nil {
		return broken
	}
	err := survive(f.path, func() error { return do(f.db) })
	var unusable *FileError
	if errors.As(err, &unusable) {
		f.mu.Lock()
		f.broken = unusable
		f.mu.Unlock()
	}
	return err
}

// survive runs do and turns a panic into a *FileError: bbolt trusts its pages,
// and damaged ones lead it outside of them, or of the file.
func survive(path string, do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = damaged(path, fmt.Errorf("%v", cause))
		}
	}()
	return do()
}

func damaged(path string, cause error) error {
	var already *FileError
	if errors.As(cause, &already) {
		return cause
	}
	return &FileError{path, fmt.Errorf("it is damaged (%w)", cause)}
}

// abandon closes what bbolt may have left open and locked.
func abandon(handle *os.File) error {
	unlock(handle)
	if err := handle.Close(); !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}
