package faults

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // Redis identifies scripts by it
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// scriptNames finds the operation of a command for Redis: "script sell" for a script with a name, "script" for any other script,
// and the command itself otherwise, such as "set". A function sends the hash of a script, and its text only if the server does
// not know the hash. So the scripts are flushed first; a hash whose text has not been seen since gets NOSCRIPT, without any
// effect, and does not count as a script. It is safe for concurrent use.
type scriptNames struct {
	mu sync.Mutex
	// byHash has the operations of the texts seen so far.
	byHash map[string]string
}

// scriptName matches the name of a seat group script: the first word of the comment that documents the script like a function,
// with its KEYS behind an empty line.
var scriptName = regexp.MustCompile(`(?m)^-- (hold|forward|keep|sell|restore|release|repair|sweep|load|unlock|state) .*\n(?:-- .*\n)*--\n-- KEYS `)

func (n *scriptNames) operation(sent []byte) string {
	command, rest := bulkString(sent)
	command = strings.ToLower(command)
	if !strings.HasPrefix(command, "eval") {
		return command
	}
	argument, _ := bulkString(rest)
	n.mu.Lock()
	defer n.mu.Unlock()
	if strings.HasPrefix(command, "evalsha") {
		return cmp.Or(n.byHash[argument], command)
	}
	operation := "script"
	if found := scriptName.FindAllSubmatch(sent, -1); found != nil {
		operation += " " + string(found[len(found)-1][1])
	}
	if n.byHash == nil {
		n.byHash = map[string]string{}
	}
	hash := sha1.Sum([]byte(argument)) //nolint:gosec // Redis identifies scripts by it
	n.byHash[hex.EncodeToString(hash[:])] = operation
	return operation
}

// bulkString returns the first string of a command, and the rest behind it.
func bulkString(sent []byte) (text string, rest []byte) {
	_, sent, found := bytes.Cut(sent, []byte("$"))
	length, sent, more := bytes.Cut(sent, []byte("\r\n"))
	if !found || !more {
		return "", nil
	}
	n := 0
	for _, c := range length {
		if c < '0' || c > '9' || n > len(sent) {
			return "", nil
		}
		n = 10*n + int(c-'0')
	}
	if n > len(sent) {
		return "", nil
	}
	return string(sent[:n]), sent[n:]
}

func TestScriptsAreRecognizedByName(t *testing.T) {
	const text = "-- sweep does nothing, and the last one counts\n--\n-- KEYS 1\nlocal x = 1\n-- sell sells the seats\n-- of an order.\n--\n-- KEYS 2\n-- keep is no script\nreturn 1"
	hash := sha1.Sum([]byte(text)) //nolint:gosec // Redis identifies scripts by it
	bySHA := "*3\r\n$7\r\nevalsha\r\n$40\r\n" + hex.EncodeToString(hash[:]) + "\r\n$1\r\n8\r\n"
	var n scriptNames
	for i, c := range []struct{ sent, want string }{
		{"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n", "set"}, {bySHA, "evalsha"},
		{fmt.Sprint("*3\r\n$4\r\neval\r\n$", len(text), "\r\n") + text + "\r\n$1\r\n8\r\n", "script sell"}, {bySHA, "script sell"},
		{"*2\r\n$4\r\neval\r\n$8\r\nreturn 1\r\n", "script"}, {"*2\r\n$4\r\neval\r\n$9999\r\nreturn 1\r\n", "script"},
		{"", ""}, {"PING\r\n", ""}, {"*1\r\n$x\r\n", ""},
	} {
		if got := n.operation([]byte(c.sent)); got != c.want {
			t.Errorf("%d: got %q, want %q", i, got, c.want)
		}
	}
	scripts, err := filepath.Glob("../../consumers/internal/adapters/redishold/*.lua")
	if err != nil || len(scripts) < 11 {
		t.Fatal(scripts, err)
	}
	for _, file := range scripts {
		name := strings.TrimSuffix(filepath.Base(file), ".lua")
		shared := name == "prelude" || name == "clock"
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := scriptName.FindAllSubmatch(content, -1); !shared && (len(found) != 1 || string(found[0][1]) != name) || shared && found != nil {
			t.Errorf("the names in %s are %q", file, found)
		}
	}
	sell := before("mirror", "redis", "script sell")
	if !sell.matches("redis", "script sell") || sell.matches("redis", "script keep") || !before("mirror", "redis", "script").matches("redis", "script sell") ||
		before("pay", "stripe", "POST payment_intents").matches("stripe", "POST payment_intents/capture") || sell.matches("redis", "script") {
		t.Error("a kill matches a wrong call, or not its own")
	}
}
