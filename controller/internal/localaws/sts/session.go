package sts

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Session is what a session token says. It is all in the token, so that credentials outlive a restart of local AWS.
type Session struct {
	AccessKey string // that the token goes with
	Principal string // arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION
	Until     int64  // Unix time
}

// tokenMark begins the tokens of sessions.
const tokenMark = "localaws."

// token writes s, and at its end what local AWS wants to see in every call; it may be "".
func (s Session) token(end string) string {
	document, _ := json.Marshal(s) // texts and a number: it can't fail
	return tokenMark + base64.RawURLEncoding.EncodeToString(document) + "." + end
}

// ParseToken returns the session of a token, and the token that local AWS wants to see in every call. Of a token that no
// session has, that is the whole.
func ParseToken(token string) (session Session, end string, isSession bool) {
	rest, marked := strings.CutPrefix(token, tokenMark)
	text, end, cut := strings.Cut(rest, ".")
	document, err := base64.RawURLEncoding.DecodeString(text)
	if !marked || !cut || err != nil || json.Unmarshal(document, &session) != nil || session.Account() == "" {
		return Session{}, token, false
	}
	return session, end, true
}

// Account returns the account of the role.
func (s Session) Account() string {
	parts := strings.Split(s.Principal, ":")
	if len(parts) != 6 || len(parts[4]) != 12 {
		return ""
	}
	return parts[4]
}
