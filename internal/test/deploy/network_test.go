package deploy

import (
	"bufio"
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// asking are commands whose first call goes to AWS, and to Slack.
var asking = map[string]struct {
	arguments   []string
	environment []string
	host        string // that the call is for
	endpoint    string // the variable that names another
}{
	"AWS": {
		[]string{"audit"}, []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_REGION=eu-west-1"},
		"sts.eu-west-1.amazonaws.com:443", "AWS_ENDPOINT_URL",
	},
	"Slack": {[]string{"slack-users"}, []string{"SLEUTH_SLACK_API_TOKEN=xoxb-1"}, "slack.com:443", "SLEUTH_SLACK_API_URL"},
}

// begin runs a command until the test has seen what it looks for. The channel is
// closed when the command has ended.
func begin(t *testing.T, arguments []string, environment ...string) <-chan struct{} {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	command := exec.CommandContext(ctx, program.Build(t, "sleuth"), arguments...)
	command.Env = append(environment, "HOME="+t.TempDir())
	check(t, command.Start())
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // it may have been killed
		close(ended)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return ended
}

func TestCallsGoThroughTheProxy(t *testing.T) {
	t.Parallel()
	for name, asked := range asking {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, err := net.Listen("tcp", "127.0.0.1:0")
			check(t, err)
			defer func() { _ = proxy.Close() }()
			ended := begin(t, asked.arguments, append(asked.environment, "HTTPS_PROXY=http://"+proxy.Addr().String())...)
			go func() {
				<-ended
				_ = proxy.Close()
			}()
			connection, err := proxy.Accept()
			check(t, err)
			defer func() { _ = connection.Close() }()
			request, err := http.ReadRequest(bufio.NewReader(connection))
			check(t, err)
			if request.Method != http.MethodConnect || request.Host != asked.host {
				t.Errorf("the proxy was asked to %s %s", request.Method, request.Host)
			}
		})
	}
}

func TestCertificatesOfOnesOwnAreTrusted(t *testing.T) {
	t.Parallel()
	for name, asked := range asking {
		for _, variable := range []string{"SSL_CERT_FILE", "AWS_CA_BUNDLE"} {
			if variable == "AWS_CA_BUNDLE" && name != "AWS" {
				continue
			}
			t.Run(name+" by "+variable, func(t *testing.T) {
				t.Parallel()
				arrived := make(chan struct{}, 100)
				server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					arrived <- struct{}{}
					http.Error(w, "{}", http.StatusForbidden)
				}))
				t.Cleanup(server.Close)
				bundle := filepath.Join(t.TempDir(), "bundle.pem")
				check(t, os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
				ended := begin(t, asked.arguments, append(asked.environment, asked.endpoint+"="+server.URL+"/", variable+"="+bundle)...)
				select {
				case <-arrived:
				case <-ended:
					t.Error("no call arrived")
				}
			})
		}
	}
}
