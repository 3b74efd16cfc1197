package cli_test

import (
	"strings"

	"sealift.dev/sealift/hack/leaktest"
)

// The variables that the function of the scenario has, of which Lambda alone is told.
const imported, others = "scenario-imported-7", "scenario-foreign-8"

// The values of the tutorial begin so.
const tutorials = "This is "

// exceptionsOf lists where plaintext is on purpose: in every test, and in some. What a test
// writes itself, to see what becomes of it, is its own doing, not the program's.
func exceptionsOf(name string) []leaktest.Exception {
	all := []leaktest.Exception{
		{Sink: "stdout of unseal", Why: "to print values is its purpose"},
		{Sink: "stdout of invoke", Why: "it prints what the function answers: those of the samples answer their secret"},
		{Sink: "stdout of demo", Secret: tutorials, Why: "it prints the commands of its steps: the value is an example"},
		{Sink: "stdout of dev", Secret: tutorials, Why: "it prints a command to try: the value is an example"},
	}
	name, _, _ = strings.Cut(name, "/")
	return append(all, map[string][]leaktest.Exception{
		"apply":           {{Sink: "arguments of diff", Why: "the script gives it a URL with a password, to be refused"}},
		"bad_input":       {{Sink: "file ", Secret: "canary-5150", Why: "the script's own files with values that are not sealed, to be refused"}},
		"seal_errors":     {{Sink: "arguments of seal", Why: "the script gives it a value as an argument, to be refused"}},
		"seal_many":       {{Sink: "arguments of seal", Why: "the script gives it a value as an argument, to be refused"}},
		"edit":            {{Sink: "environment of edit", Why: "the script's editor is a command line that types a value"}},
		"hook":            {{Sink: "file work/.git/objects/", Why: "the script commits a value that is not sealed, to be refused by the push"}},
		"import_files":    {{Sink: "file functions/", Why: "the script's plain text, to be imported"}},
		"import_folder":   {{Sink: "file work/nested/", Why: "the script's files that were encrypted by hand, with key and plain text"}},
		"delivery":        {{Sink: "a request PUT", Secret: "delivery-canary-1", Why: "the script sets another's variable whose value begins alike"}},
		"TestEditAgain":   {{Sink: "file editor", Why: "the test's editor types a value"}},
		"TestInvokeLocal": {{Sink: "a request POST", Why: "the test makes a function with a variable whose value begins as the sealed one"}},
		"role":            {{Sink: "environment of ", Secret: "credentials: ", Why: "the script gives the program a role's credentials, where the SDK looks for them"}},
		"TestNothingLeaks": {
			{Sink: "a request PUT", Secret: others, Why: "Lambda sets all variables of a function at once: those of others go back as they came"},
			{Sink: "a request PUT", Secret: imported, Why: "the variable stays beside the bundle until import --finish"},
		},
		"doctor": {
			{Sink: "a request ", Secret: "doctor-canary", Why: "the script makes a function with another's variable whose value begins alike"},
			{Sink: "file .localaws/lambda/", Secret: "doctor-canary", Why: "the same variable, as Lambda keeps it"},
		},
	}[name]...)
}
