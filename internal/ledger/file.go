package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// File is a Store in one bbolt file, synced to the disk on every write and
// locked for as long as it is open.
//
// Its leases live in memory only. While the file is open no other process can
// hold one, so a lease from an earlier opening could only be a dead process's,
// and there would be nothing to accept in it.
type File struct {
	path   string
	now    func() time.Time
	handle *os.File // the descriptor that db locks
	leases leases

	readOnly bool
	db       *bolt.DB // nil for a file that is not there, opened for reading

	mu     sync.Mutex
	broken error // set once the file has been found damaged; db is not touched again
}

// Load implements Store.
func (f *File) Load(ctx context.Context, account string) ([]Record, error) {
	return f.collect(ctx, func(tx *bolt.Tx, visit visitor) error {
		return eachRecordOf(tx, account, visit)
	})
}

// List implements Store.
func (f *File) List(ctx context.Context) ([]Record, error) {
	return f.collect(ctx, eachRecord)
}

// ListPending implements Store.
func (f *File) ListPending(ctx context.Context) ([]Record, error) {
	return f.gather(ctx, collector{pendingOnly: true}, eachRecord)
}

// Get implements Store.
func (f *File) Get(ctx context.Context, account, keyID string) (Record, bool, error) {
	records, err := f.collect(ctx, func(tx *bolt.Tx, visit visitor) error {
		if bucket := accountBucket(tx, account); bucket != nil {
			if text := bucket.Get([]byte(keyID)); text != nil {
				visit(account, keyID, text)
			}
		}
		return nil
	})
	return only(records, err)
}

func (f *File) collect(ctx context.Context, each func(*bolt.Tx, visitor) error) ([]Record, error) {
	return f.gather(ctx, collector{}, each)
}

func (f *File) gather(ctx context.Context, c collector, each func(*bolt.Tx, visitor) error) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.store, c.now = f.String(), f.now()
	if err := f.view(func(tx *bolt.Tx) error { return each(tx, c.add) }); err != nil {
		return nil, err
	}
	return c.result()
}

// visitor is shown one stored record. The text is only good until it returns.
type visitor func(account, keyID string, text []byte)

func eachRecord(tx *bolt.Tx, visit visitor) error {
	records := recordsOf(tx)
	if records == nil {
		return nil
	}
	return records.ForEachBucket(func(account []byte) error {
		return eachRecordOf(tx, string(account), visit)
	})
}

func eachRecordOf(tx *bolt.Tx, account string, visit visitor) error {
	bucket := accountBucket(tx, account)
	if bucket == nil {
		return nil
	}
	return bucket.ForEach(func(keyID, text []byte) error {
		visit(account, string(keyID), text)
		return nil
	})
}

// recordsOf returns the bucket of all records; nil in a file with nothing in
// it yet.
func recordsOf(tx *bolt.Tx) *bolt.Bucket {
	root := tx.Bucket(rootBucket)
	if root == nil {
		return nil
	}
	return root.Bucket(recordsBucket)
}

// accountBucket returns the bucket of an account; nil if nothing is known
// of it.
func accountBucket(tx *bolt.Tx, account string) *bolt.Bucket {
	records := recordsOf(tx)
	if records == nil {
		return nil
	}
	return records.Bucket([]byte(account))
}

// Put implements Store; of several records it writes all or none.
func (f *File) Put(ctx context.Context, records ...*Record) error {
	if err := cmp.Or(ctx.Err(), checkPut(records)); err != nil {
		return err
	}
	batch := make([]revised, len(records))
	err := f.update(func(tx *bolt.Tx) error {
		for i, r := range records {
			var err error
			if batch[i], err = f.replace(tx, *r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, r := range records {
		r.d.Revision = batch[i].revision
	}
	return nil
}

func (f *File) replace(tx *bolt.Tx, r Record) (revised, error) {
	bucket, err := recordsOf(tx).CreateBucketIfNotExists([]byte(r.d.Account))
	if err != nil {
		return revised{}, err
	}
	var stored Record
	if text := bucket.Get([]byte(r.d.KeyID)); text != nil {
		if stored, err = decode(text, r.d.Account, r.d.KeyID); err != nil {
			return revised{}, &DamagedError{Store: f.String(), Account: r.d.Account, KeyID: r.d.KeyID, Err: err}
		}
	}
	next, err := revise(stored, r, f.now())
	if err != nil {
		return revised{}, err
	}
	bucket.FillPercent = 1 // a page has few records, and halves would double the file
	return next, bucket.Put([]byte(r.d.KeyID), next.text)
}

// Delete implements Store.
func (f *File) Delete(ctx context.Context, account, keyID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.update(func(tx *bolt.Tx) error {
		bucket := accountBucket(tx, account)
		if bucket == nil {
			return nil
		}
		return bucket.Delete([]byte(keyID))
	})
}

func (f *File) view(look func(*bolt.Tx) error) error {
	err := f.guard(func(db *bolt.DB) error { return db.View(look) })
	return f.failed("read", err)
}

func (f *File) update(change func(*bolt.Tx) error) error {
	if f.readOnly {
		return f.failed("write", ErrReadOnly)
	}
	err := f.guard(func(db *bolt.DB) error { return db.Update(change) })
	return f.failed("write", err)
}

// prune removes the records that have expired.
func (f *File) prune() error {
	var expired []recordID
	now := f.now()
	err := f.view(func(tx *bolt.Tx) error {
		return eachRecord(tx, func(account, keyID string, text []byte) {
			if r, err := decode(text, account, keyID); err == nil && r.expired(now) {
				expired = append(expired, recordID{account, keyID})
			}
		})
	})
	if err != nil || len(expired) == 0 {
		return err
	}
	return f.update(func(tx *bolt.Tx) error {
		for _, id := range expired {
			if err := accountBucket(tx, id.account).Delete([]byte(id.keyID)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Acquire implements Store.
func (f *File) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.readOnly {
		return f.failed("lease", ErrReadOnly)
	}
	return f.leases.acquire(account, holder, now, ttl)
}

// Release implements Store.
func (f *File) Release(ctx context.Context, account, holder string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.leases.release(account, holder)
	return nil
}

// String implements Store.
func (f *File) String() string { return "file:" + f.path }

// Close implements Store. The file is free for others from then on.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.db == nil:
		return nil
	case f.broken != nil:
		// A transaction that ended in a panic may have left db's own locks
		// taken, so db cannot be asked to let others in.
		return abandon(f.handle)
	}
	return f.failed("close", f.db.Close())
}

// failed adds to an error what was being done, unless it says enough itself.
func (f *File) failed(doing string, err error) error {
	var file *FileError
	var record *DamagedError
	if err == nil || errors.As(err, &file) || errors.As(err, &record) || errors.Is(err, ErrConflict) {
		return err
	}
	return fmt.Errorf("%s the state file %s: %w", doing, f.path, err)
}
