// Package stack has what identifies a local stack and where its files lie: its name, its ports and settings, its
// secrets, and its folder. Stacks side by side share nothing but the installed tools and the built functions: each has
// its own AWS account, emulator, Redis, ports and keys.
package stack

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

// DefaultName is the stack with the well-known ports.
const DefaultName = "default"

// Region of every local stack. Which one it is makes no difference to an emulator.
const Region = "eu-central-1"

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// ValidName says whether a stack may be called so; the name is a folder's name too.
func ValidName(name string) bool { return nameForm.MatchString(name) }

// Ports that a stack listens on, all on 127.0.0.1.
type Ports struct {
	// Site is the site and the API, AWS the emulator, Redis its clients' port, RedisBus its cluster port, Control the
	// control endpoint of lambdahost, Stripe the stand-in for Stripe.
	Site     int `json:"site"`
	AWS      int `json:"aws"`
	Redis    int `json:"redis"`
	RedisBus int `json:"redisBus"`
	Control  int `json:"control"`
	Stripe   int `json:"stripe"`
}

// Settings are fixed by the first up of a stack and kept until it is taken down.
type Settings struct {
	Name        string `json:"name"`
	Account     string `json:"account"`
	Ports       Ports  `json:"ports"`
	HoldSeconds int    `json:"holdSeconds"`
	// HandlerTimeoutSeconds shortens the timeout of functions that read a queue; 0 leaves them as specified.
	HandlerTimeoutSeconds int `json:"handlerTimeoutSeconds,omitempty"`
	// MainConcerts says that the store has only the main concert and the one in the arena.
	MainConcerts bool `json:"mainConcerts,omitempty"`
	// Via are addresses (host:port) through which the functions reach a service instead of at its own: proxies that
	// somebody else runs. Keys are those of ViaServices.
	Via map[string]string `json:"via,omitempty"`
}

// Services of Via that are not of AWS.
const (
	ViaRedis  = "redis"
	ViaStripe = "stripe"
)

// ViaServices maps the services of AWS that Via may have to the variable from which the SDK takes its address.
var ViaServices = map[string]string{
	"dynamodb": "AWS_ENDPOINT_URL_DYNAMODB", "events": "AWS_ENDPOINT_URL_EVENTBRIDGE",
	"sqs": "AWS_ENDPOINT_URL_SQS", "streams": "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
}

// RedisAddress is where the functions find Redis. A cluster's node announces it, for its clients go on from there.
func (s Settings) RedisAddress() string {
	if via, ok := s.Via[ViaRedis]; ok {
		return via
	}
	return Address(s.Ports.Redis)
}

// Address of a port of the stack.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// StripeURL is where the stand-in for Stripe is.
func (s Settings) StripeURL() string { return "http://" + Address(s.Ports.Stripe) }

// StripeBase is where the functions find Stripe.
func (s Settings) StripeBase() string {
	if via, ok := s.Via[ViaStripe]; ok {
		return "http://" + via
	}
	return s.StripeURL()
}

// SiteURL is where the site is, and the API below /api.
func (s Settings) SiteURL() string { return "http://" + Address(s.Ports.Site) }

// Issuer of the stack's tokens, which is also the base of its API.
func (s Settings) Issuer() string { return s.SiteURL() + "/api" }

// AWSURL is the address of every AWS service.
func (s Settings) AWSURL() string { return "http://" + Address(s.Ports.AWS) }

// ControlURL is lambdahost's control endpoint.
func (s Settings) ControlURL() string { return "http://" + Address(s.Ports.Control) }

// AccountOf derives a stack's AWS account from its name. An emulator takes a 12-digit access key for the account, and
// each account is a tenant of its own.
func AccountOf(name string) string {
	if name == DefaultName {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("1%011d", binary.BigEndian.Uint64(sum[:8])%100_000_000_000)
}

// Folder is where a stack keeps everything it has.
type Folder struct {
	// Root is the module's root, Name the stack.
	Root string
	Name string
}

// Local is the one ignored folder of all stacks and tools below a module's root.
func Local(root string) string { return filepath.Join(root, ".local") }

// Path of something in the folder.
func (f Folder) Path(parts ...string) string {
	return filepath.Join(append([]string{Local(f.Root), "stacks", f.Name}, parts...)...)
}

// Files of the folder.
func (f Folder) settingsPath() string { return f.Path("stack.json") }
func (f Folder) secretsPath() string  { return f.Path("secrets.json") }

// Logs is the folder that outlives the stack.
func (f Folder) Logs() string { return f.Path("logs") }

// Topology is the specification that the stack runs with.
func (f Folder) Topology() string { return f.Path("topology.json") }

// Values has a value for each reference of the topology: for a secret its ARN.
func (f Folder) Values() string { return f.Path("values.json") }

// FunctionSecrets has the value for each of those ARNs.
func (f Folder) FunctionSecrets() string { return f.Path("function-secrets.json") }

// WellKnown holds the discovery document and the key set.
func (f Folder) WellKnown() string { return f.Path("well-known") }

// SigningKey is the private key of the stack's tokens.
func (f Folder) SigningKey() string { return f.Path("signing-key.pem") }

// Redis is the working folder of redis-server.
func (f Folder) Redis() string { return f.Path("redis") }

// Process is the record of a process.
func (f Folder) Process(name string) string { return f.Path("processes", name+".json") }

// LoadSettings reads what the last up settled. found is false when the stack is down.
func (f Folder) LoadSettings() (s Settings, found bool, err error) {
	err = f.load(f.settingsPath(), &s, &found)
	return s, found, err
}

// SaveSettings keeps the settings until the stack is taken down.
func (f Folder) SaveSettings(s Settings) error { return WriteJSON(f.settingsPath(), s) }

func (f Folder) load(path string, into any, found *bool) error {
	content, err := os.ReadFile(path) //nolint:gosec // a file of the stack's own folder
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stack %s: %w", f.Name, err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("stack %s: %s: %w", f.Name, filepath.Base(path), err)
	}
	*found = true
	return nil
}

// Remove takes away everything but the logs.
func (f Folder) Remove() error {
	entries, err := os.ReadDir(f.Path())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stack %s: %w", f.Name, err)
	}
	for _, e := range entries {
		if f.Path(e.Name()) == f.Logs() {
			continue
		}
		if err := os.RemoveAll(f.Path(e.Name())); err != nil {
			return fmt.Errorf("stack %s: %w", f.Name, err)
		}
	}
	return nil
}

// WriteJSON writes a file that only its owner may read, whole or not at all: a command that is killed half-way must
// not leave a file that the next one cannot read.
func WriteJSON(path string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return WriteFile(path, append(content, '\n'))
}

// WriteFile is WriteJSON for any content.
func WriteFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// Lock makes commands on one file take turns, also those of other processes. It waits; unlock ends it, and so does the
// end of the process.
func Lock(path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a file of the local folder
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", filepath.Base(path), err), file.Close())
	}
	return file.Close, nil
}
