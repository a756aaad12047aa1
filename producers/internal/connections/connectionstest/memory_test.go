package connectionstest_test

import (
	"testing"

	"boxoffice/producers/internal/connections/connectionstest"
)

func TestConformance(t *testing.T) {
	connectionstest.Exercise(t, func(*testing.T) connectionstest.Store { return connectionstest.NewMemory() })
}
