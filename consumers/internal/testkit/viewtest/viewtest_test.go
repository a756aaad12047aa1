package viewtest_test

import (
	"testing"

	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/testkit/viewtest"
)

func TestMemory(t *testing.T) {
	viewtest.Exercise(t, func(*testing.T) reconcile.ViewStore { return &viewtest.Memory{} })
}
