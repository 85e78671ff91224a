package crash

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"

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

// inFile keeps state in a real file. Every process opens it anew.
func inFile(t *testing.T, w *world) opener {
	path := filepath.Join(t.TempDir(), "state.db")
	return func(p *process) (ledger.Store, error) {
		var file *ledger.File
		err := p.pass("state open", func() error {
			var err error
			file, err = ledger.OpenFile(path, ledger.Clock(w.Now))
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

// inMemory is a store that outlives processes, leases and all, and writes record
// by record: what DynamoDB is to Sleuth, at no cost.
func inMemory(_ *testing.T, _ *world) opener {
	shared := ledger.NewMemory()
	return func(p *process) (ledger.Store, error) {
		p.eachRecordAlone = true
		return gated{shared, p}, nil
	}
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
		return ledger.NewDynamoDB(client, table, ledger.Clock(w.Now)), nil
	}
}
