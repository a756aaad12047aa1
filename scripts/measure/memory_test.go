package main

import "testing"

func TestParsePeakReadsVmHWM(t *testing.T) {
	const status = "Name:\tbootstrap\nVmPeak:\t 1270000 kB\nVmSize:\t 1260000 kB\nVmHWM:\t   32912 kB\nVmRSS:\t   30000 kB\n"
	if got, err := parsePeak(status); got != 32912 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	for _, broken := range []string{"", "VmRSS:\t30000 kB\n", "VmHWM:\t32912 MB\n", "VmHWM:\t\n", "VmHWM:\tmany kB\n"} {
		if got, err := parsePeak(broken); err == nil {
			t.Errorf("%q is %d", broken, got)
		}
	}
}

func TestMemoryOfReadsTheVariable(t *testing.T) {
	if got, err := memoryOf([]string{"PATH=/bin", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256"}); got != 256 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	for _, broken := range [][]string{nil, {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="}, {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=0"}, {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=much"}} {
		if got, err := memoryOf(broken); err == nil {
			t.Errorf("%q is %d", broken, got)
		}
	}
}
