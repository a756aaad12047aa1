package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
	"time"
)

func TestPercentilesAreByTheNearestRank(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1)*time.Millisecond)
	}
	for share, want := range map[float64]float64{0: 1, 0.5: 50, 0.95: 95, 0.99: 99, 1: 100} {
		if got := percentile(hundred, share); got != want {
			t.Errorf("%v: %v, want %v", share, got, want)
		}
	}
	if got := percentile(hundred[:1], 0.99); got != 1 {
		t.Errorf("of one: %v", got)
	}
	if got := percentile(nil, 0.5); got != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestSizesCountTheWholeBody(t *testing.T) {
	body := bytes.Repeat([]byte("seats "), 1000)
	plain, gzipped, err := sizes(body)
	if err != nil || plain != len(body) {
		t.Fatalf("%d, %v", plain, err)
	}
	var compressed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	_, _ = w.Write(body)
	_ = w.Close()
	again, err := gzip.NewReader(bytes.NewReader(compressed.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(again); err != nil || !bytes.Equal(all, body) || gzipped != compressed.Len() {
		t.Errorf("%d bytes of gzip, want %d, %v", gzipped, compressed.Len(), err)
	}
}
