package leaktest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
)

// Requests returns a handler that has w look at everything that next is sent: the URL, the
// headers and the body. The data keys and whatever else KMS hands out as plaintext, and the
// credentials that STS does, are secrets from then on. The header in which a session's token
// has to be sent is left out.
func (w *Watch) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close() // it was read
		if err != nil {
			panic(http.ErrAbortHandler) // the sender is gone
		}
		var head bytes.Buffer
		_ = r.Header.WriteSubset(&head, map[string]bool{"X-Amz-Security-Token": true}) // to memory
		sink := "a request " + r.Method + " " + r.Header.Get("X-Amz-Target")
		w.Look(sink, []byte(r.URL.String()))
		w.Look(sink+"'s headers", head.Bytes())
		w.Look(sink, body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Header.Get("X-Amz-Target") == "" && !bytes.Contains(body, []byte("Action=AssumeRole")) {
			next.ServeHTTP(rw, r)
			return
		}
		kept := httptest.NewRecorder()
		next.ServeHTTP(kept, r)
		w.drawn(kept.Body.Bytes())
		for name, values := range kept.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(kept.Code)
		_, _ = rw.Write(kept.Body.Bytes()) // the sender is gone if this fails
	})
}

// drawn makes secrets of the plaintext in an answer of KMS, and of the credentials in one
// of STS.
func (w *Watch) drawn(answer []byte) {
	var kms struct{ Plaintext []byte }
	if json.Unmarshal(answer, &kms) == nil && len(kms.Plaintext) > 0 {
		w.Key("data key", kms.Plaintext)
	}
	var sts struct {
		Secret string `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		Token  string `xml:"AssumeRoleResult>Credentials>SessionToken"`
	}
	if xml.Unmarshal(answer, &sts) == nil && sts.Secret != "" {
		w.Key("credentials: secret access key", []byte(sts.Secret))
		w.Token("credentials: session token", sts.Token)
	}
}
