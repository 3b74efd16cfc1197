package lambda

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

var versionPattern = regexp.MustCompile(`^(\$LATEST|[0-9]+)$`)

// alias is a name for a version.
type alias struct {
	Description string
	Revision    string
	Version     string
	// Weights are the shares of invocations that go to other versions; nil when all go to Version.
	Weights map[string]float64 `json:",omitempty"`
}

type routingConfig struct {
	AdditionalVersionWeights map[string]float64
}

// aliasConfiguration is AliasConfiguration of the API.
type aliasConfiguration struct {
	AliasArn        string
	Description     string
	FunctionVersion string
	Name            string
	RevisionId      string
	RoutingConfig   *routingConfig `json:",omitempty"`
}

func (a alias) describe(n name) aliasConfiguration {
	c := aliasConfiguration{AliasArn: n.arn(), Description: a.Description, FunctionVersion: a.Version, Name: n.qualifier, RevisionId: a.Revision}
	if len(a.Weights) > 0 {
		c.RoutingConfig = &routingConfig{a.Weights}
	}
	return c
}

type aliasInput struct {
	Description     *string
	FunctionVersion *string
	RoutingConfig   *routingConfig
}

func (in aliasInput) check() error {
	var broken violations
	broken.atMost(in.Description, "description", 256)
	broken.pattern(in.FunctionVersion, "functionVersion", versionPattern, `(\$LATEST(\.PUBLISHED)?|[0-9]+)`)
	if in.RoutingConfig != nil {
		for version, weight := range in.RoutingConfig.AdditionalVersionWeights {
			value := fmt.Sprintf("'{%s=%s}' ", version, javaFloat(weight))
			if weight < 0 || weight > 1 {
				broken.add(value, "routingConfig.additionalVersionWeights", "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]")
			}
			if !digits.MatchString(version) {
				broken.add(value, "routingConfig.additionalVersionWeights", "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]")
			}
		}
	}
	return broken.err()
}

// javaFloat renders a weight as AWS's messages do: 2 is 2.0.
func javaFloat(value float64) string {
	if value == float64(int64(value)) {
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprint(value)
}

// apply returns a as in changes it; an empty RoutingConfig ends routing.
func (in aliasInput) apply(a alias) alias {
	set(&a.Description, in.Description)
	set(&a.Version, in.FunctionVersion)
	if in.RoutingConfig != nil {
		a.Weights = maps.Clone(in.RoutingConfig.AdditionalVersionWeights)
	}
	return a
}

// fits reports why a cannot be an alias of f.
func (f function) fits(n name, a alias) error {
	if _, _, ok := f.resolve(a.Version); !ok {
		return notFound("Function not found: %s", n.at(a.Version).arn())
	}
	if len(a.Weights) > 1 {
		return invalidParameter("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for version := range a.Weights {
		if version == a.Version {
			return invalidParameter("Invalid function version %s. Function version %s is already included in routing configuration.", version, version)
		}
		if a.Version == latest {
			return invalidParameter("$LATEST is not supported for an alias pointing to more than 1 version")
		}
		if _, ok := f.version(version); !ok {
			return notFound("Function not found: %s", n.at(version).arn())
		}
	}
	return nil
}

// putAlias stores a under n's qualifier with a new RevisionId. The caller holds s.mu.
func (s *Service) putAlias(n name, f function, a alias) (reply, error) {
	answer := reply{resource: n.arn()}
	if err := f.fits(n, a); err != nil {
		return answer, err
	}
	var err error
	if a.Revision, err = wire.NewID(s.random); err != nil {
		return answer, err
	}
	f.Aliases = maps.Clone(f.Aliases)
	if f.Aliases == nil {
		f.Aliases = map[string]alias{}
	}
	f.Aliases[n.qualifier] = a
	answer.body = a.describe(n)
	return answer, s.put(n.caller.Region, f)
}

type createAliasInput struct {
	aliasInput
	Name string
}

func (s *Service) createAlias(req request, in createAliasInput) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	if err := checkAliasName(in.Name); err != nil {
		return reply{}, err
	}
	if in.FunctionVersion == nil {
		return reply{}, validation("1 validation error detected: Value null at 'functionVersion' failed to satisfy constraint: Member must not be null")
	}
	if err := in.aliasInput.check(); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n = n.at(in.Name)
	f, ok := s.region(req.caller.Region)[n.function]
	if !ok {
		return reply{resource: n.arn()}, notFound("Function not found: %s", n.at(*in.FunctionVersion).arn())
	}
	if _, exists := f.Aliases[in.Name]; exists {
		return reply{resource: n.arn()}, conflict("Alias already exists: %s", n.arn())
	}
	return s.putAlias(n, f, in.aliasInput.apply(alias{}))
}

type updateAliasInput struct {
	aliasInput
	RevisionId string
}

func (s *Service) updateAlias(req request, in updateAliasInput) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	if err := in.aliasInput.check(); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n = n.at(req.alias)
	f, err := s.find(n.at(""))
	if err != nil {
		return reply{resource: n.arn()}, err
	}
	a, ok := f.Aliases[req.alias]
	if !ok {
		return reply{resource: n.arn()}, notFound("Alias not found: %s", n.arn())
	}
	if err := matches(in.RevisionId, a.Revision); err != nil {
		return reply{resource: n.arn()}, err
	}
	return s.putAlias(n, f, in.aliasInput.apply(a))
}

func (s *Service) getAlias(req request) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n = n.at(req.alias)
	answer := reply{resource: n.arn()}
	f, err := s.find(n.at(""))
	if err != nil {
		return answer, err
	}
	a, ok := f.Aliases[req.alias]
	if !ok {
		return answer, notFound("Cannot find alias arn: %s", n.arn())
	}
	answer.body = a.describe(n)
	return answer, nil
}

// deleteAlias removes an alias; removing one that is not there changes nothing.
func (s *Service) deleteAlias(req request) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := reply{resource: n.at(req.alias).arn()}
	f, err := s.find(n)
	if err != nil {
		return answer, err
	}
	f.Aliases = maps.Clone(f.Aliases)
	delete(f.Aliases, req.alias)
	return answer, s.put(req.caller.Region, f)
}

type listAliasesOutput struct {
	Aliases    []aliasConfiguration
	NextMarker string `json:",omitempty"`
}

// listAliases lists the aliases by name; with FunctionVersion, those that name that version.
func (s *Service) listAliases(req request) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	only := req.query.Get("FunctionVersion")
	if req.query.Has("FunctionVersion") {
		var broken violations
		if broken.pattern(&only, "functionVersion", versionPattern, `(\$LATEST(\.PUBLISHED)?|[0-9]+)`); broken != nil {
			return reply{}, broken.err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := reply{resource: n.arn()}
	f, err := s.find(n)
	if err != nil {
		return answer, err
	}
	all := []aliasConfiguration{}
	for _, name := range slices.Sorted(maps.Keys(f.Aliases)) {
		if a := f.Aliases[name]; only == "" || a.Version == only {
			all = append(all, a.describe(n.at(name)))
		}
	}
	aliases, marker, err := page(req.query, all, func(c aliasConfiguration) string { return c.Name })
	answer.body = listAliasesOutput{Aliases: aliases, NextMarker: marker}
	return answer, err
}
