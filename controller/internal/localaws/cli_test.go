package localaws_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/localaws"
)

// need returns the path of a program; without it the test is skipped, or fails where SEALIFT_TEST_REQUIRE names it.
func need(t *testing.T, program string) string {
	t.Helper()
	return needAs(t, program, program)
}

// needAs is need for a program that SEALIFT_TEST_REQUIRE calls something else.
func needAs(t *testing.T, name, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if required(name) {
		t.Fatalf("%s is required and not installed", program)
	}
	t.Skipf("%s is not installed", program)
	return ""
}

func required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("SEALIFT_TEST_REQUIRE"), ","), name)
}

// shell runs the aws command line against one server.
type shell struct {
	t       *testing.T
	program string
	dir     string
	env     []string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	program := need(t, "aws")
	listener := httptest.NewServer(open(t, localaws.Options{}))
	t.Cleanup(listener.Close)
	s := &shell{t: t, program: program, dir: t.TempDir()}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") {
			s.env = append(s.env, variable)
		}
	}
	none := filepath.Join(s.dir, "none")
	s.env = append(s.env, "AWS_ENDPOINT_URL="+listener.URL, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_DEFAULT_REGION="+region,
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")
	return s
}

func (s *shell) run(arguments string) (stdout, stderr string, err error) {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), s.program, append(strings.Fields(arguments), "--output", "json")...)
	command.Dir, command.Env = s.dir, s.env
	var out, errors strings.Builder
	command.Stdout, command.Stderr = &out, &errors
	err = command.Run()
	return out.String(), errors.String(), err
}

// want runs a command and checks members of its answer, which are given as "Path.To.Member=value".
func (s *shell) want(arguments string, members ...string) map[string]any {
	s.t.Helper()
	stdout, stderr, err := s.run(arguments)
	if err != nil {
		s.t.Fatalf("aws %s: %v\n%s", arguments, err, stderr)
	}
	answer := map[string]any{}
	if stdout != "" {
		if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
			s.t.Fatalf("aws %s: %v\n%s", arguments, err, stdout)
		}
	}
	for _, member := range members {
		path, value, _ := strings.Cut(member, "=")
		if got := lookup(answer, path); got != value {
			s.t.Errorf("aws %s: %s is %q, want %q\n%s", arguments, path, got, value, stdout)
		}
	}
	return answer
}

func (s *shell) fails(arguments, message string) {
	s.t.Helper()
	if _, stderr, err := s.run(arguments); err == nil || !strings.Contains(stderr, message) {
		s.t.Errorf("aws %s: %v, %s", arguments, err, stderr)
	}
}

func (s *shell) write(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// lookup follows a path through objects and, by taking their first element, arrays.
func lookup(answer any, path string) string {
	for _, name := range strings.Split(path, ".") {
		if list, ok := answer.([]any); ok && len(list) > 0 {
			answer = list[0]
		}
		object, _ := answer.(map[string]any)
		answer = object[name]
	}
	if list, ok := answer.([]any); ok && len(list) > 0 {
		answer = list[0]
	}
	if text, ok := answer.(string); ok {
		return text
	}
	text, _ := json.Marshal(answer)
	return string(text)
}

func TestCommandLineKMS(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the aws command line some thirty times")
	}
	t.Parallel()
	s := newShell(t)
	s.want("sts get-caller-identity", "Account=000000000000", "Arn=arn:aws:iam::000000000000:root")
	created := s.want("kms create-key --description bundle --tags TagKey=a,TagValue=b", "KeyMetadata.KeyState=Enabled", "KeyMetadata.KeySpec=SYMMETRIC_DEFAULT")
	arn := lookup(created, "KeyMetadata.Arn")
	s.want("kms create-alias --alias-name alias/bundle --target-key-id " + arn)
	s.want("kms update-alias --alias-name alias/bundle --target-key-id " + arn)
	s.want("kms describe-key --key-id alias/bundle", "KeyMetadata.Arn="+arn, "KeyMetadata.Description=bundle")
	s.want("kms list-aliases", "Aliases.AliasName=alias/bundle")
	s.want("kms enable-key-rotation --key-id " + arn)
	s.want("kms get-key-rotation-status --key-id "+arn, "KeyRotationEnabled=true", "RotationPeriodInDays=365")
	key := s.want("kms generate-data-key --key-id alias/bundle --key-spec AES_256 --encryption-context a=b", "KeyId="+arn)
	blob, err := base64.StdEncoding.DecodeString(lookup(key, "CiphertextBlob"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("blob", blob)
	s.want("kms decrypt --ciphertext-blob fileb://blob --encryption-context a=b", "Plaintext="+lookup(key, "Plaintext"), "KeyId="+arn)
	s.fails("kms decrypt --ciphertext-blob fileb://blob", "(InvalidCiphertextException)")
	s.write("plain", []byte("secret"))
	sealed := s.want("kms encrypt --key-id alias/bundle --plaintext fileb://plain --encryption-context a=b", "KeyId="+arn, "EncryptionAlgorithm=SYMMETRIC_DEFAULT")
	if blob, err = base64.StdEncoding.DecodeString(lookup(sealed, "CiphertextBlob")); err != nil {
		t.Fatal(err)
	}
	s.write("blob", blob)
	s.want("kms re-encrypt --ciphertext-blob fileb://blob --source-encryption-context a=b --destination-key-id alias/bundle --destination-encryption-context c=d", "SourceKeyId="+arn, "KeyId="+arn)
	s.fails("kms encrypt --key-id alias/bundle --plaintext fileb://plain --dry-run", "(DryRunOperationException)")
	s.want("kms generate-data-key-without-plaintext --key-id alias/bundle --key-spec AES_256", "KeyId="+arn, "Plaintext=null")
	s.want("kms list-keys", "Keys.KeyArn="+arn)
	s.want("kms list-resource-tags --key-id "+arn, "Tags.TagKey=a", "Tags.TagValue=b")
	s.want("kms tag-resource --key-id " + arn + " --tags TagKey=a,TagValue=c")
	s.want("kms untag-resource --key-id " + arn + " --tag-keys a")
	s.write("policy.json", []byte(`{"Statement":[]}`))
	s.want("kms put-key-policy --key-id " + arn + " --policy file://policy.json")
	s.want("kms get-key-policy --key-id "+arn, `Policy={"Statement":[]}`, "PolicyName=default")
	s.want("kms disable-key-rotation --key-id " + arn)
	rsa := s.want("kms create-key --key-spec RSA_3072 --key-usage ENCRYPT_DECRYPT", "KeyMetadata.KeySpec=RSA_3072")
	s.want("kms get-public-key --key-id "+lookup(rsa, "KeyMetadata.KeyId"), "EncryptionAlgorithms=RSAES_OAEP_SHA_1")
	s.want("kms disable-key --key-id " + arn)
	s.fails("kms generate-data-key --key-id alias/bundle --key-spec AES_256", "(DisabledException) when calling the GenerateDataKey operation: "+arn+" is disabled.")
	s.want("kms enable-key --key-id " + arn)
	s.want("kms schedule-key-deletion --pending-window-in-days 7 --key-id "+arn, "KeyState=PendingDeletion")
	s.want("kms cancel-key-deletion --key-id "+arn, "KeyId="+arn)
	s.want("kms delete-alias --alias-name alias/bundle")
}

func TestCommandLineLambda(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the aws command line some twenty times")
	}
	t.Parallel()
	s := newShell(t)
	s.write("code.zip", archive(t))
	const arn = "arn:aws:lambda:us-east-2:000000000000:function:hello"
	s.want("lambda create-function --function-name hello --runtime provided.al2023 --handler bootstrap --role arn:aws:iam::000000000000:role/hello --zip-file fileb://code.zip --environment Variables={LEVEL=info}",
		"FunctionArn="+arn, "State=Pending")
	s.want("lambda wait function-active-v2 --function-name hello")
	s.want("lambda get-function --function-name hello", "Configuration.State=Active", "Code.RepositoryType=S3")
	s.want("lambda get-function-configuration --function-name hello", "LastUpdateStatus=Successful", "Environment.Variables.LEVEL=info")
	s.want("lambda list-functions", "Functions.FunctionName=hello")
	s.want("lambda update-function-code --function-name hello --zip-file fileb://code.zip", "LastUpdateStatus=InProgress")
	s.want("lambda update-function-configuration --function-name hello --description two", "LastUpdateStatus=InProgress", "Description=two")
	s.fails("lambda update-function-configuration --function-name hello --revision-id stale", "(PreconditionFailedException)")
	s.want("lambda publish-version --function-name hello", "Version=1", "FunctionArn="+arn+":1")
	s.want("lambda list-versions-by-function --function-name hello", "Versions.Version=$LATEST")
	s.want("lambda create-alias --function-name hello --name live --function-version 1", "AliasArn="+arn+":live")
	s.want("lambda update-alias --function-name hello --name live --description d", "Description=d")
	s.want("lambda get-alias --function-name hello --name live", "FunctionVersion=1")
	s.want("lambda list-aliases --function-name hello", "Aliases.Name=live")
	s.want("lambda tag-resource --resource " + arn + " --tags team=payments")
	s.want("lambda list-tags --resource "+arn, "Tags.team=payments")
	s.want("lambda untag-resource --resource " + arn + " --tag-keys team")
	const layer = "arn:aws:lambda:us-east-2:000000000000:layer:config"
	s.want("lambda publish-layer-version --layer-name config --description first --zip-file fileb://code.zip", "Version=1", "LayerVersionArn="+layer+":1", "Description=first")
	s.want("lambda get-layer-version --layer-name config --version-number 1", "LayerArn="+layer)
	s.want("lambda get-layer-version-by-arn --arn "+layer+":1", "Version=1")
	s.want("lambda list-layer-versions --layer-name config", "LayerVersions.Version=1")
	s.want("lambda list-layers", "Layers.LayerName=config", "Layers.LatestMatchingVersion.Version=1")
	s.want("lambda wait function-updated-v2 --function-name hello")
	s.want("lambda update-function-configuration --function-name hello --layers "+layer+":1", "Layers.Arn="+layer+":1")
	s.want("lambda delete-layer-version --layer-name config --version-number 1")
	s.fails("lambda get-layer-version --layer-name config --version-number 1", "(ResourceNotFoundException)")
	s.want("lambda get-function-code-signing-config --function-name hello", "FunctionName=hello")
	s.fails("lambda get-code-signing-config --code-signing-config-arn arn:aws:lambda:us-east-2:000000000000:code-signing-config:csc-0123456789abcdef0", "(ResourceNotFoundException)")
	s.want("lambda create-function --function-name image --package-type Image --code ImageUri=000000000000.dkr.ecr.us-east-2.amazonaws.com/image:1 --role arn:aws:iam::000000000000:role/hello", "PackageType=Image")
	s.want("lambda get-function --function-name image", "Code.RepositoryType=ECR", "Configuration.PackageType=Image")
	s.want("lambda delete-function --function-name image")
	s.want("lambda invoke --function-name hello:live --invocation-type DryRun out.json", "StatusCode=204")
	s.fails("lambda invoke --function-name hello out.json", "(ServiceException)")
	s.fails("lambda delete-function --function-name hello --qualifier 1", "(ResourceConflictException)")
	s.want("lambda delete-alias --function-name hello --name live")
	s.want("lambda delete-function --function-name hello")
	s.fails("lambda get-function --function-name hello", "(ResourceNotFoundException) when calling the GetFunction operation: Function not found: "+arn)
}
