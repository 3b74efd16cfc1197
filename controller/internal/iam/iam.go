// Package iam writes the least IAM policies with which sealift works: for who seals
// values, for the operator, and for a function. It asks nobody, and names every action
// and every resource in full, but for the versions and aliases of a function, and for
// lists that take no resource.
package iam

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"sealift.dev/sealift/api/envelope"
)

// Config is what rights depend on of a config. Every field but Alias is required where
// the policy that is asked for has to do with it.
type Config struct {
	Namespace, Name string
	Account         string // AWS account id of the function
	Region          string
	Function        string // bare name
	Alias           string // "" without one
	Canary          bool   // new versions are asked which bundle they open
	BundleKey       string // ARN
	Layer           string // the layer that carries the bundle, "" for another delivery
	Wrapper         string // ARN of the exec wrapper's layer version, or ""
	LeavesCode      bool   // the function's code is somebody else's, and stays as it is
	Role            string // ARN of the role that is assumed for the function, or ""
	ExternalID      string // that its trust policy asks for, or ""
	Scrub           bool   // what it put on the function is looked for when it is gone
	KeepsVersions   bool   // versions beyond a number are deleted
	Object          Object // of S3 that the code is taken from; the zero Object for none
	Staging         string // the bucket, a slash and the prefix of what is staged in S3, or ""
	// SealingKeys are those that values may be under. New values are sealed with the
	// first.
	SealingKeys []SealingKey
}

// SealingKey is a key that values are sealed with.
type SealingKey struct {
	ARN     string
	Offline bool // an RSA key
}

// Statement allows actions on resources.
type Statement struct {
	Sid       string
	Actions   []string
	Resources []string
	Equals    []Condition // all of them have to hold
}

// Condition holds if a key of the request has one of the values (StringEquals).
type Condition struct {
	Key    string
	Values []string
}

// Policy is one document.
type Policy struct {
	Name        string // of letters, digits, "-" and "_"
	Description string
	Statements  []Statement
}

// most is how many functions or configs one statement is about, so that none comes near
// the size of a policy.
const most = 10

// Author returns the policy of who seals values: it reads the public part of an RSA key,
// or has a symmetric one draw data keys for the configs and for nothing else.
func Author(configs []Config) Policy {
	p := Policy{Name: "sealift-author", Description: "sealift: seal values"}
	var offline []string
	online := make(map[string][]Config)
	for _, c := range configs {
		switch key := c.SealingKeys[0]; {
		case key.Offline:
			offline = append(offline, key.ARN)
		default:
			online[key.ARN] = append(online[key.ARN], c)
		}
	}
	if len(offline) > 0 {
		p.add(Statement{Sid: "ReadPublicKey", Actions: []string{"kms:GetPublicKey"}, Resources: unique(offline)})
	}
	for _, key := range slices.Sorted(maps.Keys(online)) {
		p.sealing("Seal", "kms:GenerateDataKey", key, online[key])
	}
	return p
}

// Operator returns the policy of who applies: apply, rotate, run and hooks. What a role is
// assumed for is that role's to allow, see Role.
func Operator(configs []Config) Policy {
	p := Policy{Name: "sealift-operator", Description: "sealift: apply configs"}
	var offline, roles []string
	var own []Config
	online, bundles := make(map[string][]Config), make(map[string][]Config)
	for _, c := range configs {
		for _, key := range c.SealingKeys {
			if key.Offline {
				offline = append(offline, key.ARN)
			} else {
				online[key.ARN] = append(online[key.ARN], c)
			}
		}
		if c.Role != "" {
			roles = append(roles, c.Role)
			continue
		}
		own = append(own, c)
		bundles[c.BundleKey] = append(bundles[c.BundleKey], c)
	}
	if len(offline) > 0 {
		p.add(Statement{Sid: "Unseal", Actions: []string{"kms:Decrypt"}, Resources: unique(offline)})
	}
	for _, key := range slices.Sorted(maps.Keys(online)) {
		p.sealing("UnsealOnline", "kms:Decrypt", key, online[key])
	}
	for some := range slices.Chunk(unique(roles), most) {
		p.add(Statement{Sid: "AssumeRoles", Actions: []string{"sts:AssumeRole"}, Resources: some})
	}
	p.delivering(bundles, own)
	p.listing(own)
	return p
}

// delivering allows what is done to the configs' functions, which are listed by bundle key
// in bundles.
func (p *Policy) delivering(bundles map[string][]Config, configs []Config) {
	for _, key := range slices.Sorted(maps.Keys(bundles)) {
		p.drawing(key, bundles[key])
	}
	p.functions(configs)
	p.objects(configs)
	p.looking(configs)
}

// looking allows what takes no resource to configs that delete versions, in their regions.
func (p *Policy) looking(configs []Config) {
	actions := make(map[string][]string) // regions by action
	for _, c := range configs {
		if !c.deletes() {
			continue
		}
		actions["lambda:ListEventSourceMappings"] = append(actions["lambda:ListEventSourceMappings"], c.Region)
		if c.Layer != "" {
			actions["lambda:ListLayerVersions"] = append(actions["lambda:ListLayerVersions"], c.Region)
		}
	}
	for _, action := range slices.Sorted(maps.Keys(actions)) {
		p.add(Statement{Sid: "FindUnused", Actions: []string{action}, Resources: []string{"*"}, Equals: []Condition{{"aws:RequestedRegion", unique(actions[action])}}})
	}
}

// few is up to how many configs of a region are looked at one by one; more are looked at by
// lists of all functions.
const few = 20

// listing allows functions to be listed in the regions of configs that leave nothing, and in
// those that many configs have.
func (p *Policy) listing(configs []Config) {
	var removed, many []string
	configsOf := make(map[string]int) // by region
	for _, c := range configs {
		configsOf[c.Region]++
		if c.Scrub {
			removed = append(removed, c.Region)
		}
	}
	for region, n := range configsOf {
		if n > few && !slices.Contains(removed, region) {
			many = append(many, region)
		}
	}
	for _, one := range []struct {
		sid     string
		regions []string
	}{{"FindRemoved", removed}, {"LookAtMany", many}} {
		if len(one.regions) > 0 {
			p.add(Statement{Sid: one.sid, Actions: []string{"lambda:ListFunctions"}, Resources: []string{"*"}, Equals: []Condition{{"aws:RequestedRegion", unique(one.regions)}}})
		}
	}
}

// Function returns the policy of a function's role: it opens its own bundle.
func Function(c Config) Policy {
	p := Policy{Name: "sealift-function-" + c.Region + "-" + c.Function, Description: "sealift: " + c.consumer().String() + " opens its bundle"}
	p.add(Statement{Sid: "OpenBundle", Actions: []string{"kms:Decrypt"}, Resources: []string{c.BundleKey}, Equals: conditions(c.consumer().EncryptionContext())})
	return p
}

func (c Config) consumer() envelope.Consumer {
	return envelope.Consumer{Region: c.Region, Function: c.Function}
}

func (p *Policy) add(s Statement) { p.Statements = append(p.Statements, s) }

// sealing allows an action with a symmetric sealing key for the configs. Namespaces
// have statements of their own: in one, any of its namespaces would go with any name.
func (p *Policy) sealing(sid, action, key string, configs []Config) {
	p.grouped(sid, action, key, configs, func(c Config) map[string]string { return envelope.SealingContext(c.Namespace, c.Name) }, "sealift:name")
}

// drawing allows data keys under a bundle key for the configs' functions.
func (p *Policy) drawing(key string, configs []Config) {
	p.grouped("DrawDataKey", "kms:GenerateDataKey", key, configs, func(c Config) map[string]string { return c.consumer().EncryptionContext() }, "sealift:fn")
}

// grouped allows an action with a key under the encryption contexts of the configs. A
// statement has contexts that differ in the member free alone.
func (p *Policy) grouped(sid, action, key string, configs []Config, contextOf func(Config) map[string]string, free string) {
	values := make(map[string][]string) // of free, by what the rest of the context is
	rest := make(map[string]map[string]string)
	for _, c := range configs {
		context := contextOf(c)
		value := context[free]
		delete(context, free)
		var same strings.Builder
		for _, name := range slices.Sorted(maps.Keys(context)) {
			same.WriteString(name + "=" + context[name] + "\n")
		}
		values[same.String()], rest[same.String()] = append(values[same.String()], value), context
	}
	for _, same := range slices.Sorted(maps.Keys(values)) {
		for some := range slices.Chunk(unique(values[same]), most) {
			equals := append(conditions(rest[same]), Condition{contextKey + free, some})
			slices.SortFunc(equals, func(a, b Condition) int { return cmp.Compare(a.Key, b.Key) })
			p.add(Statement{Sid: sid, Actions: []string{action}, Resources: []string{key}, Equals: equals})
		}
	}
}

// contextKey begins the condition key of a member of the encryption context
// (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html).
const contextKey = "kms:EncryptionContext:"

// conditions returns those that an encryption context meets, sorted.
func conditions(context map[string]string) []Condition {
	var list []Condition
	for _, name := range slices.Sorted(maps.Keys(context)) {
		list = append(list, Condition{contextKey + name, []string{context[name]}})
	}
	return list
}

func unique(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
