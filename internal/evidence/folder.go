package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Folder is an Archive on this machine. It is created if it is missing.
// Documents are for its owner to write and for its group to read.
type Folder struct{ Dir string }

// Location is the document's path.
func (f Folder) Location(name string) string { return filepath.Join(f.Dir, filepath.FromSlash(name)) }

const (
	folderMode   = 0o750
	documentMode = 0o640
)

// Names lists the documents.
func (f Folder) Names(_ context.Context, account string, from time.Time) ([]string, error) {
	if _, err := os.Stat(f.Dir); err != nil {
		return nil, err
	}
	var names []string
	below := os.DirFS(f.Dir)
	err := fs.WalkDir(below, account, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if day, of := strings.CutPrefix(name, account+"/"); of && len(day) == len(dayOf(from)) && day < dayOf(from) {
				return fs.SkipDir
			}
			return nil
		}
		names = append(names, name)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no run on this account has left any
	}
	return names, err
}

// Open reads a document.
func (f Folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(f.Location(name))
}

// Put writes the document beside its place and then moves it there.
func (f Folder) Put(_ context.Context, name, _ string, text []byte) (err error) {
	place := f.Location(name)
	if err := os.MkdirAll(filepath.Dir(place), folderMode); err != nil {
		return withFolderHint(err)
	}
	unfinished, err := os.CreateTemp(filepath.Dir(place), "."+filepath.Base(place)+".*")
	if err != nil {
		return withFolderHint(err)
	}
	defer func() { _ = os.Remove(unfinished.Name()) }() // it has two names by then, or is incomplete
	_, err = unfinished.Write(text)
	err = errors.Join(err, unfinished.Chmod(documentMode), unfinished.Sync(), unfinished.Close())
	if err != nil {
		return err
	}
	// Unlike a rename, a link never takes the place of what is there.
	err = os.Link(unfinished.Name(), place)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, there := os.Lstat(place); !errors.Is(there, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", place, fs.ErrExist)
	}
	return os.Rename(unfinished.Name(), place) // a file system without links
}

func withFolderHint(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; let Sleuth write to the folder that SLEUTH_EVIDENCE names, or name another", err)
	}
	return err
}
