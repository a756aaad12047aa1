package mempay_test

import (
	"testing"

	"boxoffice/consumers/internal/testkit/paymenttest"
)

func TestConformance(t *testing.T) { paymenttest.Exercise(t, paymenttest.Memory) }
