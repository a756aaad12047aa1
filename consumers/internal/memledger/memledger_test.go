package memledger_test

import (
	"testing"

	"boxoffice/consumers/internal/ledgertest"
	"boxoffice/consumers/internal/memledger"
)

func TestConformance(t *testing.T) {
	ledgertest.Exercise(t, func(*testing.T) ledgertest.Store { return memledger.New() })
}
