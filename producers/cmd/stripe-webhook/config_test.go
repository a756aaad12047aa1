package main

import (
	"testing"

	"boxoffice/producers/internal/boottest"
)

func TestConfig(t *testing.T) { boottest.Config(t, wire) }
