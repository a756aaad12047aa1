package main

import (
	"testing"

	"boxoffice/consumers/internal/testkit/boottest"
)

func TestConfig(t *testing.T) { boottest.Config(t, wire) }
