package runtime

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// tailSize is how much of a log AWS answers: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (LogType).
const tailSize = 4 << 10

// call is one invocation on its way: its identity, its log and its times.
type call struct {
	options      Options
	function     Function
	id           string
	trace        string
	payload      []byte
	log          []byte // at most tailSize
	began        time.Time
	initDuration time.Duration // of the cold start; zero when warm, or when the init was repeated
	memoryMB     int           // zero: unknown
}

func newCall(o Options, fn Function, payload []byte) (*call, error) {
	var random [36]byte
	if _, err := io.ReadFull(o.Rand, random[:]); err != nil {
		return nil, fmt.Errorf("drawing a request id: %w", err)
	}
	if len(payload) == 0 {
		payload = []byte("{}") // what a function gets of an Invoke call without a payload
	}
	random[6] = random[6]&0x0f | 0x40 // RFC 9562: version 4
	random[8] = random[8]&0x3f | 0x80
	return &call{
		options:  o,
		function: fn,
		id:       fmt.Sprintf("%x-%x-%x-%x-%x", random[0:4], random[4:6], random[6:8], random[8:10], random[10:16]),
		trace:    fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", uint32(o.Now().Unix()), random[16:28], random[28:36]),
		payload:  payload,
	}, nil
}

// start prints the START line, once.
func (c *call) start() {
	if c.began.IsZero() {
		c.began = c.options.Now()
		c.append(fmt.Appendf(nil, "START RequestId: %s Version: %s\n", c.id, c.function.Version))
	}
}

// finish prints what Lambda prints after an invocation. f is nil unless the invocation failed without an answer.
func (c *call) finish(status string, f *fault) {
	c.start()
	now := c.options.Now()
	if status == "timeout" {
		c.append(fmt.Appendf(nil, "%s %s %s\n\n", now.UTC().Format("2006-01-02T15:04:05.000Z"), c.id, f.message))
	}
	c.append(fmt.Appendf(nil, "END RequestId: %s\n", c.id))
	fields := c.report(now.Sub(c.began))
	if status != "" {
		fields = append(fields, "Status: "+status)
	}
	if status == "error" {
		fields = append(fields, "Error Type: "+f.errorType)
	}
	c.append([]byte(strings.Join(fields, "\t") + "\t\n"))
}

// report has the fields of Lambda's REPORT line that every invocation has. Where the system does not tell the memory
// used, the line does not either.
func (c *call) report(took time.Duration) []string {
	fields := []string{
		"REPORT RequestId: " + c.id,
		fmt.Sprintf("Duration: %.2f ms", milliseconds(took)),
		fmt.Sprintf("Billed Duration: %d ms", (took+c.initDuration+time.Millisecond-1)/time.Millisecond),
		fmt.Sprintf("Memory Size: %d MB", c.function.MemoryMB),
	}
	if c.memoryMB > 0 {
		fields = append(fields, fmt.Sprintf("Max Memory Used: %d MB", c.memoryMB))
	}
	if c.initDuration > 0 {
		fields = append(fields, fmt.Sprintf("Init Duration: %.2f ms", milliseconds(c.initDuration)))
	}
	return fields
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (c *call) append(log []byte) {
	c.log = lastBytes(append(c.log, log...), tailSize)
}
