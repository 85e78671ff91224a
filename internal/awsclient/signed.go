package awsclient

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Service calls an AWS service that speaks JSON with the parts that
// the SDK's clients are made of: for one whose own client would weigh more in
// the zips than all that is done with it. It is safe for use by several
// goroutines; its calls share one pace.
type Service struct {
	cfg     aws.Config
	name    string // in host names and signatures, such as securityhub
	id      string // as the SDK's settings and errors call it, such as SecurityHub
	signed  string // in signatures, where that is another name
	retryer aws.Retryer
}

// maxAnswer is well above what AWS answers with.
const maxAnswer = 64 << 20

// NewService returns the service of that name in the connection's region. The
// id is what the SDK calls it.
func NewService(cfg aws.Config, name, id string) *Service {
	var retryer aws.Retryer = aws.NopRetryer{}
	if cfg.Retryer != nil {
		retryer = cfg.Retryer()
	}
	return &Service{cfg: cfg, name: name, id: id, retryer: retryer}
}

// SignedAs is the service with another name in signatures than in host names.
func (s *Service) SignedAs(name string) *Service {
	other := *s
	other.signed = name
	return &other
}

// Post asks for an operation: it posts in to a path and reads the answer into
// out. What the connection does for every client is done here as well: retries,
// counting, and the endpoint that the settings name. An error is the SDK's own:
// a smithy.APIError where the service gave a code.
func (s *Service) Post(ctx context.Context, operation, path string, in, out any) error {
	return s.ask(ctx, operation, path, http.Header{"Content-Type": {"application/json"}}, in, out)
}

// Call is Post for a service that speaks JSON 1.1, which knows an operation by
// the name of its version and not by a path.
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
func (s *Service) Call(ctx context.Context, version, operation string, in, out any) error {
	return s.ask(ctx, operation, "/", http.Header{
		"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {version + "." + operation},
	}, in, out)
}

func (s *Service) ask(ctx context.Context, operation, path string, header http.Header, in, out any) error {
	if err := s.post(ctx, operation, path, header, in, out); err != nil {
		return &smithy.OperationError{ServiceID: s.id, OperationName: operation, Err: err}
	}
	return nil
}

func (s *Service) post(ctx context.Context, operation, path string, header http.Header, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	endpoint, err := s.endpoint(ctx)
	if err != nil {
		return err
	}
	stack := middleware.NewStack(operation, smithyhttp.NewStackRequest)
	parts := []error{
		stack.Build.Add(request(endpoint+path, header, body), middleware.After),
		stack.Finalize.Add(awsretry.NewAttemptMiddleware(s.retryer, smithyhttp.RequestCloner), middleware.After),
		stack.Finalize.Add(s.signing(body), middleware.After),
		stack.Deserialize.Add(answer(out), middleware.After),
	}
	for _, option := range s.cfg.APIOptions {
		parts = append(parts, option(stack))
	}
	for _, err := range parts {
		if err != nil {
			return fmt.Errorf("prepare the request: %w", err)
		}
	}
	var client smithyhttp.ClientDo = awshttp.NewBuildableClient()
	if s.cfg.HTTPClient != nil {
		client = s.cfg.HTTPClient
	}
	_, _, err = middleware.DecorateHandler(smithyhttp.NewClientHandlerWithOptions(client), stack).Handle(ctx, in)
	return err
}

func request(url string, header http.Header, body []byte) middleware.BuildMiddleware {
	return middleware.BuildMiddlewareFunc("Request", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
		stacked, err := fresh(ctx, url, header, body)
		if err != nil {
			return middleware.BuildOutput{}, middleware.Metadata{}, err
		}
		in.Request = stacked
		return next.HandleBuild(ctx, in)
	})
}

func fresh(ctx context.Context, url string, header http.Header, body []byte) (*smithyhttp.Request, error) {
	plain, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	plain.ContentLength = int64(len(body))
	maps.Copy(plain.Header, header)
	stacked, _ := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	stacked.Request = plain
	return stacked.SetStream(bytes.NewReader(body)) // which each attempt begins anew
}

// signing signs each attempt, as a signature holds for some minutes only.
func (s *Service) signing(body []byte) middleware.FinalizeMiddleware {
	hash := sha256.Sum256(body)
	signer := v4.NewSigner()
	return middleware.FinalizeMiddlewareFunc("Signing", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		fail := func(err error) (middleware.FinalizeOutput, middleware.Metadata, error) {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, err
		}
		stacked, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return fail(fmt.Errorf("sign the request: unknown transport %T", in.Request))
		}
		if s.cfg.Credentials == nil {
			return fail(fmt.Errorf("sign the request: there are no credentials"))
		}
		credentials, err := s.cfg.Credentials.Retrieve(ctx)
		if err != nil {
			return fail(fmt.Errorf("find AWS credentials: %w", err))
		}
		if err := signer.SignHTTP(ctx, credentials, stacked.Request, hex.EncodeToString(hash[:]), cmp.Or(s.signed, s.name), s.cfg.Region, time.Now()); err != nil {
			return fail(fmt.Errorf("sign the request: %w", err))
		}
		return next.HandleFinalize(ctx, in)
	})
}

// answer reads an answer into out, or makes an error of it.
func answer(out any) middleware.DeserializeMiddleware {
	return middleware.DeserializeMiddlewareFunc("Answer", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		got, metadata, err := next.HandleDeserialize(ctx, in)
		if err != nil {
			return got, metadata, err
		}
		response, ok := got.RawResponse.(*smithyhttp.Response)
		if !ok {
			return got, metadata, fmt.Errorf("read the answer: unknown transport %T", got.RawResponse)
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err != nil {
			return got, metadata, fmt.Errorf("read the answer: %w", err)
		}
		if response.StatusCode < 200 || response.StatusCode > 299 {
			return got, metadata, refusal(response, text)
		}
		if err := json.Unmarshal(text, out); err != nil {
			return got, metadata, fmt.Errorf("read the answer: %w", err)
		}
		return got, metadata, nil
	})
}

// refusal is the error that an answer is. The code stands in a header or in the
// body: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
func refusal(response *smithyhttp.Response, text []byte) error {
	var said struct {
		Type    string `json:"__type"`
		Code    string `json:"code"` // in either case
		Message string `json:"message"`
	}
	_ = json.Unmarshal(text, &said) // what is no JSON says nothing
	code := cmp.Or(response.Header.Get("X-Amzn-Errortype"), said.Type, said.Code, "UnknownError")
	code, _, _ = strings.Cut(code, ":")
	code = code[strings.LastIndex(code, "#")+1:]
	fault := smithy.FaultClient
	if response.StatusCode >= http.StatusInternalServerError {
		fault = smithy.FaultServer
	}
	return &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: response,
			Err:      &smithy.GenericAPIError{Code: code, Message: cmp.Or(said.Message, http.StatusText(response.StatusCode)), Fault: fault},
		},
		RequestID: response.Header.Get("X-Amzn-Requestid"),
	}
}

// endpoint is where the service is: as the settings say, or as AWS names it in
// the region.
func (s *Service) endpoint(ctx context.Context) (string, error) {
	if url, err := s.configured(ctx); url != "" || err != nil {
		return strings.TrimSuffix(url, "/"), err
	}
	if s.cfg.BaseEndpoint != nil {
		return strings.TrimSuffix(*s.cfg.BaseEndpoint, "/"), nil
	}
	if s.cfg.Region == "" {
		return "", fmt.Errorf("find %s: no region is set; set AWS_REGION", s.id)
	}
	fips, err := s.fips(ctx)
	if err != nil {
		return "", err
	}
	return "https://" + s.name + fips + "." + s.cfg.Region + "." + suffix(s.cfg.Region), nil
}

// configured is the endpoint of this service alone, as in
// AWS_ENDPOINT_URL_SECURITYHUB.
func (s *Service) configured(ctx context.Context) (string, error) {
	for _, source := range s.cfg.ConfigSources {
		if p, ok := source.(interface {
			GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
		}); ok {
			if ignore, found, err := p.GetIgnoreConfiguredEndpoints(ctx); err == nil && found && ignore {
				return "", nil
			}
		}
	}
	for _, source := range s.cfg.ConfigSources {
		p, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		})
		if !ok {
			continue
		}
		if url, found, err := p.GetServiceBaseEndpoint(ctx, s.id); err != nil || found {
			return url, err
		}
	}
	return "", nil
}

// fips is what AWS_USE_FIPS_ENDPOINT adds to the service's name.
func (s *Service) fips(ctx context.Context) (string, error) {
	for _, source := range s.cfg.ConfigSources {
		p, ok := source.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		})
		if !ok {
			continue
		}
		state, found, err := p.GetUseFIPSEndpoint(ctx)
		if err != nil {
			return "", fmt.Errorf("find %s: %w", s.id, err)
		}
		if found && state == aws.FIPSEndpointStateEnabled {
			return "-fips", nil
		}
		if found {
			return "", nil
		}
	}
	return "", nil
}

// suffix is the domain of the region's partition.
// https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
func suffix(region string) string {
	for prefix, domain := range map[string]string{
		"cn-": "amazonaws.com.cn", "us-iso-": "c2s.ic.gov", "us-isob-": "sc2s.sgov.gov",
		"us-isof-": "csp.hci.ic.gov", "eu-isoe-": "cloud.adc-e.uk", "eusc-": "amazonaws.eu",
	} {
		if strings.HasPrefix(region, prefix) {
			return domain
		}
	}
	return "amazonaws.com"
}
