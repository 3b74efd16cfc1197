package cli_test

import (
	"fmt"
	"strings"
)

// sealedManifests are faults under spec.sealed; none of their errors repeats a value.
func (m *badMaker) sealedManifests() {
	head := badManifest + "  sealed:\n"
	for _, value := range []string{
		badCanary, `"` + badCanary + `"`, "|\n      " + badCanary, "sealift.v1:" + badCanary, "sealift.v2:eyJ" + badCanary, "AgB" + badCanary, "ENC[AES256_GCM,data:" + badCanary + "]", "SEALIFT.V1:x", "!!binary " + badCanary, "7", "true", "~", "{A: " + badCanary + "}", "[" + badCanary + "]", `""`, "&a " + badCanary,
	} {
		m.add("manifest", "value that is not sealed", "seal it with|malformed|aliases|tags|not a sealed|not sealed|mapping|list", head+"    A: "+value+"\n")
	}
	m.add("manifest", "name of no secret", "sealed", head+"    A-B: x\n", head+"    \"A B\": x\n", head+"    \"\": x\n", head+"    1A: x\n", head+"    \"\\u202eA\": x\n", head+"    А: x\n", head+"    "+strings.Repeat("A", 129)+": x\n", head+"    "+badCanary+": x\n")
	m.add("manifest", "secret twice", "given twice", head+"    A: x\n    A: y\n", head+"    A: x\n    \"\\u0041\": y\n")
}

// settings are faults of .sealift.yaml.
func (m *badMaker) settings() {
	const arn = "arn:aws:kms:us-east-2:111122223333:key/0ff11e00-0000-4000-8000-000000000001"
	good := "sealingKeys:\n- arn: " + arn + "\n  publicKey: a.pem\nbundleKey: alias/b\nregion: us-east-2\n"
	m.encodings("settings", good)
	add := func(fault, cause string, texts ...string) { m.add("settings", fault, cause, texts...) }
	add("unknown field", "unknown field", "sealingkeys: []\n", "Region: us-east-2\n", "regions: x\n", "\"\\e\": x\n", "sealingKeys: [{ARN: x}]\n", "sealingKeys: [{arn: "+arn+", private: "+badCanary+"}]\n")
	add("key out of form", "not the ARN|required", "sealingKeys: [{arn: alias/x}]\n", "sealingKeys: [{}]\n", "sealingKeys: [{arn: \""+arn+" \"}]\n", "sealingKeys: [{arn: \""+arn+"\\n\"}]\n", "sealingKeys: [{arn: "+badCanary+"}]\n", "sealingKeys: [{arn: "+strings.Replace(arn, "key/", "alias/", 1)+"}]\n", "sealingKeys: [{arn: "+strings.Replace(arn, "1111", "１", 1)+"}]\n", "sealingKeys: [{publicKey: a.pem}]\n")
	add("key twice", "given twice", good+"region: us-east-2\n", "sealingKeys: [{arn: "+arn+"}, {arn: "+arn+"}]\n", "region: us-east-2\nregion: us-east-1\n")
	add("path that leads away", "not the path of a file", "sealingKeys: [{arn: "+arn+", publicKey: ../a.pem}]\n", "sealingKeys: [{arn: "+arn+", publicKey: /etc/passwd}]\n", "sealingKeys: [{arn: "+arn+", publicKey: .}]\n", "sealingKeys: [{arn: "+arn+", publicKey: 'a\\b'}]\n", "sealingKeys: [{arn: "+arn+", publicKey: a//b}]\n", "sealingKeys: [{arn: "+arn+", publicKey: a/../b}]\n")
	add("bundle key of another", "not a KMS key of yours", "bundleKey: alias/aws/lambda\n", "bundleKey: "+badCanary+"\n", "bundleKey: alias/\n", "bundleKey: alias/a b\n", "bundleKey: \"alias/a\\n\"\n")
	add("region out of form", "not an AWS region", "region: "+badCanary+"\n", "region: us-east-2a\n", "region: \"us-east-2 \"\n", "region: us-еast-2\n")
	role := func(role string) string { return "assumeRoles: [\"arn:aws:iam::" + role + "\"]\n" }
	add("role out of form", "not the ARN of an IAM role|session", role("111122223333:user/"+badCanary), role("1111:role/r"), role("111122223333:role/*"), role("111122223333:role/r\\n"), role("111122223333:role/\\u202er"), role("111122223333:role/"+strings.Repeat("a", 3000)), "assumeRoles: [\"\"]\n")
	add("anchor", "aliases and anchors", "region: &a us-east-2\n", "region: *a\n", "&a ~\n")
	add("tag", "tags are not allowed", "!\n", "region: !!str us-east-2\n", "!!map {}\n")
	add("wrong type", "where text is wanted|want a |no value|take for a boolean", "region: 7\n", "region: [us-east-2]\n", "region: {a: b}\n", "sealingKeys: {a: b}\n", "sealingKeys: x\n", "sealingKeys: [x]\n", "- a\n", "text\n", "region: yes\n", "region: ~\n")
	add("more than one document", "more than one document", good+"---\n"+good, "---\n---\n")
	add("no YAML", "not valid YAML", "region: [\n", "region: \"x\n", "a: b: c\n", "\tx\n", "@\n", "`\n", "%X\n")
	m.recipe("settings", "oversize", "larger than 65536", pieceOf("# "), piece{Text: "x", Times: 64 << 10})
	m.recipe("settings", "oversize", "larger than 65536", piece{Text: "- arn: x\n", Times: 1 << 20})
	m.recipe("settings", "depth", "nested deeper|not valid YAML", pieceOf("region: "), piece{Text: "[", Times: 60_000})
	m.recipe("settings", "depth", "nested deeper", pieceOf("region: "), piece{Text: "[", Times: 30}, piece{Text: "]", Times: 30})
}

// places are paths and patterns of packages.
func (m *badMaker) places() {
	add := func(fault, cause string, texts ...string) { m.add("path", fault, cause, texts...) }
	add("leads away", "not a path inside", "..", "../x", "a/../../x", "/x", "a//b", "a/", ".", "./a", "a/.")
	add("backslash", "backslash", `a\b`, `..\x`, `C:\x`)
	add("control character", "control", "a\nb", "a\x00b", "\x1b[2J", "a\x7f", "a\u0085b")
	add("not UTF-8", "not a path inside|not UTF-8", "a\xff", "\xc0\xae\xc0\xae/x")
	add("another file's place", "package holds a file|where the bundle goes", "a", "A", "a/b")
	add("long", "unpack; shorten it", strings.Repeat("a", 256), strings.Repeat("a/", 4096)+"a")
	add = func(fault, cause string, texts ...string) { m.add("exclude", fault, cause, texts...) }
	add("matches nothing", "matches nothing|item of its own", "", "!", "/", "a\nb", "\x00", "[", "a[", `\`, "a/**b[", " ", "#x")
	m.recipe("exclude", "long pattern", "long|bytes", piece{Text: "a", Times: 1 << 20})
	m.recipe("exclude", "long pattern", "long|bytes", piece{Text: "*a", Times: 1 << 19})
}

// lines are those of git's hooks, and markers.
func (m *badMaker) lines() {
	id, zero := strings.Repeat("a1", 20), strings.Repeat("0", 40)
	const cause = "want lines of OLD NEW REF"
	add := func(fault, cause string, texts ...string) { m.add("hook", fault, cause, texts...) }
	add("field missing", cause, "\n", id+"\n", id+" "+zero+"\n", "refs/heads/main\n", " \n")
	add("id out of form", cause, id[1:]+" "+id+" refs/heads/main\n", strings.ToUpper(id)+" "+id+" refs/heads/main\n", "--all "+id+" refs/heads/main\n", id+" HEAD refs/heads/main\n", id+" ^"+id[1:]+" refs/heads/main\n", id+" "+id+"x refs/heads/main\n", strings.Repeat("a", 63)+" "+id+" refs/heads/main\n", id+" "+badCanary+" refs/x\n")
	add("ref out of form", cause, id+" "+id+" main\n", id+" "+id+" HEAD\n", id+" "+id+" /refs/heads/main\n", id+" "+id+" -refs/x\n", id+" "+id+" \x1b]0;x\x07\n", id+" "+id+" \u202erefs/x\n", id+" "+id+" "+badCanary+"\n")
	add("white space", cause, id+"  "+id+" refs/heads/main\n", id+"\t"+id+"\trefs/heads/main\n", " "+id+" "+id+" refs/heads/main\n")
	add("binary", cause, "\x00\n", "\xff\xfe"+id, "PK\x03\x04")
	m.recipe("hook", "long line", "a line of over 4096 bytes", pieceOf(id+" "+id+" refs/"), piece{Text: "x", Times: 5000}, pieceOf("\n"))
	m.recipe("hook", "long line", "a line of over 4096 bytes", piece{Text: "x", Times: 10 << 20})
	m.recipe("hook", "many refs", "push fewer", piece{Text: id + " " + id + " refs/heads/x\n", Times: 10_001})
	m.recipe("hook", "many refs", "push fewer", piece{Text: id + " " + id + " refs/heads/x\n", Times: 100_000})
	digest, sha := strings.Repeat("B", 42)+"A", strings.Repeat("A", 43)+"="
	fields := []string{"1", strings.Repeat("b", 22), digest, digest, id, sha, "1700000000", "A1,B1", "payments/hello"}
	bad := [][]string{
		{"0", "01", "", "x", "-1", "2", "１"}, {"", "short", strings.Repeat("b", 23), strings.Repeat("b", 21) + "="}, {"", digest[:42], digest[:42] + "B", digest + "=", strings.Repeat("+", 43)}, {"", digest + "A", "\n" + digest[1:]},
		{"", "main", strings.ToUpper(id), id[1:], id + "\n"}, {"", sha[:43], strings.Repeat("a", 64), strings.Repeat("_", 43) + "="}, {"", "-1", "01", "1e9", "+1", "99999999999999999999", " 1", "0x1"}, {",", "A1,,B1", "A1, B1", "a=b", "A", "1A", "A1,"}, {"", "hello", "/hello", "payments/", "Payments/hello", "payments/hello\n", "payments/../x", badCanary},
	}
	for i, values := range bad {
		for _, value := range values {
			changed := append([]string{}, fields...)
			changed[i] = value
			m.add("marker", fmt.Sprintf("field %d", i+1), "marker", strings.Join(changed, "."))
		}
	}
	m.add("marker", "newer version", "newer sealift", "3.x", "10.", "9999.a.b")
	m.add("marker", "fields", "fields where there are", ".", "1", "2", "1.", strings.Join(fields[:8], "."), "\x00", "{}")
	apart := strings.Join(fields[1:8], ".")
	m.add("marker", "delivery", "delivery|place", "2."+apart+".package.1.payments/hello", "2."+apart+".layer..payments/hello", "2."+apart+".layer.01.payments/hello", "2."+apart+".layer.-1.payments/hello", "2."+apart+".environment.1.payments/hello", "2."+apart+".Layer.1.payments/hello", "2."+apart+".."+strings.Repeat("b", 22)+".payments/hello")
	m.recipe("marker", "long", "marker", pieceOf("1."), piece{Text: "x.", Times: 1 << 20})
}

// addresses are those of repositories.
func (m *badMaker) addresses() {
	add := func(fault, cause string, texts ...string) { m.add("address", fault, cause, texts...) }
	add("credentials", "holds credentials", "https://user:"+badCanary+"@host/r", "https://"+badCanary+"@host/r", "ssh://git:"+badCanary+"@host/r", "https://x-access-token:"+badCanary+"@github.com/o/r.git", "HTTPS://a:"+badCanary+"@h/p?q")
	add("not encrypted", "neither encrypted nor authenticated", "http://host/r", "git://host/r")
	add("program", "not a folder and not", "ext::sh -c "+badCanary, "fd::17", "hg::https://h/r", "::x", "a::b")
	add("another scheme", "not a folder and not|cannot be read", "ftp://h/r", "javascript://x/y", "gopher://h/r", "://h/r", "s3://b/k", "1x://h/r")
	add("no host", "names no host|names no repository|cannot be read", "https:///r", "https://", "ssh:///x", "https://-x/r", "ssh://-oProxyCommand=x/r", "-oProxyCommand=x:y", "@:x", ":x")
	add("no repository", "names no repository", "https://host", "https://host/", "ssh://git@host/", "git@host:", "host:-x", "host:--upload-pack=x", "host:/")
	add("query", "no . and no #", "https://h/r?token="+badCanary, "https://h/r#x", "https://h/r?", "ssh://h/r?x")
	add("control character", "control characters", "https://h/r\n", "\x00", "https://h/\x1b[2J", "h:\tx", "a\u0085b")
	add("malformed", "cannot be read", "https://[::1/r", "https://h:x/r", "https://h/%zz", "https://a b/r")
	add("file of another host", "names no host", "file://host/x", "file://..//x")
	add("no folder", "no such folder", "file:///nowhere-"+"5150", "/nowhere-5150", "nowhere-5150/../x", "./nowhere-5150", "nowhere-5150\u202e")
	add("empty", "is needed", "")
	m.recipe("address", "long", "at most 4096", pieceOf("https://h/"), piece{Text: "x", Times: 4096})
	m.recipe("address", "long", "at most 4096", piece{Text: "x", Times: 1 << 20})
}
