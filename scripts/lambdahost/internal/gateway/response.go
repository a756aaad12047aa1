package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// response is a function's response in the form that is sent to the client.
type response struct {
	status int
	header http.Header
	body   []byte
}

// functionResponse is the response of payload format 2.0.
type functionResponse struct {
	StatusCode        json.RawMessage            `json:"statusCode"`
	Headers           map[string]json.RawMessage `json:"headers"`
	MultiValueHeaders map[string][]string        `json:"multiValueHeaders"`
	Cookies           []string                   `json:"cookies"`
	Body              *string                    `json:"body"`
	IsBase64Encoded   bool                       `json:"isBase64Encoded"`
}

// ownHeaders are set by the server. The function's values for them are dropped, since they could contradict the server's.
var ownHeaders = map[string]bool{"Content-Length": true, "Connection": true, "Transfer-Encoding": true, "Keep-Alive": true, "Apigw-Requestid": true}

// parseResponse parses a function's response. Like AWS, it takes JSON without statusCode as the body of a 200.
func parseResponse(payload []byte) (response, error) {
	if !json.Valid(payload) {
		return response{}, errors.New("the function's response is not JSON")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil || members["statusCode"] == nil {
		return response{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, body: bytes.TrimSpace(payload)}, nil
	}
	var f functionResponse
	if err := json.Unmarshal(payload, &f); err != nil {
		return response{}, fmt.Errorf("the function's response: %w", err)
	}
	status, err := strconv.Atoi(scalar(f.StatusCode))
	if err != nil || status < 200 || status > 599 {
		return response{}, fmt.Errorf("the function's response has statusCode %.20s", f.StatusCode)
	}
	a := response{status: status, header: http.Header{}}
	if err := a.setHeaders(f); err != nil {
		return response{}, err
	}
	if f.Body != nil {
		a.body = []byte(*f.Body)
		if f.IsBase64Encoded {
			if a.body, err = base64.StdEncoding.DecodeString(*f.Body); err != nil {
				return response{}, fmt.Errorf("the function's body is not base64: %w", err)
			}
		}
	}
	return a, nil
}

func (a response) setHeaders(f functionResponse) error {
	for name, raw := range f.Headers {
		if raw[0] == '{' || raw[0] == '[' {
			return fmt.Errorf("the function's header %s is not a plain value", name)
		}
		a.header.Set(name, scalar(raw))
	}
	for name, values := range f.MultiValueHeaders {
		a.header.Del(name)
		for _, value := range values {
			a.header.Add(name, value)
		}
	}
	for _, cookie := range f.Cookies {
		a.header.Add("Set-Cookie", cookie)
	}
	return nil
}

// scalar returns a JSON string, number or boolean as text.
func scalar(raw json.RawMessage) string {
	var s string
	if err := json.Unmarshal(raw, &s); err == nil {
		return s
	}
	return string(raw)
}

func (a response) write(w http.ResponseWriter) {
	for name, values := range a.header {
		if !ownHeaders[name] {
			w.Header()[name] = values
		}
	}
	if a.header.Get("Content-Type") == "" && len(a.body) > 0 {
		w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	}
	w.WriteHeader(a.status)
	// A failed write means that the client is gone, which is not our failure. 204 and 304 have no body, whatever the function
	// returned.
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		_, _ = w.Write(a.body)
	}
}

// writeMessage writes a response in the form of API Gateway's own responses.
func writeMessage(w http.ResponseWriter, status int, message string) {
	body := `{"message":"` + message + `"}`
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}
