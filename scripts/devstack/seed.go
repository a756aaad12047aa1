package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/catalogue"
	"boxoffice/scripts/devstack/internal/stack"
)

type seedCommand struct {
	DryRun bool `help:"Read and compare everything, write nothing."`
	JSON   bool `help:"Print what was done as JSON."`
}

// Run implements the command.
func (c *seedCommand) Run(ctx context.Context, a *app, root *commands) error {
	d, err := a.describe(root.Stack)
	if err != nil {
		return err
	}
	report, err := a.load(ctx, d.settings, d.values, c.DryRun)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(report)
	}
	if c.DryRun {
		a.progress("dry run: nothing was written; %d layout items are missing", report.LayoutWritten)
		return nil
	}
	return a.awaitLoaded(ctx, d.settings)
}

// seed loads the sample concerts and waits until the main concert can be sold.
func (a *app) seed(ctx context.Context, s stack.Settings, values topology.Values) error {
	if _, err := a.load(ctx, s, values, false); err != nil {
		return err
	}
	return a.awaitLoaded(ctx, s)
}

func (a *app) load(ctx context.Context, s stack.Settings, values topology.Values, dryRun bool) (catalogue.Report, error) {
	entries, err := concertsOf(s)
	if err != nil {
		return catalogue.Report{}, err
	}
	cfg, err := awsConfig(ctx, s)
	if err != nil {
		return catalogue.Report{}, err
	}
	id := make([]byte, 16)
	// Read never fails (crypto/rand).
	_, _ = rand.Read(id)
	report, err := catalogue.Load(ctx, catalogue.Target{
		DynamoDB: dynamodb.NewFromConfig(cfg), SQS: sqs.NewFromConfig(cfg), ConcertsTable: values["tableName:concerts"],
		LayoutsTable: values["tableName:layouts"], OrdersQueueURL: values["queueUrl:orders"],
	}, entries, catalogue.Options{
		DryRun: dryRun, Now: a.now, CommandID: hex.EncodeToString(id), Parallel: seedParallel,
		Progress: func(line string) { a.progress("catalogue: %s", line) },
	})
	if err != nil {
		return report, err
	}
	a.progress("catalogue: %d concerts, %d of %d layout items were missing, %d groups asked to be loaded", report.Concerts, report.LayoutWritten, report.LayoutItems, report.Rebuilds)
	return report, nil
}

// concertsOf returns the sample concerts that are loaded into a stack.
func concertsOf(s stack.Settings) ([]catalogue.Entry, error) {
	entries, err := catalogue.Sample()
	if err != nil || !s.MainConcerts {
		return entries, err
	}
	main := entries[0].Concert.ConcertID
	return slices.DeleteFunc(entries, func(e catalogue.Entry) bool {
		return e.Concert.ConcertID != main && e.Layout != catalogue.LayoutArena
	}), nil
}

// mainConcert returns the id of the first sample concert.
func mainConcert() (string, error) {
	entries, err := catalogue.Sample()
	if err != nil {
		return "", err
	}
	return entries[0].Concert.ConcertID, nil
}

// arenaConcert returns the id of the sample concert in the arena.
func arenaConcert() (string, error) {
	entries, err := catalogue.Sample()
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.Layout == catalogue.LayoutArena {
			return e.Concert.ConcertID, nil
		}
	}
	return "", errors.New("the sample catalogue has no concert in the arena")
}

const (
	// seedParallel is how many calls at once keep the emulator, which is one process, busy.
	seedParallel = 8
	// loadTimeout is far above what a few dozen groups take: about a second for each batch.
	loadTimeout = 3 * time.Minute
	loadPoll    = 200 * time.Millisecond
)

// awaitLoaded waits until no group of the main concert is "loading", as a buyer sees it.
func (a *app) awaitLoaded(ctx context.Context, s stack.Settings) error {
	concert, err := mainConcert()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	poll := time.NewTicker(loadPoll)
	defer poll.Stop()
	shown := -1
	for {
		ready, all, err := loadedGroups(ctx, s.Issuer()+"/concerts/"+concert+"/availability")
		if err == nil && ready != shown {
			shown = ready
			a.progress("%s: %d of %d seat groups are loaded", concert, ready, all)
		}
		if err == nil && all > 0 && ready == all {
			a.progress("%s can be sold; groups of the other concerts that are not loaded yet follow", concert)
			return nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = fmt.Errorf("%d of %d groups are", ready, all)
			}
			return fmt.Errorf("the seat groups of %s are not all loaded: %w (see the logs of reserve and queries)", concert, err)
		case <-poll.C:
		}
	}
}

func loadedGroups(ctx context.Context, url string) (ready, all int, err error) {
	body, err := get(ctx, url)
	if err != nil {
		return 0, 0, err
	}
	var availability struct {
		Groups []struct {
			State string `json:"state"`
		} `json:"groups"`
	}
	if err := json.Unmarshal(body, &availability); err != nil {
		return 0, 0, fmt.Errorf("availability: %w", err)
	}
	for _, g := range availability.Groups {
		if g.State == "ready" {
			ready++
		}
	}
	return ready, len(availability.Groups), nil
}
