package deploy

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync"
	"testing"
)

// serveAliases is a moto that knows one thing more: how often Lambda tries
// again what is asked of a function by an alias. moto takes that for what is
// asked of the function itself.
func serveAliases(t *testing.T, moto string) string {
	t.Helper()
	target, err := url.Parse(moto)
	check(t, err)
	server := httptest.NewServer(withAliases(httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(server.Close)
	return server.URL
}

// https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
var invokeConfig = regexp.MustCompile(`^/2019-09-25/functions/([^/]+)/event-invoke-config$`)

func withAliases(next http.Handler) http.Handler {
	var mu sync.Mutex
	kept := map[string]map[string]any{} // by function and alias
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		alias := r.URL.Query().Get("Qualifier")
		function := invokeConfig.FindStringSubmatch(r.URL.Path)
		if function == nil || alias == "" || alias == "$LATEST" {
			next.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		name := function[1] + ":" + alias
		w.Header().Set("Content-Type", "application/json")
		switch r.Method {
		case http.MethodPut, http.MethodPost:
			config := map[string]any{"FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:" + name, "LastModified": 1.7e9}
			if err := json.NewDecoder(r.Body).Decode(&config); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			kept[name] = config
		case http.MethodDelete:
			delete(kept, name)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if kept[name] == nil {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
		}
		_ = json.NewEncoder(w).Encode(kept[name])
	})
}
