package memsent_test

import (
	"testing"

	"boxoffice/consumers/internal/memory/memsent"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/testkit/senttest"
)

func TestConformance(t *testing.T) {
	senttest.Exercise(t, func(*testing.T) notify.Sent { return &memsent.Store{} })
}
