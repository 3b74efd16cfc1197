package v1alpha1_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
)

func TestDecodeReportsValues(t *testing.T) {
	long := strings.Repeat("a", 65)
	elsewhere := seal(t, "payments", "hello", "DB_PASSWORD")
	function := func(fields string) string { return swap(t, "name: hello, region: us-east-2", fields) }
	folder := func(fields string) string { return swap(t, "path: ../functions/hello", fields) }
	tests := []struct {
		name string
		text string
		want []string // nil: the manifest is valid
	}{
		{name: "no name", text: swap(t, "name: hello, n", "n"), want: []string{"m.yaml:3: metadata.name: required"}},
		{name: "bad name", text: swap(t, "name: hello, n", "name: Hello_, n"), want: []string{"m.yaml:3: metadata.name: want lower-case letters, digits, '-' and '.', at most 253 characters and 63 between dots, each part starting and ending with a letter or digit"}},
		{name: "bad name and a sealed value", text: swap(t, "name: hello, n", "name: Hello_, n") + "  sealed: {DB_PASSWORD: \"" + elsewhere + "\"}\n", want: []string{"m.yaml:3: metadata.name: want lower-case letters, digits, '-' and '.', at most 253 characters and 63 between dots, each part starting and ending with a letter or digit"}},
		{name: "bad namespace", text: swap(t, "namespace: payments", "namespace: a.b"), want: []string{"m.yaml:3: metadata.namespace: want lower-case letters, digits and '-', at most 63 characters, starting and ending with a letter or digit"}},
		{name: "bad label", text: swap(t, "name: hello, n", "labels: {a b: x, c: -, app.kubernetes.io/name: _}, name: hello, n"), want: []string{
			"m.yaml:3: metadata.labels: want a name of at most 63 letters, digits, '-', '_' and '.', after an optional DNS prefix and '/'",
			"m.yaml:3: metadata.labels[app.kubernetes.io/name]: want a label value: at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit",
			"m.yaml:3: metadata.labels[c]: want a label value: at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit",
		}},
		{name: "bad annotation", text: swap(t, "name: hello, n", "annotations: {a/b/c: x}, name: hello, n"), want: []string{"m.yaml:3: metadata.annotations[a/b/c]: want a name of at most 63 letters, digits, '-', '_' and '.', after an optional DNS prefix and '/'"}},
		{name: "no function", text: function(""), want: []string{"m.yaml:5: spec.function.name: required"}},
		{name: "function name with a blank", text: function("name: he llo"), want: []string{"m.yaml:5: spec.function.name: not a function name; want at most 64 letters, digits, '-' and '_', or a function ARN"}},
		{name: "long function name", text: function("name: " + long), want: []string{"m.yaml:5: spec.function.name: not a function name; want at most 64 letters, digits, '-' and '_', or a function ARN"}},
		{name: "partial ARN", text: function("name: 111122223333:function:hello"), want: []string{"m.yaml:5: spec.function.name: not a function name; want at most 64 letters, digits, '-' and '_', or a function ARN"}},
		{name: "ARN", text: function("name: arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:hello"), want: nil},
		{name: "ARN with its region", text: function("name: arn:aws:lambda:us-east-2:111122223333:function:hello, region: us-east-2"), want: nil},
		{name: "ARN with another region", text: function("name: arn:aws:lambda:us-east-2:111122223333:function:hello, region: us-east-1"), want: []string{"m.yaml:5: spec.function.name: the region of the ARN is not spec.function.region; remove one of the two"}},
		{name: "ARN with a version", text: function("name: arn:aws:lambda:us-east-2:111122223333:function:hello:3"), want: []string{"m.yaml:5: spec.function.name: an ARN with a version or alias; remove what follows the function's name, and name an alias in spec.function.alias"}},
		{name: "ARN with $LATEST", text: function("name: arn:aws:lambda:us-east-2:111122223333:function:hello:$LATEST"), want: []string{"m.yaml:5: spec.function.name: an ARN with a version or alias; remove what follows the function's name, and name an alias in spec.function.alias"}},
		{name: "ARN of something else", text: function("name: arn:aws:s3:::hello"), want: []string{"m.yaml:5: spec.function.name: not the ARN of a Lambda function"}},
		{name: "ARN of no region", text: function("name: arn:aws:lambda:nowhere:111122223333:function:hello"), want: []string{"m.yaml:5: spec.function.region: not an AWS region; want one as us-east-2"}},
		{name: "bad region", text: function("name: hello, region: us_east"), want: []string{"m.yaml:5: spec.function.region: not an AWS region; want one as us-east-2"}},
		{name: "bad aliases", text: function("name: hello, alias: $LATEST"), want: []string{"m.yaml:5: spec.function.alias: not an alias; want at most 128 letters, digits, '-' and '_', not digits alone and not $LATEST"}},
		{name: "alias of digits", text: function("name: hello, alias: \"7\""), want: []string{"m.yaml:5: spec.function.alias: not an alias; want at most 128 letters, digits, '-' and '_', not digits alone and not $LATEST"}},
		{name: "role", text: function("name: hello, roleARN: \"arn:aws:iam::111122223333:role/team/deploy\", externalID: \"a:b/c=1\""), want: nil},
		{name: "role of the function's account", text: function("name: arn:aws:lambda:us-east-2:111122223333:function:hello, roleARN: \"arn:aws:iam::111122223333:role/deploy\""), want: nil},
		{name: "role of another account", text: function("name: arn:aws:lambda:us-east-2:111122223333:function:hello, roleARN: \"arn:aws:iam::444455556666:role/deploy\""),
			want: []string{"m.yaml:5: spec.function.roleARN: a role of the account 444455556666, and the function is of 111122223333; name a role of the function's own account"}},
		{name: "a user for a role", text: function("name: hello, roleARN: \"arn:aws:iam::111122223333:user/deploy\""), want: []string{"m.yaml:5: spec.function.roleARN: not the ARN of an IAM role (arn:aws:iam::ACCOUNT:role/NAME)"}},
		{name: "a role that is a pattern", text: function("name: hello, roleARN: \"arn:aws:iam::111122223333:role/team/*\""), want: []string{"m.yaml:5: spec.function.roleARN: not the ARN of an IAM role (arn:aws:iam::ACCOUNT:role/NAME)"}},
		{name: "a role with a pattern for a path", text: function("name: hello, roleARN: \"arn:aws:iam::111122223333:role/*/deploy\""), want: []string{"m.yaml:5: spec.function.roleARN: not the ARN of an IAM role (arn:aws:iam::ACCOUNT:role/NAME)"}},
		{name: "a session for a role", text: function("name: hello, roleARN: \"arn:aws:sts::111122223333:assumed-role/deploy/me\""), want: []string{"m.yaml:5: spec.function.roleARN: the ARN of a session; want that of the role (arn:aws:iam::ACCOUNT:role/NAME)"}},
		{name: "external ID alone", text: function("name: hello, externalID: abc"), want: []string{"m.yaml:5: spec.function.externalID: goes with spec.function.roleARN; remove it, or name the role"}},
		{name: "external ID with a blank", text: function("name: hello, roleARN: \"arn:aws:iam::111122223333:role/deploy\", externalID: a b"), want: []string{"m.yaml:5: spec.function.externalID: want 2 to 1224 letters, digits and _+=,.@:/-, as the role's trust policy has it"}},
		{name: "external ID too short", text: function("name: hello, roleARN: \"arn:aws:iam::111122223333:role/deploy\", externalID: a"), want: []string{"m.yaml:5: spec.function.externalID: want 2 to 1224 letters, digits and _+=,.@:/-, as the role's trust policy has it"}},
		{name: "alias with digits", text: function("name: hello, alias: 7-live"), want: nil},
		{name: "canary without an alias", text: function("name: hello, canary: true"), want: []string{"m.yaml:5: spec.function.canary: needs spec.function.alias, which it holds back"}},
		{name: "canary of a wrapped function", text: function("name: hello, alias: live, canary: true") + "  bundle: {wrapper: \"arn:aws:lambda:us-east-2:111122223333:layer:sealift-exec:3\"}\n",
			want: []string{"m.yaml:5: spec.function.canary: needs a handler that a reader wraps, and this bundle is not opened by a reader; remove it"}},
		{name: "wrapper of another format", text: valid + "  bundle: {format: openssl-aes-256-ctr, path: a.json.enc, wrapper: \"arn:aws:lambda:us-east-2:111122223333:layer:sealift-exec:3\"}\n",
			want: []string{"m.yaml:7: spec.bundle.wrapper: the exec wrapper does not open the format openssl-aes-256-ctr; remove one of the two"}},
		{name: "canary", text: function("name: hello, alias: live, canary: true"), want: nil},
		{name: "fewest versions", text: function("name: hello, alias: live, keepVersions: 5"), want: nil},
		{name: "most versions", text: function("name: hello, alias: live, keepVersions: 1000"), want: nil},
		{name: "too few versions", text: function("name: hello, alias: live, keepVersions: 4"), want: []string{"m.yaml:5: spec.function.keepVersions: want a number from 5 to 1000; remove it to keep all"}},
		{name: "no versions", text: function("name: hello, alias: live, keepVersions: 0"), want: []string{"m.yaml:5: spec.function.keepVersions: want a number from 5 to 1000; remove it to keep all"}},
		{name: "too many versions", text: function("name: hello, alias: live, keepVersions: 1001"), want: []string{"m.yaml:5: spec.function.keepVersions: want a number from 5 to 1000; remove it to keep all"}},
		{name: "negative versions", text: function("name: hello, alias: live, keepVersions: -5"), want: []string{"m.yaml:5: spec.function.keepVersions: want a number from 5 to 1000; remove it to keep all"}},
		{name: "versions without an alias", text: function("name: hello, keepVersions: 5"), want: []string{"m.yaml:5: spec.function.keepVersions: needs spec.function.alias: without it no versions are published"}},
		{name: "versions as text", text: function("name: hello, alias: live, keepVersions: \"5\""), want: []string{"m.yaml:5: spec.function.keepVersions: want a whole number, without quotes"}},
		{name: "versions in octal", text: function("name: hello, alias: live, keepVersions: 010"), want: []string{"m.yaml:5: spec.function.keepVersions: want a whole number, without quotes"}},
		{name: "versions with a fraction", text: function("name: hello, alias: live, keepVersions: 5.0"), want: []string{"m.yaml:5: spec.function.keepVersions: want a whole number, without quotes"}},
		{name: "versions out of any range", text: function("name: hello, alias: live, keepVersions: 4294967301"), want: []string{"m.yaml:5: spec.function.keepVersions: want a whole number, without quotes"}},
		{name: "versions without a number", text: function("name: hello, alias: live, keepVersions: "), want: []string{"m.yaml:5: spec.function.keepVersions: want a whole number, without quotes"}},
		{name: "no path", text: folder(""), want: []string{"m.yaml:6: spec.package.path: required: the folder of the function's code, relative to this file; or name zip or s3"}},
		{name: "no package", text: swap(t, "  package: {path: ../functions/hello}\n", ""), want: nil},
		{name: "package without a value", text: swap(t, "package: {path: ../functions/hello}", "package:"), want: []string{"m.yaml:6: spec.package: no value; give it one, or remove the field"}},
		{name: "empty path", text: folder(`path: ""`), want: []string{"m.yaml:6: spec.package.path: required: the folder of the function's code, relative to this file; or name zip or s3"}},
		{name: "absolute path", text: folder("path: /etc"), want: []string{"m.yaml:6: spec.package.path: absolute path; want one relative to this file's folder"}},
		{name: "Windows path", text: folder("path: 'C:/x'"), want: []string{"m.yaml:6: spec.package.path: absolute path; want one relative to this file's folder"}},
		{name: "backslash", text: folder(`path: '..\x'`), want: []string{`m.yaml:6: spec.package.path: backslash in a path; want "/"`}},
		{name: "NUL in a path", text: folder(`path: "a\0b"`), want: []string{"m.yaml:6: spec.package.path: control or bidirectional character in a path"}},
		{name: "line break in a path", text: folder(`path: "a\nb"`), want: []string{"m.yaml:6: spec.package.path: control or bidirectional character in a path"}},
		{name: "bidirectional path", text: folder(`path: "a\u202eb"`), want: []string{"m.yaml:6: spec.package.path: control or bidirectional character in a path"}},
		{name: "path upwards", text: folder("path: ../../x"), want: nil},
		{name: "exclude", text: folder(`path: x, exclude: ["", "a\0b", ok]`), want: []string{
			"m.yaml:6: spec.package.exclude[0]: empty pattern; remove it",
			"m.yaml:6: spec.package.exclude[1]: control or bidirectional character in a pattern",
		}},
		{name: "allow", text: folder(`path: x, allow: [ok, " ", "a\u202eb"]`), want: []string{
			"m.yaml:6: spec.package.allow[1]: empty pattern; remove it",
			"m.yaml:6: spec.package.allow[2]: control or bidirectional character in a pattern",
		}},
		{name: "zip", text: folder("zip: ../build/hello.zip, allow: [x.key]"), want: nil},
		{name: "object", text: folder(object("")), want: nil},
		{name: "object of a version", text: folder(object(", versionId: 3sL4kqtJlcpXroDTDmJ._rmSpXd3dIbr")), want: nil},
		{name: "staging of what is deployed", text: folder("staging: {s3: {bucket: staging-bucket, prefix: sealift/}}"), want: nil},
		{name: "staging of a folder", text: folder("path: x, staging: {s3: {bucket: staging.bucket}}"), want: nil},
		{name: "two sources", text: folder("path: x, zip: x.zip"), want: []string{"m.yaml:6: spec.package: more than one of path, zip and s3; remove all but one"}},
		{name: "three sources", text: folder("path: x, zip: x.zip, " + object("")), want: []string{"m.yaml:6: spec.package: more than one of path, zip and s3; remove all but one"}},
		{name: "absolute zip", text: folder("zip: /x.zip"), want: []string{"m.yaml:6: spec.package.zip: absolute path; want one relative to this file's folder"}},
		{name: "zip with exclude", text: folder("zip: x.zip, exclude: [x.test.js]"), want: []string{"m.yaml:6: spec.package.exclude: goes with path: what is in a zip stays there; remove it, and have the build leave the files out"}},
		{name: "staging with exclude", text: folder("staging: {s3: {bucket: bucket}}, exclude: [x.test.js]"), want: []string{"m.yaml:6: spec.package: exclude and allow go with path, zip and s3, and the deployed package is patched; remove them"}},
		{name: "staging of nothing", text: folder("staging: {s3: {bucket: bucket}}") + "  bundle: {delivery: layer}\n", want: []string{
			"m.yaml:6: spec.package.staging: no package is uploaded: the bundle is elsewhere, and the code is left alone; remove spec.package, or name path, zip or s3"}},
		{name: "object without anything", text: folder("s3: {}"), want: []string{
			"m.yaml:6: spec.package.s3.bucket: required: the name of a bucket in the function's region", "m.yaml:6: spec.package.s3.key: required: the object's key",
			"m.yaml:6: spec.package.s3.sha256: required: the SHA-256 of the object, as sha256sum prints it"}},
		{name: "digest in base64", text: folder("s3: {bucket: bucket, key: k, sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=}"), want: []string{"m.yaml:6: spec.package.s3.sha256: want 64 lower-case hexadecimal digits, as sha256sum prints them"}},
		{name: "version that is none", text: folder(object(", versionId: \"null\"")), want: []string{"m.yaml:6: spec.package.s3.versionId: null is what has no version, and may be replaced; turn the bucket's versioning on, or remove it"}},
		{name: "version out of form", text: folder(object(", versionId: a b")), want: []string{"m.yaml:6: spec.package.s3.versionId: not a version id of S3; want what `aws s3api put-object` answers"}},
		{name: "bucket's URL", text: folder("staging: {s3: {bucket: 's3://bucket'}}"), want: []string{"m.yaml:6: spec.package.staging.s3.bucket: want the name of a bucket alone, not an ARN or a URL"}},
		{name: "bucket out of form", text: folder("staging: {s3: {bucket: My_Bucket}}"), want: []string{"m.yaml:6: spec.package.staging.s3.bucket: not the name of a bucket; want 3 to 63 lower-case letters, digits, '-' and '.'"}},
		{name: "prefix without a slash", text: folder("staging: {s3: {bucket: bucket, prefix: a/b}}"), want: []string{`m.yaml:6: spec.package.staging.s3.prefix: want one that ends with "/"`}},
		{name: "prefix that is a pattern", text: folder("staging: {s3: {bucket: bucket, prefix: '*/'}}"), want: []string{`m.yaml:6: spec.package.staging.s3.prefix: *, ?, $ or \ in a key, which policies of IAM or tools take for something else; name the object otherwise`}},
		{name: "key upwards", text: folder("s3: {bucket: bucket, key: a/../b, sha256: " + strings.Repeat("a", 64) + "}"), want: []string{`m.yaml:6: spec.package.s3.key: an empty part, "." or ".." in a key, which tools shorten; name the object otherwise`}},
		{name: "openssl", text: valid + "  bundle: {format: openssl-aes-256-ctr, path: a/hello.json.enc}\n", want: nil},
		{name: "openssl in a layer", text: valid + "  bundle: {format: openssl-aes-256-ctr, path: a/hello.json.enc, delivery: layer}\n", want: []string{
			"m.yaml:7: spec.bundle.delivery: want package for the format openssl-aes-256-ctr: the code that opens it reads two files of its own package"}},
		{name: "openssl in the environment", text: valid + "  bundle: {format: openssl-aes-256-ctr, path: a/hello.json.enc, delivery: environment}\n", want: []string{
			"m.yaml:7: spec.bundle.delivery: want package for the format openssl-aes-256-ctr: the code that opens it reads two files of its own package"}},
		{name: "openssl in a place that is none", text: valid + "  bundle: {format: openssl-aes-256-ctr, path: a/hello.json.enc, delivery: zip}\n", want: []string{
			"m.yaml:7: spec.bundle.delivery: want package, layer or environment"}},
		{name: "openssl without a path", text: valid + "  bundle: {format: openssl-aes-256-ctr}\n", want: []string{
			"m.yaml:7: spec.bundle.path: want a file NAME.json.enc, other than config.json.enc, for the format openssl-aes-256-ctr"}},
		{name: "openssl in place of its key", text: valid + "  bundle: {format: openssl-aes-256-ctr, path: a/config.json.enc}\n", want: []string{
			"m.yaml:7: spec.bundle.path: want a file NAME.json.enc, other than config.json.enc, for the format openssl-aes-256-ctr"}},
		{name: "openssl without a name", text: valid + "  bundle: {format: openssl-aes-256-ctr, path: a/.json.enc}\n", want: []string{
			"m.yaml:7: spec.bundle.path: want a file NAME.json.enc, other than config.json.enc, for the format openssl-aes-256-ctr"}},
		{name: "openssl outside", text: valid + "  bundle: {format: openssl-aes-256-ctr, path: ../hello.json.enc}\n", want: []string{
			`m.yaml:7: spec.bundle.path: want the path of a file in the package or layer: relative, with "/", without "." and ".." as parts`}},
		{name: "unknown format", text: valid + "  bundle: {format: JWE}\n", want: []string{"m.yaml:7: spec.bundle.format: want jwe or openssl-aes-256-ctr"}},
		{name: "removed variables", text: valid + "  environment: {PLAIN: x}\n  environmentRemoved: [PLAIN, NOT_SEALED, AWS_X, SEALIFT_BUNDLE, 'a b']\n", want: []string{
			"m.yaml:8: spec.environmentRemoved[0]: also under spec.environment, which sets it; remove one of the two",
			"m.yaml:8: spec.environmentRemoved[1]: not under spec.sealed: only a variable whose value is in the bundle is removed; take it out of this list",
			"m.yaml:8: spec.environmentRemoved[2]: reserved by AWS Lambda; remove it",
			"m.yaml:8: spec.environmentRemoved[3]: reserved by sealift; remove it",
			"m.yaml:8: spec.environmentRemoved[4]: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
		}},
		{name: "key ARN", text: valid + "  bundle: {kmsKey: \"" + keyARN + "\"}\n", want: nil},
		{name: "alias ARN", text: valid + "  bundle: {kmsKey: \"arn:aws:kms:us-east-2:111122223333:alias/a/b\"}\n", want: nil},
		{name: "key id", text: valid + "  bundle: {kmsKey: 1234abcd-12ab-34cd-56ef-1234567890ab}\n", want: nil},
		{name: "multi-region key id", text: valid + "  bundle: {kmsKey: mrk-1234abcd12ab34cd56ef1234567890ab}\n", want: nil},
		{name: "alias without its prefix", text: valid + "  bundle: {kmsKey: sealift-bundle}\n", want: []string{"m.yaml:7: spec.bundle.kmsKey: not a KMS key; want a key ARN, an alias ARN, alias/NAME or a key id"}},
		{name: "key of AWS", text: valid + "  bundle: {kmsKey: alias/aws/lambda}\n", want: []string{"m.yaml:7: spec.bundle.kmsKey: a key that AWS manages, which cannot wrap data keys for others; want your own key"}},
		{name: "key of AWS by ARN", text: valid + "  bundle: {kmsKey: \"arn:aws:kms:us-east-2:111122223333:alias/aws/lambda\"}\n", want: []string{"m.yaml:7: spec.bundle.kmsKey: a key that AWS manages, which cannot wrap data keys for others; want your own key"}},
		{name: "delivery in another case", text: valid + "  bundle: {delivery: Layer}\n", want: []string{"m.yaml:7: spec.bundle.delivery: want package, layer or environment"}},
		{name: "no such delivery", text: valid + "  bundle: {delivery: s3}\n", want: []string{"m.yaml:7: spec.bundle.delivery: want package, layer or environment"}},
		{name: "delivery is no text", text: valid + "  bundle: {delivery: 1}\n", want: []string{"m.yaml:7: spec.bundle.delivery: a number where text is wanted; put it in quotes"}},
		{name: "bundle outside", text: valid + "  bundle: {path: ../x}\n", want: []string{`m.yaml:7: spec.bundle.path: want the path of a file in the package or layer: relative, with "/", without "." and ".." as parts`}},
		{name: "bundle absolute", text: valid + "  bundle: {path: /x}\n", want: []string{`m.yaml:7: spec.bundle.path: want the path of a file in the package or layer: relative, with "/", without "." and ".." as parts`}},
		{name: "bundle not clean", text: valid + "  bundle: {path: a//b}\n", want: []string{`m.yaml:7: spec.bundle.path: want the path of a file in the package or layer: relative, with "/", without "." and ".." as parts`}},
		{name: "bundle is a folder", text: valid + "  bundle: {path: .}\n", want: []string{`m.yaml:7: spec.bundle.path: want the path of a file in the package or layer: relative, with "/", without "." and ".." as parts`}},
		{name: "bundle with a backslash", text: valid + "  bundle: {path: 'a\\b'}\n", want: []string{`m.yaml:7: spec.bundle.path: want the path of a file in the package or layer: relative, with "/", without "." and ".." as parts`}},
		{name: "bundle with a control", text: valid + "  bundle: {path: \"a\\eb\"}\n", want: []string{`m.yaml:7: spec.bundle.path: want the path of a file in the package or layer: relative, with "/", without "." and ".." as parts`}},
		{name: "wrapper", text: valid + "  bundle: {wrapper: \"arn:aws:lambda:us-east-2:111122223333:layer:sealift-exec:3\"}\n", want: nil},
		{name: "wrapper without a version", text: valid + "  bundle: {wrapper: \"arn:aws:lambda:us-east-2:111122223333:layer:sealift-exec\"}\n", want: []string{"m.yaml:7: spec.bundle.wrapper: not the ARN of a layer version (arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION)"}},
		{name: "young bundle", text: valid + "  bundle: {maxAge: 59m}\n", want: []string{"m.yaml:7: spec.bundle.maxAge: want at least 1h: every renewal is a new version of the function"}},
		{name: "negative age", text: valid + "  bundle: {maxAge: -1h}\n", want: []string{"m.yaml:7: spec.bundle.maxAge: want at least 1h: every renewal is a new version of the function"}},
		{name: "bundle of an hour", text: valid + "  bundle: {maxAge: 1h}\n", want: nil},
		{name: "short interval", text: valid + "  interval: 9s\n", want: []string{"m.yaml:7: spec.interval: want at least 10s: every look is up to three calls of Lambda"}},
		{name: "negative interval", text: valid + "  interval: -5m\n", want: []string{"m.yaml:7: spec.interval: want at least 10s: every look is up to three calls of Lambda"}},
		{name: "interval", text: valid + "  interval: 10s\n", want: nil},
		{name: "drift policy in lower case", text: valid + "  driftPolicy: report\n", want: []string{"m.yaml:7: spec.driftPolicy: want Correct or Report"}},
		{name: "deletion policy of another kind", text: valid + "  deletionPolicy: Delete\n", want: []string{"m.yaml:7: spec.deletionPolicy: want Retain or Scrub"}},
		{name: "deletion policy", text: valid + "  deletionPolicy: Scrub\n", want: nil},
		{name: "drift policy", text: valid + "  driftPolicy: Report\n", want: nil},
		{name: "reserved", text: valid + "  environment:\n    AWS_LAMBDA_EXEC_WRAPPER: x\n    LAMBDA_TASK_ROOT: x\n    SEALIFT_MARKER: x\n    _HANDLER: x\n    _X_AMZN_TRACE_ID: x\n", want: []string{
			"m.yaml:8: spec.environment.AWS_LAMBDA_EXEC_WRAPPER: reserved by AWS Lambda; remove it",
			"m.yaml:9: spec.environment.LAMBDA_TASK_ROOT: reserved by AWS Lambda; remove it",
			"m.yaml:10: spec.environment.SEALIFT_MARKER: reserved by sealift; remove it",
			"m.yaml:11: spec.environment._HANDLER: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
			"m.yaml:12: spec.environment._X_AMZN_TRACE_ID: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
		}},
		{name: "bad variables", text: valid + "  environment:\n    A: x\n    A-B: x\n    1A: x\n    A B: x\n    \"A\\u202eB\": x\n    \"A\\0\": x\n    \"\": x\n", want: []string{
			"m.yaml:8: spec.environment.A: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
			"m.yaml:9: spec.environment.A-B: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
			"m.yaml:10: spec.environment.1A: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
			"m.yaml:11: spec.environment: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
			"m.yaml:12: spec.environment: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
			"m.yaml:13: spec.environment: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
			"m.yaml:14: spec.environment: not a name of an environment variable; want a letter, then at least one letter, digit or '_'",
		}},
		{name: "NUL in a variable", text: valid + "  environment: {AB: \"\\0\"}\n", want: []string{"m.yaml:7: spec.environment.AB: NUL in the value of an environment variable"}},
		{name: "sealed in the environment", text: valid + "  environment: {AB: \"sealift.v1:x\"}\n", want: []string{"m.yaml:7: spec.environment.AB: a sealed value in the plain environment, where nothing opens it; move it to spec.sealed"}},
		{name: "large environment", text: valid + "  environment: {AB: \"" + strings.Repeat("x", 4095) + "\"}\n", want: []string{"m.yaml:7: spec.environment: 4097 bytes of names and values; Lambda allows 4096 for all variables of a function"}},
		{name: "largest environment", text: valid + "  environment: {AB: \"" + strings.Repeat("x", 4094) + "\"}\n", want: nil},
		{name: "plain and sealed", text: valid + "  environment: {DB_PASSWORD: x}\n  sealed: {DB_PASSWORD: \"" + elsewhere + "\"}\n", want: []string{"m.yaml:7: spec.environment.DB_PASSWORD: also under spec.sealed; a name is either plain or sealed, remove one of the two"}},
		{name: "sealed", text: valid + "  sealed: {DB_PASSWORD: \"" + elsewhere + "\"}\n", want: nil},
		{name: "sealed for another name", text: valid + "  sealed: {OTHER: \"" + elsewhere + "\"}\n", want: []string{"m.yaml:7: spec.sealed.OTHER: sealed for payments/hello:DB_PASSWORD, used as payments/hello:OTHER"}},
		{name: "sealed for another config", text: swap(t, "name: hello, namespace", "name: other, namespace") + "  sealed: {DB_PASSWORD: \"" + elsewhere + "\"}\n", want: []string{"m.yaml:7: spec.sealed.DB_PASSWORD: sealed for payments/hello:DB_PASSWORD, used as payments/other:DB_PASSWORD"}},
		{name: "sealed for another namespace", text: swap(t, ", namespace: payments", "") + "  sealed: {DB_PASSWORD: \"" + elsewhere + "\"}\n", want: []string{"m.yaml:7: spec.sealed.DB_PASSWORD: sealed for payments/hello:DB_PASSWORD, used as default/hello:DB_PASSWORD"}},
		{name: "not sealed", text: valid + "  sealed:\n    AB: hunter2\n    CD: 5\n    EF:\n    GH: [hunter2]\n    IJ: yes\n    KL: \"\"\n    MN: |\n      hunter2\n", want: []string{
			"m.yaml:8: spec.sealed.AB: not a sealed value (want sealift.v1:…); seal it with: sealift seal -f m.yaml AB",
			"m.yaml:9: spec.sealed.CD: not a sealed value (want sealift.v1:…); seal it with: sealift seal -f m.yaml CD",
			"m.yaml:10: spec.sealed.EF: not a sealed value (want sealift.v1:…); seal it with: sealift seal -f m.yaml EF",
			"m.yaml:11: spec.sealed.GH: not a sealed value (want sealift.v1:…); seal it with: sealift seal -f m.yaml GH",
			"m.yaml:12: spec.sealed.IJ: not a sealed value (want sealift.v1:…); seal it with: sealift seal -f m.yaml IJ",
			"m.yaml:13: spec.sealed.KL: not a sealed value (want sealift.v1:…); seal it with: sealift seal -f m.yaml KL",
			"m.yaml:14: spec.sealed.MN: not a sealed value (want sealift.v1:…); seal it with: sealift seal -f m.yaml MN",
		}},
		{name: "malformed", text: valid + "  sealed:\n    AB: sealift.v1:hunter2\n    CD: " + elsewhere[:100] + "\n    EF: \"" + elsewhere + " \"\n", want: []string{
			"m.yaml:8: spec.sealed.AB: malformed sealed value: 0 dots where a compact JWE has 4",
			"m.yaml:9: spec.sealed.CD: malformed sealed value: 0 dots where a compact JWE has 4",
			"m.yaml:10: spec.sealed.EF: malformed sealed value: tag is not canonical base64url",
		}},
		{name: "bad names of secrets", text: valid + "  sealed:\n    hunter-2: x\n    \"a b\": x\n    \"a\\u202e\": x\n    1a: x\n    NO: " + elsewhere + "\n", want: []string{
			"m.yaml:8: spec.sealed: not a name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}",
			"m.yaml:9: spec.sealed: not a name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}",
			"m.yaml:10: spec.sealed: not a name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}",
			"m.yaml:11: spec.sealed: not a name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}",
			"m.yaml:12: spec.sealed.NO: a name that other YAML readers take for a boolean or a number; put it in quotes",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := v1alpha1.Decode("m.yaml", []byte(test.text))
			var got []string
			if faults := (v1alpha1.Errors)(nil); errors.As(err, &faults) {
				got = strings.Split(err.Error(), "\n")
			} else if err != nil {
				t.Fatalf("got %v, want Errors", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
}

// object is a package of S3 with more members.
func object(more string) string {
	return "s3: {bucket: builds, key: hello/1.zip, sha256: " + strings.Repeat("0f", 32) + more + "}"
}
