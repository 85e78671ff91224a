package ledger

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The attributes of an item. A record is one item, and an account's lease
// another; a record is a few KiB of DynamoDB's 400 an item.
const (
	attrAccount = "account" // partition key
	attrItem    = "item"    // sort key: keyPrefix and the key's id, or leaseName
	// attrRecord is the record as JSON, attrRevision its revision for
	// conditions, and attrExpires when DynamoDB may remove it, in seconds
	// since 1970; absent while something is pending.
	attrRecord   = "record"
	attrRevision = "revision"
	attrExpires  = "expires"
	// attrHolder and attrUntil are a lease: whose, and to which nanosecond
	// since 1970.
	attrHolder = "holder"
	attrUntil  = "until"
	// attrRun is the last run on an account, as JSON.
	attrRun = "run"

	keyPrefix = "key#"
	leaseName = "lease"
	runName   = "run"
)

// leaseLinger is how long an expired lease is left lying before DynamoDB may
// remove it.
const leaseLinger = 24 * time.Hour

type item = map[string]types.AttributeValue

// TableDefinition describes the table that a DynamoDB store needs, paid by the
// request. Expiry comes on top: see ExpiryDefinition.
func TableDefinition(table string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName:   &table,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(attrAccount), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String(attrItem), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(attrAccount), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(attrItem), KeyType: types.KeyTypeRange},
		},
	}
}

// ExpiryDefinition lets DynamoDB remove expired records from the table. Without
// it they stay, and are ignored.
func ExpiryDefinition(table string) *dynamodb.UpdateTimeToLiveInput {
	return &dynamodb.UpdateTimeToLiveInput{
		TableName: &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String(attrExpires), Enabled: aws.Bool(true),
		},
	}
}

func keyItem(account, name string) item {
	return item{attrAccount: stringValue(account), attrItem: stringValue(name)}
}

// keyOf returns which key of which account an item is about.
func keyOf(stored item) (account, keyID string) {
	name, _ := textIn(stored, attrItem)
	account, _ = textIn(stored, attrAccount)
	return account, strings.TrimPrefix(name, keyPrefix)
}

func itemOf(r Record, next revised) item {
	made := keyItem(r.d.Account, keyPrefix+r.d.KeyID)
	made[attrRecord] = stringValue(string(next.text))
	made[attrRevision] = number(next.revision)
	if expires := r.Expires(); !expires.IsZero() {
		made[attrExpires] = number(expires.Unix())
	}
	return made
}

// recordIn reads the record in an item. The item's own revision is the one
// that the next write is measured by, so the record has to agree with it.
func recordIn(stored item) (Record, error) {
	account, keyID := keyOf(stored)
	encoded, found := textIn(stored, attrRecord)
	if !found {
		return Record{}, fmt.Errorf("it has no text attribute %q", attrRecord)
	}
	r, err := decode([]byte(encoded), account, keyID)
	if err != nil {
		return Record{}, err
	}
	if revision, found := numberIn(stored, attrRevision); !found || revision != r.d.Revision {
		return Record{}, fmt.Errorf("its number attribute %q is not its record's revision, %d", attrRevision, r.d.Revision)
	}
	return r, nil
}

// holds reports whether an item is exactly what was to be written.
func holds(stored item, wanted revised) bool {
	encoded, found := textIn(stored, attrRecord)
	revision, _ := numberIn(stored, attrRevision)
	return found && encoded == string(wanted.text) && revision == wanted.revision
}

func leaseItem(account string, l lease) item {
	made := keyItem(account, leaseName)
	made[attrHolder] = stringValue(l.holder)
	made[attrUntil] = number(l.until.UnixNano())
	made[attrExpires] = number(l.until.Add(leaseLinger).Unix())
	return made
}

// unnamed is the holder of a lease whose item names none.
const unnamed = "of unknown name"

// leaseIn reads the lease in an item. One that does not say when it ends may be
// a run's at work, so nothing but its end or a person can remove it.
func leaseIn(stored item) (lease, error) {
	until, timed := numberIn(stored, attrUntil)
	if !timed {
		return lease{}, fmt.Errorf("the item %q of the account does not say when the lease ends (number attribute %q), so it is taken as held: find out what wrote it",
			leaseName, attrUntil)
	}
	holder, _ := textIn(stored, attrHolder)
	return lease{cmp.Or(holder, unnamed), time.Unix(0, until).UTC()}, nil
}

func stringValue(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func textIn(stored item, name string) (string, bool) {
	value, found := stored[name].(*types.AttributeValueMemberS)
	if !found {
		return "", false
	}
	return value.Value, true
}

func numberIn(stored item, name string) (int64, bool) {
	value, found := stored[name].(*types.AttributeValueMemberN)
	if !found {
		return 0, false
	}
	n, err := strconv.ParseInt(value.Value, 10, 64)
	return n, err == nil
}

// names gives each attribute its placeholder in expressions, # and the name,
// as many plain names are DynamoDB's own words.
func names(attributes ...string) map[string]string {
	placeholders := make(map[string]string, len(attributes))
	for _, name := range attributes {
		placeholders["#"+name] = name
	}
	return placeholders
}
