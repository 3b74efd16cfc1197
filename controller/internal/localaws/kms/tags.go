package kms

import (
	"maps"
	"slices"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// maxTags is the most that a key has; it is also the page of ListResourceTags.
// See https://docs.aws.amazon.com/kms/latest/developerguide/tagging-keys.html.
const maxTags = 50

type tag struct{ TagKey, TagValue string }

type tagInput struct {
	KeyId   string
	TagKeys []string
	Tags    []tag
}

// merge returns tags with more added to them or taking the place of those of the same name; tags stays as it is.
func merge(tags map[string]string, more []tag) (map[string]string, error) {
	merged, seen := maps.Clone(tags), map[string]bool{}
	if merged == nil {
		merged = map[string]string{}
	}
	for _, t := range more {
		switch {
		case t.TagKey == "" || len(t.TagKey) > 128 || len(t.TagValue) > 256:
			return nil, invalid("TagException", "A tag key has 1 to 128 characters and a tag value at most 256")
		case strings.HasPrefix(strings.ToLower(t.TagKey), "aws:"):
			return nil, invalid("TagException", "Tag keys that begin with aws: are reserved for AWS")
		case seen[t.TagKey]:
			return nil, invalid("TagException", "Duplicate tag keys")
		}
		seen[t.TagKey], merged[t.TagKey] = true, t.TagValue
	}
	if len(merged) > maxTags {
		return nil, invalid("LimitExceededException", "A key has at most %d tags", maxTags)
	}
	return merged, nil
}

// tagResource adds tags to a key; a tag that it has gets the new value.
func (s *Service) tagResource(caller wire.Caller, in tagInput) (any, string, error) {
	if in.Tags == nil {
		return nil, "", constraint("null ", "tags", "Member must not be null")
	}
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		if err := k.notPendingDeletion(caller); err != nil {
			return k, err
		}
		tags, err := merge(k.Tags, in.Tags)
		k.Tags = tags
		return k, err
	})
	return nil, arn, err
}

// untagResource removes tags from a key; one that it does not have is no error.
func (s *Service) untagResource(caller wire.Caller, in tagInput) (any, string, error) {
	if in.TagKeys == nil {
		return nil, "", constraint("null ", "tagKeys", "Member must not be null")
	}
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		k.Tags = maps.Clone(k.Tags)
		for _, name := range in.TagKeys {
			delete(k.Tags, name)
		}
		return k, k.notPendingDeletion(caller)
	})
	return nil, arn, err
}

func (s *Service) listResourceTags(caller wire.Caller, in listInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.findKey(caller, in.KeyId)
	if err != nil {
		return nil, "", err
	}
	all := []tag{}
	for _, name := range slices.Sorted(maps.Keys(k.Tags)) {
		all = append(all, tag{name, k.Tags[name]})
	}
	tags, next, err := page(in, maxTags, maxTags, all, func(t tag) string { return t.TagKey })
	if err != nil {
		return nil, k.arn(caller), err
	}
	return struct {
		Tags []tag
		pageEnd
	}{tags, next}, k.arn(caller), nil
}
