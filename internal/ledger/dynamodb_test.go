package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

const table = "sleuth-state"

// wire is how a client reaches moto. moto judges a condition and writes in two
// steps, whereas DynamoDB does both in one: so requests go one at a time.
type wire struct {
	oneAtATime sync.Mutex
	base       http.Transport
	// loseAnswers is how many more answers to writes to lose.
	loseAnswers atomic.Int32
	requests    sync.Map // operation to *atomic.Int32
}

func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	w.oneAtATime.Lock()
	defer w.oneAtATime.Unlock()
	_, operation, _ := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
	w.count(operation).Add(1)
	response, err := w.base.RoundTrip(request)
	write := operation == "PutItem" || operation == "DeleteItem"
	if err == nil && write && w.loseAnswers.Add(-1) >= 0 {
		_ = response.Body.Close()
		return nil, errors.New("connection reset by the test")
	}
	return response, err
}

func (w *wire) count(operation string) *atomic.Int32 {
	count, _ := w.requests.LoadOrStore(operation, new(atomic.Int32))
	return count.(*atomic.Int32)
}

// newTable makes a table in an account of its own, or with -short a stand-in.
// The clients of one table share a wire.
func newTable(t *testing.T) (newClient func(...func(*dynamodb.Options)) tableClient, w *wire) {
	t.Helper()
	if testing.Short() {
		w = &wire{}
		return newStandIn(w), w
	}
	config := mototest.Shared(t).Account(t).Config(t.Context())
	w = &wire{}
	t.Cleanup(w.base.CloseIdleConnections)
	config.HTTPClient = &http.Client{Transport: w}
	newClient = func(opts ...func(*dynamodb.Options)) tableClient {
		return dynamodb.NewFromConfig(config, opts...)
	}
	client := dynamodb.NewFromConfig(config)
	if _, err := client.CreateTable(t.Context(), ledger.TableDefinition(table)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UpdateTimeToLive(t.Context(), ledger.ExpiryDefinition(table)); err != nil {
		t.Fatal(err)
	}
	return newClient, w
}

func onTable(client ledger.DynamoDBAPI, opts ...ledger.Option) *ledger.DynamoDB {
	return ledger.NewDynamoDB(client, table, append([]ledger.Option{ledger.Clock(clock)}, opts...)...)
}

func key(account, name string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"account": &types.AttributeValueMemberS{Value: account},
		"item":    &types.AttributeValueMemberS{Value: name},
	}
}

func rawItem(t *testing.T, client tableClient, account, name string) map[string]types.AttributeValue {
	t.Helper()
	return itemIn(t, client, table, account, name)
}

func itemIn(t *testing.T, client tableClient, table, account, name string) map[string]types.AttributeValue {
	t.Helper()
	got, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key(account, name)})
	if err != nil {
		t.Fatal(err)
	}
	return got.Item
}

func TestDynamoDB(t *testing.T) {
	t.Parallel()
	testContract(t, func(t *testing.T) ledger.Store {
		newClient, _ := newTable(t)
		return onTable(newClient())
	})
	testLastingContract(t, func(t *testing.T) workshop {
		newClient, _ := newTable(t)
		return workshopIn(newClient(), table)
	})
}

// workshopIn is a table with a way around its store.
func workshopIn(client tableClient, table string) workshop {
	putItem := func(t *testing.T, planted map[string]types.AttributeValue) {
		t.Helper()
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: planted}); err != nil {
			t.Fatal(err)
		}
	}
	return workshop{
		store: ledger.NewDynamoDB(client, table, ledger.Clock(clock)),
		plant: func(t *testing.T, account, keyID, text string) {
			planted := key(account, "key#"+keyID)
			planted["record"] = &types.AttributeValueMemberS{Value: text}
			planted["revision"] = &types.AttributeValueMemberN{Value: "1"}
			putItem(t, planted)
		},
		plantRun: func(t *testing.T, account, text string) {
			planted := key(account, "run")
			planted["run"] = &types.AttributeValueMemberS{Value: text}
			putItem(t, planted)
		},
		text: func(t *testing.T, account, keyID string) string {
			text, _ := itemIn(t, client, table, account, "key#"+keyID)["record"].(*types.AttributeValueMemberS)
			if text == nil {
				return ""
			}
			return text.Value
		},
	}
}

// TestDynamoDBOfTwoProcesses: what one wrote is there for the other, and
// neither overwrites it nor takes a lease that is held.
func TestDynamoDBOfTwoProcesses(t *testing.T) {
	t.Parallel()
	newClient, _ := newTable(t)
	one, two := onTable(newClient()), onTable(newClient())
	put(t, one, warned(alpha, "AKIA1"))
	seen := load(t, two, alpha)
	wantIDs(t, seen, "1/AKIA1")
	put(t, two, &seen[0])
	late := warned(alpha, "AKIA1")
	late.Raw().Revision, late.Raw().User = 1, "late"
	if err := one.Put(t.Context(), late); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("got %v", err)
	}
	if err := one.Acquire(t.Context(), alpha, "one", today, time.Minute); err != nil {
		t.Fatal(err)
	}
	var leased *ledger.LeasedError
	if err := two.Acquire(t.Context(), alpha, "two", today, time.Minute); !errors.As(err, &leased) || leased.Holder != "one" {
		t.Errorf("got %v", err)
	}
}

func TestDynamoDBItems(t *testing.T) {
	t.Parallel()
	newClient, _ := newTable(t)
	client := newClient()
	store := onTable(client)
	settled := warned(alpha, "AKIASETTLED")
	pending := warned(alpha, "AKIAOWED")
	pending.Raw().Final = &ledger.Final{}
	put(t, store, settled, pending)

	want := strconv.FormatInt(settled.Expires().Unix(), 10)
	expires, _ := rawItem(t, client, alpha, "key#AKIASETTLED")["expires"].(*types.AttributeValueMemberN)
	if expires == nil || expires.Value != want {
		t.Errorf("a settled record expires at %v, want %s", expires, want)
	}
	if expires, found := rawItem(t, client, alpha, "key#AKIAOWED")["expires"]; found {
		t.Errorf("a record with something pending expires at %v", expires)
	}
	// Settling gives it an end, and a new debt takes it away again.
	pending.Raw().Final.ClosedAt = today
	put(t, store, pending)
	if _, found := rawItem(t, client, alpha, "key#AKIAOWED")["expires"]; !found {
		t.Error("a record that was settled never expires")
	}
	settled.Raw().Intent = &ledger.Intent{At: today}
	put(t, store, settled)
	if _, found := rawItem(t, client, alpha, "key#AKIASETTLED")["expires"]; found {
		t.Error("a record with a new debt expires")
	}

	if err := store.Acquire(t.Context(), alpha, "one", today, time.Hour); err != nil {
		t.Fatal(err)
	}
	lease := rawItem(t, client, alpha, "lease")
	if ends, _ := lease["expires"].(*types.AttributeValueMemberN); ends == nil {
		t.Errorf("an abandoned lease lies in the table for ever: %v", lease)
	} else if at, _ := strconv.ParseInt(ends.Value, 10, 64); at <= today.Add(time.Hour).Unix() {
		t.Errorf("a lease is removed at %s, before it ends", ends.Value)
	}
	if err := store.Release(t.Context(), alpha, "one"); err != nil {
		t.Fatal(err)
	}
	if lease := rawItem(t, client, alpha, "lease"); len(lease) != 0 {
		t.Errorf("a released lease is still there: %v", lease)
	}
}

func TestDynamoDBReadsAllPages(t *testing.T) {
	t.Parallel()
	newClient, w := newTable(t)
	store := onTable(newClient())
	const many = 60
	records := make([]*ledger.Record, many)
	for i := range records {
		r := fullRecord(alpha, fmt.Sprintf("AKIA%04d", i))
		r.Raw().Final.Notice.Note = strings.Repeat("x", 30_000) // a page is 1 MiB
		records[i] = &r
	}
	put(t, store, records...)
	if got := load(t, store, alpha); len(got) != many {
		t.Errorf("Load gave %d records of %d", len(got), many)
	}
	all, err := store.List(t.Context())
	if err != nil || len(all) != many {
		t.Errorf("List gave %d records of %d, %v", len(all), many, err)
	}
	if q, s := w.count("Query").Load(), w.count("Scan").Load(); q < 2 || s < 2 {
		t.Errorf("%d queries and %d scans: the test needs more to read", q, s)
	}
}

// TestDynamoDBLosesAnswers: the SDK sends a write again whose answer was lost;
// that it had taken effect must not look like another's write.
func TestDynamoDBLosesAnswers(t *testing.T) {
	t.Parallel()
	newClient, w := newTable(t)
	store := onTable(newClient(func(o *dynamodb.Options) {
		o.Retryer = aws.NopRetryer{}
	}))
	retrying := onTable(newClient())
	lose := func(answers int32) { w.loseAnswers.Store(answers) }

	lose(1)
	r := warned(alpha, "AKIA1")
	put(t, retrying, r)
	lose(1)
	r.Raw().User = "second"
	put(t, retrying, r)
	if got := load(t, store, alpha)[0]; r.Raw().Revision != 2 || got.Raw().Revision != 2 || got.Raw().User != "second" {
		t.Errorf("revision %d with its writer, and stored is %+v", r.Raw().Revision, got)
	}

	// If the client gives up as well, the same Put can simply be repeated.
	lose(1)
	r.Raw().User = "third"
	if err := store.Put(t.Context(), r); err == nil || errors.Is(err, ledger.ErrConflict) || r.Raw().Revision != 2 {
		t.Errorf("got %v at revision %d", err, r.Raw().Revision)
	}
	put(t, store, r)
	if got := load(t, store, alpha)[0]; r.Raw().Revision != 3 || got.Raw().Revision != 3 || got.Raw().User != "third" {
		t.Errorf("revision %d with its writer, and stored is %+v", r.Raw().Revision, got)
	}
	// But not once somebody else has written.
	lose(1)
	r.Raw().User = "fourth"
	if err := store.Put(t.Context(), r); err == nil {
		t.Fatal("no answer was lost")
	}
	other := load(t, store, alpha)[0]
	put(t, store, &other)
	if err := store.Put(t.Context(), r); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("got %v", err)
	}

	// An expired record is overwritten in two steps.
	expired := warned(alpha, "AKIA2")
	expired.Raw().Changed = today.AddDate(-2, 0, 0)
	put(t, store, expired)
	again := warned(alpha, "AKIA2")
	lose(2) // the refusal and the write
	put(t, retrying, again)
	if got := load(t, store, alpha); again.Raw().Revision != 2 || len(got) != 2 || got[1].Raw().Revision != 2 {
		t.Errorf("revision %d with its writer, and stored is %+v", again.Raw().Revision, got)
	}

	lose(1)
	if err := retrying.Acquire(t.Context(), alpha, "one", today, time.Minute); err != nil {
		t.Errorf("Acquire: %v", err)
	}
	lose(1)
	if err := retrying.Release(t.Context(), alpha, "one"); err != nil {
		t.Errorf("Release: %v", err)
	}
	lose(1)
	if err := retrying.Delete(t.Context(), alpha, "AKIA1"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if w.loseAnswers.Load() >= 0 {
		t.Error("answers were left to lose")
	}
	wantIDs(t, load(t, store, alpha), "1/AKIA2")
}

// TestDynamoDBTamperedItems: an item whose attributes contradict its record,
// and a lease that says nothing.
func TestDynamoDBTamperedItems(t *testing.T) {
	t.Parallel()
	newClient, _ := newTable(t)
	client := newClient()
	store := onTable(client)
	put(t, store, warned(alpha, "AKIA1"), warned(alpha, "AKIA2"), warned(alpha, "AKIA3"))
	tamper := func(name, attribute string, value types.AttributeValue) {
		t.Helper()
		changed := rawItem(t, client, alpha, name)
		if changed == nil {
			changed = key(alpha, name)
		}
		changed[attribute] = value
		in := &dynamodb.PutItemInput{TableName: aws.String(table), Item: changed}
		if _, err := client.PutItem(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	tamper("key#AKIA1", "revision", &types.AttributeValueMemberN{Value: "7"})
	tamper("key#AKIA2", "revision", &types.AttributeValueMemberS{Value: "1"})
	tamper("key#AKIA3", "record", &types.AttributeValueMemberB{Value: []byte("{}")})
	tamper("lease", "mood", &types.AttributeValueMemberS{Value: "bad"})

	records, err := store.Load(t.Context(), alpha)
	wantIDs(t, records)
	named := damagedIn(t, err)
	for _, keyID := range []string{"AKIA1", "AKIA2", "AKIA3"} {
		if named[keyID] == nil {
			t.Errorf("%s is not named", keyID)
		}
		var damaged *ledger.DamagedError
		if err := store.Put(t.Context(), warned(alpha, keyID)); !errors.As(err, &damaged) {
			t.Errorf("Put on %s: %v", keyID, err)
		}
	}
	if err := store.Acquire(t.Context(), alpha, "one", today, time.Minute); err == nil ||
		!strings.Contains(err.Error(), `the item "lease" of the account does not say when the lease ends`) || strings.Contains(err.Error(), "remove") {
		t.Errorf("Acquire: %v", err)
	}
	tamper("lease", "until", &types.AttributeValueMemberN{Value: strconv.FormatInt(today.Add(time.Minute).UnixNano(), 10)})
	var leased *ledger.LeasedError
	if err := store.Acquire(t.Context(), alpha, "one", today, time.Minute); !errors.As(err, &leased) || !leased.Until.Equal(today.Add(time.Minute)) {
		t.Errorf("a lease without a holder: %v", err)
	}
	if err := store.Acquire(t.Context(), alpha, "one", today.Add(time.Minute), time.Minute); err != nil {
		t.Errorf("a lease without a holder that has expired: %v", err)
	}
}

func TestDynamoDBReadOnly(t *testing.T) {
	t.Parallel()
	newClient, w := newTable(t)
	put(t, onTable(newClient()), warned(alpha, "AKIA1"))
	before := w.count("PutItem").Load()
	store := onTable(newClient(), ledger.ReadOnly())
	testReadOnly(t, store)
	if writes := w.count("PutItem").Load() - before + w.count("DeleteItem").Load(); writes != 0 {
		t.Errorf("%d writes were sent", writes)
	}
	wantIDs(t, load(t, store, alpha), "1/AKIA1")
}

func testReadOnly(t *testing.T, store ledger.Store) {
	t.Helper()
	ctx := t.Context()
	for call, err := range map[string]error{
		"Put":        store.Put(ctx, warned(alpha, "AKIA2")),
		"Delete":     store.Delete(ctx, alpha, "AKIA1"),
		"Acquire":    store.Acquire(ctx, alpha, "one", today, time.Minute),
		"SetLastRun": store.(ledger.Runs).SetLastRun(ctx, alpha, ledger.LastRun{}),
	} {
		if !errors.Is(err, ledger.ErrReadOnly) {
			t.Errorf("%s: %v", call, err)
		}
	}
}

// reader notes whether every read was strongly consistent. moto's always are.
type reader struct {
	ledger.DynamoDBAPI
	consistent map[string]bool
}

func (r *reader) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	r.consistent["Query"] = aws.ToBool(in.ConsistentRead)
	return &dynamodb.QueryOutput{}, nil
}

func (r *reader) Scan(_ context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	r.consistent["Scan"] = aws.ToBool(in.ConsistentRead)
	return &dynamodb.ScanOutput{}, nil
}

func TestDynamoDBReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	api := &reader{consistent: map[string]bool{}}
	store := onTable(api)
	load(t, store, alpha)
	if _, err := store.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !api.consistent["Query"] || !api.consistent["Scan"] {
		t.Errorf("strongly consistent: %v", api.consistent)
	}
}

// refusing is a DynamoDB that refuses everything in the same way.
type refusing struct {
	ledger.DynamoDBAPI
	err  error
	puts atomic.Int32
}

func (r *refusing) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return nil, r.err
}

func (r *refusing) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	r.puts.Add(1)
	return nil, r.err
}

func (r *refusing) Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return nil, r.err
}

func (r *refusing) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return nil, r.err
}

// TestDynamoDBSaysWhatFailed, of each call.
func TestDynamoDBSaysWhatFailed(t *testing.T) {
	t.Parallel()
	ctx, broken := t.Context(), errors.New("no route")
	store := onTable(&refusing{err: broken})
	for doing, call := range map[string]func() error{
		"read the records of account " + alpha:  func() error { _, err := store.Load(ctx, alpha); return err },
		"read the record of key AKIA1":          func() error { _, _, err := store.Get(ctx, alpha, "AKIA1"); return err },
		"read all records":                      func() error { _, err := store.List(ctx); return err },
		"read all records in":                   func() error { _, err := store.ListPending(ctx); return err },
		"read the last run on account " + alpha: func() error { _, err := store.LastRun(ctx, alpha); return err },
		"remember the run on account " + alpha:  func() error { return store.SetLastRun(ctx, alpha, ledger.LastRun{}) },
		"write the record of key AKIA1":         func() error { return store.Put(ctx, warned(alpha, "AKIA1")) },
		"remove the record of key AKIA1":        func() error { return store.Delete(ctx, alpha, "AKIA1") },
		"take the lease on account " + alpha:    func() error { return store.Acquire(ctx, alpha, "one", today, time.Minute) },
		"give up the lease on account " + alpha: func() error { return store.Release(ctx, alpha, "one") },
	} {
		if err := call(); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), doing) || !strings.Contains(err.Error(), "in dynamodb:sleuth-state: no route") {
			t.Errorf("%s: %v", doing, err)
		}
	}
}

func TestDynamoDBHints(t *testing.T) {
	t.Parallel()
	for code, hint := range map[string]string{
		"AccessDeniedException":     "dynamodb:Query, dynamodb:Scan, dynamodb:PutItem and dynamodb:DeleteItem",
		"ResourceNotFoundException": "there is no table sleuth-state",
		"ValidationException":       "the partition key account and the sort key item",
		"InternalServerError":       "in dynamodb:sleuth-state: api error InternalServerError",
	} {
		cause := &smithy.GenericAPIError{Code: code, Message: "as DynamoDB says it"}
		_, err := onTable(&refusing{err: cause}).Load(t.Context(), alpha)
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), hint) || !strings.Contains(err.Error(), alpha) {
			t.Errorf("%s: %v", code, err)
		}
	}
	// And one that a server gave.
	newClient, _ := newTable(t)
	_, err := ledger.NewDynamoDB(newClient(), "sleuth-elsewhere").Load(t.Context(), alpha)
	if err == nil || !strings.Contains(err.Error(), "there is no table sleuth-elsewhere") {
		t.Errorf("a table that is not there: %v", err)
	}
}

// TestDynamoDBStopsPutting: when the table cannot be reached, not every record
// is tried.
func TestDynamoDBStopsPutting(t *testing.T) {
	t.Parallel()
	api := &refusing{err: errors.New("no route")}
	records := make([]*ledger.Record, 500)
	for i := range records {
		records[i] = warned(alpha, fmt.Sprint("AKIA", i))
	}
	if err := onTable(api).Put(t.Context(), records...); !errors.Is(err, api.err) {
		t.Errorf("got %v", err)
	}
	if puts := api.puts.Load(); puts > 50 {
		t.Errorf("%d records were tried", puts)
	}
}
