package kms

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// Page sizes of ListAliases.
const (
	aliasesPage    = 50
	maxAliasesPage = 100
)

var aliasName = regexp.MustCompile(`^[a-zA-Z0-9:/_-]+$`)

// alias is a name for a key.
type alias struct {
	// Target is the key's id.
	Target           string
	Created, Updated time.Time
}

type aliasInput struct {
	AliasName   string
	TargetKeyId string
}

// check applies the rules of https://docs.aws.amazon.com/kms/latest/developerguide/alias-create.html.
func (in aliasInput) check() error {
	if err := length("aliasName", in.AliasName, 1, 256); err != nil {
		return err
	}
	switch {
	case !aliasName.MatchString(in.AliasName):
		return constraint("'"+in.AliasName+"' ", "aliasName", "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$")
	case !strings.HasPrefix(in.AliasName, "alias/") || in.AliasName == "alias/":
		return invalid("ValidationException", `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`)
	case strings.Contains(in.AliasName, ":"):
		return invalid("ValidationException", "%s contains invalid characters for an alias", in.AliasName)
	case strings.HasPrefix(in.AliasName, "alias/aws/"):
		return invalid("NotAuthorizedException", "")
	default:
		return nil
	}
}

// target returns the key that an alias shall name.
func (s *Service) target(caller wire.Caller, id string) (key, error) {
	if strings.HasPrefix(id, "alias/") || strings.Contains(id, ":alias/") {
		return key{}, invalid("ValidationException", "Aliases must refer to keys. Not aliases")
	}
	k, err := s.find(caller, id)
	if err != nil {
		return key{}, err
	}
	return k, k.notPendingDeletion(caller)
}

func (s *Service) createAlias(caller wire.Caller, in aliasInput) (any, string, error) {
	if err := in.check(); err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := caller.ARN("kms", in.AliasName)
	aliases := maps.Clone(s.region(caller.Region).aliases)
	if _, exists := aliases[in.AliasName]; exists {
		return nil, arn, invalid("AlreadyExistsException", "An alias with the name %s already exists", arn)
	}
	k, err := s.target(caller, in.TargetKeyId)
	if err != nil {
		return nil, arn, err
	}
	now := s.now().UTC()
	aliases[in.AliasName] = alias{Target: k.ID, Created: now, Updated: now}
	return nil, arn, s.putAliases(caller.Region, aliases)
}

// updateAlias moves an alias; AWS lets it move only to a key of the same kind.
func (s *Service) updateAlias(caller wire.Caller, in aliasInput) (any, string, error) {
	if err := in.check(); err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := caller.ARN("kms", in.AliasName)
	old, err := s.find(caller, in.AliasName)
	if err != nil {
		return nil, arn, err
	}
	k, err := s.target(caller, in.TargetKeyId)
	if err != nil {
		return nil, arn, err
	}
	if old.symmetric() != k.symmetric() {
		return nil, arn, invalid("ValidationException", "The current and the new key of %s must both be symmetric or both asymmetric.", arn)
	}
	aliases := maps.Clone(s.region(caller.Region).aliases)
	moved := aliases[in.AliasName]
	moved.Target, moved.Updated = k.ID, s.now().UTC()
	aliases[in.AliasName] = moved
	return nil, arn, s.putAliases(caller.Region, aliases)
}

func (s *Service) deleteAlias(caller wire.Caller, in aliasInput) (any, string, error) {
	if err := in.check(); err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := caller.ARN("kms", in.AliasName)
	aliases := maps.Clone(s.region(caller.Region).aliases)
	if _, exists := aliases[in.AliasName]; !exists {
		return nil, arn, invalid("NotFoundException", "Alias %s is not found.", arn)
	}
	delete(aliases, in.AliasName)
	return nil, arn, s.putAliases(caller.Region, aliases)
}

type aliasEntry struct {
	AliasArn, AliasName           string
	CreationDate, LastUpdatedDate seconds
	TargetKeyId                   string
}

// listAliases answers the aliases sorted by name.
func (s *Service) listAliases(caller wire.Caller, in listInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	only := key{}
	if in.KeyId != "" {
		var err error
		if only, err = s.find(caller, in.KeyId); err != nil {
			return nil, "", err
		}
	}
	all := []aliasEntry{}
	aliases := s.region(caller.Region).aliases
	for _, name := range slices.Sorted(maps.Keys(aliases)) {
		if a := aliases[name]; only.ID == "" || a.Target == only.ID {
			all = append(all, aliasEntry{
				AliasArn: caller.ARN("kms", name), AliasName: name, CreationDate: inSeconds(a.Created),
				LastUpdatedDate: inSeconds(a.Updated), TargetKeyId: a.Target,
			})
		}
	}
	entries, next, err := page(in, aliasesPage, maxAliasesPage, all, func(e aliasEntry) string { return e.AliasName })
	if err != nil {
		return nil, "", err
	}
	return struct {
		Aliases []aliasEntry
		pageEnd
	}{entries, next}, "", nil
}
