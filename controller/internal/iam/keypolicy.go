package iam

import (
	"encoding/json"
	"slices"
	"strings"
)

// Verdict is what a key policy says of a role by itself.
type Verdict int

const (
	// Unclear is all that takes a simulation to tell: a Deny, a pattern, a condition.
	Unclear Verdict = iota
	// Direct is that the policy allows the role.
	Direct
	// Delegated is that the account's IAM policies decide.
	Delegated
	// Silent is that neither the role nor its account is allowed: only a grant could be.
	Silent
)

// texts is a member that is one text or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// keyStatement is a statement of a key policy.
type keyStatement struct {
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Action       texts
	NotAction    texts
	Condition    map[string]map[string]texts
}

// DecryptByRole says whether a key policy lets a role (an ARN) of an account decrypt
// under an encryption context. It tells what is certain from that policy alone.
func DecryptByRole(policy, role, account string, context map[string]string) Verdict {
	var document struct{ Statement json.RawMessage }
	var statements []keyStatement
	if json.Unmarshal([]byte(policy), &document) != nil {
		return Unclear
	}
	if json.Unmarshal(document.Statement, &statements) != nil {
		var one keyStatement
		if json.Unmarshal(document.Statement, &one) != nil {
			return Unclear
		}
		statements = []keyStatement{one}
	}
	verdict := Silent
	for _, s := range statements {
		one := s.verdict(role, account, context)
		if s.Effect != "Allow" {
			return Unclear
		}
		if one == Direct || verdict == Silent || verdict == Unclear && one == Delegated {
			verdict = one
		}
	}
	return verdict
}

// verdict is what a statement that allows says.
func (s keyStatement) verdict(role, account string, context map[string]string) Verdict {
	action := len(s.NotAction) > 0
	for _, a := range s.Action {
		action = action || a == "*" || strings.EqualFold(a, "kms:*") || strings.EqualFold(a, "kms:Decrypt") || strings.HasPrefix(strings.ToLower(a), "kms:d") && strings.ContainsAny(a, "*?")
	}
	var principals struct{ AWS texts }
	patterned := len(s.NotPrincipal) > 0 || json.Unmarshal(s.Principal, &principals) != nil || slices.Contains(principals.AWS, "*")
	root := slices.ContainsFunc(principals.AWS, func(p string) bool {
		return p == account || strings.HasPrefix(p, "arn:") && strings.HasSuffix(p, ":iam::"+account+":root")
	})
	own := slices.Contains(principals.AWS, role)
	switch {
	case !action, !patterned && !root && !own:
		return Silent
	case patterned, len(s.NotAction) > 0, !s.holds(context):
		return Unclear
	case own:
		return Direct
	}
	return Delegated
}

// holds reports whether all conditions are ones on the encryption context, and met.
func (s keyStatement) holds(context map[string]string) bool {
	for operator, keys := range s.Condition {
		for key, values := range keys {
			name, isContext := strings.CutPrefix(key, contextKey)
			value, has := context[name]
			if operator != "StringEquals" || !isContext || !has || !slices.Contains(values, value) {
				return false
			}
		}
	}
	return true
}
