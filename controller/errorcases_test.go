package controller_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/plan"
)

// What may come of a fault beside the classes of package plan.
const (
	reobserve plan.Class = "reobserve" // the apply itself looks again, and succeeds
	either    plan.Class = "any"       // it depends on what was answered earlier
)

// answered is in the text of every error that the matrix has AWS answer.
const answered = canary + "-answered"

// scenario is one kind of apply.
type scenario struct {
	name   string
	before func(f *fixture)
	change func(f *fixture, n int, token string) controller.Target
	live   bool     // something of sealift's is live before
	begun  bool     // an apply was cut off behind its layer
	calls  []string // the operations that it calls, sorted
	own    []string // those of which CI runs every case with this scenario
}

// token is what is live before.
func (s scenario) token() string {
	if !s.live {
		return "nothing"
	}
	return canary + "-0"
}

// to returns how a scenario makes its wanted states.
func to(delivery string, patch bool) func(f *fixture, n int, token string) controller.Target {
	return func(f *fixture, n int, token string) controller.Target {
		m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", delivery: delivery, patch: patch,
			env: map[string]string{"LOG_LEVEL": fmt.Sprintf("level-%d", n)}, sealed: f.seal("hello", map[string]string{"TOKEN": token})}
		return f.commit("code", m)[0]
	}
}

func scenarios() []scenario {
	nothing := func(*fixture) { time.Sleep(time.Minute) }
	live := func(change func(*fixture, int, string) controller.Target) func(*fixture) {
		return func(f *fixture) {
			f.t.Helper()
			f.apply(change(f, 0, canary+"-0"))
			time.Sleep(time.Minute)
		}
	}
	built, layer, env, patched := to("package", false), to("layer", true), to("environment", true), to("package", true)
	staged := func(f *fixture, n int, token string) controller.Target {
		return f.with("{zip: ../build/hello.zip, staging: {s3: {bucket: builds}}}", "", buildOf(f.t, "code"), f.seal("hello", map[string]string{"TOKEN": token}))
	}
	object := func(f *fixture, n int, token string) controller.Target {
		zipped := buildOf(f.t, fmt.Sprintf("build %d", n))
		return f.with(objectOf("hello.zip", f.put(f.objects, "hello.zip", zipped), zipped), "", nil, f.seal("hello", map[string]string{"TOKEN": token}))
	}
	return []scenario{
		{"first package", nothing, built, false, false,
			[]string{"CreateAlias", "Decrypt", "GenerateDataKey", "GetAlias", "GetFunction", "PublishVersion", "UpdateFunctionCode", "UpdateFunctionConfiguration"},
			[]string{"CreateAlias"}},
		{"secret in a package", live(built), built, true, false,
			[]string{"Decrypt", "GenerateDataKey", "GetAlias", "GetFunction", "PublishVersion", "UpdateAlias", "UpdateFunctionCode", "UpdateFunctionConfiguration"},
			[]string{"Decrypt", "GenerateDataKey", "GetFunction", "UpdateAlias", "UpdateFunctionCode"}},
		{"secret in a layer", live(layer), layer, true, false,
			[]string{"Decrypt", "GenerateDataKey", "GetAlias", "GetFunction", "PublishLayerVersion", "PublishVersion", "UpdateAlias", "UpdateFunctionConfiguration"},
			[]string{"PublishLayerVersion", "UpdateFunctionConfiguration"}},
		{"secret in the environment", live(env), env, true, false,
			[]string{"Decrypt", "GenerateDataKey", "GetAlias", "GetFunction", "PublishVersion", "UpdateAlias", "UpdateFunctionConfiguration"},
			[]string{"GetAlias", "PublishVersion"}},
		{"secret in a patched package", live(patched), patched, true, false,
			[]string{"Decrypt", "Download", "GenerateDataKey", "GetAlias", "GetFunction", "PublishVersion", "UpdateAlias", "UpdateFunctionCode", "UpdateFunctionConfiguration"},
			[]string{"Download"}},
		{"secret in a staged package", func(f *fixture) { f.bucket(false); live(staged)(f) }, staged, true, false,
			[]string{"Decrypt", "DeleteObject", "GenerateDataKey", "GetAlias", "GetFunction", "PublishVersion", "PutObject", "UpdateAlias", "UpdateFunctionCode", "UpdateFunctionConfiguration"},
			[]string{"DeleteObject", "PutObject"}},
		{"package in S3", func(f *fixture) { f.objects = f.bucket(true); live(object)(f) }, object, true, false,
			[]string{"Decrypt", "GenerateDataKey", "GetAlias", "GetFunction", "GetObject", "PublishVersion", "UpdateAlias", "UpdateFunctionCode", "UpdateFunctionConfiguration"},
			[]string{"GetObject"}},
		{"layer of an apply that was cut off", live(layer), layer, true, true,
			[]string{"GetAlias", "GetFunction", "GetLayerVersionByArn", "ListLayerVersions", "PublishVersion", "UpdateAlias", "UpdateFunctionConfiguration"},
			[]string{"GetLayerVersionByArn", "ListLayerVersions"}},
	}
}

// share reports whether CI runs the case of an operation's ith mishap at the jth occasion:
// of the operations that are this scenario's own each mishap at one, of others a few.
func (s scenario) share(operation string, i, j int) bool {
	if mishaps(operation)[i].fault.Kind == localaws.FaultUnreadable {
		return slices.Contains(s.own, operation) // the call matters by which it shows
	}
	return i%5 == j && (slices.Contains(s.own, operation) || i%16 == len(operation))
}

// operations returns those of an apply of a scenario, sorted.
func (s scenario) operations(t *testing.T) (names []string) {
	synctest.Test(t, func(t *testing.T) {
		c := errorCase{fixture: newFixture(t), scenario: s}
		s.before(c.fixture)
		target, _ := c.want(1)
		c.faults.Set(localaws.Fault{Operation: localaws.DownloadOperation, Kind: localaws.FaultSlow})
		earlier := len(c.aws.Calls())
		c.apply(target)
		for _, call := range c.aws.Calls()[earlier:] {
			names = append(names, call.Operation)
		}
		if c.faults.Fired() > 0 {
			names = append(names, localaws.DownloadOperation)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// mishap is one way in which a call fails.
type mishap struct {
	name  string
	fault localaws.Fault
	// class is that of the error, reobserve, or "" for none.
	class func(operation string) plan.Class
	// lasting is the class where the fault lasts; nil: the same, and Transient for reobserve.
	lasting func(operation string) plan.Class
}

// mishaps lists the ways in which calls of an operation fail.
func mishaps(operation string) []mishap {
	var list []mishap
	for _, e := range append(localaws.Modelled(operation), localaws.Unmodelled(operation)...) {
		fault := localaws.Fault{Code: e.Code, Status: e.Status, Body: answered}
		list = append(list, mishap{fmt.Sprintf("%s %d", e.Code, e.Status), fault, refused(e), lastingly(e)})
		if e.Status >= 500 && changes(operation) {
			fault.After = true
			list = append(list, mishap{fmt.Sprintf("%s %d behind the effect", e.Code, e.Status), fault, refused(e), always(either)})
		}
	}
	list = append(list, broken(operation)...)
	another := mishap{"another writer", localaws.Fault{Kind: localaws.FaultMeanwhile}, always(either), always(either)}
	slow := mishap{"slow", localaws.Fault{Kind: localaws.FaultSlow, Delay: 20 * time.Second}, always(""), nil}
	never := mishap{"no answer at all", localaws.Fault{Kind: localaws.FaultSlow, Delay: 24 * time.Hour}, always(plan.Transient), nil}
	if operation == "DeleteObject" {
		never.class = always("")
	}
	list = append(list, another, slow, never)
	if changes(operation) {
		never.name, never.fault.After, never.lasting = "no answer behind the effect", true, always(either)
		list = append(list, never)
	}
	if operation == "GetFunction" {
		list = append(list, mishap{"an unreadable environment", localaws.Fault{Kind: localaws.FaultUnreadable}, always(either), always(plan.Stalled)})
	}
	if operation == "GetFunction" || operation == "GetAlias" {
		list = append(list, mishap{"an earlier state", localaws.Fault{Kind: localaws.FaultStale}, always(either), always(either)})
	}
	return list
}

// broken are connections that end, and answers that are none of AWS's.
func broken(operation string) []mishap {
	const page = "<html><head><title>502 Bad Gateway</title></head><body>" + answered + "</body></html>"
	body := func(status int, contentType, body string) localaws.Fault {
		return localaws.Fault{Kind: localaws.FaultAnswer, Status: status, ContentType: contentType, Body: body}
	}
	faults := map[string]localaws.Fault{
		"reset":                        {Kind: localaws.FaultReset},
		"truncated":                    {Kind: localaws.FaultTruncated},
		"page of a proxy, 502":         body(502, "text/html", page),
		"page of a proxy, 403":         body(403, "text/html", page),
		"page of a proxy, 200":         body(200, "text/html", page),
		"empty, 503":                   body(503, "", ""),
		"empty, 200":                   body(200, "application/json", ""),
		"an empty object":              body(200, "application/json", "{}"),
		"an object of another kind":    body(200, "application/json", `{"Configuration":{},"Plaintext":"","CiphertextBlob":"","KeyId":"x","Version":"","FunctionVersion":"","CodeSha256":"`+answered+`"}`),
		"a list":                       body(200, "application/json", `["`+answered+`"]`),
		"null":                         body(200, "application/json", "null"),
		"garbage":                      body(200, "application/json", "\x00\xff{"+answered),
		"JSON as XML":                  body(200, "application/xml", `{"Message":"`+answered+`"`),
		"a redirect to somewhere else": {Kind: localaws.FaultAnswer, Status: 307, ContentType: "text/plain", Body: answered},
	}
	var list []mishap
	for name, fault := range faults {
		class := unreadable
		switch said := fault.Kind == localaws.FaultAnswer && fault.Status == 200; {
		case said && (strings.HasPrefix(operation, "ListLayer") || strings.HasPrefix(operation, "GetLayer")):
			class = always(either) // what lacks everything says that there is none
		case said && fault.Body != "garbage" && strings.HasPrefix(operation, "UpdateFunction"):
			class = always(either) // what was done is read
		case operation == localaws.DownloadOperation && (said || fault.Kind == localaws.FaultTruncated):
			class = always(reobserve) // it has another digest
		case fault.Status == 503:
			class = refused(localaws.ErrorAnswer{Code: "UnknownError", Status: fault.Status})
		}
		switch {
		case operation == "DeleteObject", operation == "PutObject" && fault.Kind == localaws.FaultTruncated:
			class = always("") // what is staged is left to others; an answer of PutObject is all in its head
		case strings.HasSuffix(operation, "Object") && fault.Status == 403:
			class = always(plan.Stalled) // S3's status alone says it
		case operation == "GetObject" && fault.Kind == localaws.FaultAnswer && fault.Status == 200:
			class = always(plan.Stalled) // it has another digest
		}
		one := mishap{name, fault, class, nil}
		if fault.Kind == localaws.FaultTruncated && changes(operation) {
			one.lasting = always(either) // it took effect
		}
		list = append(list, one)
		if fault.Kind != localaws.FaultTruncated && changes(operation) {
			fault.After = true
			list = append(list, mishap{name + " behind the effect", fault, class, always(either)})
		}
	}
	slices.SortFunc(list, func(a, b mishap) int { return strings.Compare(a.name, b.name) })
	return list
}

// always is a class that is the same for all operations.
func always(class plan.Class) func(operation string) plan.Class {
	return func(string) plan.Class { return class }
}

// changes reports whether an operation changes something.
func changes(operation string) bool {
	return operation == "CreateAlias" || strings.HasPrefix(operation, "Update") || strings.HasPrefix(operation, "Publish")
}

// unreadable is the class of an answer that cannot be read, or says nothing: what was to be
// changed may have been.
func unreadable(operation string) plan.Class {
	if changes(operation) {
		return reobserve
	}
	return plan.Transient
}

// refused returns the class of an error that AWS answers.
func refused(e localaws.ErrorAnswer) func(operation string) plan.Class {
	return func(operation string) plan.Class {
		if operation == "DeleteObject" {
			return ""
		}
		switch e.Code {
		case "PreconditionFailedException", "ResourceConflictException":
			return reobserve
		case "TooManyRequestsException", "ThrottlingException", "LimitExceededException", "SlowDown":
			return plan.Transient
		case "InvalidCiphertextException", "IncorrectKeyException":
			return plan.Invalid
		case "ResourceNotFoundException":
			return missing(operation)
		case "AccessDeniedException":
			if operation == "ListLayerVersions" {
				return "" // who may not ask goes without
			}
		case "RequestTimeout":
			return plan.Transient
		case "NoSuchKey":
			if operation == "GetObject" {
				return plan.Stalled
			}
			return reobserve // another package was deployed
		}
		if e.Status >= 500 || operation == localaws.DownloadOperation {
			return plan.Transient
		}
		return plan.Stalled
	}
}

// missing returns the class of ResourceNotFoundException.
func missing(operation string) plan.Class {
	switch operation {
	case "GetAlias", "CreateAlias", "UpdateAlias":
		return reobserve
	case "ListLayerVersions", "GetLayerVersionByArn":
		return ""
	}
	return plan.Stalled
}

// lastingly returns the class of an error that AWS answers again and again, where that is
// another one.
func lastingly(e localaws.ErrorAnswer) func(operation string) plan.Class {
	if e.Code == "ResourceNotFoundException" {
		return func(operation string) plan.Class {
			if operation == "GetAlias" {
				return either // an alias that is not there yet is no error
			}
			if class := missing(operation); class != reobserve {
				return class
			}
			return plan.Transient
		}
	}
	return nil
}
