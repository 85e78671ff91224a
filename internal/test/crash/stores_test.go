package crash

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

// TestMain has the many short-lived worlds of these tests collected less often.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// inFile keeps state in a real file. Every process opens it again.
func inFile(t *testing.T, w *world) opener {
	path := filepath.Join(t.TempDir(), "state.db")
	return func(p *process) (ledger.Store, error) {
		var file *ledger.File
		err := p.pass(p.ctx, "state open", func() error {
			var err error
			file, err = ledger.OpenFile(path, ledger.Clock(p.now))
			return err
		})
		if err != nil {
			if file != nil {
				_ = file.Close()
			}
			return nil, err
		}
		return gated{file, p}, nil
	}
}

// inMemory is a store that outlives processes, leases and all, writes record by
// record, and removes what has expired: what DynamoDB is to Sleuth, at no cost.
func inMemory(_ *testing.T, w *world) opener {
	shared := expiring{ledger.NewMemory(), w.Now}
	return func(p *process) (ledger.Store, error) {
		p.eachRecordAlone = true
		return gated{shared, p}, nil
	}
}

// expiring removes the records that have expired before each call, as DynamoDB
// does by their time to live.
type expiring struct {
	*ledger.MemoryStore
	now func() time.Time
}

func (e expiring) sweep(ctx context.Context) error {
	records, err := e.List(ctx)
	if err != nil {
		return err
	}
	for _, r := range records {
		if expires := r.Expires(); !expires.IsZero() && expires.Before(e.now()) {
			if err := e.Delete(ctx, r.Account(), r.KeyID()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e expiring) Load(ctx context.Context, account string) ([]ledger.Record, error) {
	if err := e.sweep(ctx); err != nil {
		return nil, err
	}
	return e.MemoryStore.Load(ctx, account)
}

func (e expiring) ListPending(ctx context.Context) ([]ledger.Record, error) {
	if err := e.sweep(ctx); err != nil {
		return nil, err
	}
	return e.MemoryStore.ListPending(ctx)
}

func (e expiring) Get(ctx context.Context, account, keyID string) (ledger.Record, bool, error) {
	if err := e.sweep(ctx); err != nil {
		return ledger.Record{}, false, err
	}
	return e.MemoryStore.Get(ctx, account, keyID)
}

func (e expiring) Put(ctx context.Context, records ...*ledger.Record) error {
	if err := e.sweep(ctx); err != nil {
		return err
	}
	return e.MemoryStore.Put(ctx, records...)
}

// some leaves out two of three calls to DynamoDB, unless everything is to be
// tried, as in CI: moto takes its time.
func some(calls []call, inDynamoDB bool) []call {
	if !inDynamoDB || os.Getenv("SLEUTH_REQUIRE_ALL") == "1" {
		return calls
	}
	var kept []call
	for i := 0; i < len(calls); i += 3 {
		kept = append(kept, calls[i])
	}
	return kept
}

// tables is the table that all worlds with DynamoDB state share, as accounts
// share one in an organization.
var tables struct {
	once   sync.Once
	config aws.Config
	err    error
}

const table = "sleuth-state"

// inDynamoDB keeps state in a table on moto.
func inDynamoDB(t *testing.T, w *world) opener {
	t.Helper()
	moto := mototest.Shared(t)
	tables.once.Do(func() {
		tables.config = moto.Account(t).Config(t.Context())
		_, tables.err = dynamodb.NewFromConfig(tables.config).CreateTable(t.Context(), ledger.TableDefinition(table))
	})
	if tables.err != nil {
		t.Fatalf("making a table on moto: %v", tables.err)
	}
	return func(p *process) (ledger.Store, error) {
		cfg := p.awsConfig(moto.URL, p.dynamoWire())
		cfg.Credentials = tables.config.Credentials
		client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
			o.Retryer = awsretry.AddWithMaxAttempts(cfg.Retryer(), 10)
		})
		return ledger.NewDynamoDB(client, table, ledger.Clock(p.now)), nil
	}
}
