package main

import (
	"testing"

	"boxoffice/consumers/internal/boottest"
)

func TestConfig(t *testing.T) { boottest.Config(t, wire) }
