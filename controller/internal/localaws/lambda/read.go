package lambda

import (
	"maps"
	"slices"
	"strings"
)

// named returns the function and the edition that a request's path and Qualifier name.
func (s *Service) named(req request) (n name, f function, e edition, number string, err error) {
	n, err = parseName(req.caller, req.function, req.query.Get("Qualifier"))
	if err != nil {
		return name{}, function{}, edition{}, "", err
	}
	f, err = s.find(n)
	if err != nil {
		return n, function{}, edition{}, "", err
	}
	e, number, ok := f.resolve(n.qualifier)
	if !ok {
		return n, function{}, edition{}, "", notFound("Function not found: %s", n.arn())
	}
	return n, f, e, number, nil
}

type getFunctionOutput struct {
	Code          codeLocation
	Configuration configuration
	Tags          map[string]string `json:",omitempty"`
}

type codeLocation struct {
	ImageUri         string `json:",omitempty"`
	Location         string `json:",omitempty"`
	RepositoryType   string
	ResolvedImageUri string `json:",omitempty"`
}

// code says where the code of an edition of n is.
func (s *Service) code(n name, e edition) codeLocation {
	if uri := e.Settings.ImageURI; uri != "" {
		repository, _, _ := strings.Cut(uri, "@")
		return codeLocation{ImageUri: uri, RepositoryType: "ECR", ResolvedImageUri: repository + "@sha256:" + e.Settings.CodeSHA256}
	}
	return codeLocation{Location: s.location(n, e.Settings.CodeSHA256), RepositoryType: "S3"}
}

func (s *Service) getFunction(req request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, f, e, number, err := s.named(req)
	if err != nil {
		return reply{resource: n.arn()}, err
	}
	return reply{resource: n.arn(), body: getFunctionOutput{
		Code:          s.code(n, e),
		Configuration: e.describe(f.Name, n.arn(), number, s.now()),
		Tags:          f.Tags,
	}}, nil
}

func (s *Service) getFunctionConfiguration(req request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, f, e, number, err := s.named(req)
	if err != nil {
		return reply{resource: n.arn()}, err
	}
	return reply{resource: n.arn(), body: e.describe(f.Name, n.arn(), number, s.now())}, nil
}

type listFunctionsOutput struct {
	Functions  []configuration
	NextMarker string `json:",omitempty"`
}

// listFunctions lists the functions by name; with FunctionVersion=ALL, every version of each.
func (s *Service) listFunctions(req request) (reply, error) {
	every := req.query.Get("FunctionVersion")
	if every != "" && every != "ALL" {
		return reply{}, validation("1 validation error detected: Value '%s' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]", every)
	}
	if req.query.Has("MasterRegion") {
		return reply{}, invalidParameter("local AWS does not have Lambda@Edge: MasterRegion is not supported")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	functions := s.region(req.caller.Region)
	all := []configuration{}
	for _, function := range slices.Sorted(maps.Keys(functions)) {
		f, n := functions[function], name{caller: req.caller, function: function}
		if every == "ALL" {
			all = append(all, s.editions(n, f)...)
			continue
		}
		all = append(all, f.Latest.describe(f.Name, n.arn(), latest, now).listed())
	}
	// A space sorts before every character of a name.
	functionsPage, marker, err := page(req.query, all, func(c configuration) string { return c.FunctionName + " " + versionKey(c.Version) })
	return reply{body: listFunctionsOutput{Functions: functionsPage, NextMarker: marker}}, err
}
