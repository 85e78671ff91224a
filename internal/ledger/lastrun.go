package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	bolt "go.etcd.io/bbolt"
)

var (
	_ Runs = (*MemoryStore)(nil)
	_ Runs = (*File)(nil)
	_ Runs = (*DynamoDB)(nil)
)

// LastRun implements Runs.
func (m *MemoryStore) LastRun(_ context.Context, account string) (LastRun, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runs[account], nil
}

// SetLastRun implements Runs.
func (m *MemoryStore) SetLastRun(_ context.Context, account string, run LastRun) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs[account] = run
	return nil
}

// LastRun implements Runs.
func (f *File) LastRun(ctx context.Context, account string) (run LastRun, err error) {
	if err := ctx.Err(); err != nil {
		return LastRun{}, err
	}
	err = f.view(func(tx *bolt.Tx) error {
		root := tx.Bucket(rootBucket)
		if root == nil || root.Bucket(runsBucket) == nil {
			return nil
		}
		run, err = decodeRun(root.Bucket(runsBucket).Get([]byte(account)), f, account)
		return err
	})
	return run, err
}

// SetLastRun implements Runs.
func (f *File) SetLastRun(ctx context.Context, account string, run LastRun) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	encoded, err := json.Marshal(run)
	if err != nil {
		return err
	}
	return f.update(func(tx *bolt.Tx) error {
		runs, err := tx.Bucket(rootBucket).CreateBucketIfNotExists(runsBucket)
		if err != nil {
			return err
		}
		return runs.Put([]byte(account), encoded)
	})
}

// LastRun implements Runs.
func (d *DynamoDB) LastRun(ctx context.Context, account string) (LastRun, error) {
	items, err := d.readItem(ctx, account, runName)
	if err != nil {
		return LastRun{}, d.failed("read the last run on account "+account, err)
	}
	if len(items) == 0 {
		return LastRun{}, nil
	}
	encoded, _ := textIn(items[0], attrRun)
	return decodeRun([]byte(encoded), d, account)
}

// SetLastRun implements Runs.
func (d *DynamoDB) SetLastRun(ctx context.Context, account string, run LastRun) error {
	doing := "remember the run on account " + account
	if d.readOnly {
		return d.failed(doing, ErrReadOnly)
	}
	encoded, err := json.Marshal(run)
	if err != nil {
		return err
	}
	made := keyItem(account, runName)
	made[attrRun] = stringValue(string(encoded))
	_, err = d.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &d.table, Item: made})
	return d.failed(doing, err)
}

// DamagedRunError says that what is remembered of the last run on an account
// cannot be understood. A run does without it, and SetLastRun replaces it.
type DamagedRunError struct {
	Store, Account string
	Err            error
}

func (e *DamagedRunError) Error() string {
	return fmt.Sprintf("what %s remembers of the last run on account %s cannot be understood: %v; the next run that ends replaces it", e.Store, e.Account, e.Err)
}

func (e *DamagedRunError) Unwrap() error { return e.Err }

// decodeRun reads a run; a missing one is not an error.
func decodeRun(encoded []byte, store fmt.Stringer, account string) (run LastRun, err error) {
	if encoded == nil {
		return LastRun{}, nil
	}
	if err := json.Unmarshal(encoded, &run); err != nil {
		return LastRun{}, &DamagedRunError{Store: store.String(), Account: account, Err: err}
	}
	return run, nil
}
