package awsclient_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

func TestOwnKeysOfAUserAndOfARole(t *testing.T) {
	t.Parallel()
	server, err := awsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	key := server.Home().AddUser(awsfake.User{Name: "robot", Keys: []awsfake.Key{{ID: "AKIAROBOT00000000001", Active: true}}}).Keys[0]

	id, _, err := awsclient.Identify(t.Context(), awsclient.ConnectTo(server.URL(), key.ID, "secret", 1))
	if err != nil || !slices.Equal(id.OwnKeys, []string{key.ID}) {
		t.Errorf("with the user's own key: OwnKeys %v, %v", id.OwnKeys, err)
	}

	// A role's session belongs to no user.
	home := awsclient.ConnectTo(server.URL(), key.ID, "secret", 1)
	session, err := sts.NewFromConfig(home).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + server.Home().ID() + ":role/sleuth"), RoleSessionName: aws.String("test"),
	})
	if err != nil {
		t.Fatal(err)
	}
	home.Credentials = credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	id, _, err = awsclient.Identify(t.Context(), home)
	if err != nil || !slices.Equal(id.OwnKeys, []string{*session.Credentials.AccessKeyId}) {
		t.Errorf("with a role's session: OwnKeys %v, %v", id.OwnKeys, err)
	}
}

// TestOwnKeysOfAUsersSession: what GetSessionToken gives signs with a key of
// its own, and dies with the user's.
func TestOwnKeysOfAUsersSession(t *testing.T) {
	t.Parallel()
	server, err := awsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Home().AddUser(awsfake.User{Name: "robot", Keys: []awsfake.Key{{ID: "AKIAROBOT00000000001", Active: true}}})
	server.Inject(awsfake.Fault{Action: "GetCallerIdentity", Status: 200, Body: `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">` +
		`<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/bots/robot</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>` +
		`<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`})

	id, _, err := awsclient.Identify(t.Context(), awsclient.ConnectTo(server.URL(), "ASIASESSION000000001", "secret", 1))
	if want := []string{"ASIASESSION000000001", "AKIAROBOT00000000001"}; err != nil || !slices.Equal(id.OwnKeys, want) {
		t.Errorf("OwnKeys %v, %v; want %v", id.OwnKeys, err, want)
	}
}

// TestOwnKeysOfASourceChain: a profile that assumes a role runs with the static
// key at the end of its source_profile chain.
func TestOwnKeysOfASourceChain(t *testing.T) { // not parallel: the environment is one
	server := startAWS(t)
	for _, name := range []string{"AKIAENVIRONMENT00001", "AKIADEFAULTPROFILE01", "AKIAENDOFTHECHAIN001"} {
		server.Home().AddUser(awsfake.User{Name: name, Keys: []awsfake.Key{{ID: name, Active: true}}})
	}
	role := "arn:aws:iam::" + server.Home().ID() + ":role/"
	credentialsFile, configFile := filepath.Join(t.TempDir(), "credentials"), filepath.Join(t.TempDir(), "config")
	write(t, credentialsFile, "[default]\naws_access_key_id = AKIADEFAULTPROFILE01\naws_secret_access_key = x\n"+
		"[person]\naws_access_key_id = AKIAENDOFTHECHAIN001\naws_secret_access_key = x\n")
	write(t, configFile, "[profile hub]\nrole_arn = "+role+"hub\nsource_profile = person\n"+
		"[profile audit]\nrole_arn = "+role+"audit\nsource_profile = hub\n")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL(), "AWS_ENDPOINT_URL_STS": server.URL(), "AWS_REGION": "us-east-1", "AWS_SESSION_TOKEN": "", "AWS_CA_BUNDLE": "",
		"AWS_CONFIG_FILE": configFile, "AWS_SHARED_CREDENTIALS_FILE": credentialsFile,
	} {
		t.Setenv(name, value)
	}
	const environment, chain, byDefault = "AKIAENVIRONMENT00001", "AKIAENDOFTHECHAIN001", "AKIADEFAULTPROFILE01"
	for _, c := range []struct {
		name, profile, key string
		own, others        []string
	}{
		{"a role behind a role", "audit", "", []string{chain}, []string{environment, byDefault}},
		{"a role behind a key", "hub", "", []string{chain}, []string{byDefault}},
		{"a key", "person", "", []string{chain}, []string{byDefault}},
		{"the default", "", "", []string{byDefault}, []string{chain}},
		{"the environment", "", environment, []string{environment}, []string{byDefault, chain}},
		{"the environment, and a profile by name", "audit", environment, []string{environment, chain}, []string{byDefault}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("AWS_PROFILE", c.profile)
			t.Setenv("AWS_ACCESS_KEY_ID", c.key)
			t.Setenv("AWS_SECRET_ACCESS_KEY", c.key)
			cfg, err := awsclient.Connect(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			id, _, err := awsclient.Identify(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range c.own {
				if !slices.Contains(id.OwnKeys, key) {
					t.Errorf("%s does not count as own: %v", key, id.OwnKeys)
				}
			}
			for _, key := range c.others {
				if slices.Contains(id.OwnKeys, key) {
					t.Errorf("%s counts as own: %v", key, id.OwnKeys)
				}
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
