package memrate_test

import (
	"testing"

	"boxoffice/consumers/internal/testkit/paymenttest"
)

func TestPromises(t *testing.T) { paymenttest.ExerciseBuckets(t, paymenttest.MemoryBucket) }
