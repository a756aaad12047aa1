package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/coreos/go-oidc/v3/oidc"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/install"
	"boxoffice/scripts/devstack/internal/process"
	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/cli"
	"boxoffice/scripts/internal/localtokens"
)

// testApp works in an empty folder, so that no test touches a developer's stack.
func testApp(t *testing.T) (*app, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	return &app{root: t.TempDir(), out: &out, err: &bytes.Buffer{}, now: time.Now, environment: os.Environ(), begun: time.Now()}, &out
}

func number(n int) *int { return &n }

func testFolder(t *testing.T, a *app, name string) stack.Folder {
	t.Helper()
	f, err := a.folder(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sleeper starts a process that stands in for one of the stack's.
func sleeper(t *testing.T, f stack.Folder, name string) process.Record {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	r, err := process.Start(process.Spec{Name: name, Path: sleep, Args: []string{"600"}, Dir: f.Root, LogPath: filepath.Join(f.Logs(), name+".log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop(context.Background(), 0) })
	if err := r.Save(f.Process(name)); err != nil {
		t.Fatal(err)
	}
	return r.Record
}

// prepared returns a stack in the state in which up starts its first process.
func prepared(t *testing.T, a *app, name string, flags stackFlags) *ascent {
	t.Helper()
	u := &ascent{app: a, folder: testFolder(t, a, name)}
	if err := u.prepare(flags); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestDefaultStackHasWellKnownPortsAndOthersHaveFreeOnes(t *testing.T) {
	a, _ := testApp(t)
	d := prepared(t, a, stack.DefaultName, stackFlags{}).settings
	if d.Ports.Site != 8080 || d.Ports.AWS != 4566 || d.Ports.Redis != 6380 || d.Account != "000000000000" {
		t.Errorf("default stack: %+v", d)
	}
	one, two := prepared(t, a, "one", stackFlags{}).settings, prepared(t, a, "two", stackFlags{SitePort: number(19499)}).settings
	if one.Account == two.Account || len(one.Account) != 12 || len(two.Account) != 12 {
		t.Errorf("accounts %s and %s", one.Account, two.Account)
	}
	if two.Ports.Site != 19499 {
		t.Errorf("site of two is on %d", two.Ports.Site)
	}
	if again := prepared(t, a, "one", stackFlags{}).settings; !reflect.DeepEqual(again, one) {
		t.Errorf("settings were not kept: %+v, then %+v", one, again)
	}
}

// Given ports come last in the list, after chosen ports, and must not be chosen.
func TestNoPortIsForTwoServers(t *testing.T) {
	drawn := []int{20001, 20001, 20002, 20003, 20001, 20004, 20005, 20002, 20006, 20007}
	find := func() (port int, err error) {
		port, drawn = drawn[0], drawn[1:]
		return port, nil
	}
	p, err := stackFlags{RedisPort: number(20001), StripePort: number(20003)}.ports("mine", find)
	if want := (stack.Ports{Redis: 20001, Stripe: 20003, Site: 20002, AWS: 20004, RedisBus: 20005, Control: 20006, Gateway: 20007}); err != nil || p != want {
		t.Errorf("%+v, %v, want %+v", p, err, want)
	}
}

func TestSettingsChangeTheTopologyAndDerivedNumbers(t *testing.T) {
	a, _ := testApp(t)
	u := prepared(t, a, "e2e", stackFlags{HoldSeconds: number(5), HandlerTimeout: number(2)})
	written, err := os.ReadFile(u.folder.Topology())
	if err != nil {
		t.Fatal(err)
	}
	got, err := topology.Parse(written)
	if err != nil {
		t.Fatal(err)
	}
	if got.HoldSeconds != 5 || got.VisibilityTimeout("orders") != 12*time.Second {
		t.Errorf("hold %d s, visibility %s", got.HoldSeconds, got.VisibilityTimeout("orders"))
	}
	for _, q := range got.Queues {
		if q.Name == "expiries" && got.Delay(q) != 16*time.Second {
			t.Errorf("delay of expiries is %s", got.Delay(q))
		}
	}
	specified, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range specified.Functions {
		if f.Queue == nil && got.Functions[i].TimeoutSeconds != f.TimeoutSeconds {
			t.Errorf("function %s, which reads no queue, has a timeout of %d s", f.Name, got.Functions[i].TimeoutSeconds)
		}
	}
}

// Only the functions use the proxies.
func TestFunctionsUseTheGivenProxies(t *testing.T) {
	a, _ := testApp(t)
	u := prepared(t, a, "via", stackFlags{Via: map[string]string{"redis": "127.0.0.1:7", "sqs": "127.0.0.1:8"}})
	for _, path := range []string{u.folder.Values(), u.folder.FunctionSecrets()} {
		if err := stack.WriteJSON(path, map[string]string{}); err != nil {
			t.Fatal(err)
		}
	}
	host, err := u.lambdahost(started{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"AWS_ENDPOINT_URL_SQS=http://127.0.0.1:8", "AWS_ENDPOINT_URL=" + u.settings.AWSURL()} {
		if !slices.Contains(host.spec.Env, want) {
			t.Errorf("lambdahost has no %s: %q", want, host.spec.Env)
		}
	}
	if _, err := u.redis(started{}); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(u.folder.Redis(), "redis.conf"))
	if err != nil || !strings.Contains(string(config), "cluster-announce-port 7\n") || u.settings.RedisAddress() != "127.0.0.1:7" {
		t.Errorf("Redis announces otherwise: %s, %v", config, err)
	}
	if _, err := a.settingsOf(testFolder(t, a, "other"), stackFlags{Via: map[string]string{"mail": "127.0.0.1:9"}}, u.topology); err == nil || !strings.Contains(err.Error(), "dynamodb, events, sqs, streams") {
		t.Errorf("an unknown service: %v", err)
	}
}

func TestOtherSettingsForARunningStackAreAnErrorWithARemedy(t *testing.T) {
	a, _ := testApp(t)
	u := prepared(t, a, "one", stackFlags{HoldSeconds: number(5)})
	running := sleeper(t, u.folder, redisName)
	asked := stackFlags{HoldSeconds: number(20)}
	err := (&ascent{app: a, folder: u.folder}).prepare(asked)
	if err == nil || !strings.Contains(err.Error(), "holdSeconds is 5, asked for 20") || !strings.Contains(err.Error(), "make down STACK=one") {
		t.Fatalf("error %v", err)
	}
	if err := (&ascent{app: a, folder: u.folder}).prepare(stackFlags{}); err != nil {
		t.Errorf("nothing was asked for, but: %v", err)
	}
	// When nothing of the stack runs, it takes the new settings.
	if err := running.Stop(t.Context(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if s := prepared(t, a, "one", asked).settings; s.HoldSeconds != 20 {
		t.Errorf("holdSeconds is %d", s.HoldSeconds)
	}
}

func TestATakenPortIsReportedBeforeAnythingStarts(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // the test is over
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("address is %T", listener.Addr())
	}
	a, _ := testApp(t)
	f := testFolder(t, a, "one")
	_, err = a.up(t.Context(), f, stackFlags{SitePort: &address.Port, Ministack: "/does/not/exist"}, false)
	if err == nil {
		t.Fatal("a taken port was used")
	}
	for _, want := range []string{"port " + strings.TrimPrefix(listener.Addr().String(), "127.0.0.1:"), "the site and the API", "--site-port", "SITE_PORT"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if anyAlive(f) {
		t.Error("a process was started")
	}
}

func TestDownStopsProcessesKeepsLogsAndMayBeRepeated(t *testing.T) {
	a, _ := testApp(t)
	u := prepared(t, a, "one", stackFlags{})
	other := prepared(t, a, "two", stackFlags{})
	neighbour := sleeper(t, other.folder, ministackName)
	var mine []process.Record
	for _, name := range processNames {
		mine = append(mine, sleeper(t, u.folder, name))
	}
	for range 2 {
		if err := a.down(t.Context(), u.folder); err != nil {
			t.Fatal(err)
		}
		for _, r := range mine {
			if r.Alive() {
				t.Errorf("%s still runs", r.Name)
			}
		}
	}
	left, err := os.ReadDir(u.folder.Path())
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0].Name() != "logs" {
		t.Errorf("left in the folder: %v", left)
	}
	if !neighbour.Alive() {
		t.Error("another stack's process was stopped")
	}
}

func TestDownDoesNotStopAnotherProcessWithTheSameID(t *testing.T) {
	a, _ := testApp(t)
	u := prepared(t, a, "one", stackFlags{})
	stranger := sleeper(t, u.folder, redisName)
	old := stranger
	old.Started = "another boot:1"
	if err := old.Save(u.folder.Process(redisName)); err != nil {
		t.Fatal(err)
	}
	if err := a.down(t.Context(), u.folder); err != nil {
		t.Fatal(err)
	}
	if !stranger.Alive() {
		t.Error("a process that is not the stack's was stopped")
	}
}

// tokensOf serves the stack's token documents at the addresses that its issuer has.
func tokensOf(t *testing.T, a *app, name string) (*ascent, *oidc.IDTokenVerifier) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address, ok := server.Listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("address is %T", server.Listener.Addr())
	}
	u := prepared(t, a, name, stackFlags{SitePort: &address.Port})
	server.Config.Handler = http.StripPrefix(wellKnownPrefix, http.FileServerFS(os.DirFS(u.folder.WellKnown())))
	server.Start()
	t.Cleanup(server.Close)
	if err := stack.WriteJSON(u.folder.Values(), topology.Values{}); err != nil {
		t.Fatal(err)
	}
	provider, err := oidc.NewProvider(context.Background(), u.settings.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	return u, provider.Verifier(&oidc.Config{ClientID: localtokens.Audience})
}

func TestTokensVerifyAgainstTheServedDocuments(t *testing.T) {
	a, out := testApp(t)
	u, verifier := tokensOf(t, a, "one")
	if err := (&tokenCommand{User: "anna"}).Run(t.Context(), a, &commands{Stack: "one"}); err != nil {
		t.Fatal(err)
	}
	token, err := verifier.Verify(t.Context(), strings.TrimSpace(out.String()))
	if err != nil || token.Subject != "anna" || token.Issuer != u.settings.Issuer() {
		t.Fatalf("token %+v, error %v", token, err)
	}
	out.Reset()
	expired := -time.Minute
	if err := (&tokenCommand{User: "anna", TTL: &expired}).Run(t.Context(), a, &commands{Stack: "one"}); err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), strings.TrimSpace(out.String())); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired token: %v", err)
	}
}

// Only a token that is asked for as an operator's has the scope, one or many.
func TestOperatorsTokensHaveTheScope(t *testing.T) {
	a, out := testApp(t)
	_, verifier := tokensOf(t, a, "one")
	for _, c := range []struct {
		command tokenCommand
		want    string
	}{
		{tokenCommand{User: "anna"}, "buyer"}, {tokenCommand{User: "olga", Operator: true}, "buyer operator"}, {tokenCommand{User: "olga", Operator: true, Count: 3}, "buyer operator"},
	} {
		out.Reset()
		if err := c.command.Run(t.Context(), a, &commands{Stack: "one"}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for _, line := range lines {
			token, err := verifier.Verify(t.Context(), line[strings.LastIndex(line, " ")+1:])
			var claims struct{ Scope string }
			if err == nil {
				err = token.Claims(&claims)
			}
			if err != nil || claims.Scope != c.want {
				t.Errorf("%+v: scope %q, %v", c.command, claims.Scope, err)
			}
		}
		if len(lines) != max(1, c.command.Count) {
			t.Errorf("%+v: %d lines", c.command, len(lines))
		}
	}
}

func TestManyTokensArePrintedOneALine(t *testing.T) {
	a, out := testApp(t)
	_, verifier := tokensOf(t, a, "one")
	if err := (&tokenCommand{User: "load", Count: 25}).Run(t.Context(), a, &commands{Stack: "one"}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 25 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		user, text, _ := strings.Cut(line, " ")
		token, err := verifier.Verify(t.Context(), text)
		if err != nil || token.Subject != user {
			t.Errorf("line %d: %s, error %v", i, user, err)
		}
	}
	if !strings.HasPrefix(lines[0], "load-1 ") || !strings.HasPrefix(lines[24], "load-25 ") {
		t.Errorf("first %.8s, last %.8s", lines[0], lines[24])
	}
}

func TestSecretsAreKeptAndOnlyTheOwnerReadsThem(t *testing.T) {
	a, _ := testApp(t)
	u := prepared(t, a, "one", stackFlags{})
	again := prepared(t, a, "one", stackFlags{})
	if u.secrets.OrderIDs != again.secrets.OrderIDs || !strings.HasPrefix(u.secrets.OrderIDs, "1:") {
		t.Error("the secret of order ids was not kept, or has no version")
	}
	if other := prepared(t, a, "two", stackFlags{}); other.secrets.OrderIDs == u.secrets.OrderIDs {
		t.Error("two stacks share a secret")
	}
	for _, name := range []string{"secrets.json", "signing-key.pem", "token-keys.json", "stack.json"} {
		info, err := os.Stat(u.folder.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
}

func TestAServerInheritsOnlyTheVariablesItNeeds(t *testing.T) {
	got := environmentOf([]string{"PATH=/bin", "HOME=/h", "AWS_PROFILE=production", "TOKEN=x"}, map[string]string{"AWS_REGION": "r"})
	if strings.Join(got, " ") != "AWS_REGION=r HOME=/h PATH=/bin" {
		t.Errorf("environment %q", got)
	}
}

func TestShellQuoteMakesOneWord(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "plain", "it's", "a b", "$HOME `id` \"x\" \\", "line\nline"} {
		out, err := exec.Command(shell, "-c", "printf %s "+shellQuote(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("the shell read %q as %q, %v", text, out, err)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		args []string
		want int
		text string
	}{
		{[]string{"--help"}, 0, "Bring up"},
		{[]string{"up", "--help"}, 0, "--hold-seconds"},
		{[]string{"fly"}, 2, "unexpected argument fly"},
		{[]string{"up", "--hold-seconds", "x"}, 2, "--hold-seconds"},
		{[]string{"status", "--stack", "No Such"}, 2, "stack name"},
		{[]string{"env", "--stack", "absent"}, 1, "stack absent is not up: make up STACK=absent"},
		{[]string{"token", "--stack", "absent"}, 1, "is not up"},
		{[]string{"token", "--user", "a b"}, 2, "--user"},
		{[]string{"status", "--stack", "absent"}, 1, "make up STACK=absent"},
		{[]string{"run", "--stack", "default", "--", "true"}, 2, "one of its own"},
		{[]string{"run", "--stack", "absent", "--"}, 2, "no command"},
	} {
		var out bytes.Buffer
		if got := run(t.Context(), test.args, &out, &out); got != test.want || !strings.Contains(out.String(), test.text) {
			t.Errorf("%v: code %d, want %d with %q:\n%s", test.args, got, test.want, test.text, out.String())
		}
	}
}

func TestTheExitCodeOfACommandIsReturned(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]int{"exit 7": 7, "exit 1": 1, "kill -KILL $$": 1} {
		var out bytes.Buffer
		code := cli.Run("devstack", &struct{}{}, nil, &out, &out, func(*kong.Context) error {
			return exitCodeOf(exec.Command(shell, "-c", script).Run())
		})
		if code != want {
			t.Errorf("%s: code %d, want %d", script, code, want)
		}
	}
}

func TestStatusOfAStackThatIsDownAsJSON(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"status", "--stack", "absent", "--json"}, &out, &errOut); code != 1 {
		t.Errorf("code %d", code)
	}
	var status stackStatus
	if err := json.Unmarshal(out.Bytes(), &status); err != nil {
		t.Fatal(err)
	}
	if status.Up || len(status.Process) != len(processNames) || status.Process[0].Health != "down" {
		t.Errorf("status %+v", status)
	}
}

func TestBuildFlagsAreThoseOfTheMakefile(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "GOFLAGS := "+install.BuildFlags+"\n") {
		t.Errorf("the Makefile does not set GOFLAGS to %q", install.BuildFlags)
	}
}

// The number of processes is bounded by this machine and by the mapping's maximum concurrency.
func TestProcessesOfFunctionsThatReadAQueue(t *testing.T) {
	for _, c := range []struct {
		function string
		most     int
		want     int
	}{
		{"reserve", 0, 6}, {"reserve", 4, 4}, {"reserve", 100, 6}, {"pay", 0, 2}, {"pay", 10, 2},
	} {
		f := topology.Function{Name: c.function, Queue: &topology.QueueSource{MaximumConcurrency: c.most}}
		if got := processesOf(f); got != c.want {
			t.Errorf("%s with a maximum concurrency of %d has %d processes, want %d", c.function, c.most, got, c.want)
		}
	}
	a, _ := testApp(t)
	u := prepared(t, a, "pay", stackFlags{})
	for _, path := range []string{u.folder.Values(), u.folder.FunctionSecrets()} {
		if err := stack.WriteJSON(path, map[string]string{}); err != nil {
			t.Fatal(err)
		}
	}
	host, err := u.lambdahost(started{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pay=2", "reserve=6"} {
		if !slices.Contains(host.spec.Args, want) {
			t.Errorf("lambdahost has no %s: %q", want, host.spec.Args)
		}
	}
}

func TestAStackMayHaveOnlyTheMainConcerts(t *testing.T) {
	all, err := concertsOf(stack.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	some, err := concertsOf(stack.Settings{MainConcerts: true})
	if err != nil || len(some) != 2 || len(all) <= 2 {
		t.Fatalf("%d of %d concerts, %v", len(some), len(all), err)
	}
	main, mainErr := mainConcert()
	arena, arenaErr := arenaConcert()
	if mainErr != nil || arenaErr != nil || some[0].Concert.ConcertID != main || some[1].Concert.ConcertID != arena {
		t.Errorf("%s and %s, want %s and %s (%v, %v)", some[0].Concert.ConcertID, some[1].Concert.ConcertID, main, arena, mainErr, arenaErr)
	}
	if differ := (stackFlags{MainConcerts: true}).differences(stack.Settings{}); len(differ) != 1 {
		t.Errorf("a stack with all concerts differs by %q", differ)
	}
}
