package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3 is the calls made to S3.
type S3 interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Bucket is an Archive in S3. Names of runs are unique, so that nothing is
// overwritten; how documents are encrypted is for the bucket to say.
type Bucket struct {
	client       S3
	name, prefix string
	region       atomic.Pointer[string] // the one that the bucket turned out to be in; nil for the client's own
}

// NewBucket returns the archive in a bucket below a prefix, which may be empty.
// The bucket may be in another region than the client.
func NewBucket(client S3, name, prefix string) *Bucket {
	return &Bucket{client: client, name: name, prefix: prefix}
}

// Location is the document's URI.
func (b *Bucket) Location(name string) string { return "s3://" + b.name + "/" + b.key(name) }

func (b *Bucket) key(name string) string { return path.Join(b.prefix, name) }

// Put writes the document.
func (b *Bucket) Put(ctx context.Context, name, contentType string, text []byte) error {
	key := b.key(name)
	return b.toWrite().on(b.do(ctx, func() error {
		_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &b.name, Key: &key, Body: bytes.NewReader(text), ContentType: &contentType,
		}, b.there)
		return err
	}))
}

// Names lists the documents.
func (b *Bucket) Names(ctx context.Context, account string, from time.Time) ([]string, error) {
	prefix := b.key(account) + "/"
	var names []string
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix, StartAfter: new(prefix + dayOf(from))}
	for {
		var page *s3.ListObjectsV2Output
		err := b.do(ctx, func() (err error) {
			page, err = b.client.ListObjectsV2(ctx, in, b.there)
			return err
		})
		if err != nil {
			return nil, b.toRead().on(err)
		}
		for _, object := range page.Contents {
			names = append(names, strings.TrimPrefix(strings.TrimPrefix(aws.ToString(object.Key), b.prefix), "/"))
		}
		if !aws.ToBool(page.IsTruncated) {
			return names, nil
		}
		if in.ContinuationToken = page.NextContinuationToken; in.ContinuationToken == nil {
			return nil, errors.New("S3 did not say where its list goes on")
		}
	}
}

// Open reads a document.
func (b *Bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	key := b.key(name)
	var object *s3.GetObjectOutput
	err := b.do(ctx, func() (err error) {
		object, err = b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key}, b.there)
		return err
	})
	if err != nil {
		return nil, b.toRead().on(err)
	}
	return object.Body, nil
}

// do makes a call. If the bucket is in another region than was asked, it is
// asked there.
func (b *Bucket) do(ctx context.Context, call func() error) error {
	err := call()
	if !isElsewhere(err) {
		return err
	}
	region := regionIn(err)
	if region == "" {
		// Its answer names the region even if it is a refusal.
		// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
		_, headErr := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.name}, b.there)
		region = regionIn(headErr)
	}
	if region == "" {
		return fmt.Errorf("%w; the bucket is in another region, which S3 does not name: set AWS_REGION to it", err)
	}
	b.region.Store(&region)
	return call()
}

func (b *Bucket) there(o *s3.Options) {
	if region := b.region.Load(); region != nil {
		o.Region = *region
	}
}

// isElsewhere reports whether S3 says that a bucket is in another region.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func isElsewhere(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch api.ErrorCode() {
	case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "MovedPermanently", "301", "307":
		return true
	}
	return false
}

// regionIn is the bucket's region as the answer names it, or nothing.
func regionIn(err error) string {
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || answer.Response == nil {
		return ""
	}
	return answer.Response.Header.Get("X-Amz-Bucket-Region")
}

// hint is what to do about errors that have a known remedy.
type hint struct{ denied, noBucket string }

func (b *Bucket) toWrite() hint {
	return hint{
		"allow s3:PutObject on " + path.Join(b.name, b.prefix, "*") + ", and kms:GenerateDataKey where the bucket encrypts with a key of yours",
		"make the bucket, or name another in SLEUTH_EVIDENCE",
	}
}

func (b *Bucket) toRead() hint {
	return hint{
		"allow s3:ListBucket on " + b.name + " and s3:GetObject on " + path.Join(b.name, b.prefix, "*") + ", and kms:Decrypt where the bucket encrypts with a key of yours",
		"name the bucket that runs leave evidence in",
	}
}

func (h hint) on(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch api.ErrorCode() {
	case "AccessDenied", "Forbidden", "403":
		return fmt.Errorf("%w; %s", err, h.denied)
	case "NoSuchBucket":
		return fmt.Errorf("%w; %s", err, h.noBucket)
	}
	return err
}
