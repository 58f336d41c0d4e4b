package legacy

import (
	"slices"

	"github.com/applemdm/applemdm/internal/published"
	"github.com/applemdm/applemdm/internal/rest"
)

// target is where requests go.
type target struct {
	engine *rest.Engine
	path   rest.Path
}

func (t target) same(other target) bool {
	return t.engine.BaseURL == other.engine.BaseURL && slices.Equal(t.path, other.path)
}

// target returns where a service is.
func (p *publishedConfig) target(c *Client, service string) target {
	if t, ok := p.targets[service]; ok {
		return t
	}
	return target{c.engine, rest.Path{service}}
}

// targets returns where the published URLs lead. Those that lead to where the token must not go are
// left out, so that the documented addresses are used in their place.
func (c *Client) targets(config *ServiceConfig, movedAssignments bool) map[string]target {
	targets := make(map[string]target)
	for service, text := range config.urls() {
		t, ok := c.targetOf(text)
		switch {
		case ok:
			targets[service] = t
		case text != "" && c.opts.Logger != nil:
			c.opts.Logger.Warn("a published URL is not used", "service", service, "url", text)
		}
	}
	if sibling, ok := targets[serviceAssets]; ok && movedAssignments {
		targets[serviceAssignments] = sibling.next(serviceAssignments)
	}
	return targets
}

// next returns the target of that name next to t.
func (t target) next(name string) target {
	folder := t.path[:len(t.path)-1]
	return target{t.engine, append(slices.Clone(folder), name)}
}

// targetOf returns where a published URL leads, and whether the token may go there.
func (c *Client) targetOf(text string) (target, bool) {
	baseURL, path, ok := published.Locate(c.opts.BaseURL, text)
	if !ok {
		return target{}, false
	}
	if baseURL == c.opts.BaseURL {
		return target{c.engine, rest.ParsePath(path)}, true
	}
	engine, err := c.newEngine(baseURL)
	return target{engine, rest.ParsePath(path)}, err == nil
}
