package plan

import (
	"fmt"
	"slices"
	"strconv"

	"sealift.dev/sealift/api/v1alpha1"
)

// Rollback plans to move the alias to version to, which it holds there. hold has its Reason
// and what it is Against; the rest of it is filled in. In the Plan, Held is the hold as it
// will be, and Release is set.
//
// Its errors are of type Problem: nothing is done until a person has acted.
func Rollback(want Desired, obs Observed, to Configuration, hold Hold) (Plan, error) {
	p := Plan{Want: want, Observed: obs}
	if err := p.canMove(); err != nil {
		return Plan{}, err
	}
	alias := obs.Alias
	if _, _, err := ParseHold(alias.Description); err != nil {
		return Plan{}, p.invalidHold(err)
	}
	m, err := p.opens(to)
	switch {
	case alias.Weighted:
		return Plan{}, weightedAlias(*alias, want)
	case to.Version == alias.Version:
		return Plan{}, Problem{"AlreadyLive", fmt.Sprintf("alias %s of %s names version %s already", alias.Name, want.Consumer(), to.Version),
			"name another version with --to"}
	case err != nil:
		return Plan{}, err
	}
	hold.Version = to.Version
	hold.Was, _ = alias.OwnDescription()
	p.Held, p.Release = &hold, true
	p.add(Change, KindAlias, alias.Name, fmt.Sprintf("version %s → version %s, of revision %s", alias.Version, to.Version, short(m.Revision)))
	p.add(Add, KindHold, "", p.holdDetail())
	return p, nil
}

// holdDetail says what ends the hold, and why it is there.
func (p Plan) holdDetail() string {
	text := "until a commit changes what this config wants"
	if p.Held.Reason != "" {
		text += ": " + plain(p.Held.Reason)
	}
	return text
}

// Resume plans to end a hold by hand: the alias stays where it is until the next apply. A
// description that is no hold any more counts as one whose text is given up.
func Resume(want Desired, obs Observed) (Plan, error) {
	p := Plan{Want: want, Observed: obs}
	if err := p.canMove(); err != nil {
		return Plan{}, err
	}
	hold, held, err := ParseHold(obs.Alias.Description)
	if err == nil && !held {
		return Plan{}, Problem{"NotHeld", fmt.Sprintf("alias %s of %s is not held", obs.Alias.Name, want.Consumer()), "`sealift status` shows what is held"}
	}
	p.Release = true
	if err != nil {
		p.add(Remove, KindHold, "", "ended by hand; it was not one any more: "+plain(obs.Alias.Description))
		return p, nil
	}
	p.add(Remove, KindHold, "", "ended by hand; the next apply moves the alias on from version "+obs.Alias.Version)
	if hold.Was != "" {
		p.add(Keep, KindAlias, obs.Alias.Name, "gets its own description back")
	}
	return p, nil
}

// canMove refuses a config that has no alias to be moved.
func (p Plan) canMove() error {
	name := p.Want.Config.Spec.Function.Alias
	switch {
	case name == "":
		return Problem{"NoAlias", fmt.Sprintf("%s has no alias, so there is no version to go back to", p.Want.Consumer()), "set spec.function.alias, and apply: from then on versions are published"}
	case p.Observed.Alias == nil:
		return Problem{"NoAlias", fmt.Sprintf("%s has no alias %s yet", p.Want.Consumer(), name), "run `sealift apply`, which makes it"}
	}
	return nil
}

// opens returns the marker of version v if v is active, is this config's, and has the
// bundle that its marker tells of.
func (p Plan) opens(v Configuration) (Marker, error) {
	m, marked := v.marker()
	where := fmt.Sprintf("version %s of %s", v.Version, p.Want.Consumer())
	const other = "name another version with --to; `aws lambda list-versions-by-function` lists them"
	switch {
	case !marked || m.Config != p.Want.key():
		return Marker{}, Problem{"ForeignVersion", where + " is not one that this config was applied to", other}
	case v.State != "" && v.State != "Active":
		return Marker{}, Problem{"VersionNotActive", fmt.Sprintf("%s is in the state %q, not Active", where, v.State),
			"Lambda has put an idle version to sleep: call it once and wait until it is Active, or name another with --to"}
	case m.Delivery == v1alpha1.DeliveryPackage && m.CodeSHA256 != v.CodeSHA256, p.placeLost(v, m) != "":
		return Marker{}, Problem{"BundleLost", where + " does not have the bundle that was applied: somebody else changed it ahead of its publication", other}
	}
	return m, nil
}

// Earlier returns the versions that a rollback may go to unless one is named, the newest
// first: those that are older than the one that is live. published are the numbers of all.
func Earlier(published []string, live string) []string {
	number := func(v string) int {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || strconv.Itoa(n) != v {
			return 0
		}
		return n
	}
	var older []string
	for _, v := range published {
		if n := number(v); n > 0 && n < number(live) {
			older = append(older, v)
		}
	}
	slices.SortFunc(older, func(a, b string) int { return number(b) - number(a) })
	return slices.Compact(older)
}

// IsOf reports whether version c was made by an apply of the config that d wants.
func (d Desired) IsOf(c Configuration) bool {
	m, marked := c.marker()
	return marked && m.Config == d.key()
}
