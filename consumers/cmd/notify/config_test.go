package main

import (
	"strings"
	"testing"

	"boxoffice/consumers/internal/testkit/boottest"
)

func TestConfig(t *testing.T) { boottest.Config(t, wire) }

// Without a configuration set nobody would learn of bounces and complaints. A folder needs none.
func TestSESNeedsAConfigurationSet(t *testing.T) {
	for _, c := range []struct {
		outbox, set string
		fails       bool
	}{{"", "", true}, {"", "boxoffice", false}, {"/outbox", "", false}} {
		err := boottest.Start(t, wire, map[string]string{"MAIL_OUTBOX": c.outbox, "MAIL_CONFIGURATION_SET": c.set})
		if (err != nil) != c.fails || err != nil && !strings.Contains(err.Error(), "MAIL_CONFIGURATION_SET") {
			t.Errorf("outbox %q, configuration set %q: %v", c.outbox, c.set, err)
		}
	}
}
