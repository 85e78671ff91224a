package ledger

import bolt "go.etcd.io/bbolt"

// Plant stores text as a record, as a newer or a faulty program might.
func (f *File) Plant(account, keyID, text string) error {
	return f.update(func(tx *bolt.Tx) error {
		bucket, err := recordsOf(tx).CreateBucketIfNotExists([]byte(account))
		if err != nil {
			return err
		}
		return bucket.Put([]byte(keyID), []byte(text))
	})
}

// PlantRun is Plant for the last run on an account.
func (f *File) PlantRun(account, text string) error {
	return f.update(func(tx *bolt.Tx) error {
		runs, err := tx.Bucket(rootBucket).CreateBucketIfNotExists(runsBucket)
		if err != nil {
			return err
		}
		return runs.Put([]byte(account), []byte(text))
	})
}

// Text returns a record as it is stored; "" if there is none.
func (f *File) Text(account, keyID string) (stored string, err error) {
	err = f.view(func(tx *bolt.Tx) error {
		if bucket := accountBucket(tx, account); bucket != nil {
			stored = string(bucket.Get([]byte(keyID)))
		}
		return nil
	})
	return stored, err
}

// Syncs reports whether every write waits for the disk.
func (f *File) Syncs() bool { return !f.db.NoSync && !f.db.NoGrowSync }

// Raw is the stored form of a record, for tests that need one which no
// transition makes.
func (r *Record) Raw() *fields { return &r.d }

// Fields is the stored form of a record.
type Fields = fields

// FromFields is the record with this stored form.
func FromFields(f Fields) Record { return Record{f} }
