package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"
)

// DynamoDBAPI is the part of the DynamoDB client that a DynamoDB store calls.
type DynamoDBAPI interface {
	dynamodb.QueryAPIClient
	dynamodb.ScanAPIClient
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// DynamoDB is a Store in one DynamoDB table, for any number of accounts and of
// processes. Every read is strongly consistent and every write conditional, so
// a write that was taken is seen by all, and one that would overwrite another
// is refused by the table itself.
//
// A lease compares the clocks of its holders: they should agree to well within
// its length.
type DynamoDB struct {
	client DynamoDBAPI
	table  string
	options
}

// NewDynamoDB returns a store in a table such as TableDefinition describes. It
// calls nothing yet. How often a call is retried is the client's to say.
func NewDynamoDB(client DynamoDBAPI, table string, opts ...Option) *DynamoDB {
	return &DynamoDB{client, table, applyOptions(opts)}
}

// Load implements Store.
func (d *DynamoDB) Load(ctx context.Context, account string) ([]Record, error) {
	pages := dynamodb.NewQueryPaginator(d.client, &dynamodb.QueryInput{
		TableName:                 &d.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("#account = :account AND begins_with(#item, :key)"),
		ExpressionAttributeNames:  names(attrAccount, attrItem),
		ExpressionAttributeValues: item{":account": stringValue(account), ":key": stringValue(keyPrefix)},
	})
	c := d.collector()
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, d.failed("read the records of account "+account, err)
		}
		c.addItems(page.Items)
	}
	return c.result()
}

// Get implements Store.
func (d *DynamoDB) Get(ctx context.Context, account, keyID string) (Record, bool, error) {
	items, err := d.readItem(ctx, account, keyPrefix+keyID)
	if err != nil {
		return Record{}, false, d.failed("read the record of key "+keyID, err)
	}
	c := d.collector()
	c.addItems(items)
	return only(c.result())
}

// readItem returns the one item of a name, or none. It is a query, so that it
// needs no other permission than Load.
func (d *DynamoDB) readItem(ctx context.Context, account, name string) ([]item, error) {
	out, err := d.client.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &d.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("#account = :account AND #item = :name"),
		ExpressionAttributeNames:  names(attrAccount, attrItem),
		ExpressionAttributeValues: item{":account": stringValue(account), ":name": stringValue(name)},
	})
	if err != nil {
		return nil, err
	}
	return out.Items, nil
}

// List implements Store. It reads the complete table, with the permission
// dynamodb:Scan.
func (d *DynamoDB) List(ctx context.Context) ([]Record, error) {
	return d.scan(ctx, d.collector(), "begins_with(#item, :key)", attrItem)
}

// ListPending implements Store. It is List with a filter of DynamoDB's: an item
// of a record with something pending does not expire.
func (d *DynamoDB) ListPending(ctx context.Context) ([]Record, error) {
	c := d.collector()
	c.pendingOnly = true
	return d.scan(ctx, c, "begins_with(#item, :key) AND attribute_not_exists(#expires)", attrItem, attrExpires)
}

func (d *DynamoDB) scan(ctx context.Context, c collector, filter string, attributes ...string) ([]Record, error) {
	pages := dynamodb.NewScanPaginator(d.client, &dynamodb.ScanInput{
		TableName:                 &d.table,
		ConsistentRead:            aws.Bool(true),
		FilterExpression:          aws.String(filter),
		ExpressionAttributeNames:  names(attributes...),
		ExpressionAttributeValues: item{":key": stringValue(keyPrefix)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, d.failed("read all records", err)
		}
		c.addItems(page.Items)
	}
	return c.result()
}

func (d *DynamoDB) collector() collector { return collector{store: d.String(), now: d.now()} }

func (c *collector) addItems(items []map[string]types.AttributeValue) {
	for _, stored := range items {
		account, keyID := keyOf(stored)
		r, err := recordIn(stored)
		c.addRead(account, keyID, r, err)
	}
}

// putsAtOnce is how many records are written at the same time.
const putsAtOnce = 10

// Put implements Store. Records are written one by one, each completely or not at
// all: one that is refused keeps none of the others back. After any other
// error no more are started.
func (d *DynamoDB) Put(ctx context.Context, records ...*Record) error {
	if err := checkPut(records); err != nil {
		return err
	}
	if d.readOnly {
		return d.failed("write records", ErrReadOnly)
	}
	errs := make([]error, len(records))
	var stop atomic.Bool
	var writers errgroup.Group
	writers.SetLimit(putsAtOnce)
	for i, r := range records {
		writers.Go(func() error {
			if stop.Load() {
				return nil
			}
			errs[i] = d.put(ctx, r)
			if errs[i] != nil && !refused(errs[i]) {
				stop.Store(true)
			}
			return nil
		})
	}
	_ = writers.Wait() // the errors are in errs
	return errors.Join(errs...)
}

// refused reports whether an error of Put is about one record only.
func refused(err error) bool {
	var record *DamagedError
	return errors.Is(err, ErrConflict) || errors.As(err, &record)
}

func (d *DynamoDB) put(ctx context.Context, r *Record) error {
	next, err := reviseTo(r.d.Revision+1, *r)
	if err != nil {
		return err
	}
	stored, err := d.putAfter(ctx, *r, next, r.d.Revision)
	if len(stored) > 0 && !holds(stored, next) {
		// Something else is there. An expired record that DynamoDB has not
		// removed yet is as good as none, as long as nobody brings it back in
		// between.
		var old Record
		if old, err = recordIn(stored); err != nil {
			return &DamagedError{Store: d.String(), Account: r.d.Account, KeyID: r.d.KeyID, Err: err}
		}
		if next, err = revise(old, *r, d.now()); err != nil {
			return err
		}
		stored, err = d.putAfter(ctx, *r, next, old.d.Revision)
	}
	switch {
	case holds(stored, next):
		// The condition failed on our own write: it took effect, its answer
		// was lost, and it was sent again. Or on another's of the very same
		// record, and then nothing is lost either.
	case isConditionFailed(err):
		return conflict(*r)
	case err != nil:
		return d.failed("write the record of key "+r.d.KeyID, err)
	}
	r.d.Revision = next.revision
	return nil
}

// putAfter writes next over what has the revision before it, or over nothing
// if that is zero. If something else is there, it is returned beside the
// error.
func (d *DynamoDB) putAfter(ctx context.Context, r Record, next revised, before int64) (item, error) {
	in := &dynamodb.PutItemInput{
		TableName:                           &d.table,
		Item:                                itemOf(r, next),
		ConditionExpression:                 aws.String("attribute_not_exists(#item)"),
		ExpressionAttributeNames:            names(attrItem),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if before > 0 {
		in.ConditionExpression = aws.String("#revision = :before")
		in.ExpressionAttributeNames = names(attrRevision)
		in.ExpressionAttributeValues = item{":before": number(before)}
	}
	_, err := d.client.PutItem(ctx, in)
	return d.inTheWay(ctx, err, r.d.Account, keyPrefix+r.d.KeyID)
}

// Delete implements Store.
func (d *DynamoDB) Delete(ctx context.Context, account, keyID string) error {
	doing := "remove the record of key " + keyID
	if d.readOnly {
		return d.failed(doing, ErrReadOnly)
	}
	_, err := d.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &d.table, Key: keyItem(account, keyPrefix+keyID),
	})
	return d.failed(doing, err)
}

// acquireAttempts is how often a lease is tried for that was held when it was
// written and free when it was read.
const acquireAttempts = 3

// Acquire implements Store.
func (d *DynamoDB) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	doing := "take the lease on account " + account
	if d.readOnly {
		return d.failed(doing, ErrReadOnly)
	}
	for range acquireAttempts {
		stored, err := d.putLease(ctx, account, lease{holder, now.Add(ttl)}, now)
		if !isConditionFailed(err) {
			return d.failed(doing, err)
		}
		if len(stored) == 0 {
			continue // given up since
		}
		held, err := leaseIn(stored)
		if err != nil {
			return d.failed(doing, err)
		}
		if held.keepsOut(holder, now) {
			return &LeasedError{Account: account, Holder: held.holder, Until: held.until}
		}
	}
	return d.failed(doing, errors.New("other runs took it and gave it up meanwhile; run again"))
}

// putLease writes a lease unless another holder's is there that has not
// expired. That one is returned beside the error.
func (d *DynamoDB) putLease(ctx context.Context, account string, wanted lease, now time.Time) (item, error) {
	_, err := d.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                           &d.table,
		Item:                                leaseItem(account, wanted),
		ConditionExpression:                 aws.String("attribute_not_exists(#item) OR #holder = :holder OR #until <= :now"),
		ExpressionAttributeNames:            names(attrItem, attrHolder, attrUntil),
		ExpressionAttributeValues:           item{":holder": stringValue(wanted.holder), ":now": number(now.UnixNano())},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	return d.inTheWay(ctx, err, account, leaseName)
}

// Release implements Store.
func (d *DynamoDB) Release(ctx context.Context, account, holder string) error {
	doing := "give up the lease on account " + account
	if d.readOnly {
		return d.failed(doing, ErrReadOnly)
	}
	_, err := d.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:                 &d.table,
		Key:                       keyItem(account, leaseName),
		ConditionExpression:       aws.String("#holder = :holder"),
		ExpressionAttributeNames:  names(attrHolder),
		ExpressionAttributeValues: item{":holder": stringValue(holder)},
	})
	if isConditionFailed(err) {
		return nil
	}
	return d.failed(doing, err)
}

// String implements Store.
func (d *DynamoDB) String() string { return "dynamodb:" + d.table }

// Close implements Store. The client stays open.
func (*DynamoDB) Close() error { return nil }

func isConditionFailed(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}

// inTheWay returns the item that a condition of a write failed on, beside the
// write's error, or an error of its own. DynamoDB answers with the item.
// Emulators and proxies may leave it out; then it is read, and there is none if
// it was removed meanwhile.
func (d *DynamoDB) inTheWay(ctx context.Context, written error, account, name string) (item, error) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(written, &failed) {
		return nil, written
	}
	if len(failed.Item) > 0 {
		return failed.Item, written
	}
	items, err := d.readItem(ctx, account, name)
	if err != nil {
		return nil, fmt.Errorf("read what the write collided with: %w", err)
	}
	if len(items) == 0 {
		return nil, written
	}
	return items[0], written
}

// failed says what was being done, and what to do if that is known.
func (d *DynamoDB) failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s in %s: %w%s", doing, d, err, d.hint(err))
}

func (d *DynamoDB) hint(err error) string {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return ""
	}
	switch answer.ErrorCode() {
	case "ResourceNotFoundException":
		return fmt.Sprintf("; there is no table %s in this account and region: make it, with the partition key %s and the sort key %s, both strings, or set SLEUTH_STATE to another",
			d.table, attrAccount, attrItem)
	case "AccessDeniedException":
		return fmt.Sprintf("; allow dynamodb:Query, dynamodb:Scan, dynamodb:PutItem and dynamodb:DeleteItem on the table %s", d.table)
	case "ValidationException":
		return fmt.Sprintf("; see that the table %s has the partition key %s and the sort key %s, both strings",
			d.table, attrAccount, attrItem)
	}
	return ""
}
