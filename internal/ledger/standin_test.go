package ledger_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// tableClient is the DynamoDB client of a test: that of the store, and a look
// at one item.
type tableClient interface {
	ledger.DynamoDBAPI
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

type tableItem = map[string]types.AttributeValue

// itemsAPage is the size of a page of a standIn.
const itemsAPage = 25

// standIn is one table in memory. It takes moto's place with -short, where
// mutation testing runs every test once for each change to the code. It knows
// the expressions that the store uses, and no more.
type standIn struct {
	w     *wire
	mu    sync.Mutex
	items map[string]tableItem // by account and name
}

// newStandIn makes a table, and clients on it that share a wire.
func newStandIn(w *wire) func(...func(*dynamodb.Options)) tableClient {
	table := &standIn{w: w, items: map[string]tableItem{}}
	return func(options ...func(*dynamodb.Options)) tableClient {
		var o dynamodb.Options
		for _, option := range options {
			option(&o)
		}
		_, once := o.Retryer.(aws.NopRetryer)
		return &standInClient{standIn: table, retries: !once}
	}
}

// standInClient is a client that sends a write again whose answer was lost, as
// the SDK does, unless it was configured not to.
type standInClient struct {
	*standIn
	retries bool
}

var errReset = errors.New("connection reset by the test")

func (c *standInClient) write(ctx context.Context, operation string, do func() error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.w.count(operation).Add(1)
		err := do()
		if c.w.loseAnswers.Add(-1) < 0 {
			return err
		}
		if !c.retries {
			return errReset
		}
	}
}

func (c *standInClient) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, c.write(ctx, "PutItem", func() error {
		return c.change(in.Item, in.Item, aws.ToString(in.ConditionExpression), in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	})
}

func (c *standInClient) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{}, c.write(ctx, "DeleteItem", func() error {
		return c.change(in.Key, nil, aws.ToString(in.ConditionExpression), in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	})
}

// change replaces the item of a key, or removes it, if the condition holds.
func (s *standIn) change(key, item tableItem, condition string, names map[string]string, values tableItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.items[address(key)]
	if condition != "" && !matches(stored, condition, names, values) {
		return &types.ConditionalCheckFailedException{Message: aws.String("the condition failed"), Item: maps.Clone(stored)}
	}
	if item == nil {
		delete(s.items, address(key))
	} else {
		s.items[address(key)] = maps.Clone(item)
	}
	return nil
}

func (s *standIn) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: maps.Clone(s.items[address(in.Key)])}, nil
}

func (s *standIn) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	if *in.TableName != table {
		return nil, &types.ResourceNotFoundException{Message: aws.String("no such table")}
	}
	s.w.count("Query").Add(1)
	items, next, err := s.page(ctx, *in.KeyConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ExclusiveStartKey)
	return &dynamodb.QueryOutput{Items: items, LastEvaluatedKey: next}, err
}

func (s *standIn) Scan(ctx context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	s.w.count("Scan").Add(1)
	items, next, err := s.page(ctx, *in.FilterExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ExclusiveStartKey)
	return &dynamodb.ScanOutput{Items: items, LastEvaluatedKey: next}, err
}

// page returns the items after start that match, up to the size of a page.
func (s *standIn) page(ctx context.Context, condition string, names map[string]string, values, start tableItem) (items []map[string]types.AttributeValue, next tableItem, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range slices.Sorted(maps.Keys(s.items)) {
		stored := s.items[at]
		if start != nil && at <= address(start) || !matches(stored, condition, names, values) {
			continue
		}
		if len(items) == itemsAPage {
			last := items[len(items)-1]
			return items, tableItem{"account": last["account"], "item": last["item"]}, nil
		}
		items = append(items, maps.Clone(stored))
	}
	return items, nil, nil
}

// address orders items by account and name.
func address(key tableItem) string { return text(key["account"]) + "\x00" + text(key["item"]) }

func text(value types.AttributeValue) string {
	if s, ok := value.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// matches evaluates an expression: alternatives of clauses that all hold.
func matches(stored tableItem, expression string, names map[string]string, values tableItem) bool {
	return slices.ContainsFunc(strings.Split(expression, " OR "), func(alternative string) bool {
		return !slices.ContainsFunc(strings.Split(alternative, " AND "), func(clause string) bool {
			return !holdsClause(stored, clause, names, values)
		})
	})
}

func holdsClause(stored tableItem, clause string, names map[string]string, values tableItem) bool {
	if name, found := strings.CutPrefix(clause, "attribute_not_exists("); found {
		_, exists := stored[nameOf(strings.TrimSuffix(name, ")"), names)]
		return !exists
	}
	if both, found := strings.CutPrefix(clause, "begins_with("); found {
		name, prefix, _ := strings.Cut(strings.TrimSuffix(both, ")"), ", ")
		return strings.HasPrefix(text(stored[nameOf(name, names)]), text(valueOf(prefix, values)))
	}
	words := strings.Fields(clause)
	order, alike := compared(stored[nameOf(words[0], names)], valueOf(words[2], values))
	switch words[1] {
	case "=":
		return alike && order == 0
	case "<=":
		return alike && order <= 0
	}
	panic("the stand-in does not know the clause " + clause)
}

// compared orders two values of one type.
func compared(a, b types.AttributeValue) (order int, alike bool) {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		b, ok := b.(*types.AttributeValueMemberS)
		return cmp.Compare(a.Value, text(b)), ok
	case *types.AttributeValueMemberN:
		b, ok := b.(*types.AttributeValueMemberN)
		if !ok {
			return 0, false
		}
		x, errX := strconv.ParseInt(a.Value, 10, 64)
		y, errY := strconv.ParseInt(b.Value, 10, 64)
		return cmp.Compare(x, y), errX == nil && errY == nil
	}
	return 0, false
}

// nameOf and valueOf are what a placeholder stands for. DynamoDB refuses one
// that was not given.
func nameOf(placeholder string, names map[string]string) string {
	name, found := names[placeholder]
	if !found {
		panic("no name for " + placeholder)
	}
	return name
}

func valueOf(placeholder string, values tableItem) types.AttributeValue {
	value, found := values[placeholder]
	if !found {
		panic("no value for " + placeholder)
	}
	return value
}

// TestTheStandIn holds the table in memory to what the tests rely on.
func TestTheStandIn(t *testing.T) {
	t.Parallel()
	names := map[string]string{"#item": "item", "#until": "until"}
	stored := tableItem{"item": &types.AttributeValueMemberS{Value: "key#1"}, "until": &types.AttributeValueMemberN{Value: "9"}}
	values := tableItem{":key": &types.AttributeValueMemberS{Value: "key#"}, ":nine": &types.AttributeValueMemberN{Value: "9"}, ":ten": &types.AttributeValueMemberN{Value: "10"}}
	for expression, want := range map[string]bool{
		"attribute_not_exists(#item)":                    false,
		"begins_with(#item, :key)":                       true,
		"begins_with(#until, :key)":                      false,
		"#item = :key":                                   false,
		"#until = :nine":                                 true,
		"#until = :key":                                  false,
		"#until <= :ten":                                 true,
		"begins_with(#item, :key) AND #until = :ten":     false,
		"begins_with(#item, :key) AND #until <= :nine":   true,
		"attribute_not_exists(#item) OR #until <= :nine": true,
		"attribute_not_exists(#until) OR #item = :key":   false,
	} {
		if got := matches(stored, expression, names, values); got != want {
			t.Errorf("%s is %t, want %t", expression, got, want)
		}
	}
}
