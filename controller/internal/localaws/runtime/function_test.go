package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

const minute = time.Minute

// request is an event of the Go function.
type request struct {
	Do   string `json:"do"`
	At   string `json:"at"`   // an address
	Text string `json:"text"` // to print
	Size int    `json:"size"` // of the answer's text
}

// reply is what the Go function answers.
type reply struct {
	PID         int      `json:"pid"`
	Folder      string   `json:"folder,omitempty"`
	Environment []string `json:"environment,omitempty"`
	RequestID   string   `json:"requestID,omitempty"`
	ARN         string   `json:"arn,omitempty"`
	Remaining   int64    `json:"remaining,omitempty"` // ms
	Responses   []string `json:"responses,omitempty"`
}

// serveFunction is the Go function of the tests.
func serveFunction() {
	fmt.Fprintln(os.Stderr, "initialising")
	if at := os.Getenv("INIT_URL"); at != "" {
		if said := visit(at); said == "exit" {
			os.Exit(9)
		}
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, r request) (any, error) {
	switch r.Do {
	case "print":
		fmt.Println(r.Text)
	case "error":
		return nil, errors.New("no such order")
	case "panic":
		panic("out of cheese")
	case "exit":
		os.Exit(r.Size)
	case "block":
		select {}
	case "text":
		return strings.Repeat("x", r.Size), nil
	case "visit":
		visit(r.At)
	case "spawn":
		return reply{PID: os.Getpid()}, spawn(r.At)
	case "environment":
		return environment(ctx)
	case "list":
		return list()
	case "misbehave":
		return misbehave(ctx)
	}
	return reply{PID: os.Getpid()}, nil
}

func visit(at string) string {
	response, err := http.Get(at)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(said)
}

func environment(ctx context.Context) (reply, error) {
	folder, err := os.Getwd()
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return reply{
		PID: os.Getpid(), Folder: folder, Environment: os.Environ(), RequestID: lc.AwsRequestID, ARN: lc.InvokedFunctionArn,
		Remaining: time.Until(deadline).Milliseconds(),
	}, err
}

// list is the package as the function sees it.
func list() (got reply, err error) {
	err = fs.WalkDir(os.DirFS("."), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			got.Responses = append(got.Responses, info.Mode().String()+" "+path)
		}
		return err
	})
	return got, err
}

// spawn leaves a process behind that holds a connection to at.
func spawn(at string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "TEST_HOLD="+at)
	return cmd.Start()
}

func holdConnection(at string) {
	conn, err := net.Dial("tcp", at)
	if err != nil {
		os.Exit(1)
	}
	fmt.Fprint(conn, "x")
	_, _ = conn.Read(make([]byte, 1))
}

// misbehave asks the Runtime API for what it must refuse during an invocation.
func misbehave(ctx context.Context) (reply, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	calls := []struct{ method, path string }{
		{http.MethodGet, "invocation/next"},
		{http.MethodPost, "invocation/00000000-0000-4000-8000-000000000000/response"},
		{http.MethodPost, "invocation/00000000-0000-4000-8000-000000000000/error"},
		{http.MethodPost, "init/error"},
		{http.MethodGet, "invocation/" + lc.AwsRequestID + "/response"},
		{http.MethodGet, "elsewhere"},
	}
	var got reply
	for _, c := range calls {
		said, err := ask(c.method, base+c.path)
		if err != nil {
			return reply{}, err
		}
		got.Responses = append(got.Responses, said)
	}
	return got, nil
}

func ask(method, url string) (string, error) {
	request, err := http.NewRequest(method, url, strings.NewReader("{}"))
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return fmt.Sprint(response.StatusCode, " ", strings.TrimSpace(string(body))), err
}
