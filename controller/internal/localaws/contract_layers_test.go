package localaws_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// publishLayer publishes a version of a layer, which the case leaves no version of.
func (c *contract) publishLayer(name, content, description string) *lambda.PublishLayerVersionOutput {
	c.Helper()
	out := must(c.lambda.PublishLayerVersion(c.Context(), &lambda.PublishLayerVersionInput{
		LayerName: &name, Description: &description, Content: &types.LayerVersionContentInput{ZipFile: c.code(content)},
	}))(c)
	c.Cleanup(func() {
		_, _ = c.lambda.DeleteLayerVersion(context.Background(), &lambda.DeleteLayerVersionInput{LayerName: &name, VersionNumber: &out.Version})
	})
	return out
}

func contractLayers(c *contract) {
	name := c.unique
	first := c.publishLayer(name, "one", "first")
	c.is("answer", said(first.Version, aws.ToString(first.Description), strings.HasSuffix(aws.ToString(first.LayerArn), ":layer:"+name),
		strings.HasSuffix(aws.ToString(first.LayerVersionArn), ":layer:"+name+":1"), first.CompatibleRuntimes, first.CompatibleArchitectures), "1 first true true [] []")
	c.is("content", said(aws.ToString(first.Content.CodeSha256) == codeSHA256(c.code("one")), first.Content.CodeSize == int64(len(c.code("one")))), "true true")
	second := c.publishLayer(name, "two", "second")
	c.is("the same content again", said(c.publishLayer(name, "two", "third").Version), "3")
	got, err := c.lambda.GetLayerVersion(c.Context(), &lambda.GetLayerVersionInput{LayerName: &name, VersionNumber: aws.Int64(1)})
	c.answers("GetLayerVersion", err, "")
	c.is("the first stays", said(aws.ToString(got.Description), aws.ToString(got.Content.CodeSha256) == codeSHA256(c.code("one"))), "first true")
	downloaded := ""
	if response, err := http.Get(aws.ToString(got.Content.Location)); err == nil {
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		downloaded = string(body)
	}
	c.is("Location downloads", said(downloaded == string(c.code("one"))), "true")
	byARN, err := c.lambda.GetLayerVersionByArn(c.Context(), &lambda.GetLayerVersionByArnInput{Arn: second.LayerVersionArn})
	c.answers("GetLayerVersionByArn", err, "")
	if err == nil {
		c.is("by ARN", said(byARN.Version, aws.ToString(byARN.Description)), "2 second")
	}
	_, err = c.lambda.GetLayerVersionByArn(c.Context(), &lambda.GetLayerVersionByArnInput{Arn: aws.String(aws.ToString(first.LayerArn) + ":9")})
	c.answers("by ARN, no such version", err, "ResourceNotFoundException")
	_, err = c.lambda.GetLayerVersion(c.Context(), &lambda.GetLayerVersionInput{LayerName: &name, VersionNumber: aws.Int64(9)})
	c.answers("no such version", err, "ResourceNotFoundException")

	list := must(c.lambda.ListLayerVersions(c.Context(), &lambda.ListLayerVersionsInput{LayerName: &name}))(c)
	listed := ""
	for _, v := range list.LayerVersions {
		listed += strconv.FormatInt(v.Version, 10) + aws.ToString(v.Description) + " "
	}
	c.is("newest first", listed, "3third 2second 1first ")
	page := must(c.lambda.ListLayerVersions(c.Context(), &lambda.ListLayerVersionsInput{LayerName: &name, MaxItems: aws.Int32(1)}))(c)
	c.is("first page", said(len(page.LayerVersions), page.NextMarker != nil), "1 true")
	none, err := c.lambda.ListLayerVersions(c.Context(), &lambda.ListLayerVersionsInput{LayerName: aws.String(name + "-none")})
	c.answers("versions of no layer", err, "")
	if err == nil {
		c.is("versions of no layer are none", said(len(none.LayerVersions)), "0")
	}
	latest := int64(0)
	for pages := lambda.NewListLayersPaginator(c.lambda, &lambda.ListLayersInput{}); pages.HasMorePages(); {
		for _, l := range must(pages.NextPage(c.Context()))(c).Layers {
			if aws.ToString(l.LayerName) == name && l.LatestMatchingVersion != nil {
				latest = l.LatestMatchingVersion.Version
			}
		}
	}
	c.is("ListLayers shows the newest", said(latest), "3")

	for range 2 {
		_, err = c.lambda.DeleteLayerVersion(c.Context(), &lambda.DeleteLayerVersionInput{LayerName: &name, VersionNumber: aws.Int64(3)})
	}
	c.answers("DeleteLayerVersion twice", err, "")
	c.is("numbers are not used again", said(c.publishLayer(name, "four", "fourth").Version), "4")
	_, err = c.lambda.PublishLayerVersion(c.Context(), &lambda.PublishLayerVersionInput{LayerName: &name, Content: &types.LayerVersionContentInput{ZipFile: []byte("nope")}})
	c.answers("no zip", err, "InvalidParameterValueException")
	_, err = c.lambda.PublishLayerVersion(c.Context(), &lambda.PublishLayerVersionInput{LayerName: aws.String("a b"), Content: &types.LayerVersionContentInput{ZipFile: c.code("x")}})
	c.answers("name out of form", err, "ValidationException")
}

func contractLayersOfFunction(c *contract) {
	var arns []string
	for i := range 6 {
		arns = append(arns, aws.ToString(c.publishLayer(c.unique+"-"+strconv.Itoa(i), "layer", "").LayerVersionArn))
	}
	again := aws.ToString(c.publishLayer(c.unique+"-0", "layer", "").LayerVersionArn)
	c.create()
	update := func(env map[string]string, layers ...string) error {
		in := &lambda.UpdateFunctionConfigurationInput{FunctionName: &c.unique, Layers: layers}
		if env != nil {
			in.Environment = &types.Environment{Variables: env}
		}
		_, err := c.lambda.UpdateFunctionConfiguration(c.Context(), in)
		c.settle()
		return err
	}
	layers := func(qualifier string) (arns []string) {
		for _, l := range c.get(qualifier).Configuration.Layers {
			arns = append(arns, aws.ToString(l.Arn))
		}
		return arns
	}
	c.answers("layers and environment in one write", update(map[string]string{"A1": "b"}, arns[1], arns[0]), "")
	got := c.get("$LATEST").Configuration
	c.is("order", said(strings.Join(layers("$LATEST"), " ") == arns[1]+" "+arns[0], got.Environment.Variables), "true map[A1:b]")
	version := c.publish()
	c.answers("an environment alone", update(map[string]string{"A1": "c"}), "")
	c.is("layers stay", said(len(layers("$LATEST"))), "2")
	c.answers("a later version in the place of an earlier one", update(nil, again), "")
	c.is("the version keeps its layers", said(strings.Join(layers(version), " ") == arns[1]+" "+arns[0]), "true")
	c.answers("two versions of a layer", update(nil, arns[0], again), "InvalidParameterValueException")
	c.answers("six layers", update(nil, arns...), "InvalidParameterValueException")
	c.answers("no such layer", update(nil, arns[0]+"9"), "InvalidParameterValueException")
	c.is("refused ones change nothing", said(strings.Join(layers("$LATEST"), " ") == again), "true")
	c.answers("none", update(nil, []string{}...), "")
	_, err := c.lambda.UpdateFunctionConfiguration(c.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &c.unique, Layers: []string{}})
	c.answers("an empty list", err, "")
	c.settle()
	c.is("an empty list takes all away", said(len(layers("$LATEST"))), "0")
}

func contractCodeSigning(c *contract) {
	c.create()
	out, err := c.lambda.GetFunctionCodeSigningConfig(c.Context(), &lambda.GetFunctionCodeSigningConfigInput{FunctionName: &c.unique})
	c.answers("of a function without", err, "")
	if err == nil {
		c.is("none", said(aws.ToString(out.CodeSigningConfigArn) == "", aws.ToString(out.FunctionName) == c.unique), "true true")
	}
	_, err = c.lambda.GetFunctionCodeSigningConfig(c.Context(), &lambda.GetFunctionCodeSigningConfigInput{FunctionName: aws.String(c.unique + "-none")})
	c.answers("no such function", err, "ResourceNotFoundException")
	_, err = c.lambda.GetCodeSigningConfig(c.Context(), &lambda.GetCodeSigningConfigInput{CodeSigningConfigArn: aws.String("arn:aws:lambda:" + region + ":000000000000:code-signing-config:csc-0123456789abcdef0")})
	c.answers("no such configuration", err, "ResourceNotFoundException")
}
