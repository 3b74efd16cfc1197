package runtime

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// identity is what two invocations must share to be served by one environment.
type identity struct {
	function string // ARN without a qualifier
	version  string
	digest   [sha256.Size]byte // of code and configuration
}

func identify(fn Function) identity {
	function, _ := splitARN(fn.ARN)
	version := fn.Version
	fn.ARN, fn.Code, fn.Layers = "", nil, slices.Clone(fn.Layers)
	for i := range fn.Layers {
		fn.Layers[i].Content = nil
	}
	configuration, err := json.Marshal(fn)
	if err != nil {
		return identity{} // unreachable: strings, numbers and a map of strings
	}
	return identity{function: function, version: version, digest: sha256.Sum256(configuration)}
}

// splitARN cuts arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER] before its qualifier.
func splitARN(arn string) (function, qualifier string) {
	parts := strings.SplitN(arn, ":", 8)
	if len(parts) < 8 {
		return arn, ""
	}
	return strings.Join(parts[:7], ":"), parts[7]
}

// member is an environment with what the pool knows of it.
type member struct {
	environment *environment
	busy        bool
	forgotten   bool // to be stopped when its work is done
}

// pool knows every environment that lives. It starts and stops none.
type pool struct {
	max     int
	mu      sync.Mutex
	closed  bool
	members []*member // least recently used first
}

// take returns an idle environment for id and marks it busy; nil when there is none.
func (p *pool) take(id identity) *environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(p.members) {
		if !m.busy && m.environment.identity == id && m.environment.alive() {
			m.busy = true
			return m.environment
		}
	}
	return nil
}

// add takes e in as busy, and hands out idle environments that must be stopped to stay within the bound.
func (p *pool) add(e *environment) (evicted []*environment, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	over := len(p.members) + 1 - p.max
	p.members = slices.DeleteFunc(p.members, func(m *member) bool {
		out := !m.busy && (over > 0 || !m.environment.alive())
		if out {
			over--
			evicted = append(evicted, m.environment)
		}
		return out
	})
	p.members = append(p.members, &member{environment: e, busy: true})
	return evicted, nil
}

// put gives e back as idle. It answers false, and keeps e busy, when e must be stopped instead.
func (p *pool) put(e *environment) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.index(e)
	if p.closed || i < 0 || p.members[i].forgotten {
		return false
	}
	m := p.members[i]
	m.busy = false
	p.members = append(slices.Delete(p.members, i, i+1), m)
	return true
}

func (p *pool) remove(e *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.index(e); i >= 0 {
		p.members = slices.Delete(p.members, i, i+1)
	}
}

func (p *pool) index(e *environment) int {
	return slices.IndexFunc(p.members, func(m *member) bool { return m.environment == e })
}

// forget hands out the idle environments of a function or of one of its versions, and marks the busy ones.
func (p *pool) forget(arn string) (idle []*environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	function, version := splitARN(arn)
	p.members = slices.DeleteFunc(p.members, func(m *member) bool {
		id := m.environment.identity
		if id.function != function || version != "" && id.version != version {
			return false
		}
		if m.busy {
			m.forgotten = true
			return false
		}
		idle = append(idle, m.environment)
		return true
	})
	return idle
}

// close takes no more environments and hands out those that live. The busy ones stay with their invocations.
func (p *pool) close() (idle, busy []*environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, m := range p.members {
		if m.busy {
			busy = append(busy, m.environment)
		} else {
			idle = append(idle, m.environment)
		}
	}
	p.members = nil
	return idle, busy
}
