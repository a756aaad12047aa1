package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/stacktest"
)

// With an edge the address of the site caches and compresses what is public, orders and webhooks pass through it, and the functions
// refuse a request that comes past it.
func TestStackWithEdge(t *testing.T) {
	stacktest.NeedTools(t)
	t.Cleanup(func() { devstack(t, "down") })
	if code, _ := devstack(t, "up", "--edge", "--main-concerts", "--hold-seconds", "30"); code != 0 {
		t.Fatal("it did not come up")
	}
	_, out := devstack(t, "env", "--json")
	var variables map[string]string
	if err := json.Unmarshal(out, &variables); err != nil {
		t.Fatal(err)
	}
	layout := "/concerts/" + variables["CONCERT_ID"] + "/layout"
	first := fetch(t, variables["API_BASE_URL"]+layout)
	second := fetch(t, variables["API_BASE_URL"]+layout)
	if first.status != 200 || second.status != 200 || second.header.Get("X-Cache") != "Hit from cloudfront" || second.header.Get("Age") == "" {
		t.Errorf("the layout, twice: %d %v, %d %v", first.status, first.header, second.status, second.header)
	}
	if second.header.Get("Content-Encoding") != "br" || second.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the layout has %v", second.header)
	}
	past := fetch(t, variables["GATEWAY_URL"]+"/api"+layout)
	if past.status != http.StatusForbidden || !strings.Contains(past.body, `"code":"forbidden"`) {
		t.Errorf("past the edge: %d %s", past.status, past.body)
	}
	if code := orderStatus(t, variables, "anna"); code != http.StatusAccepted {
		t.Errorf("an order through the edge gets %d", code)
	}
	if webhook := fetch(t, variables["SITE_URL"]+webhookPath); webhook.status != http.StatusMethodNotAllowed {
		t.Errorf("GET of the webhook: %d", webhook.status)
	}
	// --no-edge differs from what the stack runs with.
	if code, _ := devstack(t, "up", "--no-edge"); code != 1 {
		t.Errorf("up --no-edge of a stack with an edge: exit code %d", code)
	}
}

type fetched struct {
	status int
	header http.Header
	body   string
}

func fetch(t *testing.T, address string) fetched {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "gzip, br")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fetched{response.StatusCode, response.Header, string(body)}
}

// make passes EDGE on as a variable.
func TestEdgeIsChosenByFlagOrVariable(t *testing.T) {
	for _, c := range []struct {
		variable string
		args     []string
		want     string
	}{
		{"", []string{"up"}, "unset"}, {"0", []string{"up"}, "false"}, {"1", []string{"up"}, "true"}, {"false", []string{"up"}, "false"},
		{"", []string{"up", "--edge"}, "true"}, {"", []string{"up", "--no-edge"}, "false"}, {"0", []string{"up", "--edge"}, "true"},
	} {
		t.Run(c.variable+strings.Join(c.args, " "), func(t *testing.T) {
			if c.variable != "" {
				t.Setenv("EDGE", c.variable)
			}
			var parsed commands
			parser, err := kong.New(&parsed)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			got := "unset"
			if parsed.Up.Edge != nil {
				got = strconv.FormatBool(*parsed.Up.Edge)
			}
			if got != c.want {
				t.Errorf("edge is %s, want %s", got, c.want)
			}
		})
	}
}

// The site is where the edge is, if there is one, and otherwise where the gateway is.
func TestWhereTheHostListens(t *testing.T) {
	a, _ := testApp(t)
	on, folder := true, t.TempDir()
	for name, c := range map[string]struct {
		flags stackFlags
		want  func(p stack.Ports) string
	}{
		"one": {stackFlags{}, func(p stack.Ports) string {
			return fmt.Sprintf("--throttle-rate 0 --listen 127.0.0.1:%d", p.Site)
		}},
		"two": {stackFlags{Edge: &on}, func(p stack.Ports) string {
			return fmt.Sprintf("--throttle-rate 0 --listen 127.0.0.1:%d --edge 127.0.0.1:%d --stripe-origin http://127.0.0.1:%d", p.Gateway, p.Site, p.Stripe)
		}},
		"three": {stackFlags{Edge: &on, SiteFolder: folder, AllowOrigin: []string{"http://127.0.0.1:5173"}, ThrottleRate: 2.5}, func(p stack.Ports) string {
			return fmt.Sprintf("--throttle-rate 2.5 --site %s --listen 127.0.0.1:%d --edge 127.0.0.1:%d --stripe-origin http://127.0.0.1:%d --allow-origin http://127.0.0.1:5173", folder, p.Gateway, p.Site, p.Stripe)
		}},
	} {
		u := prepared(t, a, name, c.flags)
		if got := strings.Join(u.addresses(), " "); got != c.want(u.settings.Ports) {
			t.Errorf("%s: %s, want %s", name, got, c.want(u.settings.Ports))
		}
		edge := c.flags.Edge != nil
		if (u.settings.GatewayURL() != u.settings.SiteURL()) != edge {
			t.Errorf("%s: site %s, gateway %s", name, u.settings.SiteURL(), u.settings.GatewayURL())
		}
	}
}

// An allowed origin without an edge would be ignored, so it is refused.
func TestAllowedOriginNeedsAnEdge(t *testing.T) {
	a, _ := testApp(t)
	f, err := a.folder("one")
	if err != nil {
		t.Fatal(err)
	}
	specified, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.settingsOf(f, stackFlags{AllowOrigin: []string{"http://127.0.0.1:5173"}}, specified); err == nil || !strings.Contains(err.Error(), "--edge") {
		t.Errorf("%v", err)
	}
}
