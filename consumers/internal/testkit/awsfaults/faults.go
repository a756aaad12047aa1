package awsfaults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ErrLost is the error of a lost response.
var ErrLost = errors.New("connection reset by peer")

// Lost carries out the attempt and loses its response.
func Lost(r *http.Request, next aws.HTTPClient) (*http.Response, error) {
	if _, _, err := exchange(r, next); err != nil {
		return nil, err
	}
	return nil, ErrLost
}

// Seen carries out the attempt and calls look with its request.
func Seen(look func(body map[string]any)) Fault {
	return func(r *http.Request, next aws.HTTPClient) (*http.Response, error) {
		body, err := bodyOf(r)
		if err != nil {
			return nil, err
		}
		look(body)
		return next.Do(with(r, body))
	}
}

// Paged ends a page of a Query or a Scan after n items, as DynamoDB ends one after 1 MB.
func Paged(n int) Fault {
	return Seen(func(body map[string]any) { body["Limit"] = n })
}

// Throttled refuses an attempt with the code of a throttle, such as ThrottlingException, without any effect.
func Throttled(code string) Fault {
	return refused(map[string]any{"__type": code, "message": "slow down"})
}

// ConditionFailed refuses a condition, without the stored row although it was asked for.
func ConditionFailed(*http.Request, aws.HTTPClient) (*http.Response, error) {
	return answer(http.StatusBadRequest, map[string]any{"__type": "ConditionalCheckFailedException", "message": "The conditional request failed"})
}

// Cancelled cancels a transaction without any effect. The codes are those of its actions, by position, None among them. A
// refused condition comes without the stored row.
func Cancelled(codes ...string) Fault {
	reasons := make([]any, len(codes))
	for i, code := range codes {
		reasons[i] = map[string]any{"Code": code}
	}
	return refused(map[string]any{
		"__type": transactionCanceled, "CancellationReasons": reasons,
		"Message": "Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]",
	})
}

const transactionCanceled = "TransactionCanceledException"

// CancelledAlso adds a reason to a transaction that the server cancels: the action at that position failed too, with that
// code.
func CancelledAlso(position int, code string) Fault {
	return func(r *http.Request, next aws.HTTPClient) (*http.Response, error) {
		status, body, err := exchange(r, next)
		if err != nil {
			return nil, err
		}
		reasons, _ := body["CancellationReasons"].([]any)
		if position >= len(reasons) {
			return nil, fmt.Errorf("the server did not cancel the transaction: %d %v", status, body)
		}
		reasons[position] = map[string]any{"Code": code}
		return answer(status, body)
	}
}

// Unprocessed leaves the last n keys of a BatchGetItem unprocessed, or all if there are fewer.
func Unprocessed(n int) Fault {
	return func(r *http.Request, next aws.HTTPClient) (*http.Response, error) {
		body, err := bodyOf(r)
		if err != nil {
			return nil, err
		}
		tables, rest, some := object(body, "RequestItems"), map[string]any{}, false
		for name := range tables {
			table := object(tables, name)
			keys, _ := table["Keys"].([]any)
			at := max(len(keys)-n, 0)
			left := maps.Clone(table)
			left["Keys"], table["Keys"] = keys[at:], keys[:at]
			rest[name], some = left, some || at > 0
		}
		status, out := http.StatusOK, map[string]any{"Responses": map[string]any{}}
		if some {
			if status, out, err = exchange(with(r, body), next); err != nil {
				return nil, err
			}
		}
		out["UnprocessedKeys"] = rest
		return answer(status, out)
	}
}

// EntriesFailed reports the entries of a batch at those positions as failed, with that code, and does not carry them out.
// senderFault is for SendMessageBatch only.
func EntriesFailed(code string, senderFault bool, positions ...int) Fault {
	return func(r *http.Request, next aws.HTTPClient) (*http.Response, error) {
		body, err := bodyOf(r)
		if err != nil {
			return nil, err
		}
		all, _ := body["Entries"].([]any)
		var kept, failed []any
		for i, entry := range all {
			if slices.Contains(positions, i) {
				failed = append(failed, entry)
			} else {
				kept = append(kept, entry)
			}
		}
		status, out := http.StatusOK, map[string]any{}
		if len(kept) > 0 {
			body["Entries"] = kept
			if status, out, err = exchange(with(r, body), next); err != nil {
				return nil, err
			}
		}
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutEvents") {
			entries, _ := out["Entries"].([]any)
			for _, at := range slices.Sorted(slices.Values(positions)) {
				entries = slices.Insert(entries, at, any(map[string]any{"ErrorCode": code, "ErrorMessage": "try later"}))
			}
			out["Entries"], out["FailedEntryCount"] = entries, len(failed)
			return answer(status, out)
		}
		var named []any
		for _, entry := range failed {
			id := entry.(map[string]any)["Id"]
			named = append(named, map[string]any{"Id": id, "Code": code, "Message": "try later", "SenderFault": senderFault})
		}
		out["Failed"] = named
		return answer(status, out)
	}
}

func refused(body map[string]any) Fault {
	return func(*http.Request, aws.HTTPClient) (*http.Response, error) {
		return answer(http.StatusBadRequest, body)
	}
}

// exchange makes an attempt and decodes its response.
func exchange(r *http.Request, next aws.HTTPClient) (status int, body map[string]any, err error) {
	response, err := next.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err = decoded(response.Body)
	return response.StatusCode, body, err
}

func bodyOf(r *http.Request) (map[string]any, error) {
	if r.Body == nil {
		return nil, errors.New("a request without a body")
	}
	return decoded(r.Body)
}

// decoded keeps numbers as they are written.
func decoded(from io.Reader) (map[string]any, error) {
	d := json.NewDecoder(from)
	d.UseNumber()
	body := map[string]any{}
	if err := d.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	return body, nil
}

func object(in map[string]any, name string) map[string]any {
	out, _ := in[name].(map[string]any)
	return out
}

// with returns the request with another body. It is not signed again: emulators do not check.
func with(r *http.Request, body map[string]any) *http.Request {
	encoded, _ := json.Marshal(body) // it came from JSON
	changed := r.Clone(r.Context())
	changed.Body, changed.ContentLength = io.NopCloser(bytes.NewReader(encoded)), int64(len(encoded))
	changed.Header.Del("Content-Length")
	return changed
}

// answer returns a response for the SDK, with the checksum that DynamoDB's client checks.
func answer(status int, body map[string]any) (*http.Response, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Crc32": {strconv.FormatUint(uint64(crc32.ChecksumIEEE(encoded)), 10)},
		},
		Body: io.NopCloser(bytes.NewReader(encoded)), ContentLength: int64(len(encoded)),
	}, nil
}
