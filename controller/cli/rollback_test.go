package cli_test

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/rogpeppe/go-internal/testscript"
)

// readAlias is the command "alias-of NAME FILE": it writes the version that the alias live
// names, and its description, to FILE, a line each.
func readAlias(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: alias-of NAME FILE")
	}
	out, err := lambdaOf(ts).GetAlias(context.Background(), &lambda.GetAliasInput{FunctionName: &args[0], Name: aws.String("live")})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(aws.ToString(out.FunctionVersion)+"\n"+aws.ToString(out.Description)+"\n"), 0o644))
}

// setAlias is the command "alias-set NAME VERSION DESCRIPTION": it changes the alias live
// as a person does.
func setAlias(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: alias-set NAME VERSION DESCRIPTION")
	}
	_, err := lambdaOf(ts).UpdateAlias(context.Background(), &lambda.UpdateAliasInput{FunctionName: &args[0], Name: aws.String("live"), FunctionVersion: &args[1], Description: &args[2]})
	ts.Check(err)
}
