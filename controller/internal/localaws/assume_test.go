package localaws_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

func session(key, secret, token *string) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(aws.ToString(key), aws.ToString(secret), aws.ToString(token))
}

const other = "arn:aws:iam::111122223333:role/deploy"

// assumed returns conf with the credentials of a session of the role other.
func assumed(t *testing.T, conf aws.Config) aws.Config {
	t.Helper()
	out, err := sts.NewFromConfig(conf).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(other), RoleSessionName: aws.String("session")})
	if err != nil {
		t.Fatal(err)
	}
	as := conf.Copy()
	as.Credentials = session(out.Credentials.AccessKeyId, out.Credentials.SecretAccessKey, out.Credentials.SessionToken)
	return as
}

// Credentials of a role see the keys and functions of the role's account and no others, before and after a restart.
func TestAccounts(t *testing.T) {
	dir := t.TempDir()
	server, err := localaws.Open(localaws.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { server.ServeHTTP(w, r) }))
	defer listener.Close()
	conf := aws.Config{Region: region, BaseEndpoint: &listener.URL, Credentials: keys(), Retryer: awstest.Retryer}
	as := assumed(t, conf)
	made, err := kms.NewFromConfig(as).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(made.KeyMetadata.AWSAccountId); got != "111122223333" {
		t.Errorf("the key is of %s", got)
	}
	owners := map[string]aws.Config{"000000000000": conf, "111122223333": as}
	for account, owner := range owners {
		_, err := lambda.NewFromConfig(owner).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("hello"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::" + account + ":role/hello"),
			Code: &types.FunctionCode{ZipFile: zipOf(t, account)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for account, owner := range owners {
			out, err := lambda.NewFromConfig(owner).GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("hello")})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := aws.ToString(out.Configuration.FunctionArn), "arn:aws:lambda:us-east-2:"+account+":function:hello"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if got, want := fetched(t, aws.ToString(out.Code.Location)), string(zipOf(t, account)); got != want {
				t.Errorf("%s: another account's package", account)
			}
		}
		_, err := kms.NewFromConfig(conf).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: made.KeyMetadata.KeyId})
		if awserr.Code(err) != "NotFoundException" {
			t.Errorf("the key of another account: %v", err)
		}
		if _, err := kms.NewFromConfig(as).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: made.KeyMetadata.Arn}); err != nil {
			t.Errorf("the account's own key: %v", err)
		}
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if server, err = localaws.Open(localaws.Options{Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
}

func fetched(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, response.Status, err)
	}
	return string(content)
}

// Credentials of a role end, go with their own access key alone, and carry the token of a server that wants one.
func TestSessions(t *testing.T) {
	now := time.Unix(1767323045, 0)
	server, err := localaws.Open(localaws.Options{SessionToken: "right", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	conf := awstest.Config(server, region)
	conf.Credentials, conf.RetryMaxAttempts = credentials.NewStaticCredentialsProvider("x", "x", "right"), 1
	as := assumed(t, conf)
	ask := func(conf aws.Config) string {
		_, err := kms.NewFromConfig(conf).ListKeys(t.Context(), &kms.ListKeysInput{})
		return awserr.Code(err)
	}
	own, err := as.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mixed := as.Copy()
	mixed.Credentials = credentials.NewStaticCredentialsProvider("ASIAOTHER", own.SecretAccessKey, own.SessionToken)
	cut := as.Copy()
	cut.Credentials = credentials.NewStaticCredentialsProvider(own.AccessKeyID, own.SecretAccessKey, own.SessionToken[:len(own.SessionToken)-len("right")])
	for name, test := range map[string]struct {
		conf  aws.Config
		later time.Duration
		want  string
	}{
		"its own":               {as, 0, ""},
		"another access key":    {mixed, 0, "UnrecognizedClientException"},
		"without the server's":  {cut, 0, "UnrecognizedClientException"},
		"at the end":            {as, time.Hour, "ExpiredTokenException"},
		"just before":           {as, time.Hour - time.Second, ""},
		"the server's own user": {conf, time.Hour, ""},
	} {
		now = time.Unix(1767323045, 0).Add(test.later)
		if got := ask(test.conf); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
