package cli_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// putFolder is the command "object KEY DIR": it zips a folder into the file KEY, puts that into
// the bucket builds, and writes its version and its SHA-256 to the files version and sha256.
// "object -bucket NAME" makes a bucket with versions.
func putFolder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: object KEY DIR, or object -bucket NAME")
	}
	cfg := awsConfig(ts)
	cfg.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
	api := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	ctx := context.Background()
	if args[0] == "-bucket" {
		_, err := api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &args[1], CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(cfg.Region)}})
		ts.Check(err)
		_, err = api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &args[1], VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
		ts.Check(err)
		return
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	ts.Check(errors.Join(w.AddFS(os.DirFS(ts.MkAbs(args[1]))), w.Close()))
	out, err := api.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("builds"), Key: &args[0], Body: bytes.NewReader(b.Bytes())})
	ts.Check(err)
	sum := sha256.Sum256(b.Bytes())
	for name, text := range map[string]string{args[0]: b.String(), "version": aws.ToString(out.VersionId), "sha256": fmt.Sprintf("%x", sum)} {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}
