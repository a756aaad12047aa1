package identitytest_test

import (
	"testing"

	"boxoffice/producers/internal/identity/identitytest"
)

func TestMemory(t *testing.T) {
	identitytest.Exercise(t, func(*testing.T) identitytest.Stores { return identitytest.NewMemory() })
}
