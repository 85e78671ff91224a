package cli

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	bolt "go.etcd.io/bbolt"
)

// moment is a time in a record.
var moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// passDays has everything in a state file be so many days longer ago, as if they
// had passed.
func passDays(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "pass DAYSd STATE-FILE")
	var days int
	_, err := fmt.Sscanf(args[0], "%dd", &days)
	ts.Check(err)
	file, err := bolt.Open(ts.MkAbs(args[1]), 0o600, &bolt.Options{Timeout: time.Second})
	ts.Check(err)
	defer func() { ts.Check(file.Close()) }()
	ts.Check(file.Update(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, bucket *bolt.Bucket) error { return ageBucket(bucket, days) })
	}))
}

func ageBucket(bucket *bolt.Bucket, days int) error {
	aged := map[string]string{}
	err := bucket.ForEach(func(name, value []byte) error {
		if value == nil {
			return ageBucket(bucket.Bucket(name), days)
		}
		aged[string(name)] = moment.ReplaceAllStringFunc(string(value), func(text string) string {
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return text
			}
			return strings.Replace(at.AddDate(0, 0, -days).Format(time.RFC3339Nano), "+00:00", "Z", 1)
		})
		return nil
	})
	for name, value := range aged {
		if err == nil {
			err = bucket.Put([]byte(name), []byte(value))
		}
	}
	return err
}
