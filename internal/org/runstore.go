package org

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/run"
)

// S3 is the calls made to S3.
type S3 interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// RunStore keeps what the invocations that make up one run leave for one
// another: in a bucket, as what Step Functions hands on is limited to 256 KiB.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
type RunStore struct {
	S3     S3
	Bucket string
	Run    string
}

// Item is one entry of the list that Step Functions maps over.
type Item struct {
	Account string `json:"account"`
}

// ErrNothingThere is returned for what was never stored.
var ErrNothingThere = errors.New("it is not there")

func (s RunStore) folder() string { return "runs/" + s.Run + "/" }

// ItemsKey is the key under which PutListing puts the list to map over.
func (s RunStore) ItemsKey() string { return s.folder() + "items.json" }

func (s RunStore) membersKey() string { return s.folder() + "members.json" }
func (s RunStore) resultKey(account string) string {
	return s.folder() + "accounts/" + account + ".json"
}

// PutListing keeps what a run is to cover, and how.
func (s RunStore) PutListing(ctx context.Context, listing Listing) error {
	items := make([]Item, len(listing.Accounts))
	for i, account := range listing.Accounts {
		items[i] = Item{account}
	}
	if err := s.put(ctx, s.membersKey(), listing); err != nil {
		return err
	}
	return s.put(ctx, s.ItemsKey(), items)
}

// Listing returns what PutListing has kept.
func (s RunStore) Listing(ctx context.Context) (listing Listing, err error) {
	return listing, s.get(ctx, s.membersKey(), &listing)
}

// PutResult keeps the summary of the run on one account, in place of an
// earlier one.
func (s RunStore) PutResult(ctx context.Context, one run.Summary) error {
	return s.put(ctx, s.resultKey(one.Account.ID), one)
}

// PutSummary keeps the summary of all accounts.
func (s RunStore) PutSummary(ctx context.Context, all *Summary) (key string, err error) {
	key = s.folder() + "summary.json"
	return key, s.put(ctx, key, all)
}

// resultConcurrency is how many results are read at once.
const resultConcurrency = 64

// Results returns the summaries of the runs on the accounts, in their order.
// Of an account whose invocation left none, it is what missing says.
func (s RunStore) Results(ctx context.Context, accounts []string, missing func(account string) run.Summary) ([]run.Summary, error) {
	results := make([]run.Summary, len(accounts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(resultConcurrency)
	for i, account := range accounts {
		group.Go(func() error {
			err := s.get(ctx, s.resultKey(account), &results[i])
			if errors.Is(err, ErrNothingThere) {
				results[i], err = missing(account), nil
			}
			return err
		})
	}
	return results, group.Wait()
}

func (s RunStore) put(ctx context.Context, key string, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write s3://%s/%s: %w", s.Bucket, key, err)
	}
	_, err = s.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.Bucket, Key: &key, Body: bytes.NewReader(encoded), ContentType: aws.String("application/json"),
	})
	if err != nil {
		return fmt.Errorf("write s3://%s/%s: %w", s.Bucket, key, err)
	}
	return nil
}

func (s RunStore) get(ctx context.Context, key string, value any) error {
	out, err := s.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key})
	if _, gone := errors.AsType[*types.NoSuchKey](err); gone {
		return fmt.Errorf("read s3://%s/%s: %w", s.Bucket, key, ErrNothingThere)
	}
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", s.Bucket, key, err)
	}
	defer func() { _ = out.Body.Close() }()
	text, err := io.ReadAll(out.Body)
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", s.Bucket, key, err)
	}
	return nil
}
