package testbed

import (
	"context"
	"fmt"
	"net/http"
)

// Source is the status of a source of a function. It counts since the start of the host. Records counts the records given to the
// function, including those of failed tries.
type Source struct {
	Kind          string `json:"kind"`
	Function      string `json:"function"`
	Records       int    `json:"records"`
	Batches       int    `json:"batches"`
	BatchFailures int    `json:"batchFailures"`
}

// Source returns the status of a function's source. kind is queue, stream or schedule.
func (b *Bed) Source(ctx context.Context, kind, function string) (Source, error) {
	var status struct {
		Sources []Source `json:"sources"`
	}
	if err := b.control(ctx, http.MethodGet, "/status", "", &status); err != nil {
		return Source{}, err
	}
	for _, s := range status.Sources {
		if s.Kind == kind && s.Function == function {
			return s, nil
		}
	}
	return Source{}, fmt.Errorf("the host has no %s that feeds %s", kind, function)
}
