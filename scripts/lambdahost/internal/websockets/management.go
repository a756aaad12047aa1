package websockets

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/coder/websocket"
)

// Prefix is where the management API is: the stage, which is the end of a client's base address, and @connections.
const Prefix = Path + "/@connections/"

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{8,}=*$`)

// Management returns the management API. It looks for a signature and does not verify it.
//
//	POST   {stage}/@connections/{connectionId}  sends the body
//	GET    {stage}/@connections/{connectionId}  says since when it is open, and when it was last used
//	DELETE {stage}/@connections/{connectionId}  closes it
func (a *API) Management() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Prefix+"{id}", a.managed(post))
	mux.HandleFunc("GET "+Prefix+"{id}", a.managed(get))
	mux.HandleFunc("DELETE "+Prefix+"{id}", a.managed(hangUp))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		exception(w, http.StatusForbidden, "ForbiddenException", "Forbidden")
	})
	return mux
}

// exception answers in the form from which the SDK makes an error of that type.
func exception(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("X-Amzn-Errortype", kind)
	write(w, status, map[string]string{"message": message})
}

func write(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A failed write means that the client is gone.
	_ = json.NewEncoder(w).Encode(document)
}

func (a *API) managed(handle func(http.ResponseWriter, *http.Request, *connection)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		switch c := a.find(id); {
		case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
			exception(w, http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
		case !idForm.MatchString(id):
			exception(w, http.StatusBadRequest, "BadRequestException", "Invalid connectionId: "+id)
		case c == nil:
			gone(w)
		default:
			handle(w, r, c)
		}
	}
}

func gone(w http.ResponseWriter) { exception(w, http.StatusGone, "GoneException", "Gone") }

func post(w http.ResponseWriter, r *http.Request, c *connection) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxMessage))
	if err != nil {
		exception(w, http.StatusRequestEntityTooLarge, "PayloadTooLargeException", "Message too long")
		return
	}
	if err := c.send(data); err != nil {
		gone(w)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func get(w http.ResponseWriter, _ *http.Request, c *connection) {
	c.mu.Lock()
	active := c.active
	c.mu.Unlock()
	write(w, http.StatusOK, map[string]any{"connectedAt": instant(c.at), "lastActiveAt": instant(active), "identity": c.source})
}

func hangUp(w http.ResponseWriter, _ *http.Request, c *connection) {
	// It waits for the client's agreement, which the caller of AWS does not. From now on the connection is gone.
	c.api.remove(c)
	go c.end(closing{websocket.StatusNormalClosure, "Connection closed by the API"})
	w.WriteHeader(http.StatusNoContent)
}
