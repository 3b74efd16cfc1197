package plan

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// MaxDescription is Lambda's limit on the description of an alias, in characters
// (https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html). They are counted
// as UTF-16 has them, which is never fewer than any other count.
const MaxDescription = 256

// MaxHoldReason is the longest reason of a Hold, in characters.
const MaxHoldReason = 100

// holdPrefix begins a description that is a Hold, or was one until somebody changed it.
const holdPrefix = "sealift: held"

// holdForm is exact: a text that begins as a hold and is none is never taken for one.
// (?s): what a person wrote there before may have line feeds.
var holdForm = regexp.MustCompile(`(?s)^sealift: held at version ([1-9][0-9]{0,17}) against ([A-Za-z0-9_-]{22})(?:,([A-Za-z0-9_-]{22}))?(?:; ([^|\n]{1,400}))?(?: \| was: (.+))?$`)

// Hold is a rollback that stands: the alias names an old version, and nothing is written
// while git wants what it was moved away from. It is kept in the alias's description,
// which the same write sets that moves the alias: there is never one without the other.
type Hold struct {
	Version string   // that the alias was moved to
	Against []string // one or two of Desired.Digest: while one of them is wanted, the hold stands
	Reason  string   // one line, without "|"; may be ""
	Was     string   // the alias's own description, which comes back when the hold ends
}

// String returns the hold's form, which ParseHold reads.
func (h Hold) String() string {
	text := holdPrefix + " at version " + h.Version + " against " + strings.Join(h.Against, ",")
	if h.Reason != "" {
		text += "; " + h.Reason
	}
	if h.Was != "" {
		text += " | was: " + h.Was
	}
	return text
}

// Fits reports whether Lambda takes the hold's form for a description.
func (h Hold) Fits() bool { return len(utf16.Encode([]rune(h.String()))) <= MaxDescription }

// ParseHold is the inverse of String. held is false for a description that is somebody's
// own; one that begins as a hold and is not exactly one is an error.
func ParseHold(description string) (hold Hold, held bool, err error) {
	if !strings.HasPrefix(description, holdPrefix) {
		return Hold{}, false, nil
	}
	parts := holdForm.FindStringSubmatch(description)
	if parts == nil {
		return Hold{}, false, fmt.Errorf("the description begins with %q and is not a hold", holdPrefix)
	}
	hold = Hold{Version: parts[1], Against: []string{parts[2]}, Reason: parts[4], Was: parts[5]}
	if parts[3] != "" {
		hold.Against = append(hold.Against, parts[3])
	}
	return hold, true, nil
}

// Digest identifies what the function would be made: the first 16 bytes, in base64url, of
// the SHA-256 over what the bundle is made from, the code, the plain environment, the
// alias and the wrapper. What only says how sealift goes about it (interval, driftPolicy,
// suspend, maxAge) is no part of it.
func (d Desired) Digest() string {
	spec := d.Config.Spec
	lines := []string{"source " + d.Source().String(), "code " + d.Code.String(), "alias " + spec.Function.Alias, "wrapper " + spec.Bundle.Wrapper}
	for _, key := range slices.Sorted(maps.Keys(spec.Environment)) {
		lines = append(lines, "env "+key+"="+strconv.Quote(spec.Environment[key]))
	}
	for _, key := range slices.Sorted(slices.Values(spec.EnvironmentRemoved)) {
		lines = append(lines, "removed "+key)
	}
	sum := identity("sealift/desired/1", lines)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Hold returns the hold that the alias has, or nil. It may have ended: see Plan.Held.
func (o Observed) Hold() *Hold {
	if o.Alias == nil {
		return nil
	}
	if hold, held, _ := ParseHold(o.Alias.Description); held {
		return &hold
	}
	return nil
}

// OwnDescription returns what the alias's description is when no hold is in it, and
// whether a hold is in it now.
func (a Alias) OwnDescription() (description string, held bool) {
	if hold, held, _ := ParseHold(a.Description); held {
		return hold.Was, true
	}
	return a.Description, false
}

// hold sets Held where a hold stands. A description that was a hold until somebody changed
// it is a Problem: what they meant by it is not guessed, least of all in an incident.
func (p *Plan) hold() error {
	alias := p.Observed.Alias
	if alias == nil {
		return nil
	}
	hold, held, err := ParseHold(alias.Description)
	if err != nil {
		return p.invalidHold(err)
	}
	if !held || !slices.Contains(hold.Against, p.Want.Digest()) {
		return nil
	}
	p.Held = &hold
	p.add(Keep, KindAlias, alias.Name, p.heldMessage())
	return nil
}

func (p Plan) invalidHold(err error) Problem {
	return Problem{
		Reason:  "InvalidHold",
		Message: fmt.Sprintf("alias %s of %s: %v", p.Observed.Alias.Name, p.Want.Consumer(), err),
		Fix:     "end the hold with `sealift rollback --resume " + p.Want.key() + "`, or give the alias another description",
	}
}

// ended returns the hold that the alias has and that git has ended, or nil.
func (p *Plan) ended() *Hold {
	if p.Held != nil {
		return nil
	}
	return p.Observed.Hold()
}

// heldMessage says at which version, why, and what ends it.
func (p Plan) heldMessage() string {
	text := "held at version " + p.Held.Version
	if p.Held.Reason != "" {
		text += " (" + plain(p.Held.Reason) + ")"
	}
	// Who moves the alias once more in an incident is not fought: the hold stands.
	if now := p.Observed.Alias.Version; now != p.Held.Version {
		text += ", and moved to version " + now + " by somebody else"
	}
	return text + ", until a commit changes what this config wants, or `sealift rollback --resume " + p.Want.key() + "`"
}
