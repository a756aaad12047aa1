package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/apiclient"
)

// logins is what logging in costs.
type logins struct {
	Logins          int     `json:"logins"`
	Clients         int     `json:"clients"`
	LoginsPerSecond float64 `json:"loginsPerSecond"`
	// Took is the time of an answer, in milliseconds.
	Took spread `json:"tookMilliseconds"`
	// CPU has the cost of each login.
	CPU []processCost `json:"cpu"`
	// HashMilliseconds is the CPU time of one argon2id hash with the parameters of the account's, HashShare its share of the time
	// of identity, 0 to 1.
	HashMilliseconds float64 `json:"hashMilliseconds"`
	HashShare        float64 `json:"hashShare"`
	OthersShare      float64 `json:"othersShare"`
}

const (
	// loginClients log in at once. More would wait for a processor, since a hash takes a whole one.
	loginClients = 2
	// loginWarmUps are the logins before the measure, which start the processes that it needs.
	loginWarmUps = 20
	// hashes are computed here to know the cost of one: CPU time is counted in steps of 10 ms.
	hashes        = 40
	loginPassword = "a password of measure"
)

// login measures logins to one account over HTTP.
func (m *measures) login(ctx context.Context) (logins, error) {
	l := logins{Logins: m.Logins, Clients: loginClients}
	mail := newRun() + "@example.com"
	credentials := map[string]string{"email": mail, "password": loginPassword}
	if _, err := m.authenticate(ctx, "/auth/signup", map[string]string{"email": mail, "password": loginPassword, "name": "measure"}, http.StatusCreated); err != nil {
		return l, err
	}
	if _, err := m.logIn(ctx, credentials, loginWarmUps); err != nil {
		return l, err
	}
	_, from, err := m.begin(ctx)
	if err != nil {
		return l, err
	}
	m.progress("login: %d logins of %d clients", l.Logins, l.Clients)
	begun := time.Now()
	took, err := m.logIn(ctx, credentials, l.Logins)
	if err != nil {
		return l, err
	}
	l.LoginsPerSecond, l.Took = float64(l.Logins)/time.Since(begun).Seconds(), spreadOf(took)
	processes, err := m.processes(ctx)
	if err != nil {
		return l, err
	}
	to, err := readUsage(processes)
	if err != nil {
		return l, err
	}
	if l.CPU, err = costs(from, to, l.Logins); err != nil {
		return l, err
	}
	l.OthersShare = others(from, to, runtime.NumCPU())
	if l.HashMilliseconds, err = m.hashCost(ctx, mail); err != nil {
		return l, err
	}
	for _, c := range l.CPU {
		if c.Name == "identity" {
			l.HashShare = l.HashMilliseconds / c.MillisecondsPerOrder
		}
	}
	m.progress("login: %.0f logins/s, of which argon2id takes %.1f ms", l.LoginsPerSecond, l.HashMilliseconds)
	return l, nil
}

// logIn logs in n times and returns how long each took.
func (m *measures) logIn(ctx context.Context, credentials map[string]string, n int) ([]time.Duration, error) {
	clients, ctx := errgroup.WithContext(ctx)
	clients.SetLimit(loginClients)
	var mu sync.Mutex
	var all []time.Duration
	for range n {
		clients.Go(func() error {
			took, err := m.authenticate(ctx, "/auth/login", credentials, http.StatusOK)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took)
			return err
		})
	}
	return all, clients.Wait()
}

func (m *measures) authenticate(ctx context.Context, path string, body map[string]string, want int) (time.Duration, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	client := &apiclient.Client{Base: m.API, HTTP: m.HTTP}
	begun := time.Now()
	answer, err := client.Do(ctx, http.MethodPost, path, encoded, map[string]string{"Content-Type": "application/json"})
	took := time.Since(begun)
	if err == nil && answer.Status != want {
		err = fmt.Errorf("POST %s: %d %s", path, answer.Status, answer.Problem().Code)
	}
	return took, err
}

// hashCost returns the CPU time in milliseconds of one hash with the parameters of the account's.
func (m *measures) hashCost(ctx context.Context, mail string) (float64, error) {
	out, err := m.Dynamo.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(m.Table("users")), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"accountItem": &types.AttributeValueMemberS{Value: readmodel.MailItem(mail)}},
	})
	if err != nil {
		return 0, fmt.Errorf("account: %w", err)
	}
	var owner readmodel.MailOwner
	if err := attributevalue.UnmarshalMap(out.Item, &owner); err != nil {
		return 0, fmt.Errorf("account: %w", err)
	}
	params, _, _, err := argon2id.DecodeHash(owner.PasswordHash)
	if err != nil {
		return 0, fmt.Errorf("hash of the account: %w", err)
	}
	from, err := cpuOf(os.Getpid())
	if err != nil {
		return 0, err
	}
	for range hashes {
		if _, err := argon2id.CreateHash(loginPassword, params); err != nil {
			return 0, fmt.Errorf("hash: %w", err)
		}
	}
	to, err := cpuOf(os.Getpid())
	return (to - from).Seconds() * 1000 / hashes, err
}
