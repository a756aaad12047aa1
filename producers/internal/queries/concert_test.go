package queries_test

import (
	"context"

	"boxoffice/contracts/readmodel"
)

// concerts is a catalogue of concerts alone.
type concerts map[string]readmodel.Concert

func (c concerts) Concert(_ context.Context, id string) (readmodel.Concert, bool, error) {
	concert, found := c[id]
	return concert, found, nil
}
