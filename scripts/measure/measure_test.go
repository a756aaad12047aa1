package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
)

func TestUsageAndItsExitCodes(t *testing.T) {
	t.Setenv("STACK", "default")
	t.Setenv("API_BASE_URL", "")
	program := "--devstack=measure.go"
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--help"}, 0, "--orders"},
		{[]string{program}, 2, "default stack"},
		{[]string{program, "--stack=mine", "--orders=0", "--starts=-1"}, 2, "--orders is 0"},
		{[]string{program, "--only=nothing"}, 2, "must be one of"},
		{[]string{"--no-such-flag"}, 2, "unknown flag"},
		{[]string{program, "--stack=mine"}, 2, "API_BASE_URL is not set"},
	} {
		var out, errOut bytes.Buffer
		code := run(t.Context(), c.args, &out, &errOut)
		if text := out.String() + errOut.String(); code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%v: exit code %d, want %d; %q does not say %q", c.args, code, c.code, text, c.says)
		}
	}
}

func TestWishesTakeEachGroupFromItsFirstSeatAndBeginAgain(t *testing.T) {
	groups := []group{{Group: "A", Seats: []string{"A1", "A2", "A3", "A4"}}, {Group: "B", Seats: []string{"B1", "B2", "B3", "B4"}}}
	var got []string
	for _, w := range wishes("run", groups, 8) {
		got = append(got, w.user+" "+w.group+" "+strings.Join(w.seats, "+"))
	}
	want := []string{
		"run-000000 A A1", "run-000001 B B1", "run-000002 A A2+A3", "run-000003 B B2+B3",
		"run-000004 A A4", "run-000005 B B4", "run-000006 A A1+A2", "run-000007 B B1+B2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOrderIDsHaveTheirForm(t *testing.T) {
	seen := map[contracts.OrderID]bool{}
	for range 100 {
		id := newOrderID()
		if _, err := contracts.ParseOrderID(string(id)); err != nil || seen[id] {
			t.Fatalf("%s: %v", id, err)
		}
		seen[id] = true
	}
}

func TestSpreadIsMedianAndWorst(t *testing.T) {
	got := spreadOf([]time.Duration{30 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond})
	if got != (spread{Median: 20, Worst: 30}) {
		t.Errorf("%+v", got)
	}
}

func sampleReport() report {
	cost := []processCost{{"ministack", standIn, 3, 0.6}, {"reserve", ours, 1.25, 0.25}, {"mirror", ours, 0.75, 0.15}, {"measure", load, 0.5, 0}}
	return report{
		Cores: 2, Go: "go1.26",
		Phases: []phase{
			{Name: "draining", Groups: 32, Orders: 3000, Held: 2900, Rejected: 100, Batches: 400, Seconds: 10, OrdersPerSecond: 300, CPU: cost, OthersShare: 0.04, Floor: &floorResult{OrdersPerSecond: 400, Ratio: 0.75}},
			{Name: "over HTTP", Groups: 32, Orders: 1000, Held: 1000, Seconds: 8, OrdersPerSecond: 125},
		},
		Functions: []functionCost{{Name: "reserve", Bytes: 14_200_000, Ready: spread{6, 7}, Answer: spread{9, 14}, Event: "RebuildGroup of a loaded group",
			Megabytes: 256, Held: held{Ready: spread{41, 52}, Answer: spread{63, 95}}}},
		Stampede: &stampede{
			Buyers: 5000, Seats: 1000, Held: 1000, Refused: 3968, Rejected: 32, TurnedAway: 3, AnsweredSeconds: 11.04, LastSeatSeconds: 10.96, DecidedSeconds: 12.5,
			OthersShare: 0.01, CPU: []processCost{{"orders", ours, 2.97, 0.15}},
		},
		Logins: &logins{Logins: 200, Clients: 2, LoginsPerSecond: 41.6, Took: spread{45, 80}, HashMilliseconds: 30.25, HashShare: 0.81, OthersShare: 0.02,
			CPU: []processCost{{"identity", ours, 37.31, 0.71}}},
		Memory: []memoryUse{{Name: "reserve", Megabytes: 256, PeakMegabytes: 32.04}},
	}
}

func TestTheTableHasEveryFigure(t *testing.T) {
	var out bytes.Buffer
	if err := sampleReport().print(&out); err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		lines[strings.Join(strings.Fields(line), " ")] = true
	}
	for _, want := range []string{
		"2 cores, go1.26",
		"draining 32 3000 2900 100 0 7.5 10.00 300 4 % 400 0 % 0.75",
		"over HTTP 32 1000 1000 0 0 1000.0 8.00 125 0 % - - -",
		"reserve ours 1.25 25 %", "ministack stand-in 3.00 60 %", "measure load 0.50 -",
		"all ours 2.00 40 %", "all stand-in 3.00 60 %",
		"reserve 14.2 6 7 9 14 256 41 52 63 95 RebuildGroup of a loaded group",
		"reserve 256 32.0 13 %",
		"5000 buyers 1000 1000 3968 32 3 11.0 11.0 12.5 1 %", "orders ours 2.97 15 %",
		"200 2 42 45 80 30.2 81 % 2 %", "identity ours 37.31 71 %",
	} {
		if !lines[want] {
			t.Errorf("no line %q in\n%s", want, &out)
		}
	}
}

func TestJSONHasEveryFigure(t *testing.T) {
	var out bytes.Buffer
	want := sampleReport()
	if err := want.printJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Phases[0].Floor.Ratio != 0.75 || got.Phases[0].CPU[1] != want.Phases[0].CPU[1] || got.Functions[0] != want.Functions[0] || got.Memory[0] != want.Memory[0] {
		t.Errorf("%s", &out)
	}
}

// An error of the condition and the end of the context end await at once.
func TestAwaitPollsUntilTheConditionHolds(t *testing.T) {
	asked := 0
	err := await(t.Context(), time.Minute, func() (bool, string, error) { asked++; return asked == 3, "", nil })
	if err != nil || asked != 3 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	broken := errors.New("broken")
	if err := await(t.Context(), time.Minute, func() (bool, string, error) { return false, "", broken }); !errors.Is(err, broken) {
		t.Errorf("an error of its own: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := await(ctx, time.Minute, func() (bool, string, error) { return false, "not yet", nil }); err == nil || !strings.Contains(err.Error(), "not yet") {
		t.Errorf("cancelled: %v", err)
	}
	if err := await(t.Context(), time.Millisecond, func() (bool, string, error) { return false, "never so", nil }); err == nil || !strings.Contains(err.Error(), "never so") {
		t.Errorf("too late: %v", err)
	}
}
