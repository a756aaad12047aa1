package memledger_test

import (
	"testing"

	"boxoffice/consumers/internal/memory/memledger"
	"boxoffice/consumers/internal/testkit/ledgertest"
)

func TestConformance(t *testing.T) {
	ledgertest.Exercise(t, func(*testing.T) ledgertest.Store { return memledger.New() })
}
