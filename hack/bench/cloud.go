package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// cloud is a local AWS that listens, a process of its own, so that its cost is nobody's.
type cloud struct {
	url string
	cmd *exec.Cmd
}

// conditions are how a cloud behaves.
type conditions struct {
	latency, settle time.Duration
	throttle        bool
}

// serve starts a local AWS on a folder. Stop it.
func (l *lab) serve(ctx context.Context, dir string, c conditions) (*cloud, error) {
	args := []string{"local-aws", "--listen", "127.0.0.1:0", "--data", dir, "--log-level", "error", "--latency", c.latency.String(), "--settle", c.settle.String()}
	if c.throttle {
		args = append(args, "--throttle")
	}
	cmd := exec.CommandContext(ctx, l.bin("sealift"), args...)
	cmd.Env = l.env()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start local AWS: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, rest, _ := strings.Cut(line, "AWS_ENDPOINT_URL=")
	url, _, _ := strings.Cut(rest, " ")
	if err != nil || url == "" {
		return nil, errors.Join(errors.New("local AWS did not start"), cmd.Wait())
	}
	return &cloud{url: url, cmd: cmd}, nil
}

// stop ends the local AWS, which then has written its state.
func (c *cloud) stop() error {
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return c.cmd.Wait()
}

// config returns an SDK configuration for the local AWS.
func (c *cloud) config() aws.Config {
	return aws.Config{Region: region, BaseEndpoint: &c.url, Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")}
}

// call is an AWS call that was answered.
type call struct {
	Service, Operation, Resource, Code string
	Mutating                           bool
	Status                             int
}

// traffic is what went over the wire.
type traffic struct{ Received, Downloads, Downloaded int64 }

// count is what was called, and moved, by one job.
type count struct {
	calls   []call
	traffic traffic
}

// forget begins to count anew.
func (c *cloud) forget(ctx context.Context) error {
	return errors.Join(c.ask(ctx, http.MethodDelete, "calls", nil), c.ask(ctx, http.MethodDelete, "traffic", nil))
}

// counted returns what was counted since forget.
func (c *cloud) counted(ctx context.Context) (count, error) {
	var n count
	err := errors.Join(c.ask(ctx, http.MethodGet, "calls", &n.calls), c.ask(ctx, http.MethodGet, "traffic", &n.traffic))
	return n, err
}

func (c *cloud) ask(ctx context.Context, method, what string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.url+"/_localaws/"+what, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// of counts the calls that is true of.
func (n count) of(is func(call) bool) int {
	found := 0
	for _, c := range n.calls {
		if is(c) {
			found++
		}
	}
	return found
}

func (n count) writes() int { return n.of(func(c call) bool { return c.Mutating }) }

func (n count) kms() int { return n.of(func(c call) bool { return c.Service == "kms" }) }

func (n count) throttled() int {
	return n.of(func(c call) bool { return c.Code == "TooManyRequestsException" || c.Code == "ThrottlingException" })
}

// operations lists the calls by operation: "2 GetFunction, 1 PublishVersion".
func (n count) operations() string {
	var order []string
	by := map[string]int{}
	for _, c := range n.calls {
		if by[c.Operation] == 0 {
			order = append(order, c.Operation)
		}
		by[c.Operation]++
	}
	for i, operation := range order {
		order[i] = fmt.Sprintf("%d %s", by[operation], operation)
	}
	return strings.Join(order, ", ")
}
