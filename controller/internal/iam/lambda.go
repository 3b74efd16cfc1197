package iam

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// on is what an action of Lambda is allowed on.
type on int

const (
	// function is the ARN without a qualifier, as the call names the function.
	function on = iota
	// versions is the ARN with any qualifier: a call that names a version or an alias is
	// one on that (https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html),
	// and the number of a version is not known ahead.
	versions
	// layer is the ARN of the layer that carries the bundle, and layerVersions any version
	// of it: their numbers are not known ahead either.
	layer
	layerVersions
	// wrapper is the ARN of the exec wrapper's layer version.
	wrapper
)

// right is an action of Lambda on one kind of resource.
type right struct {
	action string
	on     on
}

// rights returns what a config's function is to be worked on with.
func (c Config) rights() []right {
	rights := []right{{"lambda:GetFunction", function}, {"lambda:UpdateFunctionConfiguration", function}}
	if !c.LeavesCode {
		rights = append(rights, right{"lambda:UpdateFunctionCode", function})
	}
	if !c.LeavesCode || c.Layer != "" {
		// Whether Lambda takes signed code alone is asked ahead of a write.
		rights = append(rights, right{"lambda:GetFunctionCodeSigningConfig", function})
	}
	if c.Layer != "" {
		// Lambda asks for GetLayerVersion whoever gives a function a layer.
		rights = append(rights, right{"lambda:PublishLayerVersion", layer}, right{"lambda:GetLayerVersion", layerVersions})
	}
	if c.Wrapper != "" {
		rights = append(rights, right{"lambda:GetLayerVersion", wrapper})
	}
	if c.Alias == "" {
		return rights
	}
	// Versions are listed by who rolls back and names none.
	rights = append(rights, right{"lambda:PublishVersion", function}, right{"lambda:GetFunction", versions}, right{"lambda:ListVersionsByFunction", function})
	if c.Canary {
		rights = append(rights, right{"lambda:InvokeFunction", versions})
	}
	if c.deletes() {
		rights = append(rights, c.deletion()...)
	}
	for _, action := range []string{"lambda:GetAlias", "lambda:CreateAlias", "lambda:UpdateAlias"} {
		rights = append(rights, right{action, function}, right{action, versions})
	}
	return rights
}

// deletes reports whether versions of c's function are deleted.
func (c Config) deletes() bool { return c.KeepsVersions && c.Alias != "" }

// deletion returns what versions are deleted with. On the function without a version nothing
// may be deleted: that would be the function.
func (c Config) deletion() []right {
	rights := []right{
		{"lambda:ListVersionsByFunction", function}, {"lambda:ListAliases", function}, {"lambda:ListProvisionedConcurrencyConfigs", function},
		{"lambda:GetPolicy", versions}, {"lambda:DeleteFunction", versions},
	}
	if c.Layer != "" {
		rights = append(rights, right{"lambda:DeleteLayerVersion", layerVersions})
	}
	return rights
}

func (c Config) resource(on on) string {
	prefix := "arn:" + PartitionOf(c.Region) + ":lambda:" + c.Region + ":" + c.Account
	switch on {
	case versions:
		return prefix + ":function:" + c.Function + ":*"
	case layer:
		return prefix + ":layer:" + c.Layer
	case layerVersions:
		return prefix + ":layer:" + c.Layer + ":*"
	case wrapper:
		return c.Wrapper
	}
	return prefix + ":function:" + c.Function
}

// functions allows what the configs' functions are to be worked on with: a statement
// for each set of actions, about the resources that have just these.
func (p *Policy) functions(configs []Config) {
	actions := make(map[string][]string) // by resource
	for _, c := range configs {
		for _, r := range c.rights() {
			actions[c.resource(r.on)] = append(actions[c.resource(r.on)], r.action)
		}
	}
	resources := make(map[string][]string) // by actions
	for _, resource := range slices.Sorted(maps.Keys(actions)) {
		set := strings.Join(unique(actions[resource]), " ")
		resources[set] = append(resources[set], resource)
	}
	for _, set := range slices.SortedFunc(maps.Keys(resources), func(a, b string) int { return cmp.Compare(resources[a][0], resources[b][0]) }) {
		sid := "Functions"
		switch first := resources[set][0]; {
		case strings.Contains(set, "lambda:GetLayerVersion"):
			sid = "LayerVersions"
		case strings.Contains(first, ":layer:"):
			sid = "Layers"
		case strings.HasSuffix(first, ":*"):
			sid = "Versions"
		}
		for some := range slices.Chunk(resources[set], most) {
			p.add(Statement{Sid: sid, Actions: strings.Fields(set), Resources: some})
		}
	}
}

// PartitionOf returns the AWS partition of a region
// (https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html).
func PartitionOf(region string) string {
	for _, known := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"us-isob-", "aws-iso-b"}, {"us-isof-", "aws-iso-f"},
		{"us-iso-", "aws-iso"}, {"eu-isoe-", "aws-iso-e"}, {"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, known.prefix) {
			return known.partition
		}
	}
	return "aws"
}
