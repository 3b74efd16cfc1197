package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/plan"
)

// startMoto starts an independent AWS emulator and returns its URL.
func startMoto(t *testing.T) string {
	t.Helper()
	need(t, "moto", "moto_server")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "moto_server", "-H", "127.0.0.1", "-p", port)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url := "http://127.0.0.1:" + port
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		if resp, err := http.Get(url + "/moto-api/data.json"); err == nil {
			_ = resp.Body.Close()
			return url
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("moto_server did not answer: %s", out.String())
		}
	}
}

// moto is a site whose AWS is a moto_server.
type moto struct {
	site
	conf aws.Config
}

func newMoto(t *testing.T) moto {
	url := startMoto(t)
	return moto{newSite(t, url), aws.Config{
		Region: "us-east-2", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}}
}

// sealingKey makes a symmetric sealing key: moto's RSA keys open nothing that was
// encrypted with their public part.
func (m moto) sealingKey() string {
	m.t.Helper()
	out, err := kms.NewFromConfig(m.conf).CreateKey(m.t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecSymmetricDefault, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
	if err != nil {
		m.t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

func (m moto) createFunction() {
	m.t.Helper()
	code, err := bootstrapZip()
	if err != nil {
		m.t.Fatal(err)
	}
	m.write("hello.zip", string(code))
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	m.run(0, "", "aws iam create-role --role-name hello --assume-role-policy-document", trust)
	m.run(0, "", "aws lambda create-function --function-name hello --runtime provided.al2023 --handler bootstrap --role arn:aws:iam::123456789012:role/hello --zip-file fileb://hello.zip --environment Variables={FOREIGN=kept}")
}

// live returns the version and environment that the alias names.
func (m moto) live() (version, codeSHA256 string, env map[string]string) {
	m.t.Helper()
	out, err := lambda.NewFromConfig(m.conf).GetFunction(m.t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("hello"), Qualifier: aws.String("live")})
	if err != nil {
		m.t.Fatal(err)
	}
	return *out.Configuration.Version, *out.Configuration.CodeSha256, out.Configuration.Environment.Variables
}

// TestMoto runs the loop against moto: sealed online, the package from the commit,
// unfenced because moto has no RevisionId, and without an invocation, for which it
// has no runtime.
func TestMoto(t *testing.T) {
	need(t, "aws", "aws")
	m := newMoto(t)
	m.createFunction()
	m.settle("--sealing-key", m.sealingKey())

	if out := m.run(2, "", "sealift apply"); !strings.Contains(out, "the endpoint answers no RevisionId") || !strings.Contains(out, "hint: ") {
		t.Errorf("fenced apply: %s", out)
	}
	m.run(1, "", "sealift diff --unfenced")
	m.run(0, "", "sealift apply --unfenced")
	version, sha, env := m.live()
	if version != "1" || env["FOREIGN"] != "kept" || !strings.Contains(env[plan.MarkerVariable], sha) {
		t.Errorf("version %s, environment %v", version, env)
	}
	if out := m.run(0, "", "sealift apply --unfenced"); !strings.Contains(out, "in sync") {
		t.Errorf("second apply: %s", out)
	}

	m.run(0, "site-canary-2", "sealift seal -f manifests/hello.yaml TOKEN")
	m.run(0, "", "git commit -qam two")
	if out := m.run(1, "", "sealift diff --unfenced"); !strings.Contains(out, "~ secret TOKEN           changed (value hidden)") {
		t.Errorf("diff: %s", out)
	}
	m.run(0, "", "sealift apply --unfenced")
	version2, sha2, env2 := m.live()
	if version2 == version || sha2 == sha || !strings.Contains(env2[plan.MarkerVariable], sha2) {
		t.Errorf("version %s → %s, package or marker kept", version, version2)
	}
	everything := fmt.Sprint(m.run(0, "", "aws lambda list-versions-by-function --function-name hello"))
	if holds([]byte(everything), "site-canary") {
		t.Error("a plaintext is in what Lambda answers")
	}
}
