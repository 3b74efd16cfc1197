package iam_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/iam"
)

const (
	rsaKey       = "arn:aws:kms:us-east-2:111122223333:key/0ff11e00-0000-4000-8000-000000000001"
	symmetricKey = "arn:aws:kms:us-east-2:111122223333:key/0ff11e00-0000-4000-8000-000000000002"
	bundleKey    = "arn:aws:kms:us-east-2:111122223333:key/0ff11e00-0000-4000-8000-000000000003"
)

func config(namespace, name string, keys ...iam.SealingKey) iam.Config {
	return iam.Config{Namespace: namespace, Name: name, Account: "111122223333", Region: "us-east-2", Function: name, Alias: "live", BundleKey: bundleKey, SealingKeys: keys}
}

func offline() iam.SealingKey { return iam.SealingKey{ARN: rsaKey, Offline: true} }
func online() iam.SealingKey  { return iam.SealingKey{ARN: symmetricKey} }

// samples are policies of all kinds.
func samples() map[string]iam.Policy {
	plain := config("default", "plain", offline())
	plain.Alias = ""
	china := config("default", "china", offline())
	china.Region, china.BundleKey = "cn-north-1", "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-0000000000000000000000000000000a"
	mixed := []iam.Config{config("payments", "hello", online(), offline()), config("payments", "bye", online()), config("other", "hello-2", online()), plain, china}
	var many []iam.Config
	for i := range 60 {
		many = append(many, config("payments", fmt.Sprintf("%s-%03d", strings.Repeat("n", 60), i), online(), offline()))
	}
	return map[string]iam.Policy{
		"author":          iam.Author([]iam.Config{config("payments", "hello", offline())}),
		"author, mixed":   iam.Author(mixed),
		"operator":        iam.Operator([]iam.Config{config("payments", "hello", offline())}),
		"operator, mixed": iam.Operator(mixed),
		"operator, many":  iam.Operator(many),
		"function":        iam.Function(mixed[0]),
		"function, china": iam.Function(china),
	}
}

func TestOperator(t *testing.T) {
	want := `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Unseal",
      "Effect": "Allow",
      "Action": [
        "kms:Decrypt"
      ],
      "Resource": [
        "` + rsaKey + `"
      ]
    },
    {
      "Sid": "DrawDataKey",
      "Effect": "Allow",
      "Action": [
        "kms:GenerateDataKey"
      ],
      "Resource": [
        "` + bundleKey + `"
      ],
      "Condition": {
        "StringEquals": {
          "kms:EncryptionContext:sealift:fn": [
            "hello"
          ],
          "kms:EncryptionContext:sealift:region": [
            "us-east-2"
          ],
          "kms:EncryptionContext:sealift:use": [
            "bundle"
          ]
        }
      }
    },
    {
      "Sid": "Functions",
      "Effect": "Allow",
      "Action": [
        "lambda:CreateAlias",
        "lambda:GetAlias",
        "lambda:GetFunction",
        "lambda:GetFunctionCodeSigningConfig",
        "lambda:ListVersionsByFunction",
        "lambda:PublishVersion",
        "lambda:UpdateAlias",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration"
      ],
      "Resource": [
        "arn:aws:lambda:us-east-2:111122223333:function:hello"
      ]
    },
    {
      "Sid": "Versions",
      "Effect": "Allow",
      "Action": [
        "lambda:CreateAlias",
        "lambda:GetAlias",
        "lambda:GetFunction",
        "lambda:UpdateAlias"
      ],
      "Resource": [
        "arn:aws:lambda:us-east-2:111122223333:function:hello:*"
      ]
    }
  ]
}
`
	if diff := cmp.Diff(want, string(samples()["operator"].JSON())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A bundle in a layer needs the layer and, where the code is somebody else's, not the code.
func TestOperatorOfLayer(t *testing.T) {
	c := config("payments", "hello", offline())
	c.Layer, c.LeavesCode, c.Canary = "sealift-hello", true, true
	c.Wrapper = "arn:aws:lambda:us-east-2:999999999999:layer:sealift-exec:3"
	text := string(iam.Operator([]iam.Config{c}).JSON())
	for _, want := range []string{
		"\"lambda:PublishLayerVersion\"\n      ],\n      \"Resource\": [\n        \"arn:aws:lambda:us-east-2:111122223333:layer:sealift-hello\"",
		"\"lambda:GetLayerVersion\"\n      ],\n      \"Resource\": [\n        \"arn:aws:lambda:us-east-2:111122223333:layer:sealift-hello:*\",\n        \"arn:aws:lambda:us-east-2:999999999999:layer:sealift-exec:3\"",
		"\"lambda:InvokeFunction\"",
		"\"Sid\": \"Layers\"", "\"Sid\": \"LayerVersions\"",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "UpdateFunctionCode") {
		t.Errorf("the code may be changed:\n%s", text)
	}
}

// Functions are listed, in their regions alone, where a config wants to be scrubbed.
func TestOperatorThatScrubs(t *testing.T) {
	stays, goes := config("payments", "stays", offline()), config("payments", "goes", offline())
	for _, s := range iam.Operator([]iam.Config{stays, goes}).Statements {
		if s.Sid == "FindRemoved" {
			t.Errorf("without scrub: %+v", s)
		}
	}
	goes.Scrub = true
	statements := iam.Operator([]iam.Config{stays, goes, goes}).Statements
	want := iam.Statement{Sid: "FindRemoved", Actions: []string{"lambda:ListFunctions"}, Resources: []string{"*"}, Equals: []iam.Condition{{Key: "aws:RequestedRegion", Values: []string{"us-east-2"}}}}
	if diff := cmp.Diff(want, statements[len(statements)-1]); diff != "" {
		t.Error(diff)
	}
}

// Functions are listed where more than 20 are looked at with the operator's own credentials,
// and once where one of them wants to be scrubbed.
func TestOperatorOfMany(t *testing.T) {
	var many []iam.Config
	for i := range 21 {
		many = append(many, config("payments", fmt.Sprintf("f%02d", i), offline()))
	}
	role := config("payments", "role", offline())
	role.Role = "arn:aws:iam::444455556666:role/sealift"
	scrubs := config("payments", "scrubs", offline())
	scrubs.Scrub = true
	for name, test := range map[string]struct {
		configs []iam.Config
		want    string // Sids
	}{
		"20":                     {many[:20], ""},
		"20 and one by a role":   {append(many[:20:20], role), ""},
		"21":                     {many, "LookAtMany"},
		"21 and one that scrubs": {append(many[:21:21], scrubs), "FindRemoved"},
	} {
		var sids []string
		for _, s := range iam.Operator(test.configs).Statements {
			if slices.Contains(s.Actions, "lambda:ListFunctions") {
				sids = append(sids, s.Sid)
				if diff := cmp.Diff([]iam.Condition{{Key: "aws:RequestedRegion", Values: []string{"us-east-2"}}}, s.Equals); diff != "" || !slices.Equal(s.Resources, []string{"*"}) {
					t.Errorf("%s: %+v", name, s)
				}
			}
		}
		if got := strings.Join(sids, " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// Versions are deleted only where a config keeps no more than a number, and never a function.
func TestOperatorThatDeletesVersions(t *testing.T) {
	all, some, none := config("payments", "all", offline()), config("payments", "some", offline()), config("payments", "none", offline())
	for _, c := range []*iam.Config{&all, &some, &none} {
		c.Layer = "sealift-" + c.Function
	}
	none.Alias, none.KeepsVersions = "", true
	deletes := regexp.MustCompile("Delete|ListAliases|ListLayer|GetPolicy|Provisioned|EventSource")
	if text := string(iam.Operator([]iam.Config{all, none}).JSON()); deletes.MatchString(text) {
		t.Errorf("without keepVersions, or an alias:\n%s", text)
	}
	some.KeepsVersions = true
	some.Role = "arn:aws:iam::111122223333:role/deploy"
	ofRole := iam.Roles([]iam.Config{some})[0]
	some.Role = ""
	for name, p := range map[string]iam.Policy{"operator": iam.Operator([]iam.Config{all, some}), "role": ofRole} {
		got := make(map[string][]string) // by resource
		for _, s := range p.Statements {
			for _, action := range s.Actions {
				for _, resource := range s.Resources {
					if deletes.MatchString(action) {
						got[resource] = append(got[resource], strings.TrimPrefix(action, "lambda:"))
					}
				}
			}
			if s.Sid == "FindUnused" && (len(s.Equals) != 1 || s.Equals[0].Key != "aws:RequestedRegion" || s.Equals[0].Values[0] != "us-east-2") {
				t.Errorf("%s: in every region: %+v", name, s)
			}
		}
		want := map[string][]string{
			"arn:aws:lambda:us-east-2:111122223333:function:some":        {"ListAliases", "ListProvisionedConcurrencyConfigs"},
			"arn:aws:lambda:us-east-2:111122223333:function:some:*":      {"DeleteFunction", "GetPolicy"},
			"arn:aws:lambda:us-east-2:111122223333:layer:sealift-some:*": {"DeleteLayerVersion"},
			"*": {"ListEventSourceMappings", "ListLayerVersions"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if text := string(iam.Operator([]iam.Config{some}).JSON()); !strings.Contains(text, "lambda:ListVersionsByFunction") {
		t.Errorf("versions can't be listed:\n%s", text)
	}
	some.Layer = ""
	if text := string(iam.Operator([]iam.Config{some}).JSON()); strings.Contains(text, "Layer") {
		t.Errorf("layers without the delivery layer:\n%s", text)
	}
}

func TestStatements(t *testing.T) {
	equals := func(ns string, names ...string) []iam.Condition {
		return []iam.Condition{
			{Key: "kms:EncryptionContext:sealift:name", Values: names}, {Key: "kms:EncryptionContext:sealift:ns", Values: []string{ns}},
			{Key: "kms:EncryptionContext:sealift:use", Values: []string{"seal"}},
		}
	}
	seal := func(action, sid string, c []iam.Condition) iam.Statement {
		return iam.Statement{Sid: sid, Actions: []string{action}, Resources: []string{symmetricKey}, Equals: c}
	}
	tests := []struct {
		name, sample string
		from, to     int
		want         []iam.Statement
	}{
		{"public key alone", "author", 0, 1, []iam.Statement{{Sid: "ReadPublicKey", Actions: []string{"kms:GetPublicKey"}, Resources: []string{rsaKey}}}},
		{"a namespace's names go with no other namespace", "author, mixed", 1, 3, []iam.Statement{
			seal("kms:GenerateDataKey", "Seal", equals("other", "hello-2")), seal("kms:GenerateDataKey", "Seal", equals("payments", "bye", "hello"))}},
		{"unsealing is bound the same way", "operator, mixed", 1, 3, []iam.Statement{
			seal("kms:Decrypt", "UnsealOnline", equals("other", "hello-2")), seal("kms:Decrypt", "UnsealOnline", equals("payments", "bye", "hello"))}},
		{"without an alias no version is published", "operator, mixed", 7, 8, []iam.Statement{{Sid: "Functions", Actions: []string{"lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"},
			Resources: []string{"arn:aws:lambda:us-east-2:111122223333:function:plain"}}}},
		{"its own bundle alone", "function, china", 0, 1, []iam.Statement{{Sid: "OpenBundle", Actions: []string{"kms:Decrypt"},
			Resources: []string{"arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-0000000000000000000000000000000a"},
			Equals: []iam.Condition{{Key: "kms:EncryptionContext:sealift:fn", Values: []string{"china"}}, {Key: "kms:EncryptionContext:sealift:region", Values: []string{"cn-north-1"}},
				{Key: "kms:EncryptionContext:sealift:use", Values: []string{"bundle"}}}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := samples()[test.sample]
			if len(p.Statements) < test.to {
				t.Fatalf("%d statements", len(p.Statements))
			}
			if diff := cmp.Diff(test.want, p.Statements[test.from:test.to]); diff != "" {
				t.Errorf("(-want +got):\n%s\nall: %s", diff, p.JSON())
			}
		})
	}
}

// Nothing is named by a pattern, but for the qualifier of a function and the list of all
// functions of a region, which takes no other resource; every Sid is one
// that IAM takes, and no two of a policy are the same.
func TestNoWildcards(t *testing.T) {
	action := regexp.MustCompile(`^(kms|lambda):[A-Za-z]+$`)
	resource := regexp.MustCompile(`^arn:aws[a-z-]*:(kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-z-]+|lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:\*)?)$`)
	sid := regexp.MustCompile(`^[A-Za-z0-9]+$`)
	for name, whole := range samples() {
		for _, p := range whole.Split() {
			if p.Size() > iam.MaxSize {
				t.Errorf("%s: %d characters", name, p.Size())
			}
			var d struct {
				Version   string
				Statement []struct {
					Sid, Effect      string
					Action, Resource []string
					Condition        map[string]map[string][]string
				}
			}
			if err := json.Unmarshal(p.JSON(), &d); err != nil || d.Version != "2012-10-17" || len(d.Statement) == 0 {
				t.Fatalf("%s: %v, version %q, %d statements", name, err, d.Version, len(d.Statement))
			}
			sids := make(map[string]bool)
			for _, s := range d.Statement {
				if sids[s.Sid] || !sid.MatchString(s.Sid) || s.Effect != "Allow" || len(s.Action) == 0 || len(s.Resource) == 0 {
					t.Errorf("%s: Sid %q, effect %q, actions %v", name, s.Sid, s.Effect, s.Action)
				}
				sids[s.Sid] = true
				for _, a := range s.Action {
					if !action.MatchString(a) {
						t.Errorf("%s: action %s", name, a)
					}
				}
				for _, r := range s.Resource {
					if list := r == "*" && slices.Equal(s.Action, []string{"lambda:ListFunctions"}) && len(s.Condition) > 0; !list && !resource.MatchString(r) {
						t.Errorf("%s: resource %s", name, r)
					}
				}
				for operator, keys := range s.Condition {
					if operator != "StringEquals" || strings.Contains(fmt.Sprint(keys), "*") {
						t.Errorf("%s: condition %s %v", name, operator, keys)
					}
				}
			}
		}
	}
}

// A policy that is too large is split: no statement is lost, repeated or cut.
func TestSplit(t *testing.T) {
	p := samples()["operator, many"]
	parts := p.Split()
	if len(parts) < 3 || p.Size() <= iam.MaxSize {
		t.Fatalf("%d parts of %d characters", len(parts), p.Size())
	}
	var all []iam.Statement
	names := make(map[string]bool)
	for _, part := range parts {
		all = append(all, part.Statements...)
		names[part.Name] = true
	}
	if diff := cmp.Diff(p.Statements, all); diff != "" || len(names) != len(parts) || !names["sealift-operator-2"] {
		t.Errorf("names %v, (-want +got):\n%s", names, diff)
	}
	if one := samples()["operator"].Split(); len(one) != 1 {
		t.Errorf("a small policy in %d parts", len(one))
	}
}

// The Terraform says what the JSON says.
func TestTerraform(t *testing.T) {
	for name, p := range samples() {
		parts := append(p.Split(), samples()["function"])
		text := iam.Terraform(parts)
		got, err := readTerraform(string(text))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		for i := range parts {
			for j := range parts[i].Statements {
				got[i].Statements[j].Sid = strings.TrimRight(got[i].Statements[j].Sid, "0123456789")
			}
			parts[i].Description = ""
		}
		if diff := cmp.Diff(parts, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		formatted(t, text)
	}
}

// formatted has terraform, where it is installed, say that the text is well formed.
func formatted(t *testing.T, text []byte) {
	program, err := exec.LookPath("terraform")
	if err != nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), program, "fmt", "-")
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1")
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("terraform fmt: %v", err)
	}
	if diff := cmp.Diff(string(text), string(out)); diff != "" {
		t.Errorf("terraform fmt would change (-is +would be):\n%s", diff)
	}
}

// readTerraform reads the HCL of data sources, strictly and no more of the language.
func readTerraform(text string) ([]iam.Policy, error) {
	head := regexp.MustCompile(`^data "aws_iam_policy_document" "([a-zA-Z_][a-zA-Z0-9_-]*)" \{$`)
	attribute := regexp.MustCompile(`^(\w+) +?= (.+)$`)
	var policies []iam.Policy
	var blocks []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		in := strings.Join(blocks, ".")
		switch m, a := head.FindStringSubmatch(line), attribute.FindStringSubmatch(line); {
		case line == "" || strings.HasPrefix(line, "# "):
		case line == "}" && len(blocks) > 0:
			blocks = blocks[:len(blocks)-1]
		case m != nil && in == "":
			policies, blocks = append(policies, iam.Policy{Name: m[1]}), []string{"data"}
		case line == "statement {" && in == "data", line == "condition {" && in == "data.statement":
			blocks = append(blocks, strings.TrimSuffix(line, " {"))
			p := &policies[len(policies)-1]
			if len(blocks) == 2 {
				p.Statements = append(p.Statements, iam.Statement{})
			} else {
				s := &p.Statements[len(p.Statements)-1]
				s.Equals = append(s.Equals, iam.Condition{})
			}
		case a != nil && len(blocks) > 1:
			p := &policies[len(policies)-1]
			if err := set(&p.Statements[len(p.Statements)-1], in, a[1], a[2]); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%q in %q", line, in)
		}
	}
	if len(blocks) > 0 {
		return nil, fmt.Errorf("open: %v", blocks)
	}
	return policies, nil
}

// set sets an attribute, whose value is written as in JSON.
func set(s *iam.Statement, in, name, value string) error {
	var c *iam.Condition
	if len(s.Equals) > 0 {
		c = &s.Equals[len(s.Equals)-1]
	}
	var fixed string
	switch in + "." + name {
	case "data.statement.sid":
		return json.Unmarshal([]byte(value), &s.Sid)
	case "data.statement.actions":
		return json.Unmarshal([]byte(value), &s.Actions)
	case "data.statement.resources":
		return json.Unmarshal([]byte(value), &s.Resources)
	case "data.statement.condition.variable":
		return json.Unmarshal([]byte(value), &c.Key)
	case "data.statement.condition.values":
		return json.Unmarshal([]byte(value), &c.Values)
	case "data.statement.effect", "data.statement.condition.test":
		err := json.Unmarshal([]byte(value), &fixed)
		if err == nil && fixed != "Allow" && fixed != "StringEquals" {
			err = fmt.Errorf("%s = %q", name, fixed)
		}
		return err
	}
	return fmt.Errorf("%s in %s", name, in)
}

func TestCloudFormation(t *testing.T) {
	text := iam.CloudFormation(append(samples()["operator, many"].Split(), samples()["function"]))
	var template struct {
		AWSTemplateFormatVersion string
		Resources                map[string]struct {
			Type       string
			Properties struct {
				Description    string
				PolicyDocument json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	last := template.Resources[fmt.Sprintf("SealiftPolicy%d", len(template.Resources))]
	if template.AWSTemplateFormatVersion != "2010-09-09" || len(template.Resources) < 4 || last.Type != "AWS::IAM::ManagedPolicy" || last.Properties.Description != "sealift: us-east-2/hello opens its bundle" {
		t.Errorf("%s", text)
	}
	var got, want any
	for to, data := range map[*any][]byte{&got: last.Properties.PolicyDocument, &want: samples()["function"].JSON()} {
		if err := json.Unmarshal(data, to); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
