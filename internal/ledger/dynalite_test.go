package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/test/npm"
)

// serveDynalite runs dynalite on a port of its choice until its standard input
// ends.
const serveDynalite = `
const server = require(process.argv[1])({ createTableMs: 0 });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
`

// startDynalite runs dynalite, a DynamoDB by others than moto's authors, for
// the length of a test, and returns a client.
func startDynalite(t *testing.T) *dynamodb.Client {
	t.Helper()
	folder, node := npm.Installed(t, npm.Dynalite), npm.Program(t, "node")
	// Not the test's own context: that ends before its clean-up begins.
	server := exec.CommandContext(context.WithoutCancel(t.Context()), node, "-e", serveDynalite, filepath.Clean(folder))
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	server.Stderr = &complaints
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = server.Wait()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = stdin.Close()
		_ = server.Wait()
		t.Fatalf("start dynalite: %v: %s", err, &complaints)
	}
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		BaseEndpoint: aws.String("http://127.0.0.1:" + strings.TrimSpace(port)),
	})
}

// newDynaliteTable makes a table of its own name and waits until it is there.
func newDynaliteTable(t *testing.T, client *dynamodb.Client, name string) {
	t.Helper()
	if _, err := client.CreateTable(t.Context(), ledger.TableDefinition(name)); err != nil {
		t.Fatal(err)
	}
	waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = time.Millisecond })
	if err := waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
}

// TestDynalite holds the contract on a second implementation of DynamoDB, one
// that says nothing of the item that a condition failed on.
func TestDynalite(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: dynalite, as the tests are to be short")
	}
	client := startDynalite(t)
	var tables atomic.Int32
	open := func(t *testing.T) workshop {
		name := fmt.Sprint("sleuth-", tables.Add(1))
		newDynaliteTable(t, client, name)
		return workshopIn(client, name)
	}
	// The subtests run side by side, and dynalite until the last has ended.
	t.Run("contract", func(t *testing.T) {
		testContract(t, func(t *testing.T) ledger.Store { return open(t).store })
		testLastingContract(t, open)
	})
}

// tightLipped is a DynamoDB that leaves the item out of the answer if a
// condition fails, as emulators and proxies do. Before a query, beforeRead is called.
type tightLipped struct {
	ledger.DynamoDBAPI
	mu         sync.Mutex
	beforeRead func()
	failReads  error
	puts       int
}

func (d *tightLipped) PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	d.mu.Lock()
	d.puts++
	d.mu.Unlock()
	out, err := d.DynamoDBAPI.PutItem(ctx, in, opts...)
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		failed.Item = nil
	}
	return out, err
}

func (d *tightLipped) Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	if d.failReads != nil {
		return nil, d.failReads
	}
	if d.beforeRead != nil {
		d.beforeRead()
	}
	return d.DynamoDBAPI.Query(ctx, in, opts...)
}

// TestDynamoDBAnswersWithoutItem: what stands in the way of a write is read if
// the answer leaves it out, and a running run's lease is never advised away.
func TestDynamoDBAnswersWithoutItem(t *testing.T) {
	t.Parallel()
	newClient, _ := newTable(t)
	whole := onTable(newClient())
	api := &tightLipped{DynamoDBAPI: newClient()}
	store := onTable(api)
	acquire := func() error { return store.Acquire(t.Context(), alpha, "two", today, time.Minute) }
	if err := whole.Acquire(t.Context(), alpha, "one", today, time.Hour); err != nil {
		t.Fatal(err)
	}

	var leased *ledger.LeasedError
	if err := acquire(); !errors.As(err, &leased) || leased.Holder != "one" || !leased.Until.Equal(today.Add(time.Hour)) {
		t.Errorf("while another run holds the lease: %v", err)
	}
	api.failReads = errors.New("the table cannot be read")
	if err := acquire(); !errors.Is(err, api.failReads) || strings.Contains(err.Error(), "remove") {
		t.Errorf("while the lease cannot be read: %v", err)
	}
	api.failReads = nil

	// The other gives its lease up between the write and the read.
	api.puts = 0
	api.beforeRead = func() { _ = whole.Release(t.Context(), alpha, "one") }
	if err := acquire(); err != nil || api.puts != 2 {
		t.Errorf("after the other gave its lease up: %v after %d writes", err, api.puts)
	}

	api.beforeRead = nil
	r := warned(alpha, "AKIA1")
	put(t, whole, r)
	late := warned(alpha, "AKIA1")
	late.Raw().User = "late"
	if err := store.Put(t.Context(), late); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("a record that another wrote: %v", err)
	}
	expired := warned(alpha, "AKIA2")
	expired.Raw().Changed = today.AddDate(-2, 0, 0)
	put(t, whole, expired)
	put(t, store, warned(alpha, "AKIA2"))
}
