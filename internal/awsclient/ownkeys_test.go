package awsclient_test

import (
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
