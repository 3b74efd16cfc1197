package iam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// MaxSize is the largest managed policy, in characters that are not white space
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const MaxSize = 6144

// document is a policy in IAM's form, its members in the order in which AWS writes them
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

func (p Policy) document() document {
	d := document{Version: "2012-10-17"}
	for _, s := range p.numbered() {
		one := statement{Sid: s.Sid, Effect: "Allow", Action: s.Actions, Resource: s.Resources}
		if len(s.Equals) > 0 {
			equals := make(map[string][]string)
			for _, c := range s.Equals {
				equals[c.Key] = c.Values
			}
			one.Condition = map[string]map[string][]string{"StringEquals": equals}
		}
		d.Statement = append(d.Statement, one)
	}
	return d
}

// numbered returns the statements with Sids that differ, as they must in a policy.
func (p Policy) numbered() []Statement {
	same, met := make(map[string]int), make(map[string]int)
	for _, s := range p.Statements {
		same[s.Sid]++
	}
	var list []Statement
	for _, s := range p.Statements {
		if met[s.Sid]++; same[s.Sid] > 1 {
			s.Sid += strconv.Itoa(met[s.Sid])
		}
		list = append(list, s)
	}
	return list
}

// Size returns the policy's size as IAM counts it.
func (p Policy) Size() int {
	data, _ := json.Marshal(p.document()) // strings can be encoded; there is no white space in them
	return len(data)
}

// Split returns p in as few policies as MaxSize allows, in its order.
func (p Policy) Split() []Policy {
	var parts []Policy
	part := Policy{Name: p.Name, Description: p.Description}
	for _, s := range p.Statements {
		longer := part
		longer.Statements = append(longer.Statements[:len(longer.Statements):len(longer.Statements)], s)
		if len(part.Statements) > 0 && longer.Size() > MaxSize {
			parts = append(parts, part)
			longer.Statements = []Statement{s}
		}
		part = longer
	}
	parts = append(parts, part)
	for i := range parts {
		if i > 0 {
			parts[i].Name = fmt.Sprintf("%s-%d", p.Name, i+1)
		}
	}
	return parts
}

// JSON returns the policy document.
func (p Policy) JSON() []byte { return indented(p.document()) }

func indented(value any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // strings can be encoded
	return b.Bytes()
}

// CloudFormation returns a template with a managed policy for each of the policies.
func CloudFormation(policies []Policy) []byte {
	type properties struct {
		Description    string
		PolicyDocument document
	}
	type resource struct {
		Type       string
		Properties properties
	}
	resources := make(map[string]resource)
	for i, p := range policies {
		id := fmt.Sprintf("SealiftPolicy%d", i+1) // names of functions may not stand in an id
		resources[id] = resource{"AWS::IAM::ManagedPolicy", properties{p.Description, p.document()}}
	}
	return indented(struct {
		AWSTemplateFormatVersion string
		Resources                map[string]resource
	}{"2010-09-09", resources})
}

// Terraform returns a data source for each of the policies.
func Terraform(policies []Policy) []byte {
	var b bytes.Buffer
	for i, p := range policies {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "# %s\ndata \"aws_iam_policy_document\" %q {\n", p.Description, p.Name)
		for j, s := range p.numbered() {
			if j > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "  statement {\n    sid       = %q\n    effect    = \"Allow\"\n    actions   = %s\n    resources = %s\n", s.Sid, list(s.Actions), list(s.Resources))
			for _, c := range s.Equals {
				fmt.Fprintf(&b, "\n    condition {\n      test     = \"StringEquals\"\n      variable = %q\n      values   = %s\n    }\n", c.Key, list(c.Values))
			}
			b.WriteString("  }\n")
		}
		b.WriteString("}\n")
	}
	return b.Bytes()
}

// list returns a list in HCL. What stands in policies has no character that is special
// there.
func list(values []string) string {
	quoted := make([]string, 0, len(values))
	for _, v := range values {
		quoted = append(quoted, strconv.Quote(v))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
