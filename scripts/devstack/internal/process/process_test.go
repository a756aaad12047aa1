package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, script string) *Running {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Start(Spec{Name: "test", Path: shell, Args: []string{"-c", script}, Env: []string{"PATH=" + os.Getenv("PATH")}, Dir: t.TempDir(), LogPath: filepath.Join(t.TempDir(), "logs", "test.log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop(context.Background(), 0) })
	return r
}

// awaitLog waits for text that the process prints when it has started.
func awaitLog(t *testing.T, r *Running, text string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if content, err := os.ReadFile(r.LogPath); err == nil && strings.Contains(string(content), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process did not print %q", text)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestStopEndsTheProcessAndMayBeRepeated(t *testing.T) {
	r := start(t, "echo up; exec sleep 600")
	awaitLog(t, r, "up")
	if !r.Alive() {
		t.Fatal("a running process counts as ended")
	}
	for range 2 {
		if err := r.Stop(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if r.Alive() {
			t.Fatal("it is still alive")
		}
	}
}

func TestStopKillsWhatDoesNotEndWithEverythingItStarted(t *testing.T) {
	r := start(t, `trap '' TERM; sleep 600 & echo "child $!."; echo up; while :; do sleep 600; done`)
	awaitLog(t, r, "up")
	log, err := os.ReadFile(r.LogPath)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(log), "child ")
	number, _, _ := strings.Cut(rest, ".")
	child, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("%s: %v", log, err)
	}
	started, _, err := identity(child)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if r.Alive() {
		t.Error("it is still alive")
	}
	orphan := Record{Name: "child", PID: child, Started: started}
	for deadline := time.Now().Add(5 * time.Second); orphan.Alive(); {
		if time.Now().After(deadline) {
			t.Fatal("its child is still alive")
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestAnIDThatBelongsToAnotherProcessIsNeverSignalled(t *testing.T) {
	stranger := start(t, "echo up; exec sleep 600")
	awaitLog(t, stranger, "up")
	old := stranger.Record
	old.Started += "0"
	if old.Alive() {
		t.Error("a process that started at another time counts as ours")
	}
	if err := old.Stop(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if !stranger.Alive() {
		t.Error("the stranger was ended")
	}
}

func TestStartReportsHowTheProcessEnded(t *testing.T) {
	r := start(t, "echo up; exit 7")
	select {
	case err := <-r.Ended():
		if err == nil || err.Error() != "exit status 7" {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the end was not reported")
	}
}

func TestStartedProcessSeesOnlyItsEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_USER", "x")
	r := start(t, "env; echo end")
	awaitLog(t, r, "end")
	content, err := os.ReadFile(r.LogPath)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content), "SECRET_OF_THE_USER") {
		t.Error("the user's environment was inherited")
	}
}

func TestRecordSurvivesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "processes", "x.json")
	if _, found, err := Read(path); found || err != nil {
		t.Fatalf("found %v, error %v", found, err)
	}
	want := Record{Name: "x", PID: 7, Started: "boot:1", Command: []string{"a", "b"}, LogPath: "l", Fingerprint: "f"}
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, found, err := Read(path)
	if err != nil || !found || got.PID != 7 || got.Started != want.Started || got.Fingerprint != "f" {
		t.Errorf("read %+v, %v, %v", got, found, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(path); err == nil {
		t.Error("half a record was taken for one")
	}
}
