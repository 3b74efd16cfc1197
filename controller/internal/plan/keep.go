package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Published is what there is of a function after a release, as lists show it.
type Published struct {
	Config   string              // namespace/name of the config whose versions it is about
	Alias    string              // that was moved
	Live     string              // version that it was moved to
	Versions []Configuration     // $LATEST and every version, in any order
	Naming   map[string][]string // names of the aliases that name each version, also by a weight
}

// versionForm is the number of a version. Anything else must never be a Qualifier to delete by:
// without one a whole function goes.
var versionForm = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

// ValidVersion reports whether v is the number of a published version.
func ValidVersion(v string) bool { return versionForm.MatchString(v) }

// Superseded returns the versions that sealift published of the config and that are not among
// the newest keep of these, the oldest first. Those that are newer than the live one are not
// counted. None that an alias names is among them, the live one, one that is newer, or one that
// somebody else published. Its error says what the lists leave open: then nothing may be deleted.
func (p Published) Superseded(keep int) ([]string, error) {
	live, err := strconv.ParseInt(p.Live, 10, 64)
	if err != nil || !ValidVersion(p.Live) {
		return nil, fmt.Errorf("the live version %q is no number", p.Live)
	}
	if !slices.Contains(p.Naming[p.Live], p.Alias) {
		return nil, fmt.Errorf("alias %s does not name version %s any more", p.Alias, p.Live)
	}
	if !slices.ContainsFunc(p.Versions, func(c Configuration) bool { return c.Version == p.Live }) {
		return nil, fmt.Errorf("version %s is not in the list of versions", p.Live)
	}
	var own []int64
	for _, c := range p.Versions {
		number, err := strconv.ParseInt(c.Version, 10, 64)
		if err != nil || !ValidVersion(c.Version) || number > live {
			continue
		}
		if strings.HasPrefix(c.Description, descriptionPrefix) && c.EnvironmentError != "" {
			return nil, fmt.Errorf("the variables of version %s can't be read (%s), so it is not known whose it is", c.Version, c.EnvironmentError)
		}
		if p.owns(c) {
			own = append(own, number)
		}
	}
	slices.Sort(own)
	var superseded []string
	for _, number := range own[:max(0, len(own)-keep)] {
		if version := strconv.FormatInt(number, 10); number != live && len(p.Naming[version]) == 0 {
			superseded = append(superseded, version)
		}
	}
	return superseded, nil
}

// descriptionPrefix begins the description of every version that sealift publishes.
const descriptionPrefix = "sealift: "

// VersionDescription is that of a version in which a revision is published: what was done,
// where that is not "", of which file. It is cut to max characters.
func VersionDescription(file, done, revision string, max int) string {
	if done != "" {
		done = " " + done
	}
	end := []rune(fmt.Sprintf("%s @ %.7s", done, revision))
	start := []rune(descriptionPrefix + file)
	return string(start[:min(len(start), max-len(end))]) + string(end)
}

// owns reports whether sealift published c of the config: both what it wrote to the function
// and what it called the version say so, and of one revision. What somebody else publishes
// has the marker too, as $LATEST has it.
func (p Published) owns(c Configuration) bool {
	m, marked := c.marker()
	return marked && m.Config == p.Config && strings.HasPrefix(c.Description, descriptionPrefix) && strings.HasSuffix(c.Description, fmt.Sprintf(" @ %.7s", m.Revision))
}

// layerDescriptionForm is what LayerDescription returns.
var layerDescriptionForm = regexp.MustCompile(`^sealift bundle [A-Za-z0-9_-]{22} of \S+$`)

// SupersededLayers returns those of layers, the versions of sealift's own layer for a function,
// that none of versions ($LATEST and all that are published) uses, and that are older than the
// newest that one uses: the oldest first. Newer ones may be about to be used.
func SupersededLayers(layers []LayerVersion, versions []Configuration) []int64 {
	used := make(map[string]bool)
	for _, c := range versions {
		for _, layer := range c.Layers {
			used[layer.ARN] = true
		}
	}
	var newest int64
	for _, l := range layers {
		if used[l.ARN] {
			newest = max(newest, l.Version)
		}
	}
	var superseded []int64
	for _, l := range layers {
		if !used[l.ARN] && l.Version > 0 && l.Version < newest && layerDescriptionForm.MatchString(l.Description) {
			superseded = append(superseded, l.Version)
		}
	}
	slices.Sort(superseded)
	return superseded
}
