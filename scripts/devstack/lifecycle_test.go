package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/localtokens"
	"boxoffice/scripts/internal/moduleroot"
	"boxoffice/scripts/internal/stacktest"
)

const lifecycleStack = "lifecycle-test"

// devstack runs a command on the test's stack and returns its exit code and standard output.
func devstack(t *testing.T, args ...string) (int, []byte) {
	t.Helper()
	var out, progress bytes.Buffer
	code := run(context.Background(), append(args, "--stack", lifecycleStack), &out, &progress)
	t.Logf("devstack %s: exit code %d\n%s", strings.Join(args, " "), code, progress.String())
	return code, out.Bytes()
}

func pids(t *testing.T) map[string]int {
	t.Helper()
	code, out := devstack(t, "status", "--json")
	if code != 0 {
		t.Fatalf("status: exit code %d, %s", code, out)
	}
	var status stackStatus
	if err := json.Unmarshal(out, &status); err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for _, p := range status.Process {
		all[p.Name] = p.PID
	}
	return all
}

func TestStackComesUpRestartsDeadProcessesAndGoesDown(t *testing.T) {
	stacktest.NeedTools(t)
	t.Cleanup(func() { devstack(t, "down") })
	if code, _ := devstack(t, "up", "--hold-seconds", "30", "--handler-timeout", "3"); code != 0 {
		t.Fatal("it did not come up")
	}
	first := pids(t)

	_, out := devstack(t, "env", "--json")
	var variables map[string]string
	if err := json.Unmarshal(out, &variables); err != nil {
		t.Fatal(err)
	}
	if variables["HOLD_SECONDS"] != "30" || variables["ORDERS_TABLE"] == "" || variables["ORDERS_DEAD_QUEUE_URL"] == "" {
		t.Errorf("environment %v", variables)
	}
	if main, arena := variables["CONCERT_ID"], variables["ARENA_CONCERT_ID"]; main == "" || arena == "" || main == arena {
		t.Errorf("main concert %q, arena %q", main, arena)
	}
	discovery := variables["API_BASE_URL"] + "/.well-known/openid-configuration"
	if body, err := get(t.Context(), discovery); err != nil || !strings.Contains(string(body), `"issuer": "`+variables["API_BASE_URL"]+`"`) {
		t.Errorf("discovery document: %s, %v", body, err)
	}
	if code := orderStatus(t, variables, "anna"); code != http.StatusAccepted {
		t.Errorf("an order with a token of the stack gets %d", code)
	}

	rotateKeys(t, variables)

	if code, _ := devstack(t, "up"); code != 0 {
		t.Fatal("a second up failed")
	}
	// The functions have to read the new keys; nothing else is restarted.
	second := pids(t)
	if second[ministackName] != first[ministackName] || second[redisName] != first[redisName] || second[lambdahostName] == first[lambdahostName] {
		t.Errorf("up after a rotation: the processes were %v, are %v", first, second)
	}
	if code := orderStatus(t, variables, "anna"); code != http.StatusAccepted {
		t.Errorf("after it an order with a token of the stack gets %d", code)
	}
	if code, _ := devstack(t, "up"); code != 0 {
		t.Fatal("a third up failed")
	}
	if third := pids(t); third[ministackName] != second[ministackName] || third[redisName] != second[redisName] || third[lambdahostName] != second[lambdahostName] {
		t.Errorf("up without a change restarted a process: %v, then %v", second, third)
	}
	first = second
	if code, _ := devstack(t, "up", "--hold-seconds", "31"); code != 1 {
		t.Errorf("other settings: exit code %d", code)
	}

	// up restarts dead processes and leaves the others, with their data, running.
	for _, name := range []string{redisName, lambdahostName} {
		if err := syscall.Kill(first[name], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	awaitDown(t)
	if code, _ := devstack(t, "up"); code != 0 {
		t.Fatal("up did not restart dead processes")
	}
	if healed := pids(t); healed[ministackName] != first[ministackName] || healed[redisName] == first[redisName] || healed[lambdahostName] == first[lambdahostName] {
		t.Errorf("processes were %v, are %v", first, healed)
	}

	for range 2 {
		if code, _ := devstack(t, "down"); code != 0 {
			t.Fatal("down failed")
		}
	}
	if code, _ := devstack(t, "status"); code != 1 {
		t.Errorf("status of a stack that is down: exit code %d", code)
	}
	if _, err := get(t.Context(), discovery); err == nil {
		t.Error("the site still responds")
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := moduleroot.Find()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// rotateKeys rotates the stack's keys while it runs. Tokens of before and tokens of the new key are accepted at once.
func rotateKeys(t *testing.T, variables map[string]string) {
	t.Helper()
	folder := stack.Folder{Root: moduleRoot(t), Name: lifecycleStack}
	old, err := loadTokenKeys(folder)
	if err != nil {
		t.Fatal(err)
	}
	_, before := devstack(t, "token", "--user", "anna")
	if code, out := devstack(t, "keys", "rotate", "--dry-run", "--json"); code != 0 || !strings.Contains(string(out), `"waiting"`) {
		t.Errorf("dry run: %d %s", code, out)
	}
	if still, err := loadTokenKeys(folder); err != nil || len(still) != len(old) {
		t.Errorf("a dry run changed the keys: %d, %v", len(still), err)
	}
	if code, out := devstack(t, "keys", "rotate"); code != 0 || !strings.Contains(string(out), "waiting") {
		t.Fatalf("rotate: %d %s", code, out)
	}
	if code, _ := devstack(t, "keys", "rotate"); code != 1 {
		t.Errorf("a rotation while a key waits: exit code %d", code)
	}
	if code, out := devstack(t, "keys"); code != 0 || strings.Count(string(out), "\n") != 3 {
		t.Errorf("keys: %d %s", code, out)
	}
	set, err := loadTokenKeys(folder)
	if err != nil || len(set) != 2 || set[0].ID != old[0].ID {
		t.Fatalf("%d keys, %v", len(set), err)
	}
	published, err := get(t.Context(), variables["API_BASE_URL"]+localtokens.WellKnown+localtokens.KeySetName)
	if err != nil || !strings.Contains(string(published), set[0].ID) || !strings.Contains(string(published), set[1].ID) {
		t.Errorf("published %s, %v", published, err)
	}
	_, during := devstack(t, "token", "--user", "anna")
	waiting, err := localtokens.SigningKey(set, set[1].SignsFrom)
	if err != nil || waiting.ID() != set[1].ID {
		t.Fatal(err)
	}
	after, err := waiting.Sign(localtokens.ClaimsOf(variables["API_BASE_URL"], "anna", time.Now(), localtokens.TTL))
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"before": string(before), "during": string(during), "after": after} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, variables["API_BASE_URL"]+"/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("a token of %s the rotation gets %d, %v", name, response.StatusCode, err)
		}
	}
}

func awaitDown(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if code, _ := devstack(t, "status"); code == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("status does not notice killed processes")
		}
		<-time.After(20 * time.Millisecond)
	}
}

// orderStatus places an order for a free seat and returns the status of the response.
func orderStatus(t *testing.T, variables map[string]string, user string) int {
	t.Helper()
	_, token := devstack(t, "token", "--user", user)
	body := strings.NewReader(`{"concertId":"` + variables["CONCERT_ID"] + `","seats":["B-1-3"]}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, variables["API_BASE_URL"]+"/orders", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", "lifecycle")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func TestRunTakesItsStackDownAndReturnsTheCommandsExitCode(t *testing.T) {
	stacktest.NeedTools(t)
	t.Cleanup(func() { devstack(t, "down") })
	var out, progress bytes.Buffer
	code := run(t.Context(), []string{"run", "--stack", lifecycleStack, "--", "sh", "-c", `echo "$STACK $HOLD_SECONDS"; exit 7`}, &out, &progress)
	t.Log(progress.String())
	if code != 7 || out.String() != lifecycleStack+" 300\n" {
		t.Errorf("exit code %d, output %q", code, out.String())
	}
	if code, _ := devstack(t, "status"); code != 1 {
		t.Error("the stack is still up")
	}
}
