package lambda

import (
	"maps"
	"strings"
)

// maxTags is the most that a function has, see https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html.
const maxTags = 50

type tagsInput struct {
	Tags map[string]string
}

// merge returns tags with more added to them or taking the place of those of the same name; tags stays as it is.
func merge(tags, more map[string]string) (map[string]string, error) {
	for name, value := range more {
		switch {
		case name == "" || len(name) > 128 || len(value) > 256:
			return nil, invalidParameter("A tag key has 1 to 128 characters and a tag value at most 256")
		case strings.HasPrefix(strings.ToLower(name), "aws:"):
			return nil, invalidParameter("Tag keys that begin with aws: are reserved for AWS")
		}
	}
	merged := maps.Clone(tags)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, more)
	if len(merged) > maxTags {
		return nil, invalidParameter("A function has at most %d tags", maxTags)
	}
	return merged, nil
}

// tagged returns the function that the path's ARN names. Versions and aliases have no tags of their own.
func (s *Service) tagged(req request) (name, function, error) {
	n, err := parseName(req.caller, req.function, "")
	if err != nil {
		return name{}, function{}, err
	}
	if !strings.HasPrefix(req.function, "arn:") {
		return name{}, function{}, validation("1 validation error detected: Value '%s' at 'resource' failed to satisfy constraint: Member must be the ARN of a function", req.function)
	}
	if n.qualifier != "" {
		return n, function{}, invalidParameter("Tags on function aliases and versions are not supported. Please specify either a function name or an unqualified function ARN.")
	}
	f, err := s.find(n)
	return n, f, err
}

func (s *Service) listTags(req request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, f, err := s.tagged(req)
	tags := f.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return reply{resource: n.arnOrNone(), body: tagsInput{tags}}, err
}

// tagResource adds tags to a function; a tag that it has gets the new value. The RevisionId stays.
func (s *Service) tagResource(req request, in tagsInput) (reply, error) {
	if in.Tags == nil {
		return reply{}, validation("1 validation error detected: Value null at 'tags' failed to satisfy constraint: Member must not be null")
	}
	return s.retag(req, func(f function) (map[string]string, error) { return merge(f.Tags, in.Tags) })
}

// untagResource removes tags from a function; one that it does not have is no error.
func (s *Service) untagResource(req request) (reply, error) {
	names := req.query["tagKeys"]
	if len(names) == 0 {
		return reply{}, validation("1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null")
	}
	return s.retag(req, func(f function) (map[string]string, error) {
		left := maps.Clone(f.Tags)
		for _, name := range names {
			delete(left, name)
		}
		return left, nil
	})
}

// retag gives the function of the path's ARN the tags that edit returns for it.
func (s *Service) retag(req request, edit func(function) (map[string]string, error)) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, f, err := s.tagged(req)
	answer := reply{resource: n.arnOrNone()}
	if err != nil {
		return answer, err
	}
	if f.Tags, err = edit(f); err != nil {
		return answer, err
	}
	return answer, s.put(req.caller.Region, f)
}
