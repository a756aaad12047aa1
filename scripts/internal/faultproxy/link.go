// Package faultproxy has proxies between the functions of a stack and their dependencies, which fail in chosen ways. A Link can
// be cut, slowed or made to swallow replies (it uses toxiproxy). Calls and Commands call a hook for each call to AWS or Stripe
// and each command to Redis, which can act between the effect of a call and its response.
package faultproxy

import (
	"context"
	"fmt"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Link is a proxy for connections to one server. Its faults are faults of the network: the server itself continues. It is safe
// for concurrent use.
type Link struct {
	proxy *toxiproxy.Proxy
}

// NewLink starts a proxy on an address of its own for upstream (host:port). upstream is dialled for each connection, so it need
// not listen yet.
func NewLink(name, upstream string) (*Link, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &Link{proxy: toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("link to %s: %w", name, err)
	}
	return l, nil
}

// Address returns the link's address (host:port), which stays the same while the link is cut.
func (l *Link) Address() string { return l.proxy.Listen }

// Cut breaks all connections and refuses new ones.
func (l *Link) Cut() { l.proxy.Stop() }

// Mend undoes Cut.
func (l *Link) Mend() error {
	if err := l.proxy.Start(); err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	return nil
}

// Swallow forwards requests and drops every reply until Heal: each call has its effect and gets no response.
func (l *Link) Swallow() error {
	return l.toxic(`{"name":"fault","type":"timeout","attributes":{"timeout":0}}`)
}

// Slow delays every reply by d until Heal.
func (l *Link) Slow(d time.Duration) error {
	return l.toxic(fmt.Sprintf(`{"name":"fault","type":"latency","attributes":{"latency":%d}}`, d.Milliseconds()))
}

func (l *Link) toxic(json string) error {
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(json))
	return err
}

// Heal undoes Swallow and Slow.
func (l *Link) Heal(ctx context.Context) error { return l.proxy.Toxics.RemoveToxic(ctx, "fault") }

// Close closes the link.
func (l *Link) Close() { l.proxy.Stop() }
