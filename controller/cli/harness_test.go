package cli_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// lambdaOf returns a client of a script's local AWS.
func lambdaOf(ts *testscript.TestScript) *lambda.Client {
	cfg := awsConfig(ts)
	if ts.Getenv("AWS_SESSION_TOKEN") == "" { // a script may take the user's credentials away
		cfg.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
	}
	return lambda.NewFromConfig(cfg)
}

// createFunction is the command "function NAME [KEY=VALUE...]": it creates a
// function whose package is not that of the script, with plain variables.
func createFunction(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: function NAME [KEY=VALUE...]")
	}
	env := map[string]string{}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		env[key] = value
	}
	ts.Check(create(lambdaOf(ts), args[0], env))
}

// create makes a function and waits until it is active.
func create(api *lambda.Client, name string, env map[string]string) error {
	code, err := bootstrapZip()
	if err != nil {
		return err
	}
	_, err = api.CreateFunction(context.Background(), &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Environment: &types.Environment{Variables: env},
		Role: aws.String("arn:aws:iam::000000000000:role/r"), Code: &types.FunctionCode{ZipFile: code},
	})
	if err != nil {
		return err
	}
	waiter := lambda.NewFunctionActiveV2Waiter(api, func(o *lambda.FunctionActiveV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, time.Millisecond
	})
	return waiter.Wait(context.Background(), &lambda.GetFunctionInput{FunctionName: &name}, time.Minute)
}

// setVariable is the command "function-env NAME KEY=VALUE".
func setVariable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: function-env NAME KEY=VALUE")
	}
	api := lambdaOf(ts)
	was, err := api.GetFunctionConfiguration(context.Background(), &lambda.GetFunctionConfigurationInput{FunctionName: &args[0]})
	ts.Check(err)
	env := map[string]string{}
	if was.Environment != nil {
		env = was.Environment.Variables
	}
	key, value, _ := strings.Cut(args[1], "=")
	env[key] = value
	_, err = api.UpdateFunctionConfiguration(context.Background(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &args[0], Environment: &types.Environment{Variables: env},
	})
	ts.Check(err)
	ts.Check(updated(api, args[0]))
}

// uploadCode is the command "function-code NAME".
func uploadCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: function-code NAME")
	}
	code, err := bootstrapZip()
	ts.Check(err)
	api := lambdaOf(ts)
	_, err = api.UpdateFunctionCode(context.Background(), &lambda.UpdateFunctionCodeInput{FunctionName: &args[0], ZipFile: code})
	ts.Check(err)
	ts.Check(updated(api, args[0]))
}

// updated waits until an update has come to its end.
func updated(api *lambda.Client, name string) error {
	waiter := lambda.NewFunctionUpdatedV2Waiter(api, func(o *lambda.FunctionUpdatedV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, time.Millisecond
	})
	return waiter.Wait(context.Background(), &lambda.GetFunctionInput{FunctionName: &name}, time.Minute)
}

// deployFolder is the command "deploy NAME DIR": it uploads the files below DIR as
// the package of a function, and waits until they are deployed.
func deployFolder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: deploy NAME DIR")
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	ts.Check(errors.Join(w.AddFS(os.DirFS(ts.MkAbs(args[1]))), w.Close()))
	api := lambdaOf(ts)
	_, err := api.UpdateFunctionCode(context.Background(), &lambda.UpdateFunctionCodeInput{FunctionName: &args[0], ZipFile: b.Bytes()})
	ts.Check(err)
	waiter := lambda.NewFunctionUpdatedV2Waiter(api, func(o *lambda.FunctionUpdatedV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, time.Millisecond
	})
	ts.Check(waiter.Wait(context.Background(), &lambda.GetFunctionInput{FunctionName: &args[0]}, time.Minute))
}

// bootstrapZip is a package that is not that of any script.
func bootstrapZip() ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	file, err := w.Create("bootstrap")
	if err == nil {
		_, err = io.WriteString(file, "#!/bin/sh\n")
	}
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

// unpackLive is the command "live NAME DIR": it unpacks the package of what the
// alias live names into DIR/package, and writes its variables to DIR/env.json and
// its version to DIR/version.
func unpackLive(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: live NAME DIR")
	}
	out, err := lambdaOf(ts).GetFunction(context.Background(), &lambda.GetFunctionInput{FunctionName: &args[0], Qualifier: aws.String("live")})
	ts.Check(err)
	resp, err := http.Get(*out.Code.Location)
	ts.Check(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	ts.Check(err)
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	ts.Check(err)
	dir := ts.MkAbs(args[1])
	ts.Check(os.RemoveAll(dir))
	ts.Check(os.CopyFS(filepath.Join(dir, "package"), r))
	env, err := json.Marshal(out.Configuration.Environment.Variables)
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, "env.json"), append(env, '\n'), 0o644))
	ts.Check(os.WriteFile(filepath.Join(dir, "version"), []byte(*out.Configuration.Version+"\n"), 0o644))
}
