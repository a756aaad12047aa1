package main

import (
	"strings"
	"testing"

	"boxoffice/producers/internal/boottest"
)

func TestConfig(t *testing.T) { boottest.Config(t, wire) }

// A function that could sign nothing, or whose files had links to nowhere, must not start.
func TestTicketsStartsOnlyWithKeysAndASite(t *testing.T) {
	for variable, values := range map[string][]string{
		"TICKET_KEYS": {"", "c4n4ry", `{"keys":[]}`, `{"keys":[{"id":1,"public":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`},
		"SITE_URL":    {"", "boxoffice.example", "https://boxoffice.example/", "https://x/api", "ftp://x"},
	} {
		for _, value := range values {
			if err := boottest.Start(t, wire, map[string]string{variable: value}); err == nil || !strings.Contains(err.Error(), variable) || strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("%s=%s: %v", variable, value, err)
			}
		}
	}
}
