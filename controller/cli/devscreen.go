package cli

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// envFile is what another terminal sources: this program, this local AWS, and nothing
// of the user's AWS set-up that could lead a call elsewhere.
func (d *dev) envFile() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by sealift dev at each start, to be sourced by a shell.\n")
	fmt.Fprintf(&b, "export PATH=%s:\"$PATH\"\n", shellQuoted(filepath.Dir(d.ownProgram())))
	fmt.Fprintf(&b, "export AWS_ENDPOINT_URL=%s\n", shellQuoted(d.server.url))
	// The first version of the aws command reads AWS_DEFAULT_REGION alone.
	fmt.Fprintf(&b, "export AWS_REGION=%s AWS_DEFAULT_REGION=%s\n", localRegion, localRegion)
	b.WriteString(`# Local AWS checks no credentials.
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER=
unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_IGNORE_CONFIGURED_ENDPOINT_URLS
unset AWS_ENDPOINT_URL_KMS AWS_ENDPOINT_URL_LAMBDA AWS_ENDPOINT_URL_STS
`)
	return b.String()
}

// plainWord is what a shell reads as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9/._+,@-]+$`)

// word returns text as one word of a shell, in quotes where it needs them.
func word(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return shellQuoted(text)
}

// screen says what is where, and what to try. A line that begins with four spaces is
// a command, to be typed as it is.
func (d *dev) screen(interval time.Duration, metrics string) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	seal := command{line: "sealift seal -f manifests/hello.yaml test_data", stdin: secondSecret}

	say("sealift dev runs until it is stopped (Ctrl-C). Started again with this folder, it goes on where it was.\n")
	say("  repository  %s, branch main, looked at every %s", filepath.Join(d.dir, "repo.git"), interval)
	say("  work tree   %s, a clone with manifests/hello.yaml", d.work())
	say("  function    hello, %s", sampleText(d.folder.mark.Sample))
	say("  local AWS   %s, kept in %s", d.server.url, filepath.Join(d.dir, "aws"))
	say("  metrics     http://%s/metrics, and /status, /healthz, /readyz", metrics)

	say("\nIn another terminal:\n")
	say("    source %s", word(filepath.Join(d.dir, "env")))
	say("    cd %s", word(d.work()))
	say("\nChange the secret; what is pushed is applied within seconds:\n")
	say("    %s", seal.shown())
	say("    git commit -q -a -m 'another value'")
	say("    git push -q")
	say("\nAsk the function:\n")
	say("    aws lambda invoke --function-name hello:live /dev/stdout")
	say("\nTake its variables away by hand, as in the console; within %s they are back, beside the one that is not sealift's:\n", devInterval)
	say("    aws lambda update-function-configuration --function-name hello --environment 'Variables={DEBUG=on}'")
	say("    aws lambda get-function-configuration --function-name hello --query Environment.Variables")
	say("\nSee how things are:\n")
	say("    sealift status")
	say("    curl -s http://%s/metrics", metrics)
	say("\nThe operator's log:\n")
	return b.String()
}

// sampleText tells a kind of sample to a person.
func sampleText(kind string) string {
	switch kind {
	case sampleNode:
		return "in Node.js"
	case sampleGo:
		return "in Go"
	}
	return "which only answers that nothing here can run a sample; install Node.js with npm, and begin anew in another folder"
}
