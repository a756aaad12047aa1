package main

import (
	"strings"
	"testing"

	"boxoffice/producers/internal/boottest"
)

func TestConfig(t *testing.T) { boottest.Config(t, wire) }

func TestIdentityStartsOnlyWithSettingsThatItUnderstands(t *testing.T) {
	for variable, values := range map[string]map[string]bool{
		"RATE_LIMITS":     {"production": true, "wide": true, "Wide": false, "none": false},
		"SITE_URL":        {"https://boxoffice.example": true, "http://127.0.0.1:8080": true, "https://boxoffice.example/": false, "boxoffice.example": false, "https://x/api": false, "ftp://x": false},
		"ALLOWED_ORIGINS": {"": true, "http://127.0.0.1:5173": true, "http://127.0.0.1:5173,https://x.example": true, "*": false, "http://127.0.0.1:5173,": false, "https://x.example/": false},
	} {
		for value, good := range values {
			err := boottest.Start(t, wire, map[string]string{variable: value})
			if (err == nil) != good || err != nil && !strings.Contains(err.Error(), variable) {
				t.Errorf("%s=%s: %v", variable, value, err)
			}
		}
	}
}
