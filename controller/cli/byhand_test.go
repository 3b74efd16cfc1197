package cli_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// byHand is the command "byhand DIR NAME DIGEST": what people do by hand to encrypt
// DIR/NAME.json, with a data key of the script's local AWS and the openssl program. The
// data key of DIR/config.json is used if there is one.
func byHand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: byhand DIR NAME DIGEST")
	}
	dir := ts.MkAbs(args[0])
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
		out, err := kms.NewFromConfig(awsConfig(ts)).GenerateDataKey(context.Background(), &kms.GenerateDataKeyInput{
			KeyId: aws.String("alias/sealift-bundle"), KeySpec: types.DataKeySpecAes256,
		})
		ts.Check(err)
		config := fmt.Sprintf("{\n  \"stage\": \"dev\",\n  \"kmsDataKey\": \"%s\"\n}\n", base64.StdEncoding.EncodeToString(out.CiphertextBlob))
		ts.Check(os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644))
		ts.Check(os.WriteFile(filepath.Join(dir, "key"), []byte(base64.StdEncoding.EncodeToString(out.Plaintext)+"\n"), 0o644))
	}
	plain := filepath.Join(dir, args[1]+".json")
	ts.Check(ts.Exec("openssl", strings.Fields("enc -aes-256-ctr -nosalt -a -md "+args[2]+" -in "+plain+" -out "+plain+".enc -pass file:"+filepath.Join(dir, "key"))...))
}
