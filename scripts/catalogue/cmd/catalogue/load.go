package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/scripts/catalogue"
)

type loadCommand struct {
	Concerts       string            `arg:"" help:"File of the concerts."`
	Layout         map[string]string `help:"File of each seating plan, by the name that the concerts use: --layout theatre=theatre.json, and again for the next." required:""`
	Geometry       map[string]string `help:"File of the geometry of each seating plan, by the same name: --geometry theatre=geometry/theatre.json, and again for the next." required:""`
	LayoutsTable   string            `help:"Table of the layouts." env:"LAYOUTS_TABLE" required:""`
	OrdersQueueURL string            `help:"URL of the queue of orders." env:"ORDERS_QUEUE_URL" required:""`
	DryRun         bool              `help:"Read, check and compare everything, and write and send nothing."`
	JSON           bool              `help:"Print what was done as JSON."`
}

// parallelSends is how many batches of messages are sent at once.
const parallelSends = 8

// Run implements the command.
func (c *loadCommand) Run(ctx context.Context, p *program, root *commands) error {
	entries, err := c.read()
	if err != nil {
		return err
	}
	cfg, err := p.connect(ctx)
	if err != nil {
		return err
	}
	id := make([]byte, 16)
	// Read never fails (crypto/rand).
	_, _ = rand.Read(id)
	report, err := catalogue.Load(ctx, catalogue.Target{
		DynamoDB: dynamodb.NewFromConfig(cfg), SQS: sqs.NewFromConfig(cfg),
		ConcertsTable: root.ConcertsTable, LayoutsTable: c.LayoutsTable, OrdersQueueURL: c.OrdersQueueURL,
	}, entries, catalogue.Options{
		DryRun: c.DryRun, Now: time.Now, CommandID: hex.EncodeToString(id), Parallel: parallelSends,
		Progress: func(line string) { _, _ = fmt.Fprintln(p.err, line) },
	})
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(p.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	_, err = fmt.Fprintln(p.out, loaded(report, c.DryRun))
	return err
}

// read reads and checks all files before anything is written.
func (c *loadCommand) read() ([]catalogue.Entry, error) {
	concerts, err := os.ReadFile(c.Concerts)
	if err != nil {
		return nil, fmt.Errorf("read the concerts: %w", err)
	}
	layouts, err := readFiles("layout", c.Layout)
	if err != nil {
		return nil, err
	}
	geometries, err := readFiles("geometry", c.Geometry)
	if err != nil {
		return nil, err
	}
	return catalogue.Parse(concerts, layouts, geometries)
}

// readFiles reads files of one kind, by their names.
func readFiles(kind string, files map[string]string) (map[string][]byte, error) {
	contents := make(map[string][]byte, len(files))
	for name, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // G304: the caller names the file
		if err != nil {
			return nil, fmt.Errorf("read %s %s: %w", kind, name, err)
		}
		contents[name] = content
	}
	return contents, nil
}

func loaded(r catalogue.Report, dryRun bool) string {
	text := fmt.Sprintf("%d concerts, %d of %d layout items were missing, %d groups asked to be loaded, %d concerts cancelled, %d stored and not in the file.",
		r.Concerts, r.LayoutWritten, r.LayoutItems, r.Rebuilds, r.Cancelled, len(r.NotInFiles))
	if dryRun {
		return "dry run, nothing was changed: " + text
	}
	return text
}
