package main

import (
	"strings"
	"testing"

	"boxoffice/producers/internal/boottest"
)

func TestConfig(t *testing.T) { boottest.Config(t, wire) }

func TestConnectionsStartsOnlyWithAnAddressForClients(t *testing.T) {
	for value, good := range map[string]bool{
		"wss://boxoffice.example/push": true, "ws://127.0.0.1:8080/push": true, "https://boxoffice.example/push": false,
		"wss:///push": false, "boxoffice.example/push": false, "wss://boxoffice.example/push?x=1": false, "wss://boxoffice.example/push#x": false,
	} {
		err := boottest.Start(t, wire, map[string]string{"PUSH_URL": value})
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "PUSH_URL") {
			t.Errorf("%s: %v", value, err)
		}
	}
}
