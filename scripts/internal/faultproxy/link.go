// Package faultproxy stands between the functions of a stack and what they depend on, and breaks it in chosen ways: a Link
// is a connection that can be cut, slowed or made to swallow replies (toxiproxy does the work); Calls and Commands see each
// call to AWS and each command to Redis, and can stop the world between a call's effect and its answer.
package faultproxy

import (
	"context"
	"fmt"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Link passes connections on to one server. Its faults are of the network: the server itself goes on. It is safe for
// concurrent use.
type Link struct {
	proxy *toxiproxy.Proxy
}

// NewLink listens on an address of its own and passes on to upstream (host:port), which is dialled for each connection,
// so it need not be there yet.
func NewLink(name, upstream string) (*Link, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &Link{proxy: toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("link to %s: %w", name, err)
	}
	return l, nil
}

// Address is where the link listens, also while it is cut.
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

// Swallow passes requests on and loses every reply: each call has its effect and is never answered, until Heal.
func (l *Link) Swallow() error {
	return l.toxic(`{"name":"fault","type":"timeout","attributes":{"timeout":0}}`)
}

// Slow delays every reply by d, until Heal.
func (l *Link) Slow(d time.Duration) error {
	return l.toxic(fmt.Sprintf(`{"name":"fault","type":"latency","attributes":{"latency":%d}}`, d.Milliseconds()))
}

func (l *Link) toxic(json string) error {
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(json))
	return err
}

// Heal undoes Swallow and Slow.
func (l *Link) Heal(ctx context.Context) error { return l.proxy.Toxics.RemoveToxic(ctx, "fault") }

// Close ends the link.
func (l *Link) Close() { l.proxy.Stop() }
