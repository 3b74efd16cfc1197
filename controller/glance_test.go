package controller_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sealift.dev/sealift/controller"
)

// Whatever a list says, nothing is taken to be in sync by it that is not, and what is odd is
// looked at on its own.
func TestOddLists(t *testing.T) {
	const n = 24
	type entry = map[string]any
	edits := map[string]struct {
		edit func([]entry) []entry
		gets int // that f03, or all, are looked at with
	}{
		"as it is": {func(l []entry) []entry { return l }, 0},
		"one twice": {func(l []entry) []entry {
			theirs := entry{}
			for k, v := range l[3] {
				theirs[k] = v
			}
			return append(l, theirs, theirs)
		}, 1},
		"no ARN":           {func(l []entry) []entry { delete(l[3], "FunctionArn"); return l }, 1},
		"ARN of another":   {func(l []entry) []entry { l[3]["FunctionArn"] = l[4]["FunctionArn"]; return l }, 1},
		"ARN of a version": {func(l []entry) []entry { l[3]["FunctionArn"] = l[3]["FunctionArn"].(string) + ":1"; return l }, 1},
		"another region": {func(l []entry) []entry {
			l[3]["FunctionArn"] = strings.Replace(l[3]["FunctionArn"].(string), region, "eu-west-1", 1)
			return l
		}, 1},
		"a published one":  {func(l []entry) []entry { l[3]["Version"] = "1"; return l }, 1},
		"no RevisionId":    {func(l []entry) []entry { delete(l[3], "RevisionId"); return l }, 1},
		"no environment":   {func(l []entry) []entry { delete(l[3], "Environment"); return l }, 0},
		"null environment": {func(l []entry) []entry { l[3]["Environment"] = nil; return l }, 0},
		"unreadable": {func(l []entry) []entry {
			l[3]["Environment"] = entry{"Error": entry{"ErrorCode": "AccessDenied"}}
			return l
		}, 0},
		"gone":    {func(l []entry) []entry { return append(l[:3:3], l[4:]...) }, 1},
		"nothing": {func([]entry) []entry { return nil }, n},
		"no names": {func(l []entry) []entry {
			for _, one := range l {
				delete(one, "FunctionName")
			}
			return l
		}, n},
	}
	for name, test := range edits {
		t.Run(name, func(t *testing.T) {
			inFleet(t, n, n, nil, func(fl *fleet) {
				fl.answer(func(call, answer string) string {
					if !isList(call) {
						return answer
					}
					var page struct {
						Functions  []entry
						NextMarker *string
					}
					if err := json.Unmarshal([]byte(answer), &page); err != nil {
						t.Fatal(err)
					}
					page.Functions = test.edit(page.Functions)
					out, _ := json.Marshal(page)
					return string(out)
				})
				fl.inSync(fl.t, test.gets)
			})
		})
	}
}

// inSync looks at all configs, of which so many need a look of their own, and finds all in
// sync.
func (fl *fleet) inSync(t *testing.T, gets int) {
	t.Helper()
	since := len(fl.aws.Calls())
	seen := fl.glancer().Glance(t.Context(), fl.targets(), false)
	made := fl.counted(since)
	if made["GetFunction"] != gets || made["ListFunctions"] == 0 {
		t.Errorf("%v, want %d GetFunction", made, gets)
	}
	for _, target := range seen {
		if p, err := fl.r.Plan(t.Context(), target); err != nil || !p.InSync() {
			t.Errorf("%s: %v, %v", target.Key(), p.Items, err)
		}
	}
	fl.reads(since)
}

func isList(call string) bool {
	return call == "GET functions" || call == "GET functions/" || strings.HasPrefix(call, "GET functions?") || strings.HasPrefix(call, "GET functions/?")
}

// A list that does not end, or is cut off, costs a bounded number of calls, and the functions
// are looked at one by one.
func TestListsWithoutAnEnd(t *testing.T) {
	const n = 24
	tests := map[string]struct {
		gets, lists int
		answer      func(nth int, answer string) string
	}{
		"one token": {n, 2, func(_ int, answer string) string {
			return strings.TrimSuffix(strings.TrimSpace(answer), "}") + `,"NextMarker":"again"}`
		}},
		"empty pages, many tokens": {n, 4, func(nth int, _ string) string { return fmt.Sprintf(`{"Functions":[],"NextMarker":"m%d"}`, nth) }},
		"cut off":                  {n, 1, func(_ int, answer string) string { return answer[:len(answer)/2] }},
		"no JSON":                  {n, 1, func(int, string) string { return "<html>" }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inFleet(t, n, n, nil, func(fl *fleet) {
				nth := 0
				fl.answer(func(call, answer string) string {
					if !isList(call) {
						return answer
					}
					nth++
					return test.answer(nth, strings.Replace(answer, `"NextMarker":null`, `"Ignored":null`, 1))
				})
				fl.inSync(fl.t, test.gets)
				if nth > test.lists {
					t.Errorf("%d pages", nth)
				}
			})
		})
	}
}

// An endpoint that does not know qualifiers answers $LATEST for an alias: that is no look at
// it.
func TestQualifierIgnored(t *testing.T) {
	const n = 24
	inFleet(t, n, n, nil, func(fl *fleet) {
		fl.answer(func(call, answer string) string {
			if strings.Contains(call, "Qualifier=live") {
				return strings.Replace(answer, `"Version":"1"`, `"Version":"$LATEST"`, 1)
			}
			return answer
		})
		since := len(fl.aws.Calls())
		seen := fl.glancer().Glance(fl.t.Context(), fl.targets(), true)
		for _, target := range seen {
			if _, err := fl.r.Plan(fl.t.Context(), target); err != nil {
				t.Error(err)
			}
		}
		if made := fl.counted(since); made["GetAlias"] != n {
			t.Errorf("in sync by an alias that was not looked at: %v", made)
		}
	})
}

// Configs that are suspended cost nothing, and a target that was glanced at with a rotation
// in mind is rotated.
func TestGlanceOfSuspendedAndRotated(t *testing.T) {
	const n = 24
	inFleet(t, n, n, func(m *manifest) {
		if m.name == "f03" {
			m.more = "  suspend: true\n"
		}
	}, func(fl *fleet) {
		fl.begin()
		after(time.Minute)
		if got := fl.said("f03"); !strings.HasPrefix(got, "Ready=Unknown Sealed=False Drifted=Unknown Stalled=False Suspended") {
			t.Error(got)
		}
		since := len(fl.aws.Calls())
		after(time.Hour)
		for _, c := range fl.aws.Calls()[since:] {
			if strings.Contains(c.Resource, ":f03") {
				t.Errorf("a look at a suspended config: %s %s", c.Operation, c.Resource)
			}
		}
		seen := fl.glancer().Glance(fl.t.Context(), fl.targets(), true)
		if got := controller.Unseen(fl.glancer().Glance(fl.t.Context(), fl.targets(), false)); got != n-1 {
			t.Errorf("%d of %d configs that are compared are in sync as listed", got, n-1)
		}
		since = len(fl.aws.Calls())
		if _, err := fl.r.Rotate(fl.t.Context(), seen[4], fl.trusted, "a test"); err != nil || len(fl.callsSince(since)) == 0 {
			t.Errorf("not rotated: %v", err)
		}
	})
}
