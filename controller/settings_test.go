package controller_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

const (
	firstARN  = "arn:aws:kms:us-east-2:111122223333:key/0ff11e00-0000-4000-8000-000000000001"
	secondARN = "arn:aws:kms:us-east-2:111122223333:key/0ff11e00-0000-4000-8000-000000000002"
)

func TestParseSettings(t *testing.T) {
	tests := []struct {
		name string
		text string
		want controller.Settings
	}{
		{name: "empty", text: ""},
		{name: "comment alone", text: "# nothing yet\n"},
		{name: "null", text: "~\n"},
		{
			name: "all",
			text: "sealingKeys:\n  - arn: " + firstARN + "\n    publicKey: keys/a.pem\n  - {arn: " + secondARN + "}\nbundleKey: alias/b\nregion: us-east-2\n",
			want: controller.Settings{
				SealingKeys: []controller.SealingKey{{ARN: firstARN, PublicKey: "keys/a.pem"}, {ARN: secondARN}},
				BundleKey:   "alias/b",
				Region:      "us-east-2",
			},
		},
		{name: "roles", text: "assumeRoles:\n  - arn:aws:iam::111122223333:role/team/deploy\n", want: controller.Settings{AssumeRoles: []string{"arn:aws:iam::111122223333:role/team/deploy"}}},
		{name: "bundle key ARN", text: "bundleKey: " + firstARN, want: controller.Settings{BundleKey: firstARN}},
		{name: "bundle key id", text: "bundleKey: 0ff11e00-0000-4000-8000-000000000001", want: controller.Settings{BundleKey: "0ff11e00-0000-4000-8000-000000000001"}},
		{name: "alias ARN", text: "bundleKey: arn:aws-cn:kms:cn-north-1:111122223333:alias/b", want: controller.Settings{BundleKey: "arn:aws-cn:kms:cn-north-1:111122223333:alias/b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := controller.ParseSettings(".sealift.yaml", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(controller.Settings{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseSettingsFaults(t *testing.T) {
	tests := []struct {
		name string
		text string
		want string
	}{
		{name: "unknown field", text: "region: us-east-2\nbundleKeys: x\n", want: "s.yaml:2: bundleKeys: unknown field; did you mean bundleKey?"},
		{name: "wrong case", text: "Region: us-east-2\n", want: "s.yaml:1: Region: unknown field; did you mean region?"},
		{name: "unknown field of a key", text: "sealingKeys:\n- arn: " + firstARN + "\n  pem: x\n", want: "s.yaml:3: sealingKeys[0].pem: unknown field; want one of arn, publicKey"},
		{name: "given twice", text: "region: us-east-2\n\nregion: us-east-1\n", want: "s.yaml:3: region: given twice, first on line 1"},
		{name: "number", text: "region: 7\n", want: "s.yaml:1: region: a number where text is wanted; put it in quotes"},
		{name: "no value", text: "bundleKey:\n", want: `s.yaml:1: bundleKey: no value; remove it, or write "" for an empty text`},
		{name: "mapping for text", text: "bundleKey: {a: b}\n", want: "s.yaml:1: bundleKey: a mapping where text is wanted"},
		{name: "mapping for a list", text: "sealingKeys: {arn: x}\n", want: "s.yaml:1: sealingKeys: want a list"},
		{name: "text for a key", text: "sealingKeys: [" + firstARN + "]\n", want: "s.yaml:1: sealingKeys[0]: want a mapping of names to values"},
		{name: "list", text: "- region\n", want: "s.yaml:1: want a mapping of names to values"},
		{name: "anchor", text: "region: &r us-east-2\nbundleKey: *r\n",
			want: "s.yaml:1: region: YAML aliases and anchors are not allowed; write the value out\ns.yaml:2: bundleKey: YAML aliases and anchors are not allowed; write the value out"},
		{name: "merge key", text: "<<: {region: us-east-2}\n", want: "s.yaml:1: YAML merge keys are not allowed; write the fields out"},
		{name: "tag", text: "region: !!str us-east-2\n", want: "s.yaml:1: region: YAML tags are not allowed; remove the tag and put text in quotes"},
		{name: "tag on nothing", text: "!\n", want: "s.yaml:1: YAML tags are not allowed; remove the tag and put text in quotes"},
		{name: "anchor on nothing", text: "&a ~\n", want: "s.yaml:1: YAML aliases and anchors are not allowed; write the value out"},
		{name: "tagged list item", text: "sealingKeys:\n  - !x {arn: " + firstARN + "}\n", want: "s.yaml:2: sealingKeys[0]: YAML tags are not allowed; remove the tag and put text in quotes"},
		{name: "two documents", text: "region: us-east-2\n---\nregion: us-east-1\n", want: "s.yaml:2: more than one document; want one"},
		{name: "not YAML", text: "region: us-east-2\nbundleKey: a: canary\n", want: "s.yaml:2: not valid YAML: mapping values are not allowed in this context"},
		{name: "too large", text: "region: us-east-2\n#" + strings.Repeat("x", 64<<10), want: "s.yaml:1: larger than 65536 bytes"},
		{name: "no ARN", text: "sealingKeys:\n  - publicKey: a.pem\n", want: "s.yaml:2: sealingKeys[0].arn: required: the ARN of a KMS key"},
		{name: "alias for an ARN", text: "sealingKeys:\n  - arn: alias/canary\n", want: "s.yaml:2: sealingKeys[0].arn: not the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID)"},
		{name: "key twice", text: "sealingKeys:\n  - arn: " + firstARN + "\n  - arn: " + firstARN + "\n", want: "s.yaml:3: sealingKeys[1].arn: given twice"},
		{name: "PEM above", text: "sealingKeys:\n  - arn: " + firstARN + "\n    publicKey: ../canary.pem\n",
			want: `s.yaml:3: sealingKeys[0].publicKey: not the path of a file below this one's folder, with "/" and without "." and ".." as parts`},
		{name: "PEM anywhere", text: "sealingKeys:\n  - arn: " + firstARN + "\n    publicKey: /etc/canary.pem\n",
			want: `s.yaml:3: sealingKeys[0].publicKey: not the path of a file below this one's folder, with "/" and without "." and ".." as parts`},
		{name: "a user for a role", text: "assumeRoles: [\"arn:aws:iam::111122223333:user/canary\"]\n", want: "s.yaml:1: assumeRoles[0]: not the ARN of an IAM role (arn:aws:iam::ACCOUNT:role/NAME)"},
		{name: "role twice", text: "assumeRoles:\n  - arn:aws:iam::111122223333:role/r\n  - arn:aws:iam::111122223333:role/r\n", want: "s.yaml:3: assumeRoles[1]: given twice"},
		{name: "key of AWS", text: "bundleKey: alias/aws/lambda\n", want: "s.yaml:1: bundleKey: not a KMS key of yours; want a key ARN, an alias ARN, alias/NAME or a key id"},
		{name: "all at once", text: "bundleKey: canary\nregion: canary\n",
			want: "s.yaml:1: bundleKey: not a KMS key of yours; want a key ARN, an alias ARN, alias/NAME or a key id\ns.yaml:2: region: not an AWS region; want one as us-east-2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := controller.ParseSettings("s.yaml", []byte(tt.text))
			var faults v1alpha1.Errors
			if !errors.As(err, &faults) || err.Error() != tt.want {
				t.Errorf("error:\n%v\nwant:\n%s", err, tt.want)
			}
			if diff := cmp.Diff(controller.Settings{}, got, cmpopts.IgnoreUnexported(controller.Settings{})); diff != "" {
				t.Errorf("settings beside an error:\n%s", diff)
			}
		})
	}
}

func TestFindSettings(t *testing.T) {
	root := fstest.MapFS{
		"a/b/c/hello.yaml":          {Data: []byte("x")},
		"a/.sealift.yaml":           {Data: []byte("region: eu-west-1")},
		"broken/.sealift.yaml":      {Data: []byte("\nregion: x")},
		"folder/.sealift.yaml/file": {Data: []byte("x")},
	}
	tests := []struct{ name, dir, wantFile, wantRegion, wantErr string }{
		{name: "nearest", dir: "a/b/c", wantFile: "a/.sealift.yaml", wantRegion: "eu-west-1"},
		{name: "same folder", dir: "a", wantFile: "a/.sealift.yaml", wantRegion: "eu-west-1"},
		{name: "folder that is not there", dir: "a/new/new", wantFile: "a/.sealift.yaml", wantRegion: "eu-west-1"},
		{name: "none", dir: "other"},
		{name: "none at the top", dir: "."},
		{name: "broken", dir: "broken", wantFile: "broken/.sealift.yaml", wantErr: "broken/.sealift.yaml:2: region: not an AWS region; want one as us-east-2"},
		{name: "unreadable", dir: "folder", wantFile: "folder/.sealift.yaml", wantErr: "read folder/.sealift.yaml: not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, file, err := controller.FindSettings(root, tt.dir)
			if file != tt.wantFile || got.Region != tt.wantRegion {
				t.Errorf("region %q of %q, want %q of %q", got.Region, file, tt.wantRegion, tt.wantFile)
			}
			if text := errorText(err); text != tt.wantErr {
				t.Errorf("error %q, want %q", text, tt.wantErr)
			}
		})
	}
}

func TestSettingsLine(t *testing.T) {
	s, err := controller.ParseSettings("s.yaml", []byte("\nsealingKeys:\n  - arn: "+firstARN+"\n    publicKey: a.pem\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, field := range []string{"sealingKeys", "sealingKeys[0].arn", "sealingKeys[0].publicKey", "region"} {
		got[field] = s.Line(field)
	}
	want := map[string]int{"sealingKeys": 2, "sealingKeys[0].arn": 3, "sealingKeys[0].publicKey": 4, "region": 1} // the file, where it has no such field
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
