// Package stack has what identifies a local stack: its name, ports, settings, secrets and folder. Several stacks can run at once.
// They share only the installed tools and the built functions: each has its own AWS account, emulator, Redis, ports and keys.
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

	"boxoffice/contracts/topology"
)

// DefaultName is the stack with the well-known ports.
const DefaultName = "default"

// Region of every local stack. To an emulator all regions are the same.
const Region = "eu-central-1"

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// ValidName reports whether a stack may have the name, which is also a folder's name.
func ValidName(name string) bool { return nameForm.MatchString(name) }

// Ports that a stack listens on, all on 127.0.0.1.
type Ports struct {
	// Site is the site and the API, Gateway the API behind the edge, AWS the emulator, Redis its clients' port, RedisBus its cluster port, Control the
	// control endpoint of lambdahost, Stripe the stand-in for Stripe.
	Site     int `json:"site"`
	Gateway  int `json:"gateway"`
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
	// RateLimits of requests of accounts: RateLimitsWide or RateLimitsProduction.
	RateLimits string `json:"rateLimits"`
	// MainConcerts: the stack has only the main concert and the one in the arena.
	MainConcerts bool `json:"mainConcerts,omitempty"`
	// Edge: an edge stands before the gateway, at the port of the site.
	Edge bool `json:"edge,omitempty"`
	// SiteFolder has the built site; "" if there is none.
	SiteFolder string `json:"siteFolder,omitempty"`
	// AllowOrigins are the other origins whose pages may use the API through the edge.
	AllowOrigins []string `json:"allowOrigins,omitempty"`
	// ThrottleRate is how many requests a second the gateway allows on average; 0 is no limit.
	ThrottleRate float64 `json:"throttleRate,omitempty"`
	// Via has the addresses (host:port) of proxies through which the functions reach a service. devstack does not run the proxies.
	// Its keys are those of ViaServices, ViaRedis and ViaStripe.
	Via map[string]string `json:"via,omitempty"`
}

// Values of RateLimits. All buyers of a load test have one address, so a stack has wide limits unless asked for others.
const (
	RateLimitsWide       = "wide"
	RateLimitsProduction = "production"
)

// Services in Via that do not belong to AWS.
const (
	ViaRedis  = "redis"
	ViaStripe = "stripe"
)

// ViaServices maps the AWS services that Via may have to the variable from which the SDK takes the address.
var ViaServices = map[string]string{
	"dynamodb": "AWS_ENDPOINT_URL_DYNAMODB", "events": "AWS_ENDPOINT_URL_EVENTBRIDGE",
	"sqs": "AWS_ENDPOINT_URL_SQS", "streams": "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
}

// RedisAddress is where the functions find Redis. The node announces it to cluster clients, which then use that address.
func (s Settings) RedisAddress() string {
	if via, ok := s.Via[ViaRedis]; ok {
		return via
	}
	return Address(s.Ports.Redis)
}

// Address returns the address (host:port) of a port of the stack.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// StripeURL returns the address of the stand-in for Stripe.
func (s Settings) StripeURL() string { return "http://" + Address(s.Ports.Stripe) }

// StripeBase returns the address at which the functions reach Stripe.
func (s Settings) StripeBase() string {
	if via, ok := s.Via[ViaStripe]; ok {
		return "http://" + via
	}
	return s.StripeURL()
}

// SiteURL returns the address of the site; the API is below /api.
func (s Settings) SiteURL() string { return "http://" + Address(s.Ports.Site) }

// GatewayURL returns the address of the gateway, which without an edge is that of the site.
func (s Settings) GatewayURL() string {
	if s.Edge {
		return "http://" + Address(s.Ports.Gateway)
	}
	return s.SiteURL()
}

// Issuer returns the issuer of the stack's tokens, which is also the base of its API.
func (s Settings) Issuer() string { return s.SiteURL() + "/api" }

// PushURL returns where clients open WebSocket connections: at the site.
func (s Settings) PushURL() string {
	return "ws://" + Address(s.Ports.Site) + "/" + topology.WebSocketStage
}

// ConnectionsURL returns the base address of the management API of connections, for an SDK.
func (s Settings) ConnectionsURL() string { return s.ControlURL() + "/" + topology.WebSocketStage }

// AWSURL returns the address of every AWS service.
func (s Settings) AWSURL() string { return "http://" + Address(s.Ports.AWS) }

// ControlURL returns the address of lambdahost's control endpoint.
func (s Settings) ControlURL() string { return "http://" + Address(s.Ports.Control) }

// AccountOf derives a stack's AWS account from its name. The emulator uses a 12-digit access key as the account, and accounts do
// not see each other's resources.
func AccountOf(name string) string {
	if name == DefaultName {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("1%011d", binary.BigEndian.Uint64(sum[:8])%100_000_000_000)
}

// Folder is the folder with all files of a stack.
type Folder struct {
	// Root is the module's root, Name the name of the stack.
	Root string
	Name string
}

// Local returns the folder of all stacks and tools below a module's root. Git ignores it.
func Local(root string) string { return filepath.Join(root, ".local") }

// Path returns a path in the folder.
func (f Folder) Path(parts ...string) string {
	return filepath.Join(append([]string{Local(f.Root), "stacks", f.Name}, parts...)...)
}

// Files of the folder.
func (f Folder) settingsPath() string { return f.Path("stack.json") }
func (f Folder) secretsPath() string  { return f.Path("secrets.json") }

// Logs is the folder that Remove keeps.
func (f Folder) Logs() string { return f.Path("logs") }

// Topology is the specification that the stack runs with.
func (f Folder) Topology() string { return f.Path("topology.json") }

// Values is the file with a value for each reference of the topology: for a secret its ARN.
func (f Folder) Values() string { return f.Path("values.json") }

// FunctionSecrets is the file with the secret of each of those ARNs.
func (f Folder) FunctionSecrets() string { return f.Path("function-secrets.json") }

// WellKnown is the folder with the discovery document and the key set.
func (f Folder) WellKnown() string { return f.Path("well-known") }

// MailOutbox is the folder with the mails that the stack would send.
func (f Folder) MailOutbox() string { return f.Path("outbox") }

// TokenKeys is the file with the keys of the stack's tokens, in the form of the secret that identity reads.
func (f Folder) TokenKeys() string { return f.Path("token-keys.json") }

// SigningKey is the file with the key of those that signs, for tests.
func (f Folder) SigningKey() string { return f.Path("signing-key.pem") }

// Redis is the working folder of redis-server.
func (f Folder) Redis() string { return f.Path("redis") }

// Process is the file with the record of a process.
func (f Folder) Process(name string) string { return f.Path("processes", name+".json") }

// LoadSettings returns the settings that the first up fixed. found is false if the stack is down.
func (f Folder) LoadSettings() (s Settings, found bool, err error) {
	err = f.load(f.settingsPath(), &s, &found)
	return s, found, err
}

// SaveSettings stores the settings. Remove deletes them.
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

// Remove deletes everything but the logs.
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

// WriteJSON writes a file that only its owner may read, completely or not at all: a command that is killed must not leave a file
// that the next command cannot read.
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
