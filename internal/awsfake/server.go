// Package awsfake is a small AWS inside the process: IAM, STS, SNS,
// Organizations, CloudTrail and others over real HTTP on the loopback interface, in AWS's protocols,
// for tests, benchmarks and the demo.
//
// It follows AWS's documentation in what it answers and refuses, and adds
// what only a fake can offer: keys of any age, switches for latency, rate
// limits, faults and stale reads, and a record of every call. Signatures are
// not checked; the access key id of a request decides whose account it
// reaches.
package awsfake

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// DefaultHome is the id of the account that a request reaches unless its
// access key id belongs to another.
const DefaultHome = "123456789012"

// Server is a running AWS. Its methods may be called from many goroutines.
type Server struct {
	partition string
	homeID    string
	now       func() time.Time
	apis      []*api
	writers   sync.Pool // of *xmlWriter, as a page of users is large

	listener net.Listener
	http     *http.Server
	done     chan struct{} // closed by Close: whoever hangs or waits lets go
	serving  sync.WaitGroup
	closing  sync.Once

	mu           sync.Mutex // guards all accounts and what follows
	accounts     map[string]*Account
	organization *Organization      // nil for none
	owners       map[string]*user   // by access key id
	sessions     map[string]session // by access key id: account credentials and assumed roles
	minted       uint64             // ids made so far
	lag          time.Duration
	pageLimit    int
	reportPolls  int
	// trailPerSecond is the rate of CloudTrail lookups in an account and region.
	trailPerSecond, trailBurst float64

	traffic traffic
}

// Option changes a server before it starts.
type Option func(*Server)

// WithClock gives the server its time: creation dates, the age of credential
// reports and stale reads follow it. The default is time.Now. Latency, rate
// limits and the expiry of assumed sessions follow the real clock, because
// the clients they concern do.
func WithClock(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// WithHome names the account that requests reach by default.
func WithHome(id string) Option { return func(s *Server) { s.homeID = id } }

// WithPartition names the partition that ARNs are in, "aws" by default.
func WithPartition(name string) Option { return func(s *Server) { s.partition = name } }

// WithLatency is SetLatency from the start.
func WithLatency(d time.Duration) Option { return func(s *Server) { s.SetLatency(d) } }

// WithRate is SetRate from the start.
func WithRate(perSecond float64, burst int) Option {
	return func(s *Server) { s.SetRate(perSecond, burst) }
}

// WithLag is SetLag from the start.
func WithLag(d time.Duration) Option { return func(s *Server) { s.SetLag(d) } }

// WithPageLimit is SetPageLimit from the start.
func WithPageLimit(n int) Option { return func(s *Server) { s.SetPageLimit(n) } }

// WithReportPolls is SetReportPolls from the start.
func WithReportPolls(n int) Option { return func(s *Server) { s.SetReportPolls(n) } }

// Start serves on a free loopback port until Close.
func Start(options ...Option) (*Server, error) {
	s := &Server{
		partition: "aws",
		homeID:    DefaultHome,
		now:       time.Now,
		apis:      servedAPIs(),
		writers:   sync.Pool{New: func() any { return new(xmlWriter) }},
		done:      make(chan struct{}),
		accounts:  map[string]*Account{},
		owners:    map[string]*user{},
		sessions:  map[string]session{},

		trailPerSecond: trailPerSecond, trailBurst: trailBurst,
	}
	s.traffic.recording = true
	for _, option := range options {
		option(s)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing to wait for on a loopback port
	if err != nil {
		return nil, fmt.Errorf("listening on the loopback interface: %w", err)
	}
	s.listener = listener
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // dropped connections are asked for, not news
	}
	s.serving.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("awsfake: serving stopped: %v", err))
		}
	})
	return s, nil
}

// URL is where the server listens: the value for AWS_ENDPOINT_URL.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close stops the server and cuts off the calls in flight. Closing twice does
// no harm.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.done)
		_ = s.http.Close() // the listener is gone either way
	})
	s.serving.Wait()
}

// Home is the default account.
func (s *Server) Home() *Account { return s.Account(s.homeID) }

// Account is the account with that id, made on first use.
func (s *Server) Account(id string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.account(id)
}

func (s *Server) account(id string) *Account {
	a, ok := s.accounts[id]
	if !ok {
		a = &Account{
			server: s,
			id:     id,
			users:  map[string]*user{},
			topics: map[string]bool{},
			root:   Root{Created: s.now()},
		}
		s.accounts[id] = a
	}
	return a
}

// SetLag makes IAM eventually consistent: for this long after a call that
// changed a user, by the server's clock, calls that read the user show it as
// it was. Zero, the default, turns that off. Changes made through Account's
// methods, not by a call, are seen at once.
func (s *Server) SetLag(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = d
}

// SetPageLimit lets no page of a list hold more than n items, whatever
// MaxItems asks for, as IAM is free to do. Zero, the default, means no limit.
func (s *Server) SetPageLimit(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pageLimit = n
}

// SetReportPolls says how many polls find a credential report in progress
// before it is complete. Zero is the default.
func (s *Server) SetReportPolls(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reportPolls = n
}

// arn is the name of a resource of a service without regions (IAM, STS).
func (s *Server) arn(service, account, resource string) string {
	return "arn:" + s.partition + ":" + service + "::" + account + ":" + resource
}

// region is the one that a partition's topics are in.
func (s *Server) region() string {
	switch s.partition {
	case "aws-us-gov":
		return "us-gov-west-1"
	case "aws-cn":
		return "cn-north-1"
	default:
		return "us-east-1"
	}
}
