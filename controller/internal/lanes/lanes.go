// Package lanes runs functions at the same time in lanes that do not hold each other up:
// however much waits in one lane, and however slow it is, the others go on.
package lanes

import (
	"slices"
	"sync"
)

// Pool runs functions, so many of a lane at once and so many in all. Those of a lane begin
// in the order in which they were given. Where all together are too many, the lanes take
// turns. It is safe for concurrent use.
type Pool struct {
	perLane, total int

	mu      sync.Mutex
	running int
	lanes   map[string]*lane // that run something, or wait
	turns   []string         // lanes that wait; the next is the first
	group   sync.WaitGroup
}

type lane struct {
	running int
	waiting []func()
}

// New returns a Pool. Both numbers are at least 1.
func New(perLane, total int) *Pool {
	return &Pool{perLane: perLane, total: total, lanes: make(map[string]*lane)}
}

// Go has f run in a lane, at once or when it is its turn. It does not wait for that.
func (p *Pool) Go(name string, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes[name]
	if l == nil {
		l = &lane{}
		p.lanes[name] = l
	}
	if len(l.waiting) == 0 {
		p.turns = append(p.turns, name)
	}
	l.waiting = append(l.waiting, f)
	p.begin()
}

// Wait returns when everything that was given has run, and nothing more is given.
func (p *Pool) Wait() { p.group.Wait() }

// begin begins what may begin. p.mu is held.
func (p *Pool) begin() {
	for p.running < p.total {
		next := slices.IndexFunc(p.turns, func(name string) bool { return p.lanes[name].running < p.perLane })
		if next < 0 {
			return
		}
		name := p.turns[next]
		l := p.lanes[name]
		f := l.waiting[0]
		l.waiting[0] = nil
		l.waiting = l.waiting[1:]
		p.turns = slices.Delete(p.turns, next, next+1)
		if len(l.waiting) > 0 {
			p.turns = append(p.turns, name)
		}
		p.running++
		l.running++
		p.group.Go(func() {
			defer p.ended(name)
			f()
		})
	}
}

// ended begins what may begin in the place of one of a lane.
func (p *Pool) ended(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	l := p.lanes[name]
	l.running--
	if l.running == 0 && len(l.waiting) == 0 {
		delete(p.lanes, name)
	}
	p.begin()
}
