package iam

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Roles returns the policy of each role that is assumed for one of the configs: what is done
// to the functions of its account, and data keys under their bundle keys. No sealing key is
// in it: values are opened by who assumes the role.
func Roles(configs []Config) []Policy {
	byRole := make(map[string][]Config)
	for _, c := range configs {
		if c.Role != "" {
			byRole[c.Role] = append(byRole[c.Role], c)
		}
	}
	var policies []Policy
	for _, role := range slices.Sorted(maps.Keys(byRole)) {
		name := role[strings.LastIndex(role, "/")+1:]
		p := Policy{Name: "sealift-role-" + strings.Split(role, ":")[4] + "-" + plain(name), Description: "sealift: apply configs as " + name}
		bundles := make(map[string][]Config)
		for _, c := range byRole[role] {
			bundles[c.BundleKey] = append(bundles[c.BundleKey], c)
		}
		p.delivering(bundles, byRole[role])
		policies = append(policies, p)
	}
	return policies
}

// plain returns name with "-" for what a policy's name here does not have.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("+=,.@", r) {
			return '-'
		}
		return r
	}, name)
}

// trust is a trust policy in IAM's form.
type trust struct {
	Version   string
	Statement []trustStatement
}

type trustStatement struct {
	Sid       string
	Effect    string
	Principal map[string]string
	Action    string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// Trust returns the trust policy of the one role that the configs name: principal (an ARN)
// may assume it, with one of the external IDs if each config gives one.
func Trust(configs []Config, principal string) []byte {
	s := trustStatement{Sid: "Sealift", Effect: "Allow", Principal: map[string]string{"AWS": principal}, Action: "sts:AssumeRole"}
	var ids []string
	for _, c := range configs {
		if c.Role != "" {
			ids = append(ids, c.ExternalID)
		}
	}
	if ids = unique(ids); !slices.Contains(ids, "") {
		s.Condition = map[string]map[string][]string{"StringEquals": {"sts:ExternalId": ids}}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(trust{Version: "2012-10-17", Statement: []trustStatement{s}}) // texts alone: it can't fail
	return b.Bytes()
}
