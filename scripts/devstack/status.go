package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/process"
	"boxoffice/scripts/devstack/internal/redisserver"
	"boxoffice/scripts/devstack/internal/stack"
)

type statusCommand struct {
	JSON bool `help:"Print JSON."`
}

type processStatus struct {
	Name    string `json:"name"`
	PID     int    `json:"pid,omitempty"`
	Address string `json:"address,omitempty"`
	// Health is "ok", "down", or why it is not healthy.
	Health string `json:"health"`
}

type stackStatus struct {
	Stack    string          `json:"stack"`
	Up       bool            `json:"up"`
	Settings *stack.Settings `json:"settings,omitempty"`
	Process  []processStatus `json:"processes"`
}

var errNotUp = errors.New("not everything of the stack is up")

// Run implements the command.
func (c *statusCommand) Run(ctx context.Context, a *app, root *commands) error {
	f, err := a.folder(root.Stack)
	if err != nil {
		return err
	}
	status, err := a.status(ctx, f)
	if err != nil {
		return err
	}
	if c.JSON {
		err = a.printJSON(status)
	} else {
		err = a.printStatus(status)
	}
	if err == nil && !status.Up {
		err = fmt.Errorf("%w; bring it up by make up%s", errNotUp, stackArgument(f.Name))
	}
	return err
}

func (a *app) status(ctx context.Context, f stack.Folder) (stackStatus, error) {
	status := stackStatus{Stack: f.Name, Up: true}
	s, found, err := f.LoadSettings()
	if err != nil {
		return status, err
	}
	if found {
		status.Settings = &s
	}
	for _, name := range processNames {
		p := processStatus{Name: name, Health: "down"}
		if record, known, err := process.Read(f.Process(name)); err == nil && known && found && record.Alive() {
			var check func(context.Context) error
			p.PID = record.PID
			p.Address, check, err = a.health(f, s, name)
			if err == nil {
				err = check(ctx)
			}
			p.Health = "ok"
			if err != nil {
				p.Health = err.Error()
			}
		}
		status.Up = status.Up && p.Health == "ok"
		status.Process = append(status.Process, p)
	}
	return status, nil
}

func (a *app) health(f stack.Folder, s stack.Settings, name string) (string, func(context.Context) error, error) {
	switch name {
	case ministackName:
		return s.AWSURL(), healthyAt(s.AWSURL() + "/_ministack/health"), nil
	case redisName:
		secrets, err := f.LoadSecrets()
		client := redisserver.Client(s.Ports, secrets.Redis[stack.RedisAdmin])
		return "redis://" + stack.Address(s.Ports.Redis), redisReady(client, redisserver.Ready), err
	case stripeName:
		return s.StripeURL(), healthyAt(s.StripeURL() + "/double/health"), nil
	default:
		return s.SiteURL(), healthyAt(s.ControlURL() + "/healthz"), nil
	}
}

func (a *app) printStatus(status stackStatus) error {
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, p := range status.Process {
		pid := "-"
		if p.PID != 0 {
			pid = fmt.Sprint(p.PID)
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", p.Name, pid, p.Address, p.Health); err != nil {
			return err
		}
	}
	return table.Flush()
}

func (a *app) printJSON(value any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// description has all that the files of a stack that is up say.
type description struct {
	folder   stack.Folder
	settings stack.Settings
	secrets  stack.Secrets
	topology topology.Topology
	values   topology.Values
}

// describe reads the files of a stack. It is an error if the stack is not up.
func (a *app) describe(name string) (description, error) {
	f, err := a.folder(name)
	if err != nil {
		return description{}, err
	}
	d := description{folder: f}
	s, found, err := f.LoadSettings()
	if err != nil {
		return d, err
	}
	values, valuesErr := os.ReadFile(f.Values())
	if !found || errors.Is(valuesErr, os.ErrNotExist) {
		return d, fmt.Errorf("stack %s is not up: make up%s", name, stackArgument(name))
	}
	if valuesErr != nil {
		return d, fmt.Errorf("stack %s: %w", name, valuesErr)
	}
	d.settings = s
	if err := json.Unmarshal(values, &d.values); err != nil {
		return d, fmt.Errorf("stack %s: values: %w", name, err)
	}
	specification, err := os.ReadFile(f.Topology())
	if err != nil {
		return d, fmt.Errorf("stack %s: %w", name, err)
	}
	if d.topology, err = topology.Parse(specification); err != nil {
		return d, err
	}
	d.secrets, err = f.LoadSecrets()
	return d, err
}
