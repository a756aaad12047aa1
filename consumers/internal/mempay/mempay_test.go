package mempay_test

import (
	"testing"

	"boxoffice/consumers/internal/paymenttest"
)

func TestConformance(t *testing.T) { paymenttest.Exercise(t, paymenttest.Memory) }
