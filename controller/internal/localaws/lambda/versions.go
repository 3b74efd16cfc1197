package lambda

import (
	"strconv"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

type publishVersionInput struct {
	CodeSha256  string
	Description *string
	RevisionId  string
}

// publishVersion makes a version of $LATEST, or answers the last one when nothing has changed since.
func (s *Service) publishVersion(req request, in publishVersionInput) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	var broken violations
	if broken.atMost(in.Description, "description", 256); broken != nil {
		return reply{}, broken.err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := reply{resource: n.arn()}
	f, err := s.writable(n, in.RevisionId)
	if err != nil {
		return answer, err
	}
	if current := f.Latest.Settings.CodeSHA256; in.CodeSha256 != "" && in.CodeSha256 != current {
		return answer, invalidParameter("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", in.CodeSha256, current)
	}
	if v, ok := f.unchanged(); ok {
		number := strconv.Itoa(v.Number)
		answer.body = v.describe(f.Name, n.at(number).arn(), number, s.now())
		return answer, nil
	}
	f, v, err := s.publish(f, in.Description)
	if err != nil {
		return answer, err
	}
	answer.body = s.published(n, v)
	return answer, s.put(req.caller.Region, f)
}

// unchanged returns the version that was published last, if it was made of what $LATEST is.
func (f function) unchanged() (version, bool) {
	v, ok := f.version(strconv.Itoa(f.Next - 1))
	source := v.Settings
	source.Description = v.Source
	return v, ok && source.equal(f.Latest.Settings)
}

// publish returns f with a version of its $LATEST, and that version. The RevisionId of $LATEST moves too.
func (s *Service) publish(f function, description *string) (function, version, error) {
	e, err := s.edition(f.Latest.Settings, true)
	if err != nil {
		return function{}, version{}, err
	}
	set(&e.Settings.Description, description)
	v := version{edition: e, Number: f.Next, Source: f.Latest.Settings.Description}
	for _, revision := range []*string{&f.Latest.Revision, &f.Latest.Settled} {
		if *revision, err = wire.NewID(s.random); err != nil {
			return function{}, version{}, err
		}
	}
	return f.withVersion(v), v, nil
}

func (s *Service) published(n name, v version) configuration {
	number := strconv.Itoa(v.Number)
	return v.written(n.function, n.at(number).arn(), number)
}

type listVersionsOutput struct {
	NextMarker string `json:",omitempty"`
	Versions   []configuration
}

// listVersions lists $LATEST, then the versions by number.
func (s *Service) listVersions(req request) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := reply{resource: n.arn()}
	f, err := s.find(n)
	if err != nil {
		return answer, err
	}
	versions, marker, err := page(req.query, s.editions(n, f), func(c configuration) string { return versionKey(c.Version) })
	answer.body = listVersionsOutput{Versions: versions, NextMarker: marker}
	return answer, err
}

// editions are $LATEST and every version of f as lists show them.
func (s *Service) editions(n name, f function) []configuration {
	now := s.now()
	all := []configuration{f.Latest.describe(f.Name, n.at(latest).arn(), latest, now).listed()}
	for _, v := range f.Versions {
		number := strconv.Itoa(v.Number)
		all = append(all, v.describe(f.Name, n.at(number).arn(), number, now).listed())
	}
	return all
}

// versionKey sorts versions as numbers, $LATEST first.
func versionKey(version string) string {
	const width = "0000000000"
	return width[min(len(version), len(width)):] + version
}
