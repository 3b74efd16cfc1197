package localaws_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io/fs"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/manifests"
)

// needBotocore skips the test where python3 has no botocore, which a function that reads its bundle needs.
func needBotocore(t *testing.T) {
	t.Helper()
	python := needAs(t, "python", "python3")
	if err := exec.CommandContext(t.Context(), python, "-c", "import botocore").Run(); err == nil {
		return
	}
	if required("python") {
		t.Fatal("botocore is required and not installed for python3")
	}
	t.Skip("botocore is not installed for python3")
}

// bundle is sealed under a fresh data key of the local KMS.
func (h *house) bundle(k *kms.Client, keyID, function string, values map[string]string) envelope.Bundle {
	h.t.Helper()
	to := envelope.Consumer{Region: region, Function: function}
	drawn, err := k.GenerateDataKey(h.t.Context(), &kms.GenerateDataKeyInput{KeyId: &keyID, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: to.EncryptionContext()})
	if err != nil {
		h.t.Fatal(err)
	}
	hidden := make(map[string]envelope.Secret)
	for name, value := range values {
		hidden[name] = envelope.NewSecret([]byte(value))
	}
	key := &envelope.DataKey{KeyID: aws.ToString(drawn.KeyId), Wrapped: drawn.CiphertextBlob, Plaintext: drawn.Plaintext}
	b, err := envelope.SealBundle(rand.Reader, to, envelope.Digest{}, key, hidden)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// sample is the package of the sample function hello-python with a bundle beside it.
func sample(t *testing.T, bundle []byte) []byte {
	t.Helper()
	folder, err := fs.Sub(manifests.Samples, "samples/functions/hello-python")
	if err != nil {
		t.Fatal(err)
	}
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	if err := w.AddFS(folder); err != nil {
		t.Fatal(err)
	}
	entry, err := w.Create("sealed-config.jwe")
	if err == nil {
		_, err = entry.Write(bundle)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// The sample in Python opens its bundle with the KMS of the same local AWS, through the real SDK, with one call for
// all invocations of a process; a failure is not kept.
func TestInvokePythonSample(t *testing.T) {
	needBotocore(t)
	t.Parallel()
	h := newHouse(t)
	k := kms.NewFromConfig(aws.Config{Region: region, BaseEndpoint: &h.endpoint, Credentials: keys(), Retryer: awstest.Retryer})
	created, err := k.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	keyID := aws.ToString(created.KeyMetadata.KeyId)
	for _, test := range []struct {
		name, sealedFor string
		disable         bool
		failure         string // code
		decrypts        int    // calls of KMS Decrypt by both invocations
	}{
		{name: "hello-python", sealedFor: "hello-python", decrypts: 1},
		{name: "other", sealedFor: "hello-python", failure: "E_CONTEXT"},
		{name: "disabled", sealedFor: "disabled", disable: true, failure: "E_KMS_STATE", decrypts: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &house{h.Client, t, h.endpoint, h.server}
			before := h.decrypts()
			bundle := h.bundle(k, keyID, test.sealedFor, map[string]string{"test_data": "correct horse"})
			if test.disable {
				if _, err := k.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &keyID}); err != nil {
					t.Fatal(err)
				}
			}
			h.deployPython(test.name, sample(t, bundle.Bytes()))
			for event, want := range map[string]string{
				`{"sealift.dev/canary":"1"}`: `{"sealift.dev/canary": {"bid": "` + bundle.ID() + `"}}`,
				`{"a":1}`:                    `{"statusCode": 200, "body": "{\"message\": \"Value of secret: \\\"correct horse\\\"\", \"input\": {\"a\": 1}}"}`,
			} {
				out, log := h.invoke(test.name, event)
				if test.failure != "" {
					assertPythonFailure(t, out, test.failure)
					continue
				}
				if diff := cmp.Diff(want, string(out.Payload)); diff != "" || out.FunctionError != nil {
					t.Errorf("%s: payload (-want +got):\n%s\n%s", event, diff, log)
				}
			}
			if got := h.decrypts() - before; got != test.decrypts {
				t.Errorf("%d calls of Decrypt, want %d", got, test.decrypts)
			}
		})
	}
}

// decrypts is how often KMS Decrypt was called.
func (h *house) decrypts() int {
	n := 0
	for _, call := range h.server.Calls() {
		if call.Operation == "Decrypt" {
			n++
		}
	}
	return n
}

func assertPythonFailure(t *testing.T, out *lambda.InvokeOutput, code string) {
	t.Helper()
	var document struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(out.Payload, &document); err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.FunctionError) != "Unhandled" || document.ErrorType != "SealiftError" || !strings.HasPrefix(document.ErrorMessage, code+": ") {
		t.Errorf("payload %s, want %s", out.Payload, code)
	}
}

// deployPython makes a function of a package, a version of it, and the alias live.
func (h *house) deployPython(name string, code []byte) {
	h.t.Helper()
	_, err := h.CreateFunction(h.t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimePython313, Handler: aws.String("index.handler"), Role: aws.String("arn:aws:iam::000000000000:role/hello"),
		Timeout: aws.Int32(60), Code: &types.FunctionCode{ZipFile: code}, Publish: true, Environment: &types.Environment{},
	})
	if err == nil {
		_, err = h.CreateAlias(h.t.Context(), &lambda.CreateAliasInput{FunctionName: &name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}
